import Machinery

/// Numbers and truths as Go's strconv reads them, refused in its words.
enum GoNumbers {
  typealias Refusal = FlagType.Refusal

  private static func invalid(_ function: String, _ text: String) -> Refusal {
    Refusal(why: "strconv.\(function): parsing \(GoText.quoted(text)): invalid syntax")
  }
  private static func tooLarge(_ function: String, _ text: String) -> Refusal {
    Refusal(why: "strconv.\(function): parsing \(GoText.quoted(text)): value out of range")
  }

  static func bool(_ text: String) throws(Refusal) -> Bool {
    switch text {
    case "1", "t", "T", "true", "TRUE", "True": true
    case "0", "f", "F", "false", "FALSE", "False": false
    default: throw invalid("ParseBool", text)
    }
  }

  /// `ParseInt` with base 0: a prefix says the base, and then underscores may stand between digits.
  static func int(_ text: String, bits: Int) throws(Refusal) -> Int64 {
    var digits = Substring(text)
    let isNegative = digits.hasPrefix("-")
    if isNegative || digits.hasPrefix("+") { digits = digits.dropFirst() }
    var radix = 10
    let lower = digits.prefix(2).lowercased()
    if let known = ["0x": 16, "0b": 2, "0o": 8][lower] {
      radix = known
      digits = digits.dropFirst(2)
      if digits.hasPrefix("_") { digits = digits.dropFirst() }
    } else if digits.count > 1, digits.hasPrefix("0") {
      radix = 8
      digits = digits.dropFirst()
      if digits.hasPrefix("_") { digits = digits.dropFirst() }
    }
    if radix != 10 && !digits.hasPrefix("_") && !digits.hasSuffix("_") && !digits.contains("__") {
      digits.removeAll { $0 == "_" }
    }
    guard !digits.isEmpty, digits.allSatisfy({ $0.isASCII && ($0.hexDigitValue ?? 16) < radix }) else {
      throw invalid("ParseInt", text)
    }
    let fits = { (number: Int64) in bits == 64 || number >> Int64(bits - 1) == (number < 0 ? -1 : 0) }
    guard let number = Int64((isNegative ? "-" : "") + digits, radix: radix), fits(number) else {
      throw tooLarge("ParseInt", text)
    }
    return number
  }

  /// `ParseUint` with base 10.
  static func decimal(_ text: String, bits: Int) throws(Refusal) -> Int64 {
    guard !text.isEmpty, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { throw invalid("ParseUint", text) }
    guard let number = Int64(text), number < 1 << Int64(bits) else { throw tooLarge("ParseUint", text) }
    return number
  }

  /// `ParseInt` with base 10.
  static func decimalSigned(_ text: String) throws(Refusal) -> Int64 {
    let digits = text.hasPrefix("-") || text.hasPrefix("+") ? text.dropFirst() : text[...]
    guard !digits.isEmpty, digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
      throw invalid("ParseInt", text)
    }
    guard let number = Int64(text) else { throw tooLarge("ParseInt", text) }
    return number
  }

  static func float(_ text: String) throws(Refusal) -> Double {
    guard text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }), let number = Double(text) else {
      throw invalid("ParseFloat", text)
    }
    if number.isInfinite && text.utf8.contains(where: { (0x30...0x39).contains($0) }) {
      throw tooLarge("ParseFloat", text)
    }
    return number
  }
}
