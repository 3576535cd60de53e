import CCrypto

/// Names of documents by their content (never secrets).
enum Digest {
  case sha256, sha512

  /// The digest; empty only if the library has no such algorithm.
  func bytes(_ message: [UInt8]) -> [UInt8] {
    let algorithm = self == .sha256 ? EVP_sha256() : EVP_sha512()
    return [UInt8](unsafeUninitializedCapacity: Int(EVP_MAX_MD_SIZE)) { room, count in
      var size: UInt32 = 0
      let isMade = EVP_Digest(message, message.count, room.baseAddress, &size, algorithm, nil) == 1
      count = isMade ? Int(size) : 0
    }
  }

  /// In upper-case hexadecimal, as kube-apiserver's ETags are.
  func hex(_ message: [UInt8]) -> String {
    let digits = Array("0123456789ABCDEF".utf8)
    return String(decoding: bytes(message).flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
  }
}
