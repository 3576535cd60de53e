import ByteBuffers
import JSON
import Schema
import Testing

@Suite struct `YAML` {
  @Test(arguments: [
    ("a: 1\nb: [x, 'y', \"z\"]\n", #"{"a":1,"b":["x","y","z"]}"#),
    ("a: yes\nb: \"yes\"\nc: off\n", #"{"a":true,"b":"yes","c":false}"#),
    ("a: ~\nb:\nc: null\n", #"{"a":null,"b":null,"c":null}"#),
    ("a: 0x1F\nb: 010\nc: 1_000\nd: 1.5e3\ne: 1.2.3\n", #"{"a":31,"b":8,"c":1000,"d":1500,"e":"1.2.3"}"#),
    ("a: 2026-01-02T03:04:05Z\n", #"{"a":"2026-01-02T03:04:05Z"}"#),
    ("1: x\ntrue: z\n", #"{"1":"x","true":"z"}"#), ("a: &x {b: 1}\nc: *x\n", #"{"a":{"b":1},"c":{"b":1}}"#),
    ("a: |\n  x\n  y\n", #"{"a":"x\ny\n"}"#), ("- 1\n- - 2\n", "[1,[2]]"), ("", "null"),
  ])
  func `texts are read by go-yaml's rules`(text: String, json: String) throws {
    #expect(try JSONValue(yaml: ByteSlice(SharedBytes(text))).encoded().text == json)
  }

  @Test func `names given twice are told`() throws {
    var duplicates: [String] = []
    let value = try JSONValue(yaml: ByteSlice(SharedBytes("a: 1\nb: 2\na: 3\n")), duplicates: &duplicates)
    #expect(value["a"] == 3 && duplicates == [#"line 3: key "a" already set in map"#], "\(duplicates)")
  }

  @Test func `what would grow without end is refused`() {
    var bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n"
    for level in 1...9 {
      bomb +=
        "a\(level): &a\(level) [" + [String](repeating: "*a\(level - 1)", count: 10).joined(separator: ",") + "]\n"
    }
    #expect(throws: YAMLError.self) { try JSONValue(yaml: ByteSlice(SharedBytes(bomb))) }
    #expect(throws: YAMLError.self) {
      try JSONValue(yaml: ByteSlice(SharedBytes(String(repeating: "[", count: 100_000))))
    }
    #expect(throws: YAMLError.self) {
      try JSONValue(yaml: ByteSlice(SharedBytes(String(repeating: "- ", count: 100_000))))
    }
  }

  @Test(arguments: [
    (#"{"b":1,"a":{"x":[],"z":{}}}"#, "a:\n  x: []\n  z: {}\nb: 1\n"),
    (#"{"l":[{"b":1,"a":2},[3]]}"#, "l:\n- a: 2\n  b: 1\n- - 3\n"),
    (#"{"s":"true","r":"1","t":"a: b","u":"","y":"x"}"#, "r: \"1\"\ns: \"true\"\nt: 'a: b'\nu: \"\"\n\"y\": x\n"),
    (#"{"m":"a\nb\n"}"#, "m: |\n  a\n  b\n"), (#"{"m":"a\nb"}"#, "m: |-\n  a\n  b\n"),
  ])
  func `values are written as kube-apiserver writes them, and read back`(json: String, yaml: String) throws {
    let value = try JSONValue(parsing: json)
    #expect(value.yaml().text == yaml)
    let again = try JSONValue(yaml: ByteSlice(value.yaml()))
    var (a, b) = (value, again)
    #expect(Self.sorted(&a).encoded().text == Self.sorted(&b).encoded().text)
  }

  @Test(arguments: [
    ("\u{8C}x", "\"\\x8Cx\""), ("a\tb", "\"a\\tb\""), ("a\u{85}b\u{2028}", "\"a\\Nb\\L\""), ("\u{FEFF}", "\"\\uFEFF\""),
    ("\u{1F600}", "\"\\U0001F600\""),
    ("é\u{A0}", "é\u{A0}"), ("a \nb", "\"a \\nb\""), ("a\r\nb", "\"a\\r\\nb\""),
  ])
  func `what YAML does not print is escaped`(text: String, yaml: String) throws {
    #expect(JSONValue.string(text).yaml().text == yaml + "\n")
  }

  @Test func `a block that begins with a space says its indent, whatever stands on the space`() throws {
    let text = JSONValue.string(" \u{301}a\nb")
    #expect(text.yaml().text == "|2-\n   \u{301}a\n  b\n")
    #expect(try JSONValue(yaml: ByteSlice(text.yaml())) == text)
  }

  @Test(arguments: [UInt64(1), 2, 3])
  func `any text comes back, as a value and as a name`(seed: UInt64) throws {
    var random = Seeded(seed)
    let awkward = Array(
      " \n\t:#-?'\"\\|>&*!%@`,[]{}~=0159aezyn\u{85}\u{A0}\u{8C}\u{2028}\u{2029}\u{FEFF}\u{FFFD}\u{1F600}é"
        .unicodeScalars)
    for _ in 0..<2_000 {
      let text = String(
        String.UnicodeScalarView(
          (0..<Int.random(in: 0...6, using: &random)).compactMap { _ in awkward.randomElement(using: &random) }))
      // libyaml takes a byte order mark for one wherever a line begins.
      if text.unicodeScalars.first == "\u{FEFF}" { continue }
      let value: JSONValue = [
        "a": .string(text), "l": [.string(text)],
        "m": .object(JSONObject(unchecked: [JSONObject.Member(text, .string(text))])),
      ]
      #expect(try JSONValue(yaml: ByteSlice(value.yaml())) == value, "\(text.debugDescription): \(value.yaml().text)")
    }
  }

  private static func sorted(_ value: inout JSONValue) -> JSONValue {
    switch value {
    case .object(var object):
      object.sortByName()
      return .object(
        JSONObject(
          unchecked: object.members.map {
            var v = $0.value; return JSONObject.Member($0.name, sorted(&v))
          }))
    case .array(let elements):
      return .array(
        elements.map {
          var v = $0; return sorted(&v)
        })
    default: return value
    }
  }
}
