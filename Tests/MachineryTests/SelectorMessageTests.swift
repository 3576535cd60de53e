import Machinery
import Testing

@Suite struct `Selector messages` {
  static let key =
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"

  @Test(arguments: [
    ("a===b", "unable to parse requirement: found '=', expected: identifier"),
    ("a in (b", "unable to parse requirement: found '', expected: ',' or ')'"),
    ("a in b", "unable to parse requirement: found 'b' expected: '('"),
    ("a in (", "unable to parse requirement: found '', expected: ',', ')' or identifier"),
    ("a in (b,", "unable to parse requirement: found '', expected: ',', or identifier"),
    ("a=b,", "found '', expected: identifier after ','"),
    ("a b", "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"),
    ("!a=b", "found '=', expected: ',' or 'end of string'"),
    ("=a", "found '=', expected: !, identifier, or 'end of string'"),
    ("!!a", "unable to parse requirement: found '!', expected: identifier"),
    ("a=b c", "found 'c', expected: ',' or 'end of string'"),
    ("-a=1", "unable to parse requirement: <nil>: Invalid value: \"-a\": \(key)"),
    (
      "n>x",
      "unable to parse requirement: values[0]: Invalid value: \"x\": for 'Gt', 'Lt' operators, the value must be an integer"
    ),
  ])
  func `of label selectors are upstream's`(selector: String, message: String) {
    #expect { try LabelSelector.parse(selector) } throws: { "\($0)" == message }
  }

  @Test func `name each bad value`() {
    let value =
      "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
    #expect { try LabelSelector.parse("a in (b@,c,d@)") } throws: {
      "\($0)"
        == "unable to parse requirement: [values[0][a]: Invalid value: \"b@\": \(value), values[2][a]: Invalid value: \"d@\": \(value)]"
    }
  }

  @Test(arguments: [
    ("x in (a,,)", ["", "a"]), ("x in (,a)", ["", "a"]), ("x in ()", [""]), ("x in (a,,b)", ["", "a", "b"]),
    ("x in (b,a,b)", ["a", "b"]), ("x notin (in,notin)", ["in", "notin"]), ("x=", [""]), ("x", []),
  ])
  func `lists of values may have gaps`(selector: String, values: [String]) throws {
    #expect(try LabelSelector.parse(selector).requirements.map(\.values) == [values])
  }

  @Test func `requirements are sorted by key, and words may be operators`() throws {
    let parsed = try LabelSelector.parse("notin notin (a), in in (b),!z , a")
    #expect(parsed.requirements.map(\.key) == ["a", "in", "notin", "z"])
    #expect(parsed.requirements.map(\.op) == [.exists, .in, .notIn, .doesNotExist])
  }

  @Test(arguments: [
    ("metadata.name", "invalid selector: 'metadata.name'; can't understand 'metadata.name'"),
    (#"a=\x"#, #"invalid field selector: invalid escape sequence: \x"#),
    (#"a=b\"#, #"invalid field selector: invalid escape sequence: \"#),
    ("a=b=c", "invalid field selector: unescaped character in value: 61"),
    ("z=1,b", "invalid selector: 'z=1,b'; can't understand 'b'"),
  ])
  func `of field selectors are upstream's`(selector: String, message: String) {
    #expect { try FieldSelector.parse(selector) } throws: { "\($0)" == message }
  }

  @Test func `field selectors are split at operators and unescaped`() throws {
    #expect(
      try FieldSelector.parse(#"b!=x,a==1\,2\=3\\,,c="#).terms == [
        FieldSelector.Term(field: "a", isEqual: true, value: #"1,2=3\"#),
        FieldSelector.Term(field: "b", isEqual: false, value: "x"),
        FieldSelector.Term(field: "c", isEqual: true, value: ""),
      ])
    #expect(try FieldSelector.parse("=").isEverything)
  }

  @Test(arguments: [11] as [UInt64])
  func `no text breaks the parsers`(seed: UInt64) {
    var random = Seeded(seed)
    let alphabet = Array("ab,=!()<> in\\\u{0}é/.-1")
    for _ in 0..<5_000 {
      let text = String(
        (0..<Int.random(in: 0...14, using: &random)).map { _ in alphabet.randomElement(using: &random) ?? "a" })
      _ = try? LabelSelector.parse(text)
      _ = try? FieldSelector.parse(text)
    }
  }
}
