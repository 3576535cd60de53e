/// A decimal number of any length: digits × 10^exponent. What quantities need of `inf.Dec`; no digit is ever written
/// out for an exponent, so that a short text can't ask for a gigabyte.
///
/// Invariant: no digit at either end is 0; zero has no digits and exponent 0.
struct BigDecimal: Sendable, Comparable {
  let isNegative: Bool
  /// 0...9, the most significant first.
  let digits: [UInt8]
  let exponent: Int

  init(isNegative: Bool, trimming digits: [UInt8], exponent: Int) {
    let leading = digits.prefix { $0 == 0 }.count
    var end = digits.count
    while end > leading, digits[end - 1] == 0 { end -= 1 }
    self.digits = leading == 0 && end == digits.count ? digits : Array(digits[leading..<end])
    self.exponent = self.digits.isEmpty ? 0 : exponent + digits.count - end
    self.isNegative = isNegative && !self.digits.isEmpty
  }

  init(_ value: Int64, exponent: Int) {
    self.init(isNegative: value < 0, trimming: String(value.magnitude).utf8.map { $0 &- 0x30 }, exponent: exponent)
  }

  /// ASCII digits before and behind the point.
  init(_ whole: Slice<UnsafeRawBufferPointer>, _ fraction: Slice<UnsafeRawBufferPointer>) {
    self.init(
      isNegative: false, trimming: whole.map { $0 &- 0x30 } + fraction.map { $0 &- 0x30 }, exponent: -fraction.count)
  }

  var isZero: Bool { digits.isEmpty }
  var negated: BigDecimal { BigDecimal(isNegative: !isNegative, trimming: digits, exponent: exponent) }
  func scaled(by power: Int) -> BigDecimal {
    BigDecimal(isNegative: isNegative, trimming: digits, exponent: exponent + power)
  }

  func multiplied(by factor: Int) -> BigDecimal {
    var out: [UInt8] = []
    out.reserveCapacity(digits.count + 4)
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
    return BigDecimal(isNegative: isNegative, trimming: out.reversed(), exponent: exponent)
  }

  /// Without what is smaller than 10^place; anything dropped makes the rest larger in magnitude.
  func roundedAwayFromZero(to place: Int) -> BigDecimal {
    guard exponent < place, !isZero else { return self }
    let dropped = place - exponent
    var kept = Array(digits.dropLast(min(dropped, digits.count)))
    // The last digit is not 0, so something is dropped and one is added.
    var at = kept.count - 1
    while at >= 0, kept[at] == 9 {
      kept[at] = 0
      at -= 1
    }
    if at >= 0 { kept[at] += 1 } else { kept.insert(1, at: 0) }
    return BigDecimal(isNegative: isNegative, trimming: kept, exponent: place)
  }

  /// Sign and digits of the number divided by 10^power; `power` is at most the exponent, and near it.
  func text(scaledTo power: Int) -> String {
    var bytes: [UInt8] = isNegative ? [UInt8(ascii: "-")] : []
    bytes.reserveCapacity(digits.count + 4)
    for digit in digits { bytes.append(digit + 0x30) }
    for _ in 0..<max(0, exponent - power) { bytes.append(0x30) }
    return String(decoding: bytes, as: UTF8.self)
  }

  static func < (a: BigDecimal, b: BigDecimal) -> Bool {
    if a.isNegative != b.isNegative { return a.isNegative }
    return a.isNegative ? isSmaller(b, a) : isSmaller(a, b)
  }

  /// Compares magnitudes.
  private static func isSmaller(_ a: BigDecimal, _ b: BigDecimal) -> Bool {
    if a.isZero || b.isZero { return a.isZero && !b.isZero }
    let (aLength, bLength) = (a.digits.count + a.exponent, b.digits.count + b.exponent)
    if aLength != bLength { return aLength < bLength }
    return a.digits.lexicographicallyPrecedes(b.digits)
  }
}

extension Int64 {
  /// The number, if it is whole and fits.
  init?(_ number: BigDecimal) {
    guard number.exponent >= 0, number.digits.count + number.exponent <= 19 else { return nil }
    var value: Int64 = 0
    for place in 0..<(number.digits.count + number.exponent) {
      let digit = place < number.digits.count ? Int64(number.digits[place]) : 0
      let (scaled, overflow) = value.multipliedReportingOverflow(by: 10)
      let (sum, carry) =
        number.isNegative ? scaled.subtractingReportingOverflow(digit) : scaled.addingReportingOverflow(digit)
      if overflow || carry { return nil }
      value = sum
    }
    self = value
  }
}
