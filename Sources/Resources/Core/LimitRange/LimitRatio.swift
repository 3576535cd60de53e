import Glibc
import Machinery

/// How far a limit may be above what is asked for.
enum LimitRatio {
  /// `max/min` as upstream prints it, where the ratio is greater; nil where it is not. Upstream divides floating-point
  /// numbers, of thousandths where all three are small enough for that.
  static func exceeded(by ratio: Quantity, min: Quantity, max: Quantity) -> String? {
    let isSmall = [ratio, min, max].allSatisfy { whole($0) < Int64.max / 1_000 }
    let given = isSmall ? Double(thousandths(ratio)) / 1_000 : Double(whole(ratio))
    let bound =
      isSmall
      ? Double(thousandths(max)) / Double(thousandths(min)) : Double(whole(max)) / Double(whole(min))
    return given > bound ? text(bound) : nil
  }

  /// (`Quantity.Value`)
  private static func whole(_ quantity: Quantity) -> Int64 {
    quantity.wholeValue ?? (quantity.isBelowZero ? .min : .max)
  }
  /// (`Quantity.MilliValue`)
  private static func thousandths(_ quantity: Quantity) -> Int64 {
    quantity.milliValue ?? (quantity.isBelowZero ? .min : .max)
  }

  /// Six decimals. (Go's `%f`)
  static func text(_ number: Double) -> String {
    if number.isNaN { return "NaN" }
    if number.isInfinite { return number < 0 ? "-Inf" : "+Inf" }
    // The largest double has 309 digits before the point.
    return withUnsafeTemporaryAllocation(of: CChar.self, capacity: 400) { buffer in
      guard let start = buffer.baseAddress else { return "" }
      _ = withVaList([number]) { vsnprintf(start, buffer.count, "%f", $0) }
      return String(cString: start)
    }
  }
}
