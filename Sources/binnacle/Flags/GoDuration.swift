import Machinery

/// A duration as Go's flags write it: `90s`, `1h30m`, `1.5h`, `-250ms`. (`time.ParseDuration`.)
enum GoDuration {
  /// Why a text is none, in Go's words.
  struct Malformed: Error { let description: String }

  private static let units: [String: UInt64] = [
    "ns": 1, "us": 1_000, "µs": 1_000, "μs": 1_000, "ms": 1_000_000, "s": 1_000_000_000, "m": 60_000_000_000, "h": 3_600_000_000_000,
  ]

  /// Nanoseconds.
  static func nanoseconds(_ text: String) throws(Malformed) -> Int64 {
    let invalid = Malformed(description: "time: invalid duration \(GoText.quoted(text))")
    var rest = Array(text.unicodeScalars)[...]
    let isNegative = rest.first == "-"
    if isNegative || rest.first == "+" { rest = rest.dropFirst() }
    if rest.elementsEqual(["0"]) { return 0 }
    if rest.isEmpty { throw invalid }
    // The most negative duration has one nanosecond more than the longest.
    let most: UInt64 = 1 << 63
    var total: UInt64 = 0
    while !rest.isEmpty {
      let whole = rest.prefix(while: isDigit)
      rest = rest.dropFirst(whole.count)
      var fraction = rest.prefix(0)
      if rest.first == "." {
        fraction = rest.dropFirst().prefix(while: isDigit)
        rest = rest.dropFirst(1 + fraction.count)
      }
      if whole.isEmpty && fraction.isEmpty { throw invalid }
      let name = rest.prefix { $0 != "." && !isDigit($0) }
      rest = rest.dropFirst(name.count)
      let unitName = String(String.UnicodeScalarView(name))
      if name.isEmpty { throw Malformed(description: "time: missing unit in duration \(GoText.quoted(text))") }
      guard let unit = units[unitName] else {
        throw Malformed(description: "time: unknown unit \(GoText.quoted(unitName)) in duration \(GoText.quoted(text))")
      }
      guard let count = number(whole), count <= most / unit else { throw invalid }
      var part = count * unit
      // Digits behind the 18th are below a nanosecond whatever the unit.
      if let tail = number(fraction.prefix(18)), tail > 0 {
        var scale = 1.0
        for _ in fraction.prefix(18) { scale *= 10 }
        part += UInt64(Double(tail) * (Double(unit) / scale))
      }
      total += part
      if part > most || total > most { throw invalid }
    }
    if isNegative { return total == most ? .min : -Int64(total) }
    guard total < most else { throw invalid }
    return Int64(total)
  }

  private static func isDigit(_ scalar: Unicode.Scalar) -> Bool { ("0"..."9").contains(scalar) }

  /// nil beyond 64 bits; 0 for no digits.
  private static func number(_ digits: ArraySlice<Unicode.Scalar>) -> UInt64? {
    digits.isEmpty ? 0 : UInt64(String(String.UnicodeScalarView(digits)))
  }
}
