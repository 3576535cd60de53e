import Testing

@testable import binnacle

/// Values of flags, beside what pflag and Go's standard library say of them.
@Suite struct `Flag values` {
  @Test(arguments: [
    ("", []), ("a", ["a"]), ("a,b,", ["a", "b", ""]), ("\"a,b\",c", ["a,b", "c"]), ("\"a\"\"b\"", ["a\"b"]),
    ("a\nb", ["a"]), ("\n\na", ["a"]), (" a, b", [" a", " b"]),
  ])
  func `lists are read as encoding csv reads them`(text: String, values: [String]) throws {
    #expect(try CommaSeparated.values(text) == values)
  }

  @Test(arguments: [
    ("a\"b", "parse error on line 1, column 2: bare \" in non-quoted field"),
    ("x,\"a\"b", "parse error on line 1, column 5: extraneous or missing \" in quoted-field"),
    ("\"a", "parse error on line 1, column 3: extraneous or missing \" in quoted-field"), ("\n", "EOF"),
  ])
  func `what is no list is refused in Go's words`(text: String, why: String) {
    do {
      _ = try CommaSeparated.values(text)
      Issue.record("\(text) was taken")
    } catch { #expect(error.description == why) }
  }

  @Test(arguments: [
    ("bool", "maybe", "strconv.ParseBool: parsing \"maybe\": invalid syntax"),
    ("bool", "", "strconv.ParseBool: parsing \"\": invalid syntax"),
    ("int", "x", "strconv.ParseInt: parsing \"x\": invalid syntax"),
    ("int", " 1", "strconv.ParseInt: parsing \" 1\": invalid syntax"),
    ("int", "1_0", "strconv.ParseInt: parsing \"1_0\": invalid syntax"),
    ("int", "9223372036854775808", "strconv.ParseInt: parsing \"9223372036854775808\": value out of range"),
    ("int", "08", "strconv.ParseInt: parsing \"08\": invalid syntax"),
    ("int32s", "1,2147483648", "strconv.ParseInt: parsing \"2147483648\": value out of range"),
    ("float", "1,5", "strconv.ParseFloat: parsing \"1,5\": invalid syntax"),
    ("float", "1e999", "strconv.ParseFloat: parsing \"1e999\": value out of range"),
    ("duration", "x", "time: invalid duration \"x\""), ("ip", "10.0.0.256", "failed to parse IP: \"10.0.0.256\""),
    ("ip", "010.0.0.1", "failed to parse IP: \"010.0.0.1\""),
    ("strings", "a\"", "parse error on line 1, column 2: bare \" in non-quoted field"),
    ("cidrs", "10.0.0.0", "service-cluster-ip-range[0] is not a valid cidr"),
    ("cidrs", "10.0.0.0/24,10.0.0.0/33", "service-cluster-ip-range[1] is not an ip net"),
    ("portRange", "1-x", "strconv.Atoi: parsing \"x\": invalid syntax"),
    ("portRange", "2-1", "end port cannot be less than start port: 2-1"),
    ("portRange", "1+9223372036854775807", "the port range cannot be greater than 65535: 1+9223372036854775807"),
    ("keyValue", "x", "malformed pair, expect string=string: x is not key=value"),
    ("keyValues", "x", "x must be formatted as key=value"),
    ("keyNumbers", "x=y", "parsing verbosity in \"x=y\": strconv.ParseUint: parsing \"y\": invalid syntax"),
    ("keyNumbers", "x", "\"x\" does not have the pattern=N format"),
    ("level", "-1", "strconv.ParseUint: parsing \"-1\": invalid syntax"),
    ("level", "2147483648", "strconv.ParseUint: parsing \"2147483648\": value out of range"),
    ("quantity", "x", "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"),
    ("featureGates", "Sorcery=true", "unrecognized feature gate: Sorcery"),
    ("featureGates", "AllAlpha", "missing bool value for AllAlpha"),
    (
      "featureGates", "AllAlpha=x", "invalid value of AllAlpha=x, err: strconv.ParseBool: parsing \"x\": invalid syntax"
    ), ("text|json", "xml", "it must be one of text, json"),
  ])
  func `a value of another type is refused in the words of kube-apiserver`(
    type: String, text: String, why: String
  ) throws {
    let type = try #require(FlagType(type))
    do {
      _ = try type.values(text)
      Issue.record("\(text) was taken")
    } catch { #expect(error.why == why) }
  }

  @Test(arguments: [
    ("bool", "T", ["true"]), ("bool", "0", ["false"]), ("int", "-0x1F", ["-31"]), ("int", "0b1_1", ["3"]),
    ("int", "017", ["15"]), ("int", "0", ["0"]), ("int", "+7", ["7"]),
    ("duration", "1m", ["1m"]), ("ip", " ::1 ", [" ::1 "]), ("ip", "", [""]), ("strings", "a,b", ["a", "b"]),
    ("strings", "", []), ("cidrs", "010.0.0.0/08,fd00::/108", ["010.0.0.0/08,fd00::/108"]),
    ("portRange", "30000-32767", ["30000-32767"]), ("portRange", "80", ["80"]),
    ("keyNumbers", "a=1,b=2,", ["a=1,b=2,"]), ("level", "4", ["4"]), ("quantity", "1Ki", ["1Ki"]),
    (
      "featureGates", "kube:AllBeta=false, AllowUnsafeMalformedObjectDeletion = true",
      ["kube:AllBeta=false, AllowUnsafeMalformedObjectDeletion = true"]
    ), ("float", "0.02", ["0.02"]),
  ])
  func `a value is handed on as the options read it`(type: String, text: String, values: [String]) throws {
    #expect(try #require(FlagType(type)).values(text) == values)
  }
}
