import ByteBuffers
import CSodium
import Cryptography
import Storage

/// `secretbox`: a random nonce of 24 bytes, a Poly1305 tag of 16 and the XSalsa20 ciphertext (NaCl's secret box).
/// Values are authenticated, their keys in storage are not.
struct SecretBox: ValueCipher {
  static let keyBytes = 32
  private static let nonceBytes = 24
  private static let tagBytes = 16
  /// Once a process, before anything else of the library.
  private static let isReady = sodium_init() >= 0
  private let key: SecretKey

  /// nil for a key that is not 32 bytes long.
  init?(_ key: SecretKey) {
    guard key.count == Self.keyBytes, Self.isReady else { return nil }
    self.key = key
  }

  func overhead(_ count: Int) -> Int { Self.nonceBytes + Self.tagBytes }

  func seal(_ value: UnsafeRawBufferPointer, into room: UnsafeMutableRawBufferPointer, context: String) -> Bool {
    guard let nonce = room.baseAddress?.assumingMemoryBound(to: UInt8.self) else { return false }
    randombytes_buf(nonce, Self.nonceBytes)
    return key.withUnsafeBytes { key in
      crypto_secretbox_easy(
        nonce + Self.nonceBytes, value.baseAddress?.assumingMemoryBound(to: UInt8.self), UInt64(value.count), nonce, key
      ) == 0
    }
  }

  func open(_ sealed: UnsafeRawBufferPointer, context: String) throws(TransformFailure) -> SharedBytes {
    guard sealed.count >= Self.nonceBytes + Self.tagBytes,
      let nonce = sealed.baseAddress?.assumingMemoryBound(to: UInt8.self)
    else { throw .tooShort }
    let count = sealed.count - Self.nonceBytes - Self.tagBytes
    var isWhole = false
    let value = SharedBytes(capacity: count) { room in
      isWhole = key.withUnsafeBytes { key in
        crypto_secretbox_open_easy(
          room.baseAddress?.assumingMemoryBound(to: UInt8.self), nonce + Self.nonceBytes, UInt64(count + Self.tagBytes),
          nonce, key) == 0
      }
      return isWhole ? count : 0
    }
    // Upstream says "output array was not large enough for encryption" here, which helps nobody: the box could not be
    // opened.
    guard isWhole else { throw TransformFailure("secretbox: message authentication failed") }
    return value
  }
}
