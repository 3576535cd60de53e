/// The least and the most that something may be: a size, or what an expression costs. Sums and products stay below
/// 2^64. (cel-go `checker.SizeEstimate`, `checker.CostEstimate`)
public struct CELRange: Sendable, Equatable {
  public var min: UInt64
  public var max: UInt64

  public init(_ min: UInt64, _ max: UInt64) {
    self.min = min
    self.max = max
  }

  /// Both ends alike.
  public init(_ value: UInt64) { self.init(value, value) }

  /// Nothing is known.
  static let unknown = CELRange(0, .max)
  static let zero = CELRange(0)
  static let one = CELRange(1)

  static func + (a: CELRange, b: CELRange) -> CELRange { CELRange(a.min.adding(b.min), a.max.adding(b.max)) }
  static func += (a: inout CELRange, b: CELRange) { a = a + b }
  static func * (a: CELRange, b: CELRange) -> CELRange { CELRange(a.min.times(b.min), a.max.times(b.max)) }

  /// Rounded up.
  static func * (a: CELRange, factor: Double) -> CELRange { CELRange(a.min.times(factor), a.max.times(factor)) }

  /// What holds both.
  func union(_ other: CELRange) -> CELRange { CELRange(Swift.min(min, other.min), Swift.max(max, other.max)) }
}

/// What operations cost. (cel-go `common/cost.go`)
enum CELPrice {
  static let list: UInt64 = 10
  static let map: UInt64 = 30
  static let structure: UInt64 = 40
  /// Of each character of a text that is walked through.
  static let character = 0.1
  /// Of each character of a regular expression.
  static let regexCharacter = 0.25
}

extension UInt64 {
  func adding(_ other: UInt64) -> UInt64 {
    let (sum, isTooLarge) = addingReportingOverflow(other)
    return isTooLarge ? .max : sum
  }

  func times(_ other: UInt64) -> UInt64 {
    let (product, isTooLarge) = multipliedReportingOverflow(by: other)
    return isTooLarge ? .max : product
  }

  /// Rounded up.
  func times(_ factor: Double) -> UInt64 { UInt64(clamping: (Double(self) * factor).rounded(.up)) }

  /// 0 for what is no number.
  init(clamping value: Double) {
    self = value < 0x1p64 ? (value > 0 ? UInt64(value) : 0) : value.isNaN ? 0 : .max
  }
}
