import JSON
import Machinery
import Registry

/// Numbers that may be percentages: `3`, `25%`. (Kubernetes: pkg/apis/apps/validation, `ValidatePositiveIntOrPercent`
/// and its siblings)
enum IntOrPercent {
  /// A number that is not below zero, or a percentage. (`ValidatePositiveIntOrPercent`)
  static let notNegative: Rule.Function = { context in
    switch context.value {
    case .int(let number)?:
      if number < 0 { context.refuses(value: .int(number), "must be greater than or equal to 0") }
    case .string(let text)?:
      if !isPercentage(text) { context.refuses(value: .string(text), percentageText) }
    default: break
    }
  }

  /// No percentage above 100. (`IsNotMoreThan100Percent`)
  static let notMoreThanAll: Rule.Function = { context in
    guard let value = context.value, let percentage = percentage(value), percentage > 100 else { return }
    context.refuses(value: value, "must not be greater than 100%")
  }

  /// The number of a percentage; nil for what is none.
  static func percentage(_ value: JSONValue) -> Int? {
    guard let text = value.string, isPercentage(text) else { return nil }
    // What is too large for a number is the largest.
    return Int(text.dropLast()) ?? .max
  }

  /// The number, whether or not it is a percentage; zero for another text. (`getIntOrPercentValue`)
  static func number(_ value: JSONValue) -> Int {
    if let percentage = percentage(value) { return percentage }
    if let text = value.string { return Int(text) ?? 0 }
    return value.int.map { Int($0) } ?? 0
  }

  private static func isPercentage(_ text: String) -> Bool {
    let digits = text.utf8.dropLast()
    return text.utf8.last == UInt8(ascii: "%") && !digits.isEmpty
      && digits.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
  }

  private static let percentageText =
    "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for "
    + "validation is '[0-9]+%')"
}
