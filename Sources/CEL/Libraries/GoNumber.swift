import Glibc

/// Floating-point numbers as Go prints them.
enum GoNumber {
  /// `%.6f`, with `+Inf`, `-Inf` and `NaN`.
  static func fixed(_ value: Double, places: Int) -> String {
    if value.isNaN { return "NaN" }
    if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
    return printed("%.*f", value, places)
  }

  /// More places than a double has: all that are left out are 0.
  private static let placesMax = 1_100

  /// By the C library, which rounds as Go does: what is exact, half to even.
  private static func printed(_ format: String, _ value: Double, _ places: Int) -> String {
    let places = Int32(clamping: min(max(places, 0), placesMax))
    return withUnsafeTemporaryAllocation(of: CChar.self, capacity: placesMax + 400) { buffer in
      let count = withVaList([places, value]) { vsnprintf(buffer.baseAddress, buffer.count, format, $0) }
      let bytes = UnsafeRawBufferPointer(
        rebasing: UnsafeRawBufferPointer(buffer)[..<max(0, min(Int(count), buffer.count - 1))])
      return String(decoding: bytes, as: UTF8.self)
    }
  }

  /// In the way of English: `1,234.50`, `∞`. (`%.2f` of `x/text/message` in en_US)
  static func english(_ value: Double, places: Int) -> String {
    if let special = special(value) { return special }
    // A zero below zero has no sign there.
    let text = printed("%.*f", value == 0 ? 0 : value, places)
    let isNegative = text.hasPrefix("-")
    let parts = text.drop { $0 == "-" }.split(separator: ".", omittingEmptySubsequences: false)
    var out = isNegative ? "-" : ""
    let whole = Array((parts.first ?? "0").utf8)
    for (place, digit) in whole.enumerated() {
      if place > 0, (whole.count - place) % 3 == 0 { out += "," }
      out.unicodeScalars.append(Unicode.Scalar(digit))
    }
    // It keeps the number of places in a byte; digits that are no trailing zeros are shown all the same.
    var fraction = parts.count > 1 ? Array(parts[1].utf8) : []
    let least = places & 0xFF
    while fraction.count > least, fraction.last == UInt8(ascii: "0") { fraction.removeLast() }
    return fraction.isEmpty ? out : out + "." + String(decoding: fraction, as: UTF8.self)
  }

  /// `1.234500×10⁰³`, with spaces before it up to a width. (`%12e` of `x/text/message` in en_US)
  static func scientific(_ value: Double, width: Int) -> String {
    let text = special(value) ?? power(value)
    // The width is kept in two bytes.
    return String(repeating: " ", count: max(0, (width & 0xFFFF) - text.unicodeScalars.count)) + text
  }

  private static func power(_ value: Double) -> String {
    let text = printed("%.*e", value == 0 ? 0 : value, 6)
    guard let mark = text.utf8.firstIndex(of: UInt8(ascii: "e")) else { return text }
    let exponent = text[text.utf8.index(after: mark)...].utf8.compactMap { byte -> String? in
      switch byte {
      case UInt8(ascii: "-"): "\u{207B}"
      case UInt8(ascii: "0")...UInt8(ascii: "9"): raised[Int(byte - UInt8(ascii: "0"))]
      default: nil
      }
    }
    return text[..<mark] + "×10" + exponent.joined()
  }

  private static let raised = ["⁰", "¹", "²", "³", "⁴", "⁵", "⁶", "⁷", "⁸", "⁹"]

  private static func special(_ value: Double) -> String? {
    value.isNaN ? "NaN" : value.isInfinite ? (value < 0 ? "-∞" : "∞") : nil
  }
}
