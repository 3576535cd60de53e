import ByteBuffers
import COpenSSL

/// Protects records of TLS 1.3 with OpenSSL's ciphers, for all connections of a reactor: a context of OpenSSL takes a kilobyte, and to give it another key
/// costs less than to find one of a thousand in memory. On the reactor's thread.
final class RecordCipher {
  private let sealers = RecordSuite.allCases.map { Keyed($0, encrypts: true) }
  private let openers = RecordSuite.allCases.map { Keyed($0, encrypts: false) }

  static let headerBytes = 5
  static let tagBytes = 16

  /// One of OpenSSL's contexts, and the key it has.
  private final class Keyed {
    private let context: OpaquePointer?
    private var isReady: Bool
    /// Held, so that no other key can come to lie where this one was. It outlives its connection until the next key comes.
    private var key: SecretKey?

    init(_ suite: RecordSuite, encrypts: Bool) {
      context = EVP_CIPHER_CTX_new()
      let cipher = EVP_CIPHER_fetch(nil, UnsafeRawPointer(suite.cipherName.utf8Start).assumingMemoryBound(to: CChar.self), nil)
      isReady = cipher != nil && EVP_CipherInit_ex(context, cipher, nil, nil, nil, encrypts ? 1 : 0) == 1
      EVP_CIPHER_free(cipher)
    }
    deinit { EVP_CIPHER_CTX_free(context) }

    /// Ready for the next record of `keys`; nil when the library fails.
    func begin(_ keys: inout TrafficKeys) -> OpaquePointer? {
      guard isReady else { return nil }
      let isSame = key === keys.key
      let result = withUnsafeTemporaryAllocation(byteCount: TrafficKeys.nonceBytes, alignment: 8) { nonce -> Int32 in
        guard let base = nonce.baseAddress else { return 0 }
        keys.takeNonce(into: base)
        let bytes = base.assumingMemoryBound(to: UInt8.self)
        if isSame { return EVP_CipherInit_ex(context, nil, nil, nil, bytes, -1) }
        return keys.key.withUnsafeBytes { EVP_CipherInit_ex(context, nil, nil, $0, bytes, -1) }
      }
      key = result == 1 ? keys.key : nil
      return result == 1 ? context : nil
    }
  }

  /// Writes `plain` and `type` as one protected record to `room`, which has the bytes for it (`RecordLayer.overhead` more). `plain` has at most `RecordLayer.plainMax`.
  /// Returns the record's bytes; nil when the library fails.
  func seal(_ plain: UnsafeRawBufferPointer, _ type: UInt8, with keys: inout TrafficKeys, into room: UnsafeMutableRawPointer) -> Int? {
    let body = plain.count + 1 + Self.tagBytes
    guard let size = UInt16(exactly: body), let context = sealers[keys.suite.rawValue].begin(&keys) else { return nil }
    let header = room.assumingMemoryBound(to: UInt8.self)
    (header[0], header[1], header[2], header[3], header[4]) = (ContentType.applicationData.rawValue, 3, 3, UInt8(size >> 8), UInt8(truncatingIfNeeded: size))
    let out = header + Self.headerBytes
    var type = type
    var count: Int32 = 0
    guard EVP_EncryptUpdate(context, nil, &count, header, Int32(Self.headerBytes)) == 1 else { return nil }
    if !plain.isEmpty {
      guard EVP_EncryptUpdate(context, out, &count, plain.baseAddress?.assumingMemoryBound(to: UInt8.self), Int32(plain.count)) == 1, count == plain.count else { return nil }
    }
    guard EVP_EncryptUpdate(context, out + plain.count, &count, &type, 1) == 1, count == 1,
      EVP_EncryptFinal_ex(context, out + plain.count + 1, &count) == 1,
      EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, Int32(Self.tagBytes), out + plain.count + 1) == 1
    else { return nil }
    return Self.headerBytes + body
  }

  /// Writes what a protected record holds (content, type and padding) to `room`, which may be where its body is and has `record.count - 21` bytes. False when it was not made
  /// with `keys`; `room` holds nothing of use then.
  func open(_ record: UnsafeRawBufferPointer, with keys: inout TrafficKeys, into room: UnsafeMutableRawPointer) -> Bool {
    let size = record.count - Self.headerBytes - Self.tagBytes
    guard size > 0, let bytes = record.baseAddress?.assumingMemoryBound(to: UInt8.self), let context = openers[keys.suite.rawValue].begin(&keys) else { return false }
    let body = bytes + Self.headerBytes
    let out = room.assumingMemoryBound(to: UInt8.self)
    // OpenSSL only reads the tag.
    let tag = UnsafeMutableRawPointer(mutating: body + size)
    var count: Int32 = 0
    guard EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, Int32(Self.tagBytes), tag) == 1,
      EVP_DecryptUpdate(context, nil, &count, bytes, Int32(Self.headerBytes)) == 1,
      EVP_DecryptUpdate(context, out, &count, body, Int32(size)) == 1, count == size
    else { return false }
    return EVP_DecryptFinal_ex(context, out + size, &count) == 1
  }
}
