/// A resource quantity: `resource.Quantity` of apimachinery 1.36, in what it accepts and in every character of what it
/// prints.
///
/// A text keeps the class of its suffix (decimal, binary or exponent) and is rounded away from zero to a billionth.
/// Most texts that clients send are kept as they came, even some that are not canonical (`+5`, `1.500`): upstream does
/// so, and stored bytes must not differ from its own.
public struct Quantity: Sendable, Comparable, CustomStringConvertible {
  /// The class of suffix that a quantity is printed with.
  public enum Format: Sendable { case decimal, binary, exponent }

  /// Why a text is no quantity, in Kubernetes' words.
  public struct ParseError: Error, Equatable, CustomStringConvertible {
    public let description: String
    public static let format = ParseError(
      description: "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'")
    public static let number = ParseError(description: "unable to parse numeric part of quantity")
    public static let suffix = ParseError(description: "unable to parse quantity's suffix")
  }

  /// `small` is value × 10^scale with scale >= -9, as far as upstream keeps 64 bits.
  enum Amount: Sendable {
    case small(value: Int64, scale: Int)
    case big(BigDecimal)
  }

  let amount: Amount
  public let format: Format
  /// The text as given, where upstream prints it again unchanged.
  private let kept: String?

  init(_ amount: Amount, _ format: Format, kept: String? = nil) {
    self.amount = amount
    self.format = format
    self.kept = kept
  }

  /// Parses `text`. (`resource.ParseQuantity`)
  public init(parsing text: String) throws(ParseError) {
    var text = text
    self = try text.withUTF8 { Self.parse(UnsafeRawBufferPointer($0)) }.get()
  }

  /// The printed form of `text`.
  public static func canonical(_ text: String) throws(ParseError) -> String { try Quantity(parsing: text).description }

  public var isZero: Bool {
    switch amount {
    case .small(let value, _): value == 0
    case .big(let number): number.isZero
    }
  }

  public var isBelowZero: Bool {
    switch amount {
    case .small(let value, _): value < 0
    case .big(let number): number.isNegative
    }
  }

  /// Is it a whole number, once rounded up to a thousandth? (What upstream asks of pods and extended resources.)
  public var isInteger: Bool { roundedUpToMilli.decimal.exponent >= 0 }

  /// Rounded away from zero to a whole number; nil for one that 64 bits do not hold. (`Quantity.Value`)
  public var wholeValue: Int64? { Int64(decimal.roundedAwayFromZero(to: 0)) }

  /// Thousandths, rounded away from zero; nil for what 64 bits do not hold. (`Quantity.MilliValue`)
  public var milliValue: Int64? { Int64(decimal.scaled(by: 3).roundedAwayFromZero(to: 0)) }

  /// Rounded away from zero to a thousandth, as defaulting does with resource lists. (`RoundUp(Milli)`)
  public var roundedUpToMilli: Quantity {
    switch amount {
    case .small(_, let scale) where scale >= -3: return self
    case .small(let value, let scale):
      var power: Int64 = 1
      for _ in scale..<(-3) { power *= 10 }  // at most 10^6
      let (whole, rest) = value.quotientAndRemainder(dividingBy: power)
      return Quantity(.small(value: rest == 0 ? whole : whole + rest.signum(), scale: -3), format)
    case .big(let number): return Quantity(.big(number.roundedAwayFromZero(to: -3)), format)
    }
  }

  /// The exact value.
  var decimal: BigDecimal {
    switch amount {
    case .small(let value, let scale): BigDecimal(value, exponent: scale)
    case .big(let number): number
    }
  }

  public static func == (a: Quantity, b: Quantity) -> Bool { a.decimal == b.decimal }
  public static func < (a: Quantity, b: Quantity) -> Bool { a.decimal < b.decimal }

  // MARK: printing

  /// The text that answers show. (`Quantity.String`)
  public var description: String {
    if let kept { return kept }
    if isZero { return "0" }
    if case .small(let value, let scale) = amount, let text = Self.text(value, scale: scale, format) { return text }
    let number = decimal
    // Below 1024, and where a fraction would be lost, binary quantities are printed as decimal ones.
    if format == .binary, number.exponent >= 0, let value = Int64(number), value.magnitude >= 1_024,
      let text = Self.text(value, scale: 0, format)
    {
      return text
    }
    // The largest exponent that is a multiple of three and leaves a whole number.
    let exponent = number.exponent - (number.exponent % 3 + 3) % 3
    let digits = number.text(scaledTo: exponent)
    if format == .exponent { return exponent == 0 ? digits : "\(digits)e\(exponent)" }
    // Beyond exa there is no suffix, and upstream prints none (its bug: 1000E comes back as 1). What it stores is what
    // clients will read there.
    return digits + (Self.decimalSuffixes.first { $0.exponent == exponent }?.suffix ?? "")
  }

  /// The text of what 64 bits can hold all the way; nil where they can't. Most quantities of clusters end here.
  private static func text(_ value: Int64, scale: Int, _ format: Format) -> String? {
    if format == .binary && value.magnitude >= 1_024 && scale == 0 {
      var rest = value
      var power = 0
      while rest.magnitude >= 1_024, rest % 1_024 == 0, power < binarySuffixes.count - 1 {
        rest /= 1_024
        power += 1
      }
      return String(rest) + binarySuffixes[power]
    }
    guard format != .exponent else { return nil }
    var rest = value
    var exponent = scale
    while rest.magnitude >= 10, rest % 10 == 0 {
      rest /= 10
      exponent += 1
    }
    let down = (exponent % 3 + 3) % 3
    let (scaled, overflows) = rest.multipliedReportingOverflow(by: down == 0 ? 1 : down == 1 ? 10 : 100)
    guard !overflows else { return nil }
    return String(scaled) + (decimalSuffixes.first { $0.exponent == exponent - down }?.suffix ?? "")
  }

  static let binarySuffixes = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"]
  static let decimalSuffixes: [(suffix: String, exponent: Int)] = [
    ("n", -9), ("u", -6), ("m", -3), ("", 0), ("k", 3), ("M", 6), ("G", 9), ("T", 12), ("P", 15), ("E", 18),
  ]
}
