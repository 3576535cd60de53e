import Machinery
import Testing

@testable import Resources

@Suite struct `Limit ratios` {
  private func exceeded(_ ratio: String, min: String, max: String) throws -> String? {
    LimitRatio.exceeded(
      by: try Quantity(parsing: ratio), min: try Quantity(parsing: min), max: try Quantity(parsing: max))
  }

  private func thousandths(_ text: String) throws -> Int64? {
    let quantity = try Quantity(parsing: text)
    return quantity.milliValue
  }

  @Test func `a ratio is held against what maximum and minimum allow`() throws {
    #expect(try exceeded("4", min: "100m", max: "2") == nil)
    #expect(try exceeded("20", min: "100m", max: "2") == nil)
    #expect(try exceeded("20001m", min: "100m", max: "2") == "20.000000")
    #expect(try exceeded("3", min: "3", max: "4") == "1.333333")
    #expect(try exceeded("1Ki", min: "-1", max: "2") == "-2.000000")
  }

  @Test func `nothing is above what a minimum of nothing allows`() throws {
    #expect(try exceeded("9E", min: "0", max: "1") == nil)
    #expect(try exceeded("9E", min: "0", max: "0") == nil)
    #expect(try exceeded("1", min: "0", max: "-1") == "-Inf")
  }

  @Test func `large amounts are compared as whole numbers`() throws {
    #expect(try exceeded("1001m", min: "8E", max: "8E") == "1.000000")
    #expect(try exceeded("2", min: "1E", max: "9E") == nil)
  }

  @Test func `thousandths are rounded away from zero and may not fit`() throws {
    #expect(try thousandths("1500u") == 2)
    #expect(try thousandths("-1500u") == -2)
    #expect(try thousandths("2Ki") == 2_048_000)
    #expect(try thousandths("9E") == nil)
  }
}
