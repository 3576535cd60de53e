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
