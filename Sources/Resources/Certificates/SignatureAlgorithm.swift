/// How a request was signed. (Go's `x509.SignatureAlgorithm`)
enum SignatureAlgorithm: CaseIterable {
  case md5RSA, sha1RSA, sha1RSAOfISO, sha256RSA, sha384RSA, sha512RSA, sha256PSS, sha384PSS, sha512PSS
  case ecdsaSHA1, ecdsaSHA256, ecdsaSHA384, ecdsaSHA512, ed25519

  enum Hash { case sha1, sha256, sha384, sha512 }

  /// An `AlgorithmIdentifier`'s content; nil for one that nobody verifies.
  init?(_ identifier: ArraySlice<UInt8>) {
    var reader = DERReader(identifier)
    guard let kind = reader.element(DERReader.objectIdentifier) else { return nil }
    if kind.elementsEqual(Self.pss) {
      guard let parameters = reader.element(DERReader.sequence), let form = Self.pssForm(parameters) else { return nil }
      self = form
      return
    }
    guard let known = Self.allCases.first(where: { !$0.object.isEmpty && kind.elementsEqual($0.object) }) else {
      return nil
    }
    self = known
  }

  /// 1.2.840.113549.1.1.10
  private static let pss: [UInt8] = [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x0A]

  /// The hash of the parameters' first member; salts are taken to be as long as that.
  private static func pssForm(_ parameters: ArraySlice<UInt8>) -> SignatureAlgorithm? {
    var members = DERReader(parameters)
    guard let first = members.element(0xA0) else { return nil }
    var inner = DERReader(first)
    guard let identifier = inner.element(DERReader.sequence) else { return nil }
    var reader = DERReader(identifier)
    guard let hash = reader.element(DERReader.objectIdentifier) else { return nil }
    // 2.16.840.1.101.3.4.2.1 and its siblings
    let stem: [UInt8] = [0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02]
    guard hash.count == stem.count + 1, hash.starts(with: stem) else { return nil }
    switch hash.last {
    case 1: return .sha256PSS
    case 2: return .sha384PSS
    case 3: return .sha512PSS
    default: return nil
    }
  }

  private var object: [UInt8] {
    // 1.2.840.113549.1.1 and 1.2.840.10045.4
    let rsa: [UInt8] = [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01]
    let ecdsa: [UInt8] = [0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x04]
    return switch self {
    case .md5RSA: rsa + [4]
    case .sha1RSA: rsa + [5]
    case .sha1RSAOfISO: [0x2B, 0x0E, 0x03, 0x02, 0x1D]
    case .sha256RSA: rsa + [11]
    case .sha384RSA: rsa + [12]
    case .sha512RSA: rsa + [13]
    case .sha256PSS, .sha384PSS, .sha512PSS: []
    case .ecdsaSHA1: ecdsa + [1]
    case .ecdsaSHA256: ecdsa + [3, 2]
    case .ecdsaSHA384: ecdsa + [3, 3]
    case .ecdsaSHA512: ecdsa + [3, 4]
    case .ed25519: [0x2B, 0x65, 0x70]
    }
  }

  var name: String { self == .md5RSA ? "MD5-RSA" : "SHA1-RSA" }
  /// It proves nothing.
  var isBroken: Bool { self == .md5RSA }
  var isPSS: Bool { self == .sha256PSS || self == .sha384PSS || self == .sha512PSS }

  var hash: Hash? {
    switch self {
    case .md5RSA, .ed25519: nil
    case .sha1RSA, .sha1RSAOfISO, .ecdsaSHA1: .sha1
    case .sha256RSA, .sha256PSS, .ecdsaSHA256: .sha256
    case .sha384RSA, .sha384PSS, .ecdsaSHA384: .sha384
    case .sha512RSA, .sha512PSS, .ecdsaSHA512: .sha512
    }
  }

  /// Whose keys it takes.
  var keyKind: CertifiedKey.Kind {
    switch self {
    case .ecdsaSHA1, .ecdsaSHA256, .ecdsaSHA384, .ecdsaSHA512: .ecdsa
    case .ed25519: .ed25519
    default: .rsa
    }
  }
}
