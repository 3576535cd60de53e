import ByteBuffers
import JSON
import Testing

/// Bytes as Go's encoding/json writes them.
@Suite struct `JSON writer` {
  @Test(arguments: [
    ("plain", #""plain""#), ("", #""""#), ("a\"b\\c", #""a\"b\\c""#),
    ("<a href='x'>&", #""\u003ca href='x'\u003e\u0026""#),
    ("\u{2028}\u{2029}\u{2027}", #""\u2028\u2029‧""#), ("\u{8}\u{c}\n\r\t", #""\b\f\n\r\t""#),
    ("\u{0}\u{1f}\u{7f}", "\"\\u0000\\u001f\u{7f}\""),
    ("ü€😀", #""ü€😀""#), ("\u{201c}q\u{201d}", "\"\u{201c}q\u{201d}\""),
  ])
  func `strings are escaped as in Go`(text: String, expected: String) {
    #expect(JSONValue.string(text).encoded().text == expected)
  }

  @Test(arguments: [
    (0, "0"), (1, "1"), (-1.5, "-1.5"), (0.1, "0.1"), (100, "100"), (1e20, "100000000000000000000"), (1e21, "1e+21"),
    (1.5e300, "1.5e+300"), (1e-6, "0.000001"),
    (1e-7, "1e-7"), (1.25e-9, "1.25e-9"), (123456789.125, "123456789.125"), (.leastNonzeroMagnitude, "5e-324"),
    (1.7976931348623157e308, "1.7976931348623157e+308"),
    (9007199254740992, "9007199254740992"), (0.000123, "0.000123"),
  ])
  func `doubles are written as in Go`(number: Double, expected: String) {
    #expect(JSONValue.double(number).encoded().text == expected)
  }

  @Test(arguments: [Int64.min, -1, 0, 7, 10, 1_234_567_890, .max])
  func `integers keep all their digits`(number: Int64) throws {
    #expect(JSONValue.int(number).encoded().text == String(number))
    #expect(try JSONValue(parsing: String(number)) == .int(number))
  }

  @Test func `members keep their order, and pretty text is indented as json.Indent does`() throws {
    let text = #"{"b":1,"a":[],"c":{},"d":[{"x":[1,2]},"{\"[,:"]}"#
    let value = try JSONValue(parsing: text)
    #expect(value.encoded().text == text)
    let pretty =
      "{\n  \"b\": 1,\n  \"a\": [],\n  \"c\": {},\n  \"d\": [\n    {\n      \"x\": [\n        1,\n        2\n      ]\n    },\n    \"{\\\"[,:\"\n  ]\n}"
    #expect(JSONIndent.pretty([ByteSlice(value.encoded())]).text == pretty)
    // However the text is cut into slices.
    let bytes = value.encoded()
    for cut in 0...bytes.count {
      let halves = [ByteSlice(bytes, offset: 0, count: cut), ByteSlice(bytes, offset: cut, count: bytes.count - cut)]
      #expect(JSONIndent.pretty(halves).text == pretty)
    }
  }
}
