import CustomResources
import JSON
import Machinery
import Testing

@Suite("Values of custom resources")
struct SchemaValidatorTests {
  private static func problems(_ schema: String, _ value: String, old: String? = nil) throws -> [String] {
    let validator = SchemaValidator(StructuralSchema(try JSONValue(parsing: schema)))
    return validator.findings(
      try JSONValue(parsing: value), replacing: try old.map { try JSONValue(parsing: $0) }
    ).errors.map(\.message)
  }

  private static func object(_ property: String) -> String {
    #"{"type":"object","properties":{"x":\#(property)}}"#
  }

  /// The schema of `x`, a value that is wrong, one that is right, and what is said of the first.
  @Test(arguments: [
    (#"{"type":"string"}"#, "5", #""5""#, #"x: Invalid value: "integer": x in body must be of type string: "integer""#),
    (
      #"{"type":"string","nullable":false}"#, "null", #""""#,
      #"x: Invalid value: "null": x in body must be of type string: "null""#
    ),
    (
      #"{"type":"integer","minimum":1}"#, "0", "1",
      "x: Invalid value: 0: x in body should be greater than or equal to 1"
    ),
    (
      #"{"type":"integer","maximum":5,"exclusiveMaximum":true}"#, "5", "4",
      "x: Invalid value: 5: x in body should be less than 5"
    ),
    (
      #"{"type":"number","multipleOf":0.5}"#, "0.7", "1.5",
      "x: Invalid value: 0.7: x in body should be a multiple of 0.5"
    ),
    (#"{"type":"string","maxLength":2}"#, #""äöü""#, #""äö""#, "x: Too long: may not be more than 2 bytes"),
    (
      #"{"type":"string","minLength":2}"#, #""ä""#, #""äö""#,
      #"x: Invalid value: "ä": x in body should be at least 2 chars long"#
    ),
    (
      #"{"type":"string","pattern":"^a+$"}"#, #""b""#, #""aa""#,
      #"x: Invalid value: "b": x in body should match '^a+$'"#
    ),
    (
      #"{"type":"string","enum":["a","b"]}"#, #""c""#, #""a""#,
      #"x: Unsupported value: "c": supported values: "a", "b""#
    ),
    (
      #"{"type":"array","items":{"type":"integer"},"maxItems":1}"#, "[1,2]", "[1]",
      "x: Too many: 2: must have at most 1 item"
    ),
    (
      #"{"type":"array","items":{"type":"integer"}}"#, #"["a"]"#, "[1]",
      #"x[0]: Invalid value: "string": x[0] in body must be of type integer: "string""#
    ),
    (
      #"{"type":"object","required":["a"],"properties":{"a":{"type":"string"}}}"#, "{}", #"{"a":""}"#,
      "x.a: Required value"
    ),
    (
      #"{"type":"object","additionalProperties":{"type":"integer"}}"#, #"{"k":"v"}"#, #"{"k":1}"#,
      #"x.k: Invalid value: "string": x.k in body must be of type integer: "string""#
    ),
    (
      #"{"x-kubernetes-int-or-string":true}"#, "true", "5",
      #"x: Invalid value: "boolean": x in body must be of type integer,string: "boolean""#
    ),
    (
      #"{"type":"string","format":"ipv4"}"#, #""1.2.3""#, #""1.2.3.4""#,
      #"x: Invalid value: "1.2.3": x in body must be of type ipv4: "1.2.3""#
    ),
  ])
  func `each keyword is told of in upstream's words`(
    _ property: String, _ wrong: String, _ right: String, _ message: String
  ) throws {
    let schema = Self.object(property)
    #expect(try Self.problems(schema, #"{"x":\#(wrong)}"#) == [message])
    #expect(try Self.problems(schema, #"{"x":\#(right)}"#) == [])
  }

  @Test func `of alternatives the one that fits best is told of`() throws {
    let schema = Self.object(
      #"{"type":"object","x-kubernetes-preserve-unknown-fields":true,"oneOf":[{"required":["a"]},{"required":["b"]}]}"#)
    #expect(try Self.problems(schema, #"{"x":{"a":1}}"#) == [])
    #expect(
      try Self.problems(schema, #"{"x":{"a":1,"b":1}}"#) == [
        #"<nil>: Invalid value: "": "x" must validate one and only one schema (oneOf). Found 2 valid alternatives"#
      ])
    #expect(
      try Self.problems(schema, #"{"x":{}}"#).first
        == #"<nil>: Invalid value: "": "x" must validate one and only one schema (oneOf). Found none valid"#)
  }

  @Test func `what was wrong and does not change may stay`() throws {
    let schema = #"""
      {"type":"object","properties":{
        "a":{"type":"integer","maximum":5},"b":{"type":"string"},
        "l":{"type":"array","x-kubernetes-list-type":"map","x-kubernetes-list-map-keys":["k"],
          "items":{"type":"object","properties":{"k":{"type":"string"},"n":{"type":"integer","maximum":5}}}}}}
      """#
    let old = #"{"a":9,"b":"x","l":[{"k":"p","n":9},{"k":"q","n":1}]}"#
    #expect(try Self.problems(schema, #"{"a":9,"b":"y","l":[{"k":"q","n":2},{"k":"p","n":9}]}"#, old: old) == [])
    #expect(
      try Self.problems(schema, #"{"a":8,"b":"x","l":[{"k":"q","n":9},{"k":"p","n":9}]}"#, old: old) == [
        "a: Invalid value: 8: a in body should be less than or equal to 5",
        "l[0].n: Invalid value: 9: l[0].n in body should be less than or equal to 5",
      ])
  }

  @Test func `formats are as lenient as Go's`() throws {
    let good = [
      ("email", "Name <a@b.org>"), ("hexcolor", "ff0000"), ("uuid", "0123456789ABCDEF0123456789abcdef"),
      ("duration", "3 weeks"), ("duration", "P1D"), ("duration", "1h30m"), ("date-time", "2020-01-02t03:04:05z"),
      ("date-time", "2020-01-02T03:04:05.123+01:00"), ("uri", "/a/b"), ("uri", "http://x"),
      ("mac", "01-23-45-67-89-ab"),
      ("cidr", "10.0.0.0/8"), ("ipv6", "::1"), ("isbn10", "0321751043"), ("byte", "YQ=="), ("password", "x"),
      ("unheard-of", "x"), ("hostname", "a.example.org"), ("creditcard", "4111 1111 1111 1111"),
    ]
    let bad = [
      ("email", "a"), ("hexcolor", "ff00"), ("uuid", "x"), ("duration", "soon"), ("date-time", "2020-01-02"),
      ("date", "2020-13-01"), ("uri", "a b"), ("uri", "x/y"), ("mac", "01:23"), ("cidr", "10.0.0.0"),
      ("ipv6", "1.2.3.4"),
      ("isbn10", "0321751044"), ("byte", "a"), ("ipv4", "::1"), ("creditcard", "4111111111111112"),
    ]
    func problems(_ format: String, _ text: String) throws -> [String] {
      let schema = Self.object(#"{"type":"string","format":"\#(format)"}"#)
      return try Self.problems(schema, #"{"x":"\#(text)"}"#)
    }
    for (format, text) in good { #expect(try problems(format, text) == [], "\(format) \(text)") }
    for (format, text) in bad { #expect(try problems(format, text).count == 1, "\(format) \(text)") }
  }
}
