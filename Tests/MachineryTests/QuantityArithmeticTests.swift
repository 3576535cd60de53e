import Machinery
import Testing

/// What apimachinery's `resource.Quantity` answers.
@Suite struct `Sums of quantities` {
  private func quantity(_ text: String) throws -> Quantity { try Quantity(parsing: text) }

  @Test(arguments: [
    ("50k", "20k", "70k"), ("1", "1Ki", "1025"), ("50m", "50m", "100m"), ("0", "1Ki", "1Ki"), ("1Gi", "-1Gi", "0"),
    ("9223372036854775807", "1", "9223372036854775808"), ("-9223372036854775807", "-2", "-9223372036854775809"),
    ("9223372036854775808", "-9223372036854775808", "0"), ("1", "0.000000001", "1000000001n"),
    ("9999999999999999999", "1", "10E"), ("12345678901234567890", "-12345678901234567889", "1"),
    ("-5", "12345678901234567890", "12345678901234567885"),
  ])
  func sums(a: String, b: String, sum: String) throws {
    #expect(try quantity(a).sum(quantity(b)) == quantity(sum))
    #expect(try quantity(sum).difference(quantity(b)) == quantity(a))
  }

  @Test func `a sum with too many digits is none`() throws {
    #expect(try quantity("1e2000000").sum(quantity("1")) == nil && quantity("1").difference(quantity("-1e9999")) == nil)
  }

  @Test(
    arguments: [
      ("1Ki", 1024), ("2000m", nil), ("1.5", nil), ("1500m", nil), ("1E3", 1000), ("9223372036854775808", nil),
      ("1k", 1000),
      ("0", 0), ("-5", -5), ("1E", 1_000_000_000_000_000_000), ("10E", nil),
    ] as [(String, Int64?)])
  func `whole numbers`(text: String, value: Int64?) throws { #expect(try quantity(text).int64 == value) }

  @Test func `a sum with nothing keeps its scale`() throws {
    #expect(try quantity("5").sum(quantity("0m"))?.int64 == 5 && quantity("5").sum(quantity("5m"))?.int64 == nil)
    #expect(Quantity(whole: 7).int64 == 7)
  }

  @Test(
    arguments: [
      ("100m", 0.1), ("1.5", 1.5), ("1Ki", 1024), ("-0.25", -0.25), ("9223372036854775808", 9223372036854775808),
      ("1e400", .infinity), ("0", 0),
    ] as [(String, Double)])
  func floats(text: String, value: Double) throws { #expect(try quantity(text).approximateFloat == value) }

  @Test(arguments: [("-5", -1), ("0", 0), ("1n", 1)]) func signs(text: String, sign: Int) throws {
    #expect(try quantity(text).sign == sign)
  }
}
