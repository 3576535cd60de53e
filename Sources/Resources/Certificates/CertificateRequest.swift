import ByteBuffers
import JSON

/// What a client asks to have certified: a PKCS#10 request. (RFC 2986; Go's `x509.ParseCertificateRequest`)
public struct CertificateRequest: Sendable {
  /// The organizations of the subject, which are groups where such a certificate is shown.
  public let organizations: [String]

  /// What the signature is of.
  private let signed: [UInt8]
  private let signature: [UInt8]
  private let algorithm: SignatureAlgorithm?
  private let key: CertifiedKey

  /// The request in the first PEM block of a text. Throws what is wrong with it.
  public init(pem text: [UInt8]) throws(CertificateFault) {
    var blocks = PEMBlocks(text)
    guard let block = blocks.next(), block.type == "CERTIFICATE REQUEST" else {
      throw CertificateFault("PEM block type must be CERTIFICATE REQUEST")
    }
    try self.init(der: block.bytes)
  }

  /// The same, as objects hold it. What is no base64 is no PEM either.
  public init(base64 text: String) throws(CertificateFault) { try self.init(pem: Self.bytes(base64: text)) }

  /// nothing for what is no base64.
  static func bytes(base64 text: String) -> [UInt8] {
    var text = text
    return text.withUTF8 { Base64.decode(UnsafeRawBufferPointer($0)) }.map { ByteSlice($0).array } ?? []
  }

  init(der bytes: [UInt8]) throws(CertificateFault) {
    var file = DERReader(bytes[...])
    var request = DERReader(try file.next(DERReader.sequence, into: "certificateRequest").content)
    let whole = try request.next(DERReader.sequence, into: "tbsCertificateRequest")
    var asked = DERReader(whole.content)
    _ = try asked.next(DERReader.integer, into: "int")
    let subject = try asked.next()
    let keyInfo = try asked.next(DERReader.sequence, into: "publicKeyInfo")
    // The attributes: nobody here asks for them, but they have to be there.
    let attributes = try asked.next()
    if attributes.identifier != 0xA0 { throw .structure("tags don't match") }
    let algorithm = try request.next(DERReader.sequence, into: "AlgorithmIdentifier")
    let bits = try request.next(DERReader.bitString, into: "BitString").content
    if !file.isAtEnd { throw .syntax("trailing data") }
    signature = Array(try DERReader.bytes(ofBits: bits))
    self.algorithm = SignatureAlgorithm(algorithm.content)
    key = try CertifiedKey(keyInfo)
    organizations = try Self.organizations(subject)
    signed = Array(whole.whole)
  }

  /// Throws where the request is not signed with the key that it names: whoever asks does not have it.
  public func checkSignature() throws(CertificateFault) {
    guard let algorithm else { throw .unsupported }
    if algorithm.isBroken {
      throw CertificateFault("x509: cannot verify signature: insecure algorithm \(algorithm.name)")
    }
    try key.verify(signature, of: signed, by: algorithm)
  }

  /// (`pkix.Name.FillFromRDNSequence`)
  private static func organizations(_ subject: DERReader.Element) throws(CertificateFault) -> [String] {
    var outer = DERReader(subject.whole)
    var sets = DERReader(try outer.next(DERReader.sequence, into: "RDNSequence").content)
    var found: [String] = []
    while !sets.isAtEnd {
      var names = DERReader(try sets.next(DERReader.set, into: "RelativeDistinguishedNameSET").content)
      while !names.isAtEnd {
        var name = DERReader(try names.next(DERReader.sequence, into: "AttributeTypeAndValue").content)
        let kind = try name.next(DERReader.objectIdentifier, into: "ObjectIdentifier").content
        let value = try name.next()
        // 2.5.4.10
        if kind.elementsEqual([0x55, 0x04, 0x0A]), let text = text(value) { found.append(text) }
      }
    }
    return found
  }

  /// The kinds of text that a name is made of.
  private static func text(_ value: DERReader.Element) -> String? {
    switch value.identifier & 0x1F {
    // UTF8String, NumericString, PrintableString, T61String, IA5String
    case 12, 18, 19, 20, 22: String(decoding: value.content, as: UTF8.self)
    // BMPString
    case 30:
      String(
        decoding: stride(from: value.content.startIndex, to: value.content.endIndex - 1, by: 2).map {
          UInt16(value.content[$0]) << 8 | UInt16(value.content[$0 + 1])
        }, as: UTF16.self)
    default: nil
    }
  }
}

extension CertificateFault {
  static let unsupported = CertificateFault("x509: cannot verify signature: algorithm unimplemented")
}
