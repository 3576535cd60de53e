extension Quantity {
  public static let zero = Quantity(.small(value: 0, scale: 0), .decimal)

  /// The sum of two quantities, in the form of this one; of the other where this is nothing. What 64 bits do not hold,
  /// where nobody counts, is no more than the larger of the two. (`Quantity.Add`)
  public func adding(_ other: Quantity) -> Quantity {
    let format = isZero ? other.format : format
    guard let a = billionths, let b = other.billionths else { return max(self, other) }
    let (sum, overflows) = a.addingReportingOverflow(b)
    if overflows { return max(self, other) }
    var value = sum
    var scale = -9
    while value != 0, value % 10 == 0, scale < 0 {
      value /= 10
      scale += 1
    }
    guard let small = Int64(exactly: value) else { return max(self, other) }
    return Quantity(.small(value: small, scale: scale), format)
  }

  /// The amount in billionths; nil for one that 128 bits do not hold.
  private var billionths: Int128? {
    guard case .small(let value, let scale) = amount, scale >= -9 else { return nil }
    var number = Int128(value)
    if number == 0 { return 0 }
    for _ in 0..<(scale + 9) {
      let (next, overflows) = number.multipliedReportingOverflow(by: 10)
      if overflows { return nil }
      number = next
    }
    return number
  }
}
