import ByteBuffers
import COpenSSL

/// What a record brings (RFC 8446 section 5.1).
enum ContentType: UInt8 {
  case changeCipherSpec = 20, alert, handshake, applicationData
}

/// Why a connection ends, in the numbers of RFC 8446 section 6.
enum TLSAlert: UInt8, Error {
  case closeNotify = 0, unexpectedMessage = 10, badRecordMAC = 20, recordOverflow = 22, decodeError = 50, internalError = 80, userCanceled = 90
}

/// The one message that comes behind the handshake, beside tickets (RFC 8446 section 4.6.3).
enum KeyUpdate {
  static let type: UInt8 = 24
  /// Changes the sender's keys, and asks for nothing.
  static let unrequested: [UInt8] = [type, 0, 0, 1, 0]
}

/// Protects records of TLS 1.3 with OpenSSL's ciphers, for all connections of a reactor: a context of OpenSSL takes a kilobyte, and to give it another key
/// costs less than to find one of a thousand in memory. On the reactor's thread.
final class RecordCipher {
  @exclusivity(unchecked) private var sealers: InlineArray<3, Keyed>
  @exclusivity(unchecked) private var openers: InlineArray<3, Keyed>

  init() {
    sealers = InlineArray { Keyed(RecordSuite.allCases[$0], encrypts: true) }
    openers = InlineArray { Keyed(RecordSuite.allCases[$0], encrypts: false) }
  }

  deinit {
    for place in sealers.indices { sealers[place].free() }
    for place in openers.indices { openers[place].free() }
  }

  static let headerBytes = 5
  static let tagBytes = 16
  /// Most plain text in one record (RFC 8446 section 5.1).
  static let plainMax = 16 << 10
  /// A protected record is so much longer than its plain text.
  static let overhead = headerBytes + 1 + tagBytes

  /// One of OpenSSL's contexts, and the key it has.
  private struct Keyed {
    private let context: OpaquePointer?
    private let isReady: Bool
    /// Of the keys that it is set up for.
    private var id: UInt64 = 0

    init(_ suite: RecordSuite, encrypts: Bool) {
      context = EVP_CIPHER_CTX_new()
      let cipher = EVP_CIPHER_fetch(nil, suite.cipherName.cString, nil)
      isReady = cipher != nil && EVP_CipherInit_ex(context, cipher, nil, nil, nil, encrypts ? 1 : 0) == 1
      EVP_CIPHER_free(cipher)
    }
    func free() { EVP_CIPHER_CTX_free(context) }

    /// Ready for the next record of `keys`; nil when the library fails.
    mutating func begin(_ keys: inout TrafficKeys) -> OpaquePointer? {
      guard isReady else { return nil }
      let isSame = id == keys.id
      let result = withUnsafeTemporaryAllocation(byteCount: TrafficKeys.nonceBytes, alignment: 8) { nonce -> Int32 in
        guard let base = nonce.baseAddress else { return 0 }
        keys.takeNonce(into: base)
        let bytes = base.assumingMemoryBound(to: UInt8.self)
        if isSame { return EVP_CipherInit_ex(context, nil, nil, nil, bytes, -1) }
        return keys.withKey { EVP_CipherInit_ex(context, nil, nil, $0, bytes, -1) }
      }
      id = result == 1 ? keys.id : 0
      return result == 1 ? context : nil
    }
  }

  /// Writes `plain` and its content type as one protected record to `room`, which has the bytes for it (`overhead` more). `plain` has at most `plainMax`.
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
