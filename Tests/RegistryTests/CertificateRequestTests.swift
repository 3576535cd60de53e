import JSON
import Machinery
import Testing

@testable import Registry
@testable import Resources

@Suite struct `Requests for certificates` {
  /// O=system:masters, O=devs, by a key on P-256.
  static let ecdsa = """
    -----BEGIN CERTIFICATE REQUEST-----
    MIHyMIGZAgEAMDcxFzAVBgNVBAoMDnN5c3RlbTptYXN0ZXJzMQ0wCwYDVQQKDARk
    ZXZzMQ0wCwYDVQQDDARyb290MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEfvJZ
    rvxIcSNpIy9Q5BbpE2seTchC9+pAjemoCngEFC897TKiylBHaFXPQRGdAnTlQ1os
    gMTOR2/31Ec2e4FLmaAAMAoGCCqGSM49BAMCA0gAMEUCIQDji8td2SNfVixMu+PA
    kSWnrrrGHcm0k/q7+SU1PZazHAIgF4D/neuvV/v/fqtaGmyAayTCdEZ3J2j+cbHo
    mgD0jSk=
    -----END CERTIFICATE REQUEST-----
    """
  private static let ed25519 = """
    -----BEGIN CERTIFICATE REQUEST-----
    MIGOMEICAQAwDzENMAsGA1UEAwwEamFuZTAqMAUGAytlcAMhAKRCvJFw7NjHxEmF
    pUTMHpdzhcqjVaMeuSTKoPMiw0k5oAAwBQYDK2VwA0EApOiFCRRhb8Qj7rQ/h3wy
    BZS1f+Tf9u0o8jofTqbXH3aicVQkbweOzYb3eqVEsb+qBtET4FKn+I1+qQUg6/Th
    Bw==
    -----END CERTIFICATE REQUEST-----
    """
  /// A key whose curve is spelt out, which may be any.
  private static let oddCurve = """
    -----BEGIN CERTIFICATE REQUEST-----
    MIIBvzCCAWQCAQAwDjEMMAoGA1UEAwwDb2RkMIIBSzCCAQMGByqGSM49AgEwgfcC
    AQEwLAYHKoZIzj0BAQIhAP////8AAAABAAAAAAAAAAAAAAAA////////////////
    MFsEIP////8AAAABAAAAAAAAAAAAAAAA///////////////8BCBaxjXYqjqT57Pr
    vVV2mIa8ZR0GsMxTsPY7zjw+J9JgSwMVAMSdNgiG5wSTamZ44ROdJreBn36QBEEE
    axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpZP40Li/hp/m47n60p8D54W
    K84zV2sxXs7LtkBoN79R9QIhAP////8AAAAA//////////+85vqtpxeehPO5ysL8
    YyVRAgEBA0IABIjfLmxPvCkFlclJClUMSIYcmo+6g1OaPQQSbxDbCfoMVrwElr/A
    ty5/+VxXLrdNc8FTvcLz8F8FfxB4Z6JCfPGgADAKBggqhkjOPQQDAgNJADBGAiEA
    lFgfcjMK2MWi2ADM8m6tp5UVdD7cRItCp2B3yMKgFZUCIQC+2h5KXp7lSdkQ0aJe
    H4z+0LGMvvhD1ixVFW2lcXvFgw==
    -----END CERTIFICATE REQUEST-----
    """
  private static let md5 = """
    -----BEGIN CERTIFICATE REQUEST-----
    MIIBTTCBtwIBADAOMQwwCgYDVQQDDANvbGQwgZ8wDQYJKoZIhvcNAQEBBQADgY0A
    MIGJAoGBAL8F37k89p8ApyyqcuXfN7bG5rp9xjioBbg7S13849kxzs25+6GubXts
    5pugtrkXUPLF2bNvmi/qhOc872F5HOOXfYkx7nqXgEiFSMcHx4v2qR+RtDGbxJ2s
    h8XmZO1Wd6eKNmbAKVvbYf8YkNwhafEE8W0q5GT9lmHQzfLTlB4hAgMBAAGgADAN
    BgkqhkiG9w0BAQQFAAOBgQAL59b7mMDta7yFT4zJXjBJ/HK4gXrHIez28fjb3WjD
    rbNEffgIZeCWeSOfaLSmSL1B3PZmlaK9wcNRypXmURNk1uUOoP0k7cDsM0nYdh7/
    DOdYMUpHK3jjYeaYLWBZS+GmMUjNpAxVq9UJZ63T3SUVfaB/OhNgRUbot8ZZUumy
    Fw==
    -----END CERTIFICATE REQUEST-----
    """
  private static let pss = """
    -----BEGIN CERTIFICATE REQUEST-----
    MIIBgTCBtwIBADAOMQwwCgYDVQQDDANwc3MwgZ8wDQYJKoZIhvcNAQEBBQADgY0A
    MIGJAoGBAL8F37k89p8ApyyqcuXfN7bG5rp9xjioBbg7S13849kxzs25+6GubXts
    5pugtrkXUPLF2bNvmi/qhOc872F5HOOXfYkx7nqXgEiFSMcHx4v2qR+RtDGbxJ2s
    h8XmZO1Wd6eKNmbAKVvbYf8YkNwhafEE8W0q5GT9lmHQzfLTlB4hAgMBAAGgADBB
    BgkqhkiG9w0BAQowNKAPMA0GCWCGSAFlAwQCAQUAoRwwGgYJKoZIhvcNAQEIMA0G
    CWCGSAFlAwQCAQUAogMCASADgYEAgGfuyVUL3h8kdQ9bXoHP+9lhIhMXiLJGZjd8
    xQ3YHM8Dkq759Nm2H+0NFeUetUfo3aTDeOOJEze2FD/6AHkgudi+hAB6PU9SUYdS
    26tCVrnCWSBjsjyQWOqu0XZQV1K7+5cTwAdosF5vKWfzMfORxmVHe4MUUfIZtBsJ
    rPnsmzE=
    -----END CERTIFICATE REQUEST-----
    """
  private static let weak = """
    -----BEGIN CERTIFICATE REQUEST-----
    MIHIMHQCAQAwDzENMAsGA1UEAwwEd2VhazBcMA0GCSqGSIb3DQEBAQUAA0sAMEgC
    QQChGm3gUAvxvZ4dfU0AnSe6SdmJ0vaOWDbgwk6Ntl6roygXBpNt8tmutGrbugX3
    d0moowQP+1tJaORBqmRhiKuXAgMBAAGgADANBgkqhkiG9w0BAQsFAANBAE4ri8FD
    HLI0qV5BMTDnkJsDuSGbsM8nPRzYudolKBaIZWXjl6gLhdNtAKfj9JNSWuMeCwMr
    RpJfIRkCaKPeDic=
    -----END CERTIFICATE REQUEST-----
    """
  private static let certificate = """
    -----BEGIN CERTIFICATE-----
    MIIBbTCCAROgAwIBAgIUUTKloOPQRAuDBTLZiIrMiwNhHRQwCgYIKoZIzj0EAwIw
    DDEKMAgGA1UEAwwBeDAeFw0yNjExMzAyMzU1MjZaFw0zNjExMjcyMzU1MjZaMAwx
    CjAIBgNVBAMMAXgwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAR+8lmu/EhxI2kj
    L1DkFukTax5NyEL36kCN6agKeAQULz3tMqLKUEdoVc9BEZ0CdOVDWiyAxM5Hb/fU
    RzZ7gUuZo1MwUTAdBgNVHQ4EFgQUQL88xmTxplPG1CQpgXwSuNcd08QwHwYDVR0j
    BBgwFoAUQL88xmTxplPG1CQpgXwSuNcd08QwDwYDVR0TAQH/BAUwAwEB/zAKBggq
    hkjOPQQDAgNIADBFAiBY805D/IX9NyPyHRDZdPdOlusOlbHjBtYEOaQ5gjG1TQIh
    ALoM+8wpYyfTRm8nUPd3qyf8/6riBmvQe5ccK1mWpNrb
    -----END CERTIFICATE-----
    """

  private func fault(_ pem: String) -> String? {
    do throws(CertificateFault) {
      try CertificateRequest(pem: Array(pem.utf8)).checkSignature()
      return nil
    } catch { return error.description }
  }

  /// The bytes of a PEM text, changed.
  private func changed(_ pem: String, _ change: (inout [UInt8]) -> Void) -> String {
    var blocks = PEMBlocks(Array(pem.utf8))
    guard var block = blocks.next() else { return "" }
    change(&block.bytes)
    return "-----BEGIN \(block.type)-----\n\(Base64.text(block.bytes))\n-----END \(block.type)-----\n"
  }

  @Test func `hold when they are signed with their own key`() throws {
    #expect(fault(Self.ecdsa) == nil && fault(Self.ed25519) == nil && fault(Self.pss) == nil)
    #expect(try CertificateRequest(pem: Array(Self.ecdsa.utf8)).organizations == ["system:masters", "devs"])
    let lastByte: (inout [UInt8]) -> Void = { $0[$0.count - 1] ^= 1 }
    #expect(fault(changed(Self.ecdsa, lastByte)) == "x509: ECDSA verification failure")
    #expect(fault(changed(Self.ed25519, lastByte)) == "x509: Ed25519 verification failure")
    #expect(fault(changed(Self.pss, lastByte)) == "crypto/rsa: verification error")
  }

  @Test func `are refused for keys that nobody should compute with, and for broken signatures`() {
    #expect(fault(Self.oddCurve) == "x509: invalid ECDSA parameters")
    #expect(fault(Self.md5) == "x509: cannot verify signature: insecure algorithm MD5-RSA")
    let size = "512-bit keys are insecure (see https://go.dev/pkg/crypto/rsa#hdr-Minimum_key_size)"
    #expect(fault(Self.weak) == "crypto/rsa: \(size)")
  }

  @Test func `are told what is wrong with them in Go's words`() {
    let noPEM = "PEM block type must be CERTIFICATE REQUEST"
    #expect(fault("") == noPEM && fault(Self.certificate) == noPEM)
    #expect(fault(changed(Self.ecdsa) { $0.append(0) }) == "asn1: syntax error: trailing data")
    #expect(fault(changed(Self.ecdsa) { $0.removeLast() }) == "asn1: syntax error: data truncated")
    #expect(fault(changed(Self.ecdsa) { $0 = [] }) == "asn1: syntax error: sequence truncated")
    #expect(
      fault(changed(Self.ecdsa) { $0 = [0x30, 0x80, 0, 0] }) == "asn1: syntax error: indefinite length found (not DER)")
    let fields =
      "{optional:false explicit:false application:false private:false defaultValue:<nil> tag:<nil> stringType:0 "
      + "timeType:0 set:false omitEmpty:false}"
    #expect(
      fault(changed(Self.ecdsa) { $0 = [0x04, 1, 7] })
        == "asn1: structure error: tags don't match (16 vs {class:0 tag:4 length:1 isCompound:false}) \(fields) "
        + "certificateRequest @2")
  }

  /// Whatever is cut off or flipped is told of, and nothing else happens.
  @Test func `may be spoilt anywhere`() {
    var blocks = PEMBlocks(Array(Self.ecdsa.utf8))
    let bytes = blocks.next()?.bytes ?? []
    #expect(!bytes.isEmpty)
    for place in bytes.indices {
      #expect(throws: CertificateFault.self) { try CertificateRequest(der: Array(bytes[..<place])).checkSignature() }
      for flip in [UInt8(0x01), 0x20, 0x80, 0xFF] {
        var spoilt = bytes
        spoilt[place] ^= flip
        #expect(throws: CertificateFault.self) { try CertificateRequest(der: spoilt).checkSignature() }
      }
    }
  }

  @Test func `are answered with whole certificates`() {
    func problem(_ text: String) -> String? { IssuedCertificates.problem(Array(text.utf8)) }
    #expect(problem("") == nil && problem(Self.certificate) == nil)
    #expect(problem("\(Self.certificate)\n\(Self.certificate)\n") == nil)
    #expect(problem("text") == "must contain at least one CERTIFICATE PEM block")
    #expect(
      problem(Self.ecdsa) == "only CERTIFICATE PEM blocks are allowed, found \"CERTIFICATE REQUEST\"")
    let headed = Self.certificate.split(separator: "\n", maxSplits: 1).joined(separator: "\nProc-Type: 4\n\n")
    #expect(problem(headed) == "no PEM block headers are permitted")
    #expect(problem(changed(Self.certificate) { $0.removeLast() }) == "x509: malformed certificate")
    #expect(problem(changed(Self.certificate) { $0.append(0) }) == "x509: malformed certificate")
    #expect(
      problem(changed(Self.certificate) { $0 = [] }) == "found CERTIFICATE PEM block containing 0 certificates")
  }
}
