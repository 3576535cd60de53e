import ByteBuffers
import CCrypto
import Cryptography
import Storage

/// `aesgcm`: a random nonce of 12 bytes, the ciphertext, a tag of 16 bytes. The only provider whose values can't be
/// moved to another key: the whole key is authenticated.
///
/// Nonces are random, so a key may seal at most 2^32 values (NIST SP 800-38D): rotate it before.
struct AESGCM: ValueCipher {
  private static let nonceBytes = 12
  private static let tagBytes = 16
  private let key: SecretKey
  private let algorithm: CipherAlgorithm

  /// nil for a key that is not 16, 24 or 32 bytes long.
  init?(_ key: SecretKey) {
    guard let algorithm = CipherAlgorithm(aes: "GCM", keyBytes: key.count) else { return nil }
    self.key = key
    self.algorithm = algorithm
  }

  func overhead(_ count: Int) -> Int { Self.nonceBytes + Self.tagBytes }

  func seal(_ value: UnsafeRawBufferPointer, into room: UnsafeMutableRawBufferPointer, context: String) -> Bool {
    guard let nonce = room.baseAddress,
      RAND_bytes(nonce.assumingMemoryBound(to: UInt8.self), CInt(Self.nonceBytes)) == 1
    else { return false }
    let run = CipherRun(algorithm, key, nonce: nonce, encrypts: true)
    guard run.addAuthenticatedData(context), run.finish(value, into: nonce + Self.nonceBytes) == value.count else {
      return false
    }
    return run.readTag(into: nonce + Self.nonceBytes + value.count, count: Self.tagBytes)
  }

  func open(_ sealed: UnsafeRawBufferPointer, context: String) throws(TransformFailure) -> SharedBytes {
    guard sealed.count >= Self.nonceBytes, let nonce = sealed.baseAddress else { throw .tooShort }
    // Go's text, also for what has no room for a tag.
    let damaged = TransformFailure("cipher: message authentication failed")
    let count = sealed.count - Self.nonceBytes - Self.tagBytes
    guard count >= 0 else { throw damaged }
    let run = CipherRun(algorithm, key, nonce: nonce, encrypts: false)
    guard run.addAuthenticatedData(context), run.expectTag(nonce + Self.nonceBytes + count, count: Self.tagBytes) else {
      throw .library
    }
    let text = UnsafeRawBufferPointer(rebasing: sealed[Self.nonceBytes..<(Self.nonceBytes + count)])
    var isWhole = false
    let value = SharedBytes(capacity: count) { room in
      isWhole = run.finish(text, into: room.baseAddress) == count
      return isWhole ? count : 0
    }
    guard isWhole else { throw damaged }
    return value
  }
}

/// `aescbc`: a random initialisation vector of 16 bytes and the ciphertext, padded by PKCS#7. Nothing is authenticated:
/// a flipped bit shows only if it hits the padding or spoils the JSON.
struct AESCBC: ValueCipher {
  private static let blockBytes = 16
  private let key: SecretKey
  private let algorithm: CipherAlgorithm

  /// nil for a key that is not 16, 24 or 32 bytes long.
  init?(_ key: SecretKey) {
    guard let algorithm = CipherAlgorithm(aes: "CBC", keyBytes: key.count) else { return nil }
    self.key = key
    self.algorithm = algorithm
  }

  func overhead(_ count: Int) -> Int { Self.blockBytes + Self.blockBytes - count % Self.blockBytes }

  func seal(_ value: UnsafeRawBufferPointer, into room: UnsafeMutableRawBufferPointer, context: String) -> Bool {
    guard let vector = room.baseAddress,
      RAND_bytes(vector.assumingMemoryBound(to: UInt8.self), CInt(Self.blockBytes)) == 1
    else { return false }
    let run = CipherRun(algorithm, key, nonce: vector, encrypts: true)
    return run.finish(value, into: vector + Self.blockBytes) == room.count - Self.blockBytes
  }

  func open(_ sealed: UnsafeRawBufferPointer, context: String) throws(TransformFailure) -> SharedBytes {
    guard sealed.count >= Self.blockBytes, let vector = sealed.baseAddress else { throw .tooShort }
    let text = UnsafeRawBufferPointer(rebasing: sealed[Self.blockBytes...])
    guard text.count % Self.blockBytes == 0 else {
      throw TransformFailure("the stored data is not a multiple of the block size")
    }
    let unpadded = TransformFailure("invalid PKCS7 data (empty or not padded)")
    guard text.count > 0 else { throw unpadded }
    // The padding is looked at here, because its texts are part of the interface.
    let run = CipherRun(algorithm, key, nonce: vector, encrypts: false)
    guard run.turnOffPadding() else { throw .library }
    var failure: TransformFailure?
    let value = SharedBytes(capacity: text.count) { room in
      guard run.finish(text, into: room.baseAddress) == text.count, let last = room.last else {
        failure = .library
        return 0
      }
      let padding = Int(last)
      if padding == 0 || padding > text.count {
        failure = unpadded
      } else if !room.suffix(padding).allSatisfy({ $0 == last }) {
        failure = TransformFailure("invalid padding on input")
      }
      return failure == nil ? text.count - padding : 0
    }
    if let failure { throw failure }
    return value
  }
}
