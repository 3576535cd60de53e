/// A resource quantity in Kubernetes' canonical form: `resource.Quantity`.
///
/// Parsing keeps the suffix's class (decimal, binary or exponent) and rounds up to a billionth; the canonical text has the largest suffix
/// that leaves an integer. SEMANTICS 2.4 rounds what a node reports up to a thousandth; that is `roundedUpToMilli`.
public struct Quantity: Sendable, Equatable {
  enum Format { case binary, decimal, exponent }

  /// The value as digits × 10^exponent. Digits carry no sign and no leading zeros.
  private let isNegative: Bool
  private let digits: [UInt8]
  private let exponent: Int
  let format: Format

  /// Why a text is no quantity; the text is Kubernetes'.
  public struct ParseError: Error, Equatable, CustomStringConvertible {
    public let description: String
    public static let format = ParseError(description: #"quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"#)
    static let number = ParseError(description: "unable to parse numeric part of quantity")
    static let suffix = ParseError(description: "unable to parse quantity's suffix")
  }

  private static let binarySuffixes: [(String, Int)] = [("Ki", 1), ("Mi", 2), ("Gi", 3), ("Ti", 4), ("Pi", 5), ("Ei", 6)]
  private static let decimalSuffixes: [(String, Int)] = [("n", -9), ("u", -6), ("m", -3), ("", 0), ("k", 3), ("M", 6), ("G", 9), ("T", 12), ("P", 15), ("E", 18)]

  /// Parses `text`.
  public init(parsing text: String) throws(ParseError) {
    var rest = Array(text.utf8)[...]
    if rest.isEmpty { throw .format }
    var isNegative = false
    if let sign = rest.first, sign == UInt8(ascii: "-") || sign == UInt8(ascii: "+") {
      isNegative = sign == UInt8(ascii: "-")
      rest = rest.dropFirst()
    }
    let whole = rest.prefix { $0 >= 0x30 && $0 <= 0x39 }
    rest = rest.dropFirst(whole.count)
    var fraction: ArraySlice<UInt8> = []
    if rest.first == UInt8(ascii: ".") {
      fraction = rest.dropFirst().prefix { $0 >= 0x30 && $0 <= 0x39 }
      rest = rest.dropFirst(1 + fraction.count)
    }
    guard !whole.isEmpty || !fraction.isEmpty else { throw .format }
    // What is left must be a suffix; characters that no suffix has make it no quantity at all.
    let suffix = String(decoding: rest, as: UTF8.self)
    for byte in rest where !"eEinumkKMGTP+-0123456789".utf8.contains(byte) { throw .format }

    var digits = Array(whole + fraction).map { $0 &- 0x30 }
    guard digits.count <= 4_096 else { throw .number }
    var exponent = -fraction.count
    if let (_, power) = Self.binarySuffixes.first(where: { $0.0 == suffix }) {
      format = .binary
      for _ in 0..<power { digits = Self.multiplied(digits, by: 1_024) }
    } else if let (_, power) = Self.decimalSuffixes.first(where: { $0.0 == suffix }) {
      format = .decimal
      exponent += power
    } else if suffix.count > 1, suffix.first == "e" || suffix.first == "E", let power = Int(suffix.dropFirst()), abs(power) < 10_000 {
      format = .exponent
      exponent += power
    } else {
      throw .suffix
    }
    (digits, exponent) = Self.trimmed(digits, exponent)
    // Nothing below a billionth is kept: rounded away from zero.
    if exponent < -9 { (digits, exponent) = Self.roundedUp(digits, exponent, to: -9) }
    // What exceeds 64 bits is capped, as Kubernetes does.
    if Self.exceedsInt64(digits, exponent) { (digits, exponent) = Self.trimmed([9, 2, 2, 3, 3, 7, 2, 0, 3, 6, 8, 5, 4, 7, 7, 5, 8, 0, 7], 0) }
    self.isNegative = isNegative && !digits.isEmpty
    self.digits = digits
    self.exponent = digits.isEmpty ? 0 : exponent
  }

  private init(isNegative: Bool, digits: [UInt8], exponent: Int, format: Format) {
    self.isNegative = isNegative
    self.digits = digits
    self.exponent = exponent
    self.format = format
  }

  /// The canonical form of `text`.
  public static func canonical(_ text: String) throws(ParseError) -> String { try Quantity(parsing: text).description }

  public var isZero: Bool { digits.isEmpty }
  public var isBelowZero: Bool { isNegative }
  /// Is it a whole number?
  public var isInteger: Bool { exponent >= 0 }

  /// Rounded away from zero to a thousandth, as defaulting does with a node's capacity.
  public var roundedUpToMilli: Quantity {
    guard exponent < -3 else { return self }
    let (digits, exponent) = Self.roundedUp(digits, exponent, to: -3)
    return Quantity(isNegative: isNegative, digits: digits, exponent: exponent, format: format)
  }

  /// The canonical text (`Quantity.String`).
  public var description: String {
    guard !digits.isEmpty else { return "0" }
    let sign = isNegative ? "-" : ""
    if format == .binary {
      // From 1024 on a fraction is rounded up; below, the text is decimal.
      let (digits, exponent) = Self.roundedUp(digits, exponent, to: 0)
      var value = digits + [UInt8](repeating: 0, count: exponent)
      let isWholeBelow = self.exponent < 0 && Self.text(value) == "1024"  // 1023.5 is below
      if Self.isAtLeast1024(value) && !isWholeBelow {
        var power = 0
        while power < Self.binarySuffixes.count, let divided = Self.dividedExactlyBy1024(value) {
          value = divided
          power += 1
        }
        return sign + Self.text(value) + (power == 0 ? "" : Self.binarySuffixes[power - 1].0)
      }
    }
    if format == .exponent {
      let power = Self.floorToMultipleOf3(exponent)
      return sign + Self.text(digits + [UInt8](repeating: 0, count: exponent - power)) + (power == 0 ? "" : "e\(power)")
    }
    let power = min(Self.floorToMultipleOf3(exponent), 18)
    let suffix = Self.decimalSuffixes.first { $0.1 == power }?.0 ?? ""
    return sign + Self.text(digits + [UInt8](repeating: 0, count: exponent - power)) + suffix
  }

  private static func floorToMultipleOf3(_ exponent: Int) -> Int { exponent >= 0 ? exponent / 3 * 3 : -((-exponent + 2) / 3 * 3) }

  private static func text(_ digits: [UInt8]) -> String { String(decoding: digits.map { $0 + 0x30 }, as: UTF8.self) }

  /// Without leading zeros, and with zeros at the end moved to the exponent.
  private static func trimmed(_ digits: [UInt8], _ exponent: Int) -> ([UInt8], Int) {
    var digits = digits
    var exponent = exponent
    while digits.last == 0 {
      digits.removeLast()
      exponent += 1
    }
    digits.removeFirst(digits.prefix { $0 == 0 }.count)
    return (digits, digits.isEmpty ? 0 : exponent)
  }

  private static func roundedUp(_ digits: [UInt8], _ exponent: Int, to place: Int) -> ([UInt8], Int) {
    guard exponent < place, !digits.isEmpty else { return (digits, exponent) }
    let dropped = place - exponent
    var kept = Array(digits.dropLast(min(dropped, digits.count)))
    // The digits were trimmed, so what is dropped is not zero.
    var at = kept.count - 1
    while at >= 0, kept[at] == 9 {
      kept[at] = 0
      at -= 1
    }
    if at >= 0 { kept[at] += 1 } else { kept.insert(1, at: 0) }
    return trimmed(kept, place)
  }

  private static func exceedsInt64(_ digits: [UInt8], _ exponent: Int) -> Bool {
    let length = digits.count + exponent
    if length != 19 { return length > 19 }
    let largest: [UInt8] = [9, 2, 2, 3, 3, 7, 2, 0, 3, 6, 8, 5, 4, 7, 7, 5, 8, 0, 7]
    return largest.lexicographicallyPrecedes(digits)
  }

  private static func multiplied(_ digits: [UInt8], by factor: Int) -> [UInt8] {
    var out: [UInt8] = []
    var carry = 0
    for digit in digits.reversed() {
      let product = Int(digit) * factor + carry
      out.append(UInt8(product % 10))
      carry = product / 10
    }
    while carry > 0 {
      out.append(UInt8(carry % 10))
      carry /= 10
    }
    return out.reversed()
  }

  private static func isAtLeast1024(_ digits: [UInt8]) -> Bool {
    digits.count > 4 || (digits.count == 4 && !digits.lexicographicallyPrecedes([1, 0, 2, 4]))
  }

  private static func dividedExactlyBy1024(_ digits: [UInt8]) -> [UInt8]? {
    var rest = 0
    var out: [UInt8] = []
    for digit in digits {
      let value = rest * 10 + Int(digit)
      out.append(UInt8(value / 1_024))
      rest = value % 1_024
    }
    guard rest == 0 else { return nil }
    out.removeFirst(out.prefix { $0 == 0 }.count)
    return out.isEmpty ? nil : out
  }
}
