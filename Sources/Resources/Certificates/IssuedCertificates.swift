import CCrypto
import Machinery

/// The certificates that a signer has answered with.
enum IssuedCertificates {
  /// Why a text is no chain of certificates in PEM; nil where it is one. (`validateCertificate`)
  static func problem(_ text: [UInt8]) -> String? {
    if text.isEmpty { return nil }
    var count = 0
    var blocks = PEMBlocks(text)
    while let block = blocks.next() {
      if block.type != "CERTIFICATE" {
        return "only CERTIFICATE PEM blocks are allowed, found \(GoText.quoted(block.type))"
      }
      if block.hasHeaders { return "no PEM block headers are permitted" }
      count += 1
      if block.bytes.isEmpty { return "found CERTIFICATE PEM block containing 0 certificates" }
      do { try check(block.bytes) } catch { return error.description }
    }
    return count == 0 ? "must contain at least one CERTIFICATE PEM block" : nil
  }

  /// (`x509.ParseCertificates`)
  private static func check(_ bytes: [UInt8]) throws(CertificateFault) {
    var reader = DERReader(bytes[...])
    while !reader.isAtEnd {
      guard let certificate = reader.any(), certificate.identifier == DERReader.sequence else {
        throw malformed("certificate")
      }
      try check(certificate)
    }
  }

  private static func malformed(_ what: String) -> CertificateFault { CertificateFault("x509: malformed \(what)") }

  /// Walks to the key, by which it is known whether the rest may be left to OpenSSL. (`parseCertificate`)
  private static func check(_ certificate: DERReader.Element) throws(CertificateFault) {
    var outer = DERReader(certificate.content)
    guard let content = outer.element(DERReader.sequence) else { throw malformed("tbs certificate") }
    var inner = DERReader(content)
    var first = inner.any()
    if let version = first, version.identifier == 0xA0 {
      var reader = DERReader(version.content)
      guard let number = reader.element(DERReader.integer), reader.isAtEnd, let top = number.first, top & 0x80 == 0
      else {
        throw malformed("version")
      }
      if number.count > 1 || top > 2 { throw CertificateFault("x509: invalid version") }
      first = inner.any()
    }
    guard let serial = first, serial.identifier == DERReader.integer, let top = serial.content.first else {
      throw malformed("serial number")
    }
    if top & 0x80 != 0 { throw CertificateFault("x509: negative serial number") }
    guard let algorithm = inner.element(DERReader.sequence) else { throw malformed("signature algorithm identifier") }
    guard let outerAlgorithm = outer.element(DERReader.sequence) else { throw malformed("algorithm identifier") }
    if algorithm != outerAlgorithm {
      throw CertificateFault("x509: inner and outer signature algorithm identifiers don't match")
    }
    guard inner.element(DERReader.sequence) != nil else { throw malformed("issuer") }
    guard inner.element(DERReader.sequence) != nil else { throw malformed("validity") }
    // Upstream names the issuer once more where it means the subject.
    guard inner.element(DERReader.sequence) != nil else { throw malformed("issuer") }
    guard let key = inner.any(), key.identifier == DERReader.sequence else { throw malformed("spki") }
    _ = try CertifiedKey(key)
    try read(Array(certificate.whole))
  }

  /// Errors stay in OpenSSL's queue: whoever reads that clears it before.
  private static func read(_ bytes: [UInt8]) throws(CertificateFault) {
    let read = bytes.withUnsafeBufferPointer { bytes in
      var place = bytes.baseAddress
      return d2i_X509(nil, &place, bytes.count)
    }
    guard let read else { throw malformed("certificate") }
    X509_free(read)
  }
}
