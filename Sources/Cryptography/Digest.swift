import ByteBuffers
import CCrypto

/// What stands for a document by its content.
public enum Digest: Sendable {
  case sha256, sha512
  /// For protocols that name it; it proves nothing any more.
  case sha1

  /// The digest; empty only if the library has no such algorithm.
  public func bytes(_ message: [UInt8]) -> [UInt8] {
    let algorithm =
      switch self {
      case .sha256: EVP_sha256()
      case .sha512: EVP_sha512()
      case .sha1: EVP_sha1()
      }
    return [UInt8](unsafeUninitializedCapacity: Int(EVP_MAX_MD_SIZE)) { room, count in
      var size: UInt32 = 0
      let isMade = EVP_Digest(message, message.count, room.baseAddress, &size, algorithm, nil) == 1
      count = isMade ? Int(size) : 0
    }
  }

  /// In hexadecimal digits.
  public func hex(_ message: [UInt8], _ letters: Hex.Letters) -> String { Hex.text(bytes(message), letters) }
}
