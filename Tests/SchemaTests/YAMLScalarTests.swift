import ByteBuffers
import JSON
import Schema
import Testing

/// What a text reads as, in JSON, or the refusal.
func yaml(_ text: String) -> String {
  do { return try JSONValue(yaml: ByteSlice(SharedBytes(text))).encoded().text } catch { return "\(error)" }
}

@Suite struct `YAML scalars` {
  @Test(arguments: [
    // Truths and nothing.
    ("y", "true"), ("Y", "true"), ("yes", "true"), ("YES", "true"), ("on", "true"), ("True", "true"), ("n", "false"),
    ("No", "false"), ("OFF", "false"), ("false", "false"),
    ("yEs", #""yEs""#), ("tRUE", #""tRUE""#), ("~", "null"), ("null", "null"), ("Null", "null"), ("NULL", "null"),
    ("nULL", #""nULL""#), ("''", #""""#), (#""yes""#, #""yes""#), ("'~'", #""~""#),
    // Integers.
    ("0", "0"), ("-0", "0"), ("+7", "7"), ("010", "8"), ("0o17", "15"), ("0O17", "15"), ("-010", "-8"), ("0x1F", "31"),
    ("0X1f", "31"), ("-0x10", "-16"), ("0b101", "5"), ("-0b101", "-5"),
    ("1_000", "1000"), ("1__0_", "10"), ("0x_f", "15"), ("_1", #""_1""#),
    ("9223372036854775807", "9223372036854775807"), ("-9223372036854775808", "-9223372036854775808"),
    ("0x7FFFFFFFFFFFFFFF", "9223372036854775807"), ("9223372036854775808", "9223372036854776000"),
    ("18446744073709551616", "18446744073709552000"), ("0xFFFFFFFFFFFFFFFFF", #""0xFFFFFFFFFFFFFFFFF""#),
    ("08", "8"), ("0x", #""0x""#), ("0xg", #""0xg""#), ("0b2", #""0b2""#), ("+-1", #""+-1""#), ("-", #""-""#),
    ("+", #""+""#), ("1a", #""1a""#), ("12e", #""12e""#),
    // Floats: whole ones are integers in JSON.
    ("1.5", "1.5"), ("1.0", "1"), ("1e3", "1000"), ("1.5e3", "1500"), ("1E-2", "0.01"), (".5", "0.5"), ("5.", "5"),
    ("+.5", "0.5"), ("-.5e1", "-5"), (".1_0", "0.1"), ("._1", #""._1""#), (".1_", #"".1_""#),
    ("1e21", "1e+21"), ("1e-7", "1e-7"), ("1e999", #""1e999""#), ("1e-999", "0"), (".", #"".""#), ("..", #""..""#),
    (".e3", #"".e3""#), ("1.2.3", #""1.2.3""#), ("0x1p4", #""0x1p4""#), ("Infinity", #""Infinity""#),
    ("NaN", #""NaN""#), ("inf", #""inf""#), ("1_0.5_0", "10.5"),
    // Times and base 60 stay text.
    ("2026-01-02", #""2026-01-02""#), ("2026-1-2", #""2026-1-2""#),
    ("2026-01-02T03:04:05Z", #""2026-01-02T03:04:05Z""#), ("12:30", #""12:30""#), ("1:30.5", #""1:30.5""#),
    ("<<", #""\u003c\u003c""#),
  ])
  func `plain ones are what go-yaml takes them for`(text: String, json: String) {
    #expect(yaml("[\(text)]") == "[\(json)]")
  }

  @Test(arguments: [".inf", "+.Inf", "-.INF", ".nan", ".NaN"])
  func `what JSON has no number for is refused`(text: String) {
    let name = text.lowercased().contains("nan") ? "NaN" : text.hasPrefix("-") ? "-Inf" : "+Inf"
    #expect(yaml("a: \(text)") == "json: unsupported value: \(name)")
    #expect(yaml("a: '\(text)'") == #"{"a":"\#(text)"}"#)
  }

  @Test(arguments: [
    ("!!str no", #""no""#), ("!!str 5", #""5""#), ("!!str ~", #""~""#), ("!!str", #""""#), ("!!str '5'", #""5""#),
    ("!!int '5'", "5"), (#"!!int "0x1F""#, "31"), ("!!int 5", "5"), ("!!float 5", "5"),
    ("!!float '1.5'", "1.5"), ("!!bool yes", "true"), ("!!bool 'off'", "false"), ("!!null ''", "null"),
    ("!!null ~", "null"), ("!!binary aGVsbG8=", #""hello""#), ("!!binary |\n  aGVs\n  bG8=\n", #""hello""#),
    ("!!binary /w==", "\"\u{FFFD}\""), ("!!binary ''", #""""#), ("!!timestamp 2026-01-02", #""2026-01-02""#),
    ("!!timestamp '2026-1-2t3:4:5.5+01:00'", #""2026-1-2t3:4:5.5+01:00""#),
    ("!!timestamp 2026-01-02 03:04:05", #""2026-01-02 03:04:05""#), ("!foo 5", #""5""#), ("!foo", #""""#),
    ("!<tag:example.com,2026:x> yes", #""yes""#), ("! 5", #""5""#), ("! '5'", #""5""#), ("!!merge x", #""x""#),
    ("!!set {a, b}", #"{"a":null,"b":null}"#),
    ("!!map {a: 1}", #"{"a":1}"#), ("!!seq [1]", "[1]"), ("!!str {a: 1}", #"{"a":1}"#),
    ("!!omap [a: 1]", #"[{"a":1}]"#),
    ("!!int x", "yaml: cannot decode !!str `x` as a !!int"),
    ("!!int 1.5", "yaml: cannot decode !!float `1.5` as a !!int"),
    ("!!int ''", "yaml: cannot decode !!null `` as a !!int"),
    ("!!int 2026-01-02", "yaml: cannot decode !!str `2026-01-02` as a !!int"),
    ("!!float x", "yaml: cannot decode !!str `x` as a !!float"),
    ("!!bool 1", "yaml: cannot decode !!int `1` as a !!bool"),
    ("!!null x", "yaml: cannot decode !!str `x` as a !!null"),
    ("!!null 5", "yaml: cannot decode !!int `5` as a !!null"),
    ("!!timestamp x", "yaml: cannot decode !!str `x` as a !!timestamp"),
    ("!!timestamp 2026-02-30", "yaml: cannot decode !!str `2026-02-30` as a !!timestamp"),
    ("!!timestamp 5", "yaml: cannot decode !!int `5` as a !!timestamp"),
    ("!!binary 'a?'", "yaml: !!binary value contains invalid base64 data"),
    ("!x!y 5", "yaml: found undefined tag handle"),
  ])
  func `tags are looked at`(text: String, json: String) {
    let read = yaml("a: \(text)")
    #expect(read == (json.hasPrefix("yaml:") ? json : #"{"a":\#(json)}"#))
  }

  @Test(arguments: [
    ("1: x", #"{"1":"x"}"#), ("010: x", #"{"8":"x"}"#), ("true: x", #"{"true":"x"}"#), ("yes: x", #"{"true":"x"}"#),
    ("1.50: x", #"{"1.5":"x"}"#), ("1.0: x", #"{"1":"x"}"#), ("1e6: x", #"{"1e+06":"x"}"#),
    ("1e5: x", #"{"100000":"x"}"#),
    ("0.1: x", #"{"0.1":"x"}"#), ("1e-5: x", #"{"1e-05":"x"}"#), ("0.0001: x", #"{"0.0001":"x"}"#),
    ("3.14159265358979: x", #"{"3.1415927":"x"}"#), ("-12.25: x", #"{"-12.25":"x"}"#), (".inf: x", #"{".inf":"x"}"#),
    ("-.inf: x", #"{"-.inf":"x"}"#),
    (".nan: x", #"{".nan":"x"}"#), ("2026-01-02: x", #"{"2026-01-02":"x"}"#), ("!!str 5: x", #"{"5":"x"}"#),
    ("!!binary aGk=: x", #"{"hi":"x"}"#), ("'': x", #"{"":"x"}"#), ("a: &k b\n*k : c", #"{"a":"b","b":"c"}"#),
    ("null: x", #"unsupported map key of type: %!s(<nil>), key: <nil>, value: "x""#),
    ("~: 5", "unsupported map key of type: %!s(<nil>), key: <nil>, value: 5"),
    ("? ~\n: ~", "unsupported map key of type: %!s(<nil>), key: <nil>, value: <nil>"),
    (
      "a: {null: {b: [1, ~]}}",
      #"unsupported map key of type: %!s(<nil>), key: <nil>, value: map[interface {}]interface {}{"b":[]interface {}{1, interface {}(nil)}}"#
    ),
    ("18446744073709551615: x", #"unsupported map key of type: uint64, key: 0xffffffffffffffff, value: "x""#),
    ("{a: 1}: x", #"yaml: invalid map key: map[interface {}]interface {}{"a":1}"#),
    ("? [a, ~]\n: x", #"yaml: invalid map key: []interface {}{"a", interface {}(nil)}"#),
    ("a: {{ .Values.x }}", #"yaml: invalid map key: map[interface {}]interface {}{".Values.x":interface {}(nil)}"#),
    ("a: &a {b: 1}\n*a : c", #"yaml: invalid map key: map[interface {}]interface {}{"b":1}"#),
    ("[a]: x\nb: [", "yaml: line 2: did not find expected node content"),
  ])
  func `keys become names as Go makes them`(text: String, json: String) {
    #expect(yaml(text) == json)
  }
}
