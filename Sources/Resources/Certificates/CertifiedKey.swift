import CCrypto

/// The public key in a request or a certificate.
///
/// It comes from outside, and to compute with a key takes as long as its maker likes: so algorithm, curve and size are
/// looked at here, and only what is known to be quick gets to OpenSSL.
struct CertifiedKey: Sendable {
  enum Kind: String { case rsa = "RSA", ecdsa = "ECDSA", ed25519 = "Ed25519" }

  /// nil for one that nobody verifies with.
  let kind: Kind?
  /// The key with its algorithm, in DER.
  private let info: [UInt8]
  private let isTooLong: Bool
  private let fault: CertificateFault?

  /// More than anybody uses; Go has no bound.
  static let rsaBitsMax = 8_192

  /// `info`: a SubjectPublicKeyInfo. (`parsePublicKey`)
  init(_ info: DERReader.Element) throws(CertificateFault) {
    var reader = DERReader(info.content)
    let algorithm = try reader.next(DERReader.sequence, into: "AlgorithmIdentifier")
    let bits = try reader.next(DERReader.bitString, into: "BitString").content
    var parts = DERReader(algorithm.content)
    let object = try parts.next(DERReader.objectIdentifier, into: "ObjectIdentifier").content
    let key = try DERReader.bytes(ofBits: bits)
    self.info = Array(info.whole)
    var (isTooLong, fault): (Bool, CertificateFault?) = (false, nil)
    switch object {
    // 1.2.840.113549.1.1.1
    case [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x01]:
      kind = .rsa
      guard parts.any()?.identifier == DERReader.null else {
        throw CertificateFault("x509: RSA key missing NULL parameters")
      }
      (isTooLong, fault) = try Self.checkRSA(key)
    // 1.2.840.10045.2.1
    case [0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01]:
      kind = .ecdsa
      guard let curve = parts.element(DERReader.objectIdentifier) else {
        throw CertificateFault("x509: invalid ECDSA parameters")
      }
      guard let size = Self.curves.first(where: { $0.object == curve })?.bytes else {
        throw CertificateFault("x509: unsupported elliptic curve")
      }
      guard key.count == 1 + 2 * size, key.first == 4 else {
        throw CertificateFault("x509: failed to unmarshal elliptic curve point")
      }
    // 1.3.101.112
    case [0x2B, 0x65, 0x70]:
      kind = .ed25519
      if !parts.isAtEnd { throw CertificateFault("x509: Ed25519 key encoded with illegal parameters") }
      if key.count != 32 { throw CertificateFault("x509: wrong Ed25519 public key size") }
    default: kind = nil
    }
    self.isTooLong = isTooLong
    self.fault = fault
  }

  /// P-224, P-256, P-384 and P-521, and how long a coordinate is.
  private static let curves: [(object: ArraySlice<UInt8>, bytes: Int)] = [
    ([0x2B, 0x81, 0x04, 0x00, 0x21], 28), ([0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07], 32),
    ([0x2B, 0x81, 0x04, 0x00, 0x22], 48), ([0x2B, 0x81, 0x04, 0x00, 0x23], 66),
  ]

  /// Is it more than will be computed with, and what will be said of its signatures, whatever they are?
  private static func checkRSA(
    _ key: ArraySlice<UInt8>
  ) throws(CertificateFault) -> (isTooLong: Bool, fault: CertificateFault?) {
    var reader = DERReader(key)
    guard let sequence = reader.element(DERReader.sequence) else {
      throw CertificateFault("x509: invalid RSA public key")
    }
    var numbers = DERReader(sequence)
    guard let modulus = numbers.element(DERReader.integer), let high = modulus.first else {
      throw CertificateFault("x509: invalid RSA modulus")
    }
    guard let exponent = numbers.element(DERReader.integer), let top = exponent.first, exponent.count <= 8 else {
      throw CertificateFault("x509: invalid RSA public exponent")
    }
    let digits = modulus.drop { $0 == 0 }
    if high & 0x80 != 0 || digits.isEmpty { throw CertificateFault("x509: RSA modulus is not a positive number") }
    let value = exponent.reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    if top & 0x80 != 0 || value == 0 { throw CertificateFault("x509: RSA public exponent is not a positive number") }
    let bits = digits.count * 8 - (digits.first?.leadingZeroBitCount ?? 0)
    if bits > rsaBitsMax { return (true, nil) }
    if bits < 1_024 {
      let text = "\(bits)-bit keys are insecure (see https://go.dev/pkg/crypto/rsa#hdr-Minimum_key_size)"
      return (false, CertificateFault("crypto/rsa: \(text)"))
    }
    if value > 1 << 31 - 1 { return (false, CertificateFault("crypto/rsa: public exponent too large")) }
    if value < 2 { return (false, CertificateFault("crypto/rsa: public exponent too small or negative")) }
    if value & 1 == 0 { return (false, CertificateFault("crypto/rsa: public exponent is even")) }
    return (false, nil)
  }

  /// Throws where the signature is not by this key. (`checkSignature`)
  func verify(
    _ signature: [UInt8], of message: [UInt8], by algorithm: SignatureAlgorithm
  ) throws(CertificateFault) {
    guard let kind else { throw .unsupported }
    if kind != algorithm.keyKind {
      let names = [Kind.rsa: "*rsa.PublicKey", .ecdsa: "*ecdsa.PublicKey", .ed25519: "ed25519.PublicKey"]
      throw CertificateFault(
        "x509: signature algorithm specifies an \(algorithm.keyKind.rawValue) public key, but have public key of type "
          + "\(names[kind] ?? "")")
    }
    if let fault { throw fault }
    if !isTooLong && isBy(signature, message, algorithm) { return }
    throw CertificateFault(
      kind == .rsa ? "crypto/rsa: verification error" : "x509: \(kind.rawValue) verification failure")
  }

  /// Errors stay in OpenSSL's queue: whoever reads that clears it before.
  private func isBy(_ signature: [UInt8], _ message: [UInt8], _ algorithm: SignatureAlgorithm) -> Bool {
    let key = info.withUnsafeBufferPointer { bytes in
      var place = bytes.baseAddress
      return d2i_PUBKEY(nil, &place, bytes.count)
    }
    guard let key else { return false }
    defer { EVP_PKEY_free(key) }
    guard let work = EVP_MD_CTX_new() else { return false }
    defer { EVP_MD_CTX_free(work) }
    let hash: OpaquePointer? =
      switch algorithm.hash {
      case .sha1: EVP_sha1()
      case .sha256: EVP_sha256()
      case .sha384: EVP_sha384()
      case .sha512: EVP_sha512()
      case nil: nil
      }
    var settings: OpaquePointer?
    guard EVP_DigestVerifyInit(work, &settings, hash, nil, key) == 1 else { return false }
    if algorithm.isPSS {
      guard EVP_PKEY_CTX_set_rsa_padding(settings, RSA_PKCS1_PSS_PADDING) == 1,
        EVP_PKEY_CTX_set_rsa_pss_saltlen(settings, RSA_PSS_SALTLEN_DIGEST) == 1
      else { return false }
    }
    return EVP_DigestVerify(work, signature, signature.count, message, message.count) == 1
  }
}
