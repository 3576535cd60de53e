import ByteBuffers
import CCrypto
import Cryptography
import Storage

/// One key of one provider: values to and from their sealed form, which begins with `k8s:enc:<provider>:v1:<key
/// name>:`.
///
/// Formats and texts are kube-apiserver's (`storage/value/encrypt` of apiserver 1.36), so that each reads what the
/// other wrote.
protocol ValueCipher: Sendable {
  /// Bytes that `seal` adds around a value of `count` bytes, prefix excluded.
  func overhead(_ count: Int) -> Int
  /// Writes the sealed form of `value` into `room`, which has `value.count + overhead` bytes. False when the library
  /// failed.
  func seal(_ value: UnsafeRawBufferPointer, into room: UnsafeMutableRawBufferPointer, context: String) -> Bool
  /// The value in `sealed`, which follows the prefix.
  func open(_ sealed: UnsafeRawBufferPointer, context: String) throws(TransformFailure) -> SharedBytes
}

/// A cipher of OpenSSL's default provider, fetched once: looking one up by its old name costs more than encrypting a
/// small value.
// Sendable: an EVP_CIPHER is immutable and counted atomically; this reference is never given up.
struct CipherAlgorithm: @unchecked Sendable {
  let handle: OpaquePointer

  /// `mode`: `CBC` or `GCM`; `keyBytes`: 16, 24 or 32. nil when the library has no such cipher.
  init?(aes mode: String, keyBytes: Int) {
    guard let handle = EVP_CIPHER_fetch(nil, "AES-\(keyBytes * 8)-\(mode)", nil) else { return nil }
    self.handle = handle
  }
}

/// One run of a cipher over one value.
struct CipherRun: ~Copyable {
  /// nil when the library refused.
  private let context: OpaquePointer?

  init(_ algorithm: CipherAlgorithm, _ key: SecretKey, nonce: UnsafeRawPointer, encrypts: Bool) {
    let context = EVP_CIPHER_CTX_new()
    let nonce = nonce.assumingMemoryBound(to: UInt8.self)
    if key.withUnsafeBytes({ EVP_CipherInit_ex(context, algorithm.handle, nil, $0, nonce, encrypts ? 1 : 0) }) == 1 {
      self.context = context
    } else {
      EVP_CIPHER_CTX_free(context)
      self.context = nil
    }
  }
  deinit { EVP_CIPHER_CTX_free(context) }

  func addAuthenticatedData(_ text: String) -> Bool {
    guard let context else { return false }
    var text = text
    return text.withUTF8 { bytes in
      var count: CInt = 0
      guard let size = CInt(exactly: bytes.count) else { return false }
      return size == 0 || EVP_CipherUpdate(context, nil, &count, bytes.baseAddress, size) == 1
    }
  }

  func turnOffPadding() -> Bool { context != nil && EVP_CIPHER_CTX_set_padding(context, 0) == 1 }

  /// Runs over `source` and ends; returns how many bytes were written, nil for a failure (a tag that does not match is
  /// one).
  func finish(_ source: UnsafeRawBufferPointer, into room: UnsafeMutableRawPointer?) -> Int? {
    guard let context, let size = CInt(exactly: source.count), let out = room?.assumingMemoryBound(to: UInt8.self)
    else { return nil }
    var written: CInt = 0
    var rest: CInt = 0
    guard EVP_CipherUpdate(context, out, &written, source.baseAddress?.assumingMemoryBound(to: UInt8.self), size) == 1,
      EVP_CipherFinal_ex(context, out + Int(written), &rest) == 1
    else { return nil }
    return Int(written) + Int(rest)
  }

  func readTag(into room: UnsafeMutableRawPointer, count: Int) -> Bool {
    context != nil && EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, CInt(count), room) == 1
  }
  func expectTag(_ tag: UnsafeRawPointer, count: Int) -> Bool {
    context != nil
      && EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, CInt(count), UnsafeMutableRawPointer(mutating: tag)) == 1
  }
}

extension TransformFailure {
  static let tooShort = TransformFailure("the stored data was shorter than the required size")
  static let library = TransformFailure("the cipher library failed")
}
