import COpenSSL
import Glibc

/// Reads the files that credentials come from; every error names the file.
struct PEMFile {
  let role: TLSError.Role
  let path: String
  private let text: [UInt8]

  /// No credentials are larger.
  private static let bytesMax = 4 << 20

  init(_ role: TLSError.Role, _ path: String) throws(TLSError) {
    self.role = role
    self.path = path
    guard let file = fopen(path, "re") else { throw .file(role, path: path, reason: String(cString: strerror(errno))) }
    defer { fclose(file) }
    var text = [UInt8](repeating: 0, count: Self.bytesMax + 1)
    let count = fread(&text, 1, text.count, file)
    guard ferror(file) == 0 else { throw .file(role, path: path, reason: String(cString: strerror(errno))) }
    guard count <= Self.bytesMax else {
      throw .file(role, path: path, reason: "it is larger than \(Self.bytesMax >> 20) MiB")
    }
    self.text = Array(text.prefix(count))
  }

  func failure(_ reason: String) -> TLSError { .file(role, path: path, reason: reason) }

  /// The certificates in it, at least one.
  func certificates() throws(TLSError) -> [Certificate] {
    let certificates = Certificate.all(pem: text)
    if certificates.isEmpty { throw failure(isEmpty ? "it is empty" : "it holds no certificate in PEM form") }
    return certificates
  }

  private var isEmpty: Bool { text.allSatisfy { $0 == 0x20 || (0x09...0x0D).contains($0) } }

  /// The private key in it.
  func privateKey() throws(TLSError) -> PrivateKey {
    guard let bio = MemoryBIO.holding(text) else { throw .library("out of memory") }
    OpenSSLErrors.clear()
    // Without a callback OpenSSL would ask for the passphrase on the terminal.
    let handle = PEM_read_bio_PrivateKey(bio.handle, nil, { _, _, _, _ in -1 }, nil)
    OpenSSLErrors.clear()
    guard let handle else {
      let isEncrypted = String(decoding: text, as: UTF8.self).contains("ENCRYPTED")
      throw failure(
        isEmpty ? "it is empty" : isEncrypted ? "the private key is encrypted" : "it holds no private key in PEM form")
    }
    return PrivateKey(adopting: handle)
  }
}

/// A private key. Owns its handle.
final class PrivateKey {
  let handle: OpaquePointer
  init(adopting handle: OpaquePointer) { self.handle = handle }
  deinit { EVP_PKEY_free(handle) }

  var pem: [UInt8]? {
    guard let bio = MemoryBIO(), PEM_write_bio_PrivateKey(bio.handle, handle, nil, nil, 0, nil, nil) == 1 else {
      return nil
    }
    return bio.bytes
  }
}
