/// White space as Go's `strings.TrimSpace` knows it.
enum GoSpace {
  static func isPadded(_ text: String) -> Bool {
    let scalars = text.unicodeScalars
    return scalars.first.map(isSpace) == true || scalars.last.map(isSpace) == true
  }

  static func isSpace(_ scalar: Unicode.Scalar) -> Bool { scalar.properties.isWhitespace }
}
