import ByteBuffers
import FoundationEssentials
import JSON
import Testing

@Suite struct `Bytes as base64` {
  @Test func `every length agrees with Foundation both ways`() throws {
    var generator = SystemRandomNumberGenerator()
    for count in Array(0...80) + [3071, 3072, 3073, 6000, 10_000] {
      let bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
      var writer = JSONWriter()
      bytes.withUnsafeBytes { writer.base64($0) }
      let text = writer.finish().text
      #expect(text == "\"\(Data(bytes).base64EncodedString())\"")
      let inner = Array(text.utf8.dropFirst().dropLast())
      #expect(inner.withUnsafeBytes { Base64.decode($0)?.array } == bytes)
    }
  }

  @Test(arguments: ["a", "ab", "abc", "=", "====", "a===", "ab=c", "abc\n", "a\u{0}bc", "ab-_", "abcd=", "ab==abcd"])
  func `what is no padded base64 is refused`(text: String) {
    #expect(Array(text.utf8).withUnsafeBytes { Base64.decode($0) } == nil)
  }
}
