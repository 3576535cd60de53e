import ByteBuffers
import CBoringSSL

/// What a record brings (RFC 8446 section 5.1).
enum ContentType: UInt8 {
  case changeCipherSpec = 20, alert, handshake, applicationData
}

/// Why a connection ends, in the numbers of RFC 8446 section 6.
enum TLSAlert: UInt8, Error {
  case closeNotify = 0, unexpectedMessage = 10, badRecordMAC = 20, recordOverflow = 22, decodeError = 50,
    internalError = 80, userCanceled = 90
}

/// The one message that comes behind the handshake, beside tickets (RFC 8446 section 4.6.3).
enum KeyUpdate {
  static let type: UInt8 = 24
  /// Changes the sender's keys, and asks for nothing.
  static let unrequested: [UInt8] = [type, 0, 0, 1, 0]
}

/// Protects records of TLS 1.3 with BoringSSL's ciphers, for all connections of a reactor: a cipher with its key takes
/// more than half a kilobyte, and to give it another key costs less than to find one of a thousand in memory. On the
/// reactor's thread.
final class RecordCipher {
  @exclusivity(unchecked) private var sealers: InlineArray<3, Keyed>
  @exclusivity(unchecked) private var openers: InlineArray<3, Keyed>

  init() {
    sealers = InlineArray { Keyed(RecordSuite.allCases[$0]) }
    openers = InlineArray { Keyed(RecordSuite.allCases[$0]) }
  }

  deinit {
    for place in sealers.indices { cboringssl_free(sealers[place].cipher) }
    for place in openers.indices { cboringssl_free(openers[place].cipher) }
  }

  static let headerBytes = 5
  static let tagBytes = 16
  /// Most plain text in one record (RFC 8446 section 5.1).
  static let plainMax = 16 << 10
  /// A protected record is so much longer than its plain text.
  static let overhead = headerBytes + 1 + tagBytes

  /// A cipher, and whose key it has.
  private struct Keyed {
    let cipher: OpaquePointer?
    /// Of the keys that it is set up for.
    private var id: UInt64 = 0

    init(_ suite: RecordSuite) {
      cipher =
        switch suite {
        case .aes128GCM, .aes256GCM: cboringssl_aes_gcm(suite.keyBytes)
        case .chaCha20Poly1305: cboringssl_chacha20_poly1305()
        }
    }

    /// Lends the cipher with its key, and the nonce of the next record. False when the library fails.
    mutating func with(_ keys: inout TrafficKeys, _ body: (OpaquePointer, UnsafePointer<UInt8>) -> Bool) -> Bool {
      guard let cipher else { return false }
      if id != keys.id {
        id = 0
        guard keys.withKey({ cboringssl_set_key(cipher, $0) }) == 1 else { return false }
        id = keys.id
      }
      return withUnsafeTemporaryAllocation(byteCount: TrafficKeys.nonceBytes, alignment: 8) { nonce in
        guard let base = nonce.baseAddress else { return false }
        keys.takeNonce(into: base)
        return body(cipher, base.assumingMemoryBound(to: UInt8.self))
      }
    }
  }

  /// Writes `plain` and its content type as one protected record to `room`, which has the bytes for it (`overhead`
  /// more). `plain` has at most `plainMax`. Returns the record's bytes; nil when the library fails.
  func seal(
    _ plain: UnsafeRawBufferPointer, _ type: UInt8, with keys: inout TrafficKeys, into room: UnsafeMutableRawPointer
  ) -> Int? {
    let body = plain.count + 1 + Self.tagBytes
    guard let size = UInt16(exactly: body) else { return nil }
    let header = room.assumingMemoryBound(to: UInt8.self)
    (header[0], header[1], header[2], header[3], header[4]) = (
      ContentType.applicationData.rawValue, 3, 3, UInt8(size >> 8), UInt8(truncatingIfNeeded: size)
    )
    let isSealed = sealers[keys.suite.rawValue].with(&keys) { cipher, nonce in
      cboringssl_seal(
        cipher, nonce, header, Self.headerBytes, plain.baseAddress?.assumingMemoryBound(to: UInt8.self), plain.count,
        type, header + Self.headerBytes) == 1
    }
    return isSealed ? Self.headerBytes + body : nil
  }

  /// Writes what a protected record holds (content, type and padding) to `room`, which may be where its body is and has
  /// `record.count - 21` bytes. False when it was not made with `keys`; `room` holds nothing of use then.
  func open(_ record: UnsafeRawBufferPointer, with keys: inout TrafficKeys, into room: UnsafeMutableRawPointer) -> Bool
  {
    let size = record.count - Self.headerBytes
    guard size > Self.tagBytes, let bytes = record.baseAddress?.assumingMemoryBound(to: UInt8.self) else {
      return false
    }
    return openers[keys.suite.rawValue].with(&keys) { cipher, nonce in
      cboringssl_open(
        cipher, nonce, bytes, Self.headerBytes, bytes + Self.headerBytes, size, room.assumingMemoryBound(to: UInt8.self)
      ) == 1
    }
  }
}
