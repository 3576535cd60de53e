import ByteBuffers
import Testing

@testable import Resources

/// Keys and certificate were made for this test, and are used nowhere.
@Suite struct `Certificates and keys of secrets` {
  private static let certificate = """
    -----BEGIN CERTIFICATE-----
    MIIBcDCCARWgAwIBAgIUA8dvcY6uSzf8UH7WWeSvINppD/cwCgYIKoZIzj0EAwIw
    DDEKMAgGA1UEAwwBYTAgFw0yNjExMzAyMTI5MzJaGA8yMTI2MTEwNjIxMjkzMlow
    DDEKMAgGA1UEAwwBYTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABCtSAAMV0wmW
    eNxEe6Z8FjCaiBtNLfgfu7y8F3Ny5rgj4Wv93NRu3GhX2nVLiRNxMoVed7HfvgCC
    OYjb8WXTR8ujUzBRMB0GA1UdDgQWBBR6fOGG1QK40Gg3Jn7BXWtIXln2+TAfBgNV
    HSMEGDAWgBR6fOGG1QK40Gg3Jn7BXWtIXln2+TAPBgNVHRMBAf8EBTADAQH/MAoG
    CCqGSM49BAMCA0kAMEYCIQCM5Dp1pYSeJel5t4NxCAtrcgFTI2G7TjfaqGbZqQYu
    LgIhAM7ql60c3xZeD0UUzFBJk1ReC5mc8mJFWw9dyvhOKLuu
    -----END CERTIFICATE-----
    """
  private static let key = """
    -----BEGIN PRIVATE KEY-----
    MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgm0Zt1j8oPDs5fFBF
    oJx0AkhXF0y7U4+11CH3WaO4dsKhRANCAAQrUgADFdMJlnjcRHumfBYwmogbTS34
    H7u8vBdzcua4I+Fr/dzUbtxoV9p1S4kTcTKFXnex374AgjmI2/Fl00fL
    -----END PRIVATE KEY-----
    """
  private static let other = """
    -----BEGIN EC PRIVATE KEY-----
    MHcCAQEEIEkOXdeBQIRpbUUiYazXb/QYg0wmuuzGlexVBl+nsPCboAoGCCqGSM49
    AwEHoUQDQgAEDSYqA7TCKTpSxdxHzFYIUV8C0jH0QySHJrCcPeO3BeulTcul9M+d
    JyRCXPpdHYgVhKFGzUao9YV4YYDmNtvOUA==
    -----END EC PRIVATE KEY-----
    """
  private static let ed25519 = """
    -----BEGIN PRIVATE KEY-----
    MC4CAQAwBQYDK2VwBCIEINqMTZkWQri/Pp/VxETfn1NA/VjJbY1pmydHutTdvhZf
    -----END PRIVATE KEY-----
    """

  private func problem(_ certificates: String, _ key: String) -> String? {
    TLSPair.problem(certificates: Array(certificates.utf8), key: Array(key.utf8))
  }
  private static func block(_ type: String, _ body: String = "AAAA\n") -> String {
    "-----BEGIN \(type)-----\n\(body)-----END \(type)-----\n"
  }

  @Test func `a pair is a pair, whatever stands around it`() {
    let key = Self.key
    #expect(problem(Self.certificate, key) == nil)
    #expect(problem("about it\n\(Self.certificate)\n\(Self.certificate)", "\(Self.block("X"))\(key)") == nil)
    #expect(problem(Self.certificate.split(separator: "\n").joined(separator: " \r\n") + "\n", key) == nil)
    let headed = Self.certificate.split(separator: "\n", maxSplits: 1).joined(separator: "\nProc-Type: 4\n")
    #expect(problem(headed, key) == nil)
  }

  @Test func `what is missing or in the wrong place is named`() {
    let types = "after skipping PEM blocks of the following types:"
    let (crt, key) = (Self.certificate, Self.key)
    #expect(problem("", key) == "tls: failed to find any PEM data in certificate input")
    #expect(
      problem(key, crt) == "tls: failed to find certificate PEM data in certificate input, but did find a private key; "
        + "PEM inputs may have been switched")
    #expect(
      problem(Self.block("A") + Self.block("B C"), key)
        == "tls: failed to find \"CERTIFICATE\" PEM block in certificate input \(types) [A B C]")
    #expect(problem(crt, "") == "tls: failed to find any PEM data in key input")
    #expect(problem(crt, crt) == "tls: found a certificate rather than a key in the PEM for the private key")
    #expect(
      problem(crt, Self.block("KEY"))
        == "tls: failed to find PEM block with type ending in \"PRIVATE KEY\" in key input \(types) [KEY]")
  }

  @Test func `what can't be read or does not fit is named`() {
    let (crt, key) = (Self.certificate, Self.key)
    #expect(problem(Self.block("CERTIFICATE"), key) == "x509: malformed certificate")
    #expect(problem(crt, Self.block("PRIVATE KEY")) == "tls: failed to parse private key")
    #expect(problem(crt, Self.other) == "tls: private key does not match public key")
    #expect(problem(crt, Self.ed25519) == "tls: private key type does not match public key type")
  }

  @Test(arguments: [
    ("-----BEGIN A-----\n-----END A-----", ["A"]), ("-----BEGIN A-----\n-----END A-----x\n", []),
    ("-----BEGIN A-----\nAA!A\n-----END A-----\n-----BEGIN B-----\nAAAA\n-----END B-----", ["B"]),
    ("-----BEGIN A-----\nAAAA\n-----END B-----\n", []), ("-----BEGIN A\nAAAA\n-----END A-----\n", []),
    ("x -----BEGIN A-----\nAAAA\n-----END A-----\n", []), ("-----BEGIN A-----\na: b\n", []),
    ("-----BEGIN A-----\na: b\nAA A=\n-----END A-----\n", ["A"]), ("-----BEGIN A-----", []),
    ("-----BEGIN A-----\n-----BEGIN A-----\nAAAA\n-----END A-----\n", ["A"]),
  ])
  func `blocks are found as Go finds them`(text: String, types: [String]) {
    var blocks = PEMBlocks(Array(text.utf8))
    var found: [String] = []
    while let block = blocks.next() { found.append(block.type) }
    #expect(found == types)
  }

  @Test func `a text of beginnings is gone through once`() {
    // With an end of the same type far behind, and with none: quadratic work would take minutes.
    let begins = String(repeating: "-----BEGIN A-----\n", count: 50_000)
    #expect(problem(begins, "") == "tls: failed to find any PEM data in certificate input")
    #expect(
      problem(begins + "-----END B-----\n", "") == "tls: failed to find any PEM data in certificate input")
  }
}
