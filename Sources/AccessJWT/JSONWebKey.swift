import CCrypto
import Cryptography
import JSON

/// How a token is signed. (RFC 7518; the asymmetric ones that kube-apiserver takes.)
public enum SigningAlgorithm: String, Sendable, CaseIterable {
  case rs256 = "RS256"
  case rs384 = "RS384"
  case rs512 = "RS512"
  case es256 = "ES256"
  case es384 = "ES384"
  case es512 = "ES512"
  case ps256 = "PS256"
  case ps384 = "PS384"
  case ps512 = "PS512"

  var digest: OpaquePointer? {
    switch self {
    case .rs256, .es256, .ps256: EVP_sha256()
    case .rs384, .es384, .ps384: EVP_sha384()
    case .rs512, .es512, .ps512: EVP_sha512()
    }
  }
  fileprivate var isPSS: Bool { self == .ps256 || self == .ps384 || self == .ps512 }
  /// The key that it needs.
  fileprivate var kind: JSONWebKey.Kind {
    switch self {
    case .es256: .p256
    case .es384: .p384
    case .es512: .p521
    default: .rsa
    }
  }
}

/// A public key that an issuer publishes. (RFC 7517.)
// Sendable: the key is never changed, and OpenSSL counts and locks what threads share of it.
final class JSONWebKey: @unchecked Sendable {
  fileprivate enum Kind { case rsa, p256, p384, p521 }

  let id: String
  private let kind: Kind
  /// The one algorithm that it is for; nil for all of its kind.
  private let algorithm: String?
  private let key: OpaquePointer

  /// Smaller ones can be broken.
  private static let rsaBitsMin = 1_024

  /// nil for a key of another kind, or one that is not for signatures.
  init?(_ tree: JSONValue) {
    if let use = tree["use"]?.string, use != "sig" { return nil }
    func number(_ name: String) -> [UInt8]? { (tree[name]?.string).flatMap { try? Base64URL.decode($0.utf8).get() } }
    let der: [UInt8]
    switch (tree["kty"]?.string, tree["crv"]?.string) {
    case ("RSA", _):
      guard let modulus = number("n"), let exponent = number("e"), !exponent.isEmpty else { return nil }
      kind = .rsa
      let inner = DER.sequence(DER.integer(modulus) + DER.integer(exponent))
      der = DER.sequence(DER.sequence(DER.rsaEncryption + DER.null) + DER.bits(inner))
    case ("EC", let curve?):
      let object: [UInt8]
      let size: Int
      switch curve {
      case "P-256": (kind, object, size) = (.p256, DER.p256, 32)
      case "P-384": (kind, object, size) = (.p384, DER.p384, 48)
      case "P-521": (kind, object, size) = (.p521, DER.p521, 66)
      default: return nil
      }
      guard let x = number("x"), let y = number("y"), x.count == size, y.count == size else { return nil }
      der = DER.sequence(DER.sequence(DER.ecPublicKey + object) + DER.bits([4] + x + y))
    default: return nil
    }
    let made = der.withUnsafeBufferPointer { bytes in
      var place = bytes.baseAddress
      return d2i_PUBKEY(nil, &place, bytes.count)
    }
    guard let made else { return nil }
    guard kind != .rsa || EVP_PKEY_get_bits(made) >= Self.rsaBitsMin else {
      EVP_PKEY_free(made)
      return nil
    }
    key = made
    id = tree["kid"]?.string ?? ""
    algorithm = tree["alg"]?.string
  }

  /// A key of OpenSSL's, which is taken over; nil for one of another kind. Its name is the digest of it, as
  /// kube-apiserver names keys of service accounts. (`keyIDFromPublicKey`)
  init?(taking made: OpaquePointer) {
    guard let found = Self.kind(of: made), let der = Self.der(made), case let digest = Digest.sha256.bytes(der),
      !digest.isEmpty
    else {
      EVP_PKEY_free(made)
      return nil
    }
    (kind, key) = (found.kind, made)
    id = Base64URL.encode(digest)
    algorithm = found.algorithm.rawValue
  }

  /// What signs by such a key.
  private static func kind(of key: OpaquePointer) -> (kind: Kind, algorithm: SigningAlgorithm)? {
    if EVP_PKEY_is_a(key, "RSA") == 1 { return EVP_PKEY_get_bits(key) >= rsaBitsMin ? (.rsa, .rs256) : nil }
    guard EVP_PKEY_is_a(key, "EC") == 1 else { return nil }
    return switch EVP_PKEY_get_bits(key) {
    case 256: (.p256, .es256)
    case 384: (.p384, .es384)
    case 521: (.p521, .es512)
    default: nil
    }
  }

  /// SubjectPublicKeyInfo.
  private static func der(_ key: OpaquePointer) -> [UInt8]? {
    let count = i2d_PUBKEY(key, nil)
    guard count > 0 else { return nil }
    var bytes = [UInt8](repeating: 0, count: Int(count))
    let written = bytes.withUnsafeMutableBufferPointer { room in
      var place = room.baseAddress
      return i2d_PUBKEY(key, &place)
    }
    return written == count ? bytes : nil
  }

  /// A signature of OpenSSL's as tokens have it: two numbers side by side there, a sequence of them here.
  func compact(_ signature: [UInt8]) -> [UInt8]? {
    if kind == .rsa { return signature }
    let size = kind == .p256 ? 32 : kind == .p384 ? 48 : 66
    let parsed = signature.withUnsafeBufferPointer { bytes in
      var place = bytes.baseAddress
      return d2i_ECDSA_SIG(nil, &place, bytes.count)
    }
    guard let parsed else { return nil }
    defer { ECDSA_SIG_free(parsed) }
    var compact = [UInt8](repeating: 0, count: 2 * size)
    let isWhole = compact.withUnsafeMutableBufferPointer { room in
      BN_bn2binpad(ECDSA_SIG_get0_r(parsed), room.baseAddress, Int32(size)) == Int32(size)
        && BN_bn2binpad(ECDSA_SIG_get0_s(parsed), room.baseAddress.map { $0 + size }, Int32(size)) == Int32(size)
    }
    return isWhole ? compact : nil
  }

  /// By which this key signs; nil for one that may be used for several.
  var ownAlgorithm: SigningAlgorithm? { algorithm.flatMap(SigningAlgorithm.init) }

  /// As a set of keys shows it.
  var published: JSONValue {
    var object: JSONObject = ["use": "sig", "kty": kind == .rsa ? "RSA" : "EC", "kid": .string(id)]
    switch kind {
    case .p256: object["crv"] = "P-256"
    case .p384: object["crv"] = "P-384"
    case .p521: object["crv"] = "P-521"
    case .rsa: break
    }
    if let algorithm { object["alg"] = .string(algorithm) }
    let size = kind == .p256 ? 32 : kind == .p384 ? 48 : 66
    let numbers =
      kind == .rsa
      ? [("n", OSSL_PKEY_PARAM_RSA_N, 0), ("e", OSSL_PKEY_PARAM_RSA_E, 0)]
      : [("x", OSSL_PKEY_PARAM_EC_PUB_X, size), ("y", OSSL_PKEY_PARAM_EC_PUB_Y, size)]
    for (name, parameter, length) in numbers {
      object[name] = .string(Base64URL.encode(number(parameter, atLeast: length)))
    }
    return .object(object)
  }

  /// Highest byte first, with zeros before it up to a length.
  private func number(_ parameter: String, atLeast length: Int) -> [UInt8] {
    var value: OpaquePointer?
    guard EVP_PKEY_get_bn_param(key, parameter, &value) == 1, let value else { return [] }
    defer { BN_free(value) }
    var bytes = [UInt8](repeating: 0, count: max(length, Int(BN_num_bits(value) + 7) / 8))
    BN_bn2binpad(value, &bytes, Int32(bytes.count))
    return bytes
  }

  deinit { EVP_PKEY_free(key) }

  /// Has this key signed the message?
  func verifies(_ message: [UInt8], _ signature: [UInt8], _ algorithm: SigningAlgorithm) -> Bool {
    guard algorithm.kind == kind, self.algorithm == nil || self.algorithm == algorithm.rawValue else { return false }
    var signature = signature
    if kind != .rsa {
      // Two numbers side by side here, a sequence of them in OpenSSL.
      let size = kind == .p256 ? 32 : kind == .p384 ? 48 : 66
      guard signature.count == 2 * size else { return false }
      signature = DER.sequence(DER.integer(Array(signature[..<size])) + DER.integer(Array(signature[size...])))
    }
    guard let context = EVP_MD_CTX_new() else { return false }
    defer { EVP_MD_CTX_free(context) }
    var settings: OpaquePointer?
    guard EVP_DigestVerifyInit(context, &settings, algorithm.digest, nil, key) == 1 else { return false }
    if algorithm.isPSS {
      // The salt is as long as the digest.
      guard EVP_PKEY_CTX_set_rsa_padding(settings, RSA_PKCS1_PSS_PADDING) == 1,
        EVP_PKEY_CTX_set_rsa_pss_saltlen(settings, -1) == 1
      else { return false }
    }
    return EVP_DigestVerify(context, signature, signature.count, message, message.count) == 1
  }
}

/// As much of DER as writes a key or a signature.
private enum DER {
  static let rsaEncryption: [UInt8] = [0x06, 9, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 1, 1]
  static let ecPublicKey: [UInt8] = [0x06, 7, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 2, 1]
  static let p256: [UInt8] = [0x06, 8, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 3, 1, 7]
  static let p384: [UInt8] = [0x06, 5, 0x2B, 0x81, 4, 0, 34]
  static let p521: [UInt8] = [0x06, 5, 0x2B, 0x81, 4, 0, 35]
  static let null: [UInt8] = [0x05, 0]

  static func sequence(_ content: [UInt8]) -> [UInt8] { tagged(0x30, content) }
  static func bits(_ content: [UInt8]) -> [UInt8] { tagged(0x03, [0] + content) }

  /// Of an unsigned number, highest byte first.
  static func integer(_ bytes: [UInt8]) -> [UInt8] {
    let digits = bytes.drop { $0 == 0 }
    return tagged(0x02, (digits.first ?? 0x80) & 0x80 != 0 ? [0] + digits : Array(digits))
  }

  private static func tagged(_ tag: UInt8, _ content: [UInt8]) -> [UInt8] {
    if content.count < 128 { return [tag, UInt8(content.count)] + content }
    var size: [UInt8] = []
    var rest = content.count
    while rest > 0 {
      size.insert(UInt8(truncatingIfNeeded: rest), at: 0)
      rest >>= 8
    }
    return [tag, 0x80 | UInt8(size.count)] + size + content
  }
}
