/// What expressions do with quantities.
extension Quantity {
  /// A whole number, in the form of the exponent. (`NewQuantity` with `DecimalExponent`)
  public init(whole value: Int64) { self.init(.small(value: value, scale: 0), .exponent) }

  /// As a whole number, if it is kept as one: 2000m is not. (`Quantity.AsInt64`)
  public var int64: Int64? {
    guard case .small(let value, let scale) = amount, scale >= 0 else { return nil }
    return Self.scaled(value, by: scale)
  }

  /// -1, 0 or 1.
  public var sign: Int { isZero ? 0 : isBelowZero ? -1 : 1 }

  /// The nearest that a double can say, or near it. (`Quantity.AsApproximateFloat64`)
  public var approximateFloat: Double {
    let (base, exponent): (Double, Int) =
      switch amount {
      case .small(let value, let scale): (Double(value), scale)
      case .big(let number): (Double(number.text(scaledTo: number.exponent)) ?? 0, number.exponent)
      }
    return exponent == 0 ? base : base * (Double("1e\(exponent)") ?? (exponent < 0 ? 0 : .infinity))
  }

  /// The exact sum, in the form of the first unless that is zero; nil for one with more digits than any quantity
  /// needs: exponents have no bounds. (`Quantity.Add`)
  public func sum(_ other: Quantity) -> Quantity? {
    let format = isZero ? other.format : format
    if case .small(let value, let scale) = amount, case .small(let more, let otherScale) = other.amount,
      let (sum, place) = Self.sum(value, scale, more, otherScale)
    {
      return Quantity(.small(value: sum, scale: place), format)
    }
    return decimal.adding(other.decimal).map { Quantity(.big($0), format) }
  }

  /// (`Quantity.Sub`)
  public func difference(_ other: Quantity) -> Quantity? {
    switch other.amount {
    case .small(let value, let scale): sum(Quantity(.small(value: 0 &- value, scale: scale), other.format))
    case .big(let number): sum(Quantity(.big(number.negated), other.format))
    }
  }

  /// In the scale that upstream keeps it in, on which it depends what is taken for a whole number.
  static func sum(_ a: Int64, _ aScale: Int, _ b: Int64, _ bScale: Int) -> (Int64, Int)? {
    if b == 0 { return (a, aScale) }
    if a == 0 { return (b, bScale) }
    let least = min(aScale, bScale)
    guard let one = scaled(a, by: aScale - least), let two = scaled(b, by: bScale - least) else { return nil }
    let (sum, isTooLarge) = one.addingReportingOverflow(two)
    return isTooLarge ? nil : (sum, least)
  }

  /// Times 10^power; nil beyond 64 bits.
  private static func scaled(_ value: Int64, by power: Int) -> Int64? {
    if value == 0 { return 0 }
    guard power <= 19 else { return nil }
    var value = value
    for _ in 0..<power {
      let (next, isTooLarge) = value.multipliedReportingOverflow(by: 10)
      if isTooLarge { return nil }
      value = next
    }
    return value
  }
}

extension BigDecimal {
  /// More digits than this are not written out.
  private static let spanMax = 4_096

  /// The exact sum; nil where it would have too many digits.
  func adding(_ other: BigDecimal) -> BigDecimal? {
    if isZero { return other }
    if other.isZero { return self }
    let least = min(exponent, other.exponent)
    let span = max(exponent + digits.count, other.exponent + other.digits.count) - least + 1
    guard span <= Self.spanMax else { return nil }
    func spread(_ number: BigDecimal) -> [Int] {
      var out = [Int](repeating: 0, count: span)
      let sign = number.isNegative ? -1 : 1
      for (place, digit) in number.digits.reversed().enumerated() {
        out[span - 1 - (number.exponent - least) - place] = sign * Int(digit)
      }
      return out
    }
    var sum = spread(self)
    for (place, digit) in spread(other).enumerated() { sum[place] += digit }
    let isNegative = (sum.first { $0 != 0 } ?? 0) < 0
    if isNegative { sum = sum.map { -$0 } }
    // The first that is not 0 is above it, so that what is borrowed is always there.
    for place in sum.indices.reversed() where place > 0 {
      if sum[place] < 0 {
        sum[place] += 10
        sum[place - 1] -= 1
      } else if sum[place] > 9 {
        sum[place] -= 10
        sum[place - 1] += 1
      }
    }
    let digits = sum.map { UInt8(clamping: $0) }
    return BigDecimal(isNegative: isNegative, trimming: digits, exponent: least)
  }
}
