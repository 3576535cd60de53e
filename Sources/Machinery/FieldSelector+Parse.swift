extension FieldSelector {
  /// Parses `a=b,c!=d` with `\` before `\`, `,` and `=` in values, as apimachinery's package `fields`.
  public static func parse(_ text: String) throws(SelectorError) -> FieldSelector {
    var terms: [Term] = []
    // Sorted, as upstream does: which of several errors is reported depends on it.
    for part in split(text).sorted(by: { $0.utf8.lexicographicallyPrecedes($1.utf8) }) where !part.isEmpty {
      guard let (field, isEqual, raw) = divided(part) else {
        throw SelectorError("invalid selector: '\(text)'; can't understand '\(part)'")
      }
      let value = try unescaped(raw)
      // "=" alone asks for nothing.
      if !field.isEmpty || !value.isEmpty { terms.append(Term(field: field, isEqual: isEqual, value: value)) }
    }
    return FieldSelector(terms)
  }

  /// At commas that no backslash precedes.
  private static func split(_ text: String) -> [String] {
    var parts: [String] = []
    var current = ""
    var isEscaped = false
    for character in text.unicodeScalars {
      if !isEscaped && character == "," {
        parts.append(current)
        current = ""
        continue
      }
      isEscaped = !isEscaped && character == "\\"
      current.unicodeScalars.append(character)
    }
    parts.append(current)
    return parts
  }

  /// At the first of `!=`, `==` and `=`.
  private static func divided(_ part: String) -> (String, Bool, String)? {
    let bytes = Array(part.utf8)
    for at in bytes.indices {
      let next = at + 1 < bytes.count ? bytes[at + 1] : 0
      func pieces(_ width: Int) -> (String, String) {
        (String(decoding: bytes[..<at], as: UTF8.self), String(decoding: bytes[(at + width)...], as: UTF8.self))
      }
      if bytes[at] == UInt8(ascii: "!") && next == UInt8(ascii: "=") { return (pieces(2).0, false, pieces(2).1) }
      if bytes[at] == UInt8(ascii: "=") {
        let width = next == UInt8(ascii: "=") ? 2 : 1
        return (pieces(width).0, true, pieces(width).1)
      }
    }
    return nil
  }

  private static func unescaped(_ text: String) throws(SelectorError) -> String {
    guard text.contains("\\") || text.contains(",") || text.contains("=") else { return text }
    var out = ""
    var isEscaped = false
    for character in text.unicodeScalars {
      if isEscaped {
        guard character == "\\" || character == "," || character == "=" else {
          throw SelectorError("invalid field selector: invalid escape sequence: \\\(character)")
        }
        out.unicodeScalars.append(character)
        isEscaped = false
      } else if character == "\\" {
        isEscaped = true
      } else if character == "," || character == "=" {
        // Go prints the character's number here.
        throw SelectorError("invalid field selector: unescaped character in value: \(character.value)")
      } else {
        out.unicodeScalars.append(character)
      }
    }
    if isEscaped { throw SelectorError("invalid field selector: invalid escape sequence: \\") }
    return out
  }
}
