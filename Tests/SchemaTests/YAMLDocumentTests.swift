import ByteBuffers
import JSON
import Schema
import Testing

@Suite struct `YAML documents` {
  private static let mapOnly = "yaml: map merge requires map or sequence of maps as the value"

  @Test(arguments: [
    ("l: &l {a: '1'}\nm:\n  <<: *l\n  b: '2'\n", #"{"l":{"a":"1"},"m":{"a":"1","b":"2"}}"#),
    ("l: &l {a: 1}\nm: {<<: *l, a: 2}\n", #"{"l":{"a":1},"m":{"a":2}}"#),
    // go-yaml merges where the key stands: what stood before it is set again.
    ("l: &l {a: 1}\nm: {a: 2, <<: *l}\n", #"{"l":{"a":1},"m":{"a":1}}"#),
    ("m: {<<: {a: 1}, b: 2}\n", #"{"m":{"a":1,"b":2}}"#),
    (
      "l: [&x {a: 1, b: 1}, &y {a: 2, c: 2}]\nm: {<<: [*x, *y]}\n",
      #"{"l":[{"a":1,"b":1},{"a":2,"c":2}],"m":{"a":1,"c":2,"b":1}}"#
    ), ("m: {<<: [{a: 1}, {a: 2}], b: 3}\n", #"{"m":{"a":1,"b":3}}"#),
    (
      "a: &a {x: 1}\nb: &b {<<: *a, w: 2}\nc: {<<: *b, z: 3}\n",
      #"{"a":{"x":1},"b":{"x":1,"w":2},"c":{"x":1,"w":2,"z":3}}"#
    ), ("m: {<<: []}", #"{"m":{}}"#), ("m: {'<<': 1}", #"{"m":{"\u003c\u003c":1}}"#),
    ("m: {!!merge '<<': {a: 1}}", #"{"m":{"a":1}}"#), ("m: {!!str <<: 1}", #"{"m":{"\u003c\u003c":1}}"#),
    ("a: &k <<\nm: {*k : 1}", #"{"a":"\u003c\u003c","m":{"\u003c\u003c":1}}"#), ("l: [<<]", #"{"l":["\u003c\u003c"]}"#),
    ("m: {<<: 1}", mapOnly), ("m: {<<: ~}", mapOnly), ("l: &l [1]\nm: {<<: *l}", mapOnly), ("m: {<<: [1]}", mapOnly),
    ("l: &l x\nm: {<<: [*l]}", mapOnly), ("m: {<<: [[{a: 1}]]}", mapOnly),
    ("m: &m {<<: *m}", "yaml: anchor 'm' value contains itself"),
  ])
  func `merge keys are followed`(text: String, json: String) {
    #expect(yaml(text) == json)
  }

  @Test(arguments: [
    ("a: &x 1\nb: *x\n", #"{"a":1,"b":1}"#), ("a: &x 1\nb: &x 2\nc: *x\n", #"{"a":1,"b":2,"c":2}"#),
    ("a: &x [&x w, *x]", #"{"a":["w","w"]}"#), ("a: *x", "yaml: unknown anchor 'x' referenced"),
    ("a: &x [*x]", "yaml: anchor 'x' value contains itself"),
    ("a: &x {b: &y [*x]}\nc: *y", "yaml: anchor 'x' value contains itself"),
  ])
  func `aliases stand for what their anchor was last given to`(text: String, json: String) {
    #expect(yaml(text) == json)
  }

  @Test(arguments: [
    ("\u{FEFF}a: 1\nb: 2\n", #"{"a":1,"b":2}"#), ("\u{FEFF}{\"a\":1}", #"{"a":1}"#),
    ("\u{FEFF}# x\n---\na: 1", #"{"a":1}"#), ("\u{FEFF}", "null"), ("a: 1\n---\nb: 2\n", #"{"a":1}"#),
    ("a: 1\n...\n{", #"{"a":1}"#), ("---\n---\na: 1", "null"),
    ("# only a comment\n", "null"), ("...\n", "yaml: did not find expected node content"),
    ("%YAML 1.1\n---\na: 1\n", #"{"a":1}"#), ("%YAML 1.2\n---\na: 1\n", "yaml: found incompatible YAML document"),
    ("%YAML 2.0\n---\na: 1\n", "yaml: found incompatible YAML document"),
    ("%YAML 1.1\n%YAML 1.1\n---\na: 1\n", "yaml: line 1: found duplicate %YAML directive"),
    ("%TAG !e! tag:yaml.org,2002:\n---\na: !e!str 5\n", #"{"a":"5"}"#),
    ("%FOO bar\n---\na: 1\n", "yaml: found unknown directive name"),
    ("a: b: c", "yaml: mapping values are not allowed in this context"),
    ("a: [1", "yaml: line 1: did not find expected ',' or ']'"),
    ("a:\n\tb: 1", "yaml: line 2: found character that cannot start any token"),
    ("a: \u{1}", "yaml: control characters are not allowed"),
    ("a: {u: http://x?y}", "yaml: did not find expected ',' or '}'"),
    ("a: [x?]", "yaml: did not find expected ',' or ']'"),
    ("{?a: 1, ?b2: {?c: 2}, ?d}", #"{"a":1,"b2":{"c":2},"d":null}"#), ("[?a: 1]", #"[{"a":1}]"#),
    ("{?a?: 1}", "yaml: did not find expected ',' or '}'"),
    ("{??a: 1}", "yaml: did not find expected node content"), ("{?\"a\": 1}", #"{"a":1}"#),
    ("{a: ?b}", "yaml: did not find expected node content"), ("a: ['x?', \"?\"]", #"{"a":["x?","?"]}"#),
    ("a: x?y", #"{"a":"x?y"}"#), ("a: \"\\0\"", #"{"a":"\u0000"}"#),
    ("a: >\n  x\n  y\n", #"{"a":"x y\n"}"#), ("é: \u{1F600}", "{\"é\":\"\u{1F600}\"}"),
  ])
  func `marks, documents, directives and faults`(text: String, json: String) {
    #expect(yaml(text) == json)
  }

  @Test func `UTF-16 is read by its mark`() throws {
    for isBig in [true, false] {
      let units: [UInt16] = Array("\u{FEFF}a: é\u{1F600}\n".utf16)
      let bytes = units.flatMap { isBig ? [UInt8($0 >> 8), UInt8($0 & 0xFF)] : [UInt8($0 & 0xFF), UInt8($0 >> 8)] }
      #expect(try JSONValue(yaml: ByteSlice(SharedBytes(bytes))) == ["a": "é\u{1F600}"])
    }
    #expect(throws: YAMLError.self) { try JSONValue(yaml: ByteSlice(SharedBytes([0xFF, 0xFE, 0x61]))) }
    #expect(throws: YAMLError.self) { try JSONValue(yaml: ByteSlice(SharedBytes([0x61, 0xFF]))) }
  }

  @Test(arguments: [
    ("a: 1\nb: 2\na: 3\n", [#"line 3: key "a" already set in map"#]),
    ("a: 1\na:\n  b: 1\n", [#"line 3: key "a" already set in map"#]),
    ("m:\n  <<: {a: 1}\n  a: 2\n", [#"line 3: key "a" already set in map"#]),
    ("m: {a: 2,\n  <<: {a: 1}}\n", [#"line 2: key "a" already set in map"#]), ("1: x\n'1': y\n", []),
    (
      "1: x\n01: y\ntrue: 1\nyes: 2\n1.5: 1\n1.50: 2",
      ["line 2: key 1 already set in map", "line 4: key true already set in map", "line 6: key 1.5 already set in map"]
    ),
    ("l: &l {a: 1, a: 2}\nm: *l\n", [#"line 1: key "a" already set in map"#, #"line 1: key "a" already set in map"#]),
    ("é: 1\ne\u{301}: 2", []), (#""a\tb": 1"# + "\n" + #""a\tb": 1"#, [#"line 2: key "a\tb" already set in map"#]),
    ("m: {<<: [{a: 1}, {a: 2}]}", [#"line 1: key "a" already set in map"#]),
  ])
  func `keys given twice are told, and the last one counts`(text: String, expected: [String]) throws {
    var duplicates: [String] = []
    let value = try JSONValue(yaml: ByteSlice(SharedBytes(text)), duplicates: &duplicates)
    #expect(duplicates == expected)
    // By bytes: two spellings of one letter are two names.
    if text.hasPrefix("é") { #expect(value.object?.count == 2) }
  }

  @Test func `many keys keep their order and their last values`() throws {
    let lines = (0..<40).map { "k\($0 % 30): \($0)" }
    var duplicates: [String] = []
    let value = try JSONValue(yaml: ByteSlice(SharedBytes(lines.joined(separator: "\n"))), duplicates: &duplicates)
    #expect(value.object?.members.map(\.name) == (0..<30).map { "k\($0)" })
    #expect(value["k3"] == 33 && value["k29"] == 29 && duplicates.count == 10)
  }

  @Test(arguments: [
    ("a: 1\n---\nb: 2\n", 3), ("a: 1\n--- x\n", 2), ("---\n---\nb: 2\n", 3), ("a: 1\n...\n---\n{}\n", 4),
    ("# x\n---\n# y\n---\na: 1\n", 5),
  ])
  func `a file with a second document is refused`(text: String, line: Int) {
    var duplicates: [String] = []
    let problem = #expect(throws: YAMLError.self) {
      try JSONValue(yamlFile: ByteSlice(SharedBytes(text)), duplicates: &duplicates)
    }
    #expect(
      problem?.description
        == "yaml: line \(line): more than one document, and only the first would count: leave the others out")
  }

  @Test(arguments: [
    "a: 1\n", "---\na: 1\n---\n", "---\na: 1\n...\n", "\u{FEFF}---\na: 1\n--- # nothing\n---\n",
    "a: 1\n--- ~\n".replacing("~", with: ""),
  ])
  func `a file with one document is read`(text: String) throws {
    var duplicates: [String] = []
    #expect(try JSONValue(yamlFile: ByteSlice(SharedBytes(text)), duplicates: &duplicates) == ["a": 1])
  }
}
