import COpenSSL
import Glibc
import Machinery
internal import Storage

/// Looks at the PEM files of a configuration before anything connects: what libcurl says of them later names no file.
enum CertificateFiles {
  /// Throws `.invalidConfiguration` with the file and what is wrong with it.
  static func check(_ config: StorageBackend.Config, _ type: String) throws(StorageError) {
    func wrong(_ what: String, _ file: String, _ why: String) -> StorageError {
      .invalidConfiguration("\(type) storage: the \(what) file \(file) \(why)")
    }
    if !config.caFile.isEmpty {
      let authorities = certificates(config.caFile)
      guard !authorities.isEmpty else { throw wrong("CA", config.caFile, "holds no PEM certificate") }
      // Old ones may stand beside those that replace them.
      let problems = authorities.compactMap(\.problem)
      if problems.count == authorities.count, let problem = problems.first { throw wrong("CA", config.caFile, problem) }
    }
    if !config.certFile.isEmpty {
      guard let own = certificates(config.certFile).first else {
        throw wrong("certificate", config.certFile, "holds no PEM certificate")
      }
      if let problem = own.problem { throw wrong("certificate", config.certFile, problem) }
      guard let key = PrivateKey(config.keyFile) else {
        throw wrong("key", config.keyFile, "holds no PEM private key, or one that needs a passphrase")
      }
      guard key.belongs(to: own) else {
        throw wrong("key", config.keyFile, "does not belong to the certificate file \(config.certFile)")
      }
    }
    // OpenSSL's errors are per thread: what was left here must not be taken for somebody else's.
    ERR_clear_error()
  }

  private static func certificates(_ file: String) -> [Certificate] {
    guard let bio = BIO_new_file(file, "r") else { return [] }
    defer { BIO_free(bio) }
    var found: [Certificate] = []
    while let certificate = PEM_read_bio_X509(bio, nil, nil, nil) { found.append(Certificate(adopting: certificate)) }
    return found
  }
}

/// An X.509 certificate, owned.
private final class Certificate {
  let handle: OpaquePointer
  init(adopting handle: OpaquePointer) { self.handle = handle }
  deinit { X509_free(handle) }

  /// Why it is of no use now; nil if it is.
  var problem: String? {
    if let end = X509_get0_notAfter(handle), X509_cmp_current_time(end) < 0 { return "expired at \(Self.text(end))" }
    if let start = X509_get0_notBefore(handle), X509_cmp_current_time(start) > 0 {
      return "is not valid before \(Self.text(start))"
    }
    return nil
  }

  private static func text(_ time: UnsafePointer<ASN1_TIME>) -> String {
    var parts = tm()
    guard ASN1_TIME_to_tm(time, &parts) == 1 else { return "an unreadable time" }
    return Timestamp.text(Int64(timegm(&parts)))
  }
}

/// A private key, owned.
private final class PrivateKey {
  private let handle: OpaquePointer

  /// Nil if the file holds none that can be read without a passphrase.
  init?(_ file: String) {
    guard let bio = BIO_new_file(file, "r") else { return nil }
    defer { BIO_free(bio) }
    // Without a callback OpenSSL would ask at the terminal.
    guard let key = PEM_read_bio_PrivateKey(bio, nil, { _, _, _, _ in 0 }, nil) else { return nil }
    handle = key
  }
  deinit { EVP_PKEY_free(handle) }

  func belongs(to certificate: Certificate) -> Bool { X509_check_private_key(certificate.handle, handle) == 1 }
}
