import Machinery
import Testing

/// (`time.ParseDuration`.)
@Suite struct GoDurationTests {
  @Test(
    arguments: [
      ("10s", Duration.seconds(10)), ("1m30s", .seconds(90)), ("1.5h", .seconds(5_400)), ("250ms", .milliseconds(250)),
      ("0", .zero), ("-1s", .seconds(-1)),
      ("+5s", .seconds(5)), ("-0", .zero), ("+0", .zero), ("5.s", .seconds(5)), (".5s", .milliseconds(500)),
      ("1us", .microseconds(1)),
      ("1\u{B5}s", .microseconds(1)), ("1\u{3BC}s", .microseconds(1)), ("3ns", .nanoseconds(3)),
      ("1.0000000004s", .seconds(1)), ("1h1h", .seconds(7_200)),
      ("9223372036854775807ns", .nanoseconds(Int64.max)), ("-9223372036854775808ns", .nanoseconds(Int64.min)),
      ("2562047h47m16.854775807s", .nanoseconds(Int64.max)),
      ("0.3333333333333333333h", .seconds(1_200)), ("0.100000000000000000000h", .seconds(360)),
      ("0.830103483285477580700h", .nanoseconds(2_988_372_539_827)),
    ] as [(String, Duration)])
  func `durations are read as Go reads them`(text: String, duration: Duration) throws {
    #expect(try GoDuration.parse(text) == duration)
  }

  @Test(arguments: [
    ("", #"invalid duration """#), ("5", #"missing unit in duration "5""#), ("1s2", #"missing unit in duration "1s2""#),
    ("5x", #"unknown unit "x" in duration "5x""#),
    ("1d", #"unknown unit "d" in duration "1d""#), (".s", #"invalid duration ".s""#), (".", #"invalid duration ".""#),
    ("-", #"invalid duration "-""#),
    ("s", #"invalid duration "s""#), ("-.s", #"invalid duration "-.s""#), (" 1s", #"invalid duration " 1s""#),
    ("1s ", #"unknown unit "s " in duration "1s ""#),
    ("1e3s", #"unknown unit "e" in duration "1e3s""#),
    ("9223372036854775808ns", #"invalid duration "9223372036854775808ns""#),
    ("-9223372036854775809ns", #"invalid duration "-9223372036854775809ns""#),
    ("3000000h", #"invalid duration "3000000h""#),
    ("2562047h47m16.854775808s", #"invalid duration "2562047h47m16.854775808s""#),
    ("99999999999999999999s", #"invalid duration "99999999999999999999s""#),
    ("9223372036854775807ns1ns", #"invalid duration "9223372036854775807ns1ns""#),
    ("1\u{212A}", #"unknown unit "\xe2\x84\xaa" in duration "1\xe2\x84\xaa""#),
    ("1\"", #"unknown unit "\"" in duration "1\"""#), ("1\u{1}", #"unknown unit "\x01" in duration "1\x01""#),
    // The sign of a millionth in another spelling is another unit.
    ("1\u{B5}\u{301}s", #"unknown unit "\xc2\xb5\xcc\x81s" in duration "1\xc2\xb5\xcc\x81s""#),
  ])
  func `what is no duration is told in Go's words`(text: String, problem: String) {
    #expect(throws: GoDuration.Malformed.self) { try GoDuration.parse(text) }
    do { _ = try GoDuration.parse(text) } catch { #expect(error.description == "time: " + problem) }
  }
}
