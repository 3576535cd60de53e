import Machinery
import Testing

@Suite struct `Quantity text` {
  // Values of upstream's own tests, and texts worked out step by step from quantity.go of 1.36.
  @Test(arguments: [
    ("0", "0"), ("00", "0"), ("-0", "0"), ("0Ki", "0"), ("0n", "0"), ("0E", "0"), (".", "0"), ("-.", "0"), ("+", "0"),
    ("Ki", "0"), ("e3", "0"),
    ("1", "1"), ("8Ki", "8Ki"), ("3Ei", "3Ei"), ("10Ti", "10Ti"), ("5n", "5n"), ("50k", "50k"), ("300T", "300T"),
    ("12E", "12E"),
    ("1024Mi", "1Gi"), ("1000M", "1G"), ("1000k", "1M"), ("1024Ki", "1Mi"), ("32779200Ki", "32779200Ki"),
    ("32778240Ki", "32010Mi"), ("16Ki", "16Ki"), ("1048576Ki", "1Gi"),
    ("1.5", "1500m"), ("0.1", "100m"), ("0.5", "500m"), (".001", "1m"), ("0.0005k", "500m"), (".0001k", "100m"),
    ("100.035k", "100.035k"), ("10.035M", "10.035M"),
    ("9.01", "9010m"), ("8.1k", "8100"), ("7.123456M", "7.123456M"), ("2.5P", "2500T"), ("1.01E", "1010P"),
    ("1.5Gi", "1536Mi"), ("0.5Mi", "512Ki"), ("0.5Ki", "512"), (".001Ki", "1024m"), (".000001Ki", "1024u"),
    (".000000001Ki", "1024n"), (".000000000001Ki", "2n"),
    ("100.035Ki", "102435840m"), ("1.3Ki", "1331200m"), ("0.05Gi", "53687091200m"),
    ("3.001n", "4n"), ("0.0000000001", "1n"), ("0.00000012345", "124n"), ("-0.00000012345", "-124n"), ("0.9n", "1n"),
    ("9Ei", "9223372036854775807"), ("9223372036854775807Ki", "9223372036854775807"), ("-9Ei", "-9223372036854775807"),
    ("9223372036854775808", "9223372036854775808"),
    ("123456789012345678901234567891", "123456789012345678901234567891"),
    ("100000000000000000000", "100E"), ("1000E", "1"),  // upstream's own loss: there is no suffix beyond E
    ("1.5e3", "1500"), ("1.2e3", "1200"), ("1.3E+6", "1300e3"), ("1.6e15", "1600e12"), ("1.1E-9", "2e-9"),
    ("1e14", "100e12"), ("0.5e-1", "50e-3"),
    ("1e100", "10e99"), ("1e-20", "1e-9"), ("12345678901234567890e2000000001", "12345678901234567890e2000000001"),
    // Kept as they came.
    ("1e3", "1e3"), ("1E3", "1E3"), ("1e03", "1e03"), ("+5", "+5"), ("5.", "5."), ("1.500", "1.500"),
    ("1.001", "1.001"), ("01.001", "01.001"), ("1.G", "1.G"), ("+3Ki", "+3Ki"),
  ])
  func `is printed as upstream prints it`(text: String, printed: String) throws {
    let quantity = try Quantity(parsing: text)
    #expect(quantity.description == printed)
  }

  @Test(arguments: [
    ("", Quantity.ParseError.format), ("1.1.M", .format), ("1+1.0M", .format), ("aoeu", .format), (" 1", .format),
    ("1 ", .format), ("--1", .suffix), ("1x", .format), ("0x10", .format),
    ("0.1mi", .suffix), ("0.1am", .format), (".5i", .suffix), ("1i", .suffix), ("-3.01i", .suffix),
    ("-3.01e-", .suffix), ("1e", .suffix), ("1k3", .suffix), ("1Ee3", .suffix), ("1-", .suffix),
    ("1e99999999999999999999", .suffix), ("Ei", .number), ("-Pi", .number),
  ])
  func `that is none is refused for upstream's reason`(text: String, error: Quantity.ParseError) {
    #expect(throws: error) { try Quantity(parsing: text) }
  }

  @Test(arguments: [
    ("1.0001", "1001m"), ("1n", "1m"), ("-1n", "-1m"), ("2", "2"), ("1.001", "1.001"), ("0.9999", "1"),
    ("100Mi", "100Mi"), ("1.0000000000001", "1001m"), ("9.01", "9010m"), ("999999999999999999.9999", "1E"),
  ])
  func `rounds up to a thousandth`(text: String, rounded: String) throws {
    #expect(try Quantity(parsing: text).roundedUpToMilli.description == rounded)
  }

  @Test(arguments: [
    ("100m", "50m", 1), ("50m", "100m", -1), ("10000T", "100Gi", 1), ("1Ki", "1024", 0), ("-1", "1n", -1),
    ("-2", "-1", -1), ("0", "0Ki", 0), ("1e3", "1k", 0), ("9Ei", "10E", -1), ("0", "-1", 1),
  ])
  func `compares by value`(a: String, b: String, order: Int) throws {
    let (a, b) = (try Quantity(parsing: a), try Quantity(parsing: b))
    #expect((a < b) == (order < 0))
    #expect((a == b) == (order == 0))
    #expect((a > b) == (order > 0))
  }

  @Test(arguments: [
    ("1", true), ("1k", true), ("1000m", true), ("1.5", false), ("1Ki", true), ("0.0001", false), ("0", true),
    ("-3", true), ("1e20", true),
  ])
  func `knows whole numbers`(text: String, isInteger: Bool) throws {
    #expect(try Quantity(parsing: text).isInteger == isInteger)
  }

  @Test(
    arguments: [
      ("1", 1), ("1.5", 2), ("-1.5", -2), ("1n", 1), ("2Mi", 2_097_152), ("9223372036854775807", .max),
      ("9Ei", .max), ("1e19", nil), ("0", 0),
    ] as [(String, Int64?)])
  func `has a whole number as far as 64 bits go`(text: String, whole: Int64?) throws {
    #expect(try Quantity(parsing: text).wholeValue == whole)
  }

  @Test(arguments: [1, 2, 3] as [UInt64])
  func `once printed stays the same, and keeps its value`(seed: UInt64) throws {
    var random = Seeded(seed)
    let suffixes = ["", "n", "u", "m", "k", "M", "G", "T", "Ki", "Mi", "Gi", "Ti", "e0", "e3", "E-2", "e7"]
    for _ in 0..<2_000 {
      var text = ["", "-", "+"].randomElement(using: &random) ?? ""
      text += String(
        Int.random(in: 0...([9, 1_023, 1_024, 99_999_999].randomElement(using: &random) ?? 9), using: &random))
      if Bool.random(using: &random) { text += "." + String(Int.random(in: 0...99_999, using: &random)) }
      text += suffixes.randomElement(using: &random) ?? ""
      let quantity = try Quantity(parsing: text)
      let again = try Quantity(parsing: quantity.description)
      #expect(again.description == quantity.description, "\(text)")
      #expect(again == quantity, "\(text)")
    }
  }

  @Test func `a text of a megabyte is no danger`() throws {
    let long = String(repeating: "7", count: 1 << 20)
    #expect(try Quantity(parsing: long).description == long)
    #expect(try Quantity(parsing: long + "Ki").description == "9223372036854775807")
  }
}

/// A generator whose seed is a test argument, so that a failure can be run again. (SplitMix64)
struct Seeded: RandomNumberGenerator {
  private var state: UInt64
  init(_ seed: UInt64) { state = seed }
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}
