import JSON
import Machinery

/// Numbers as Go's `%v` prints them.
enum GoNumberText {
  /// A value as complaints about a field show it. (`field.Error.ErrorBody`)
  static func shown(_ value: JSONValue) -> String {
    switch value {
    case .string(let text): GoText.quoted(text)
    case .double(let number): text(number)
    default: value.sortedByName.encoded().text
    }
  }

  static func text(_ number: Int64) -> String { String(number) }

  static func text(_ number: Double) -> String {
    if let whole = Int64(exactly: number), abs(number) < 1e18 { return String(whole) }
    let (size, text) = (abs(number), number.description)
    guard size != 0, size < 1e-4 || size >= 1e21 else { return JSONValue.double(number).encoded().text }
    // Two digits of an exponent at least, with its sign.
    let parts = text.split(separator: "e", maxSplits: 1).map(String.init)
    guard parts.count == 2, let exponent = Int(parts[1]) else { return text }
    let digits = parts[0].hasSuffix(".0") ? String(parts[0].dropLast(2)) : parts[0]
    let shown = abs(exponent) < 10 ? "0\(abs(exponent))" : "\(abs(exponent))"
    return "\(digits)e\(exponent < 0 ? "-" : "+")\(shown)"
  }
}
