/// Durations as Go writes them: `1m30s`, `1.5h`, `-2ms`. (`time.ParseDuration`.)
public enum GoDuration {
  /// What is wrong, in Go's words.
  public struct Malformed: Error, Equatable, CustomStringConvertible {
    public let description: String
  }

  private static let units: [(name: String, nanoseconds: UInt64)] = [
    ("ns", 1), ("us", 1_000), ("\u{B5}s", 1_000), ("\u{3BC}s", 1_000), ("ms", 1_000_000), ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
  ]
  /// One more than a duration above zero may have; one below zero may have just so many.
  private static let nanosecondsMax: UInt64 = 1 << 63

  public static func parse(_ text: String) throws(Malformed) -> Duration {
    let malformed = Malformed(description: "time: invalid duration \(quoted(text))")
    var rest = text.utf8[...]
    let isNegative = rest.first == UInt8(ascii: "-")
    if isNegative || rest.first == UInt8(ascii: "+") { rest = rest.dropFirst() }
    if rest.elementsEqual("0".utf8) { return .zero }
    if rest.isEmpty { throw malformed }
    var total: UInt64 = 0
    while !rest.isEmpty {
      let whole = rest.prefix(while: isDigit)
      rest = rest.dropFirst(whole.count)
      guard var value = number(whole) else { throw malformed }
      var part: (value: UInt64, scale: Double) = (0, 1)
      var digits = whole.count
      if rest.first == UInt8(ascii: ".") {
        let behind = rest.dropFirst().prefix(while: isDigit)
        rest = rest.dropFirst(1 + behind.count)
        part = fraction(behind)
        digits += behind.count
      }
      if digits == 0 { throw malformed }
      let name = rest.prefix { $0 != UInt8(ascii: ".") && !isDigit($0) }
      rest = rest.dropFirst(name.count)
      if name.isEmpty { throw Malformed(description: "time: missing unit in duration \(quoted(text))") }
      guard let unit = units.first(where: { $0.name.utf8.elementsEqual(name) })?.nanoseconds else {
        throw Malformed(
          description: "time: unknown unit \(quoted(String(Substring(name)))) in duration \(quoted(text))")
      }
      guard value <= nanosecondsMax / unit else { throw malformed }
      value *= unit
      if part.value > 0 {
        // Both are below 2^63, so their sum is a number still.
        value += UInt64(Double(part.value) * (Double(unit) / part.scale))
        if value > nanosecondsMax { throw malformed }
      }
      let (sum, overflows) = total.addingReportingOverflow(value)
      guard !overflows, sum <= nanosecondsMax else { throw malformed }
      total = sum
    }
    if isNegative { return .nanoseconds(Int64(truncatingIfNeeded: 0 &- total)) }
    guard total < nanosecondsMax else { throw malformed }
    return .nanoseconds(Int64(total))
  }

  private static func isDigit(_ byte: UInt8) -> Bool { byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") }

  /// nil for more than 2^63.
  private static func number(_ digits: Substring.UTF8View) -> UInt64? {
    var value: UInt64 = 0
    for digit in digits {
      let (tenfold, overflows) = value.multipliedReportingOverflow(by: 10)
      let (sum, isTooMuch) = tenfold.addingReportingOverflow(UInt64(digit - UInt8(ascii: "0")))
      guard !overflows, !isTooMuch, sum <= nanosecondsMax else { return nil }
      value = sum
    }
    return value
  }

  /// Digits that would be too many do not count.
  private static func fraction(_ digits: Substring.UTF8View) -> (value: UInt64, scale: Double) {
    var (value, scale): (UInt64, Double) = (0, 1)
    for digit in digits {
      let next = value <= (nanosecondsMax - 1) / 10 ? value * 10 + UInt64(digit - UInt8(ascii: "0")) : .max
      if next > nanosecondsMax { break }
      (value, scale) = (next, scale * 10)
    }
    return (value, scale)
  }

  /// Bytes that are not printable ASCII in hexadecimal, unlike `strconv.Quote`. (package time, `quote`.)
  private static func quoted(_ text: String) -> String {
    var out = "\""
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"): out += "\\" + String(UnicodeScalar(byte))
      case 0x20..<0x80: out.unicodeScalars.append(UnicodeScalar(byte))
      default: out += "\\x" + String(byte >> 4, radix: 16) + String(byte & 15, radix: 16)
      }
    }
    return out + "\""
  }
}
