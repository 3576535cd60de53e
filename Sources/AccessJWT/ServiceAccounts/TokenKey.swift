import CCrypto
import JSON

/// A key that signs tokens of service accounts, or believes them. (kube-apiserver: `--service-account-signing-key-file`,
/// `--service-account-key-file`; pkg/serviceaccount/jwt.go)
// Sendable: the key is never changed, and OpenSSL counts and locks what threads share of it.
public final class TokenKey: @unchecked Sendable {
  /// Text that holds no such key.
  public struct Unusable: Error, CustomStringConvertible {
    public let description: String
  }

  /// What others believe by it.
  let verifier: JSONWebKey
  /// nil where only the public half is known.
  private let signer: OpaquePointer?
  private let algorithm: SigningAlgorithm

  /// The bits of an RSA key that is made here.
  private static let rsaBits: Int32 = 2_048

  /// All keys of a file in PEM: RSA and EC, private and public ones. Throws where there is none.
  public static func all(pem: [UInt8]) throws(Unusable) -> [TokenKey] {
    var keys: [TokenKey] = []
    for block in blocks(pem) {
      if let key = `private`(block) {
        keys.append(try TokenKey(signer: key))
      } else if let key = `public`(block) {
        keys.append(try TokenKey(verifier: key))
      }
    }
    if keys.isEmpty { throw Unusable(description: "data does not contain any valid RSA or ECDSA public keys") }
    return keys
  }

  /// A private key in PEM. Throws where that is none.
  public convenience init(signingKey pem: [UInt8]) throws(Unusable) {
    guard let key = Self.`private`(pem) else {
      throw Unusable(description: "data does not contain a valid RSA or ECDSA private key")
    }
    try self.init(signer: key)
  }

  private init(signer: OpaquePointer) throws(Unusable) {
    guard EVP_PKEY_up_ref(signer) == 1 else {
      EVP_PKEY_free(signer)
      throw Unusable(description: "the key can't be shared")
    }
    guard let verifier = JSONWebKey(taking: signer), let algorithm = verifier.ownAlgorithm else {
      EVP_PKEY_free(signer)
      throw Unusable(description: "the key is neither RSA nor ECDSA by a known curve")
    }
    (self.signer, self.verifier, self.algorithm) = (signer, verifier, algorithm)
  }

  private init(verifier key: OpaquePointer) throws(Unusable) {
    guard let verifier = JSONWebKey(taking: key), let algorithm = verifier.ownAlgorithm else {
      throw Unusable(description: "the key is neither RSA nor ECDSA by a known curve")
    }
    (signer, self.verifier, self.algorithm) = (nil, verifier, algorithm)
  }

  deinit { EVP_PKEY_free(signer) }

  /// Makes an RSA key, as PEM; takes about a tenth of a second. nil where OpenSSL can't.
  public static func make() -> [UInt8]? {
    guard let context = EVP_PKEY_CTX_new_from_name(nil, "RSA", nil) else { return nil }
    defer { EVP_PKEY_CTX_free(context) }
    var made: OpaquePointer?
    guard EVP_PKEY_keygen_init(context) == 1, EVP_PKEY_CTX_set_rsa_keygen_bits(context, rsaBits) == 1,
      EVP_PKEY_generate(context, &made) == 1, let made
    else { return nil }
    defer { EVP_PKEY_free(made) }
    guard let bio = BIO_new(BIO_s_mem()) else { return nil }
    defer { BIO_free(bio) }
    guard PEM_write_bio_PrivateKey(bio, made, nil, nil, 0, nil, nil) == 1 else { return nil }
    var pem = [UInt8](repeating: 0, count: Int(BIO_ctrl_pending(bio)))
    return BIO_read(bio, &pem, Int32(pem.count)) == Int32(pem.count) ? pem : nil
  }

  /// A token in its compact form; nil where only the public half is known.
  func sign(_ claims: JSONValue) -> String? {
    guard let signer, let context = EVP_MD_CTX_new() else { return nil }
    defer { EVP_MD_CTX_free(context) }
    let header: JSONValue = ["alg": .string(algorithm.rawValue), "kid": .string(verifier.id)]
    let message = Base64URL.encode(header.encoded().array) + "." + Base64URL.encode(claims.encoded().array)
    let bytes = Array(message.utf8)
    var count = 0
    guard EVP_DigestSignInit(context, nil, algorithm.digest, nil, signer) == 1,
      EVP_DigestSign(context, nil, &count, bytes, bytes.count) == 1
    else { return nil }
    var signature = [UInt8](repeating: 0, count: count)
    guard EVP_DigestSign(context, &signature, &count, bytes, bytes.count) == 1 else { return nil }
    signature.removeLast(signature.count - count)
    guard let compact = verifier.compact(signature) else { return nil }
    return "\(message).\(Base64URL.encode(compact))"
  }

  // MARK: PEM

  /// The keys of a file, one by one, with what stands around them.
  private static func blocks(_ pem: [UInt8]) -> [[UInt8]] {
    var blocks: [[UInt8]] = []
    var block: [UInt8] = []
    for line in pem.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
      block += line + [UInt8(ascii: "\n")]
      if line.starts(with: "-----END ".utf8) {
        blocks.append(block)
        block = []
      }
    }
    return blocks
  }

  private static func `private`(_ pem: [UInt8]) -> OpaquePointer? {
    // Nobody is asked for a password.
    read(pem) { PEM_read_bio_PrivateKey($0, nil, { _, _, _, _ in -1 }, nil) }
  }

  private static func `public`(_ pem: [UInt8]) -> OpaquePointer? {
    read(pem) { PEM_read_bio_PUBKEY($0, nil, nil, nil) }
      ?? read(pem) { bio in
        guard let certificate = PEM_read_bio_X509(bio, nil, nil, nil) else { return nil }
        defer { X509_free(certificate) }
        return X509_get_pubkey(certificate)
      }
  }

  private static func read(_ pem: [UInt8], _ body: (OpaquePointer) -> OpaquePointer?) -> OpaquePointer? {
    guard pem.count <= 1 << 20 else { return nil }
    return pem.withUnsafeBytes { bytes in
      guard let bio = BIO_new_mem_buf(bytes.baseAddress, Int32(bytes.count)) else { return nil }
      defer { BIO_free(bio) }
      return body(bio)
    }
  }
}
