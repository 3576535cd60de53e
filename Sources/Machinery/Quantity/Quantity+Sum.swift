extension Quantity {
  public static let zero = Quantity(.small(value: 0, scale: 0), .decimal)

  /// The sum, in the form of the first unless that is zero; nil where 64 bits do not hold it. (`Quantity.Add`)
  public func adding(_ other: Quantity) -> Quantity? {
    guard case .small(let value, let scale) = amount, case .small(let more, let otherScale) = other.amount else {
      return nil
    }
    return Self.sum(value, scale, more, otherScale).map { sum, place in
      Quantity(.small(value: sum, scale: place), isZero ? other.format : format)
    }
  }
}
