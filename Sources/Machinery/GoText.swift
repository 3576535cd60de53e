/// Text as Go prints it.
public enum GoText {
  /// `%q`, `strconv.Quote`.
  public static func quoted(_ text: String) -> String {
    var out = "\""
    out.reserveCapacity(text.utf8.count + 2)
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": out += "\\\""
      case "\\": out += "\\\\"
      case "\n": out += "\\n"
      case "\r": out += "\\r"
      case "\t": out += "\\t"
      case "\u{07}": out += "\\a"
      case "\u{08}": out += "\\b"
      case "\u{0B}": out += "\\v"
      case "\u{0C}": out += "\\f"
      case _ where scalar.value < 0x20 || scalar.value == 0x7F: out += "\\x" + hex(scalar.value, 2)
      case _ where isPrintable(scalar): out.unicodeScalars.append(scalar)
      case _ where scalar.value < 0x10000: out += "\\u" + hex(scalar.value, 4)
      default: out += "\\U" + hex(scalar.value, 8)
      }
    }
    return out + "\""
  }

  /// `%q` of a list: `["a" "b"]`.
  public static func quoted(_ texts: [String]) -> String { "[\(texts.map { quoted($0) }.joined(separator: " "))]" }

  /// `%g` of a number whose shortest digits Swift gives in `description`.
  public static func general(_ description: String) -> String {
    var text = description[...]
    let sign = text.hasPrefix("-") ? "-" : ""
    text = text.dropFirst(sign.utf8.count)
    let parts = text.split(separator: "e", maxSplits: 1)
    let mantissa = (parts.first ?? "0").split(separator: ".", maxSplits: 1)
    let whole = mantissa.first ?? "0"
    var digits = String(whole + (mantissa.count > 1 ? mantissa[1] : ""))
    // The value is 0.d1d2d3… × 10^point.
    var point = whole.utf8.count + (parts.count > 1 ? Int(parts[1]) ?? 0 : 0)
    while digits.utf8.count > 1, digits.hasPrefix("0") {
      digits.removeFirst()
      point -= 1
    }
    while digits.utf8.count > 1, digits.hasSuffix("0") { digits.removeLast() }
    if digits == "0" { return sign + "0" }
    let exponent = point - 1
    if exponent < -4 || exponent >= 6 {
      let fraction = digits.utf8.count > 1 ? "." + digits.dropFirst() : ""
      let power = abs(exponent) < 10 ? "0\(abs(exponent))" : String(abs(exponent))
      return "\(sign)\(digits.prefix(1))\(fraction)e\(exponent < 0 ? "-" : "+")\(power)"
    }
    if point <= 0 { return sign + "0." + String(repeating: "0", count: -point) + digits }
    if point >= digits.utf8.count { return sign + digits + String(repeating: "0", count: point - digits.utf8.count) }
    return sign + digits.prefix(point) + "." + digits.dropFirst(point)
  }

  /// Without white space at both ends. (`strings.TrimSpace`)
  public static func trimmed(_ text: String) -> String {
    func isSpace(_ scalar: Unicode.Scalar) -> Bool { scalar.properties.isWhitespace }
    let scalars = text.unicodeScalars.drop(while: isSpace)
    guard let last = scalars.lastIndex(where: { !isSpace($0) }) else { return "" }
    return String(scalars[...last])
  }

  /// `%#U`: `U+0007`, `U+0041 'A'`.
  public static func codePoint(_ scalar: Unicode.Scalar) -> String {
    let name = "U+" + hex(scalar.value, 4).uppercased()
    return isPrintable(scalar) ? "\(name) '\(scalar)'" : name
  }

  /// `unicode.IsPrint`: letters, marks, numbers, punctuation, symbols and the ASCII space.
  public static func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
    if scalar.value < 0x7F { return scalar.value >= 0x20 }
    switch scalar.properties.generalCategory {
    case .control, .format, .surrogate, .privateUse, .unassigned, .spaceSeparator, .lineSeparator, .paragraphSeparator:
      return false
    default: return true
    }
  }

  private static func hex(_ value: UInt32, _ width: Int) -> String {
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: max(0, width - digits.count)) + digits
  }
}
