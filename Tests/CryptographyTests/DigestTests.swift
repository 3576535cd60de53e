import ByteBuffers
import Cryptography
import Testing

@Suite struct `Digests` {
  @Test func `they are those of FIPS 180`() {
    #expect(
      Digest.sha256.hex(Array("abc".utf8), .upper) == "BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD"
    )
    #expect(Digest.sha256.hex([], .lower) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
    #expect(
      Digest.sha512.hex(Array("abc".utf8), .upper).hasPrefix(
        "DDAF35A193617ABACC417349AE20413112E6FA4E89A97EA20A9EEEE64B55D39A2192992A274FC1A8"))
  }
}
