import ByteBuffers
import COpenSSL
import Cryptography
import Glibc
import Synchronization

/// A cipher suite of TLS 1.3 (RFC 8446 appendix B.4).
enum RecordSuite: Int, CaseIterable {
  case aes128GCM, aes256GCM, chaCha20Poly1305

  /// The suite of `number`, as it is agreed on; nil for others.
  init?(number: UInt16) {
    switch number {
    case 0x1301: self = .aes128GCM
    case 0x1302: self = .aes256GCM
    case 0x1303: self = .chaCha20Poly1305
    default: return nil
    }
  }

  var keyBytes: Int { self == .aes128GCM ? 16 : 32 }
  /// OpenSSL's name.
  var digestName: StaticString { self == .aes256GCM ? "SHA384" : "SHA256" }
  var secretBytes: Int { self == .aes256GCM ? 48 : 32 }
}

/// What one direction of a TLS 1.3 connection is protected with (RFC 8446 sections 5.3 and 7.3). `wipe` it before it
/// goes.
///
/// The key lies in it, so that who holds it has all that a record takes in one place.
struct TrafficKeys {
  let suite: RecordSuite
  /// Of these keys alone in this process, so that whoever has set them up for a cipher knows them again.
  let id = Self.lastID.add(1, ordering: .relaxed).newValue
  /// Of the next record.
  private(set) var sequence: UInt64 = 0
  /// The write_iv: its first four bytes and, as one number, the eight that the sequence number is laid over.
  private let nonceStart: UInt32
  private let nonceEnd: UInt64
  /// The first `suite.keyBytes` of it.
  private var key = InlineArray<32, UInt8>(repeating: 0)
  private let secret: SecretKey

  static let nonceBytes = 12
  private static let lastID = Atomic<UInt64>(0)

  /// nil when the secret has not the suite's length or the library fails.
  init?(_ suite: RecordSuite, secret: SecretKey) {
    guard secret.count == suite.secretBytes, let key = Self.expand(secret, "key", suite, count: suite.keyBytes),
      let nonce = Self.expand(secret, "iv", suite, count: Self.nonceBytes)
    else {
      return nil
    }
    self.suite = suite
    self.secret = secret
    (nonceStart, nonceEnd) = nonce.withUnsafeBytes { bytes in
      let raw = UnsafeRawPointer(bytes)
      return (
        raw.loadUnaligned(as: UInt32.self), UInt64(bigEndian: raw.loadUnaligned(fromByteOffset: 4, as: UInt64.self))
      )
    }
    key.withUnsafeBytes { bytes in
      for place in 0..<min(key.count, self.key.count) { self.key[place] = bytes[place] }
    }
  }

  /// Puts these keys' successors in their place (section 7.2); false when the library fails.
  mutating func update() -> Bool {
    guard let secret = Self.expand(secret, "traffic upd", suite, count: suite.secretBytes),
      let next = TrafficKeys(suite, secret: secret)
    else { return false }
    wipe()
    self = next
    return true
  }

  mutating func wipe() {
    withUnsafeMutableBytes(of: &key) { bytes in
      if let base = bytes.baseAddress { explicit_bzero(base, bytes.count) }
    }
  }

  /// Lends the key.
  func withKey<R>(_ body: (UnsafePointer<UInt8>?) -> R) -> R {
    key.span.withUnsafeBufferPointer { body($0.baseAddress) }
  }

  /// Writes the nonce of the next record, and goes on to the one behind it.
  mutating func takeNonce(into room: UnsafeMutableRawPointer) {
    room.storeBytes(of: nonceStart, as: UInt32.self)
    room.storeBytes(of: (nonceEnd ^ sequence).bigEndian, toByteOffset: 4, as: UInt64.self)
    // Keys are changed long before it could wrap; were they not, the cipher's limits would be broken first.
    sequence &+= 1
  }

  /// Leaves out the first `count` records: they are protected already.
  mutating func skip(_ count: Int) { sequence &+= UInt64(clamping: count) }

  private static func expand(_ secret: SecretKey, _ label: StaticString, _ suite: RecordSuite, count: Int) -> SecretKey?
  {
    SecretKey(count: count) { room in
      secret.withUnsafeBytes { bytes in
        copenssl_expand_label(suite.digestName.cString, bytes, secret.count, label.cString, room, count) == 1
      }
    }
  }
}

extension StaticString {
  /// The text as C has it.
  var cString: UnsafePointer<CChar> { UnsafeRawPointer(utf8Start).assumingMemoryBound(to: CChar.self) }
}
