extension Quantity {
  public static let zero = Quantity(.small(value: 0, scale: 0), .decimal)

  /// The sum, in the form of the first unless that is zero; nil where 64 bits do not hold it. (`Quantity.Add`)
  public func adding(_ other: Quantity) -> Quantity? {
    guard case .small(let value, let scale) = amount, case .small(let more, let otherScale) = other.amount else {
      return nil
    }
    func scaled(_ value: Int64, by power: Int) -> Int64? {
      var value = value
      for _ in 0..<power {
        let (next, isTooLarge) = value.multipliedReportingOverflow(by: 10)
        if isTooLarge { return nil }
        value = next
      }
      return value
    }
    let least = min(scale, otherScale)
    guard scale - least <= 20, otherScale - least <= 20, let one = scaled(value, by: scale - least),
      let two = scaled(more, by: otherScale - least)
    else { return nil }
    let (sum, isTooLarge) = one.addingReportingOverflow(two)
    return isTooLarge ? nil : Quantity(.small(value: sum, scale: least), isZero ? other.format : format)
  }
}
