extension Quantity {
  /// Parses bytes; of JSON, what stands between the quotes. Follows `ParseQuantity` step by step: which texts keep 64
  /// bits, which are kept as they are and which are rounded depends on its order of decisions.
  public static func parse(_ bytes: UnsafeRawBufferPointer) -> Result<Quantity, ParseError> {
    if bytes.isEmpty { return .failure(.format) }
    guard let parts = Parts(bytes) else { return .failure(.format) }
    guard let suffix = Suffix(bytes[parts.suffix]) else { return .failure(.suffix) }
    let wholeCount = max(parts.whole.count, 1)  // none is 0

    // 64 bits are enough, and known to be so by the count of digits.
    var precision: Int
    var scale = 0
    switch suffix.format {
    case .decimal, .exponent:
      precision = 18 - wholeCount - parts.fraction.count
      scale = suffix.exponent
    case .binary:
      // 2^20 has about six decimal digits; fractions of binary quantities go the exact way.
      precision = parts.fraction.isEmpty ? 14 - wholeCount - suffix.exponent * 3 / 10 : -1
    }
    if precision >= 0 {
      scale -= parts.fraction.count
      if scale >= -9 {
        var value: Int64 = 0  // at most 18 digits
        for byte in bytes[parts.whole] { value = value * 10 + Int64(byte &- 0x30) }
        for byte in bytes[parts.fraction] { value = value * 10 + Int64(byte &- 0x30) }
        let mantissa: Int64 = suffix.format == .binary ? 1 << Int64(suffix.exponent) : 1
        let (product, overflows) = value.multipliedReportingOverflow(by: mantissa)
        if !overflows {
          let isKept =
            if suffix.format == .binary { value & 7 != 0 } else {
              scale % 3 == 0 && value % 1_000 != 0 && !parts.whole.isEmpty
            }
          let text = isKept ? String(decoding: bytes, as: UTF8.self) : nil
          return .success(
            Quantity(.small(value: parts.isNegative ? -product : product, scale: scale), suffix.format, kept: text))
        }
      }
    }

    guard parts.hasDigits else { return .failure(.number) }
    var number = BigDecimal(bytes[parts.whole], bytes[parts.fraction])
    var format = suffix.format
    if format == .binary {
      for _ in 0..<(suffix.exponent / 10) { number = number.multiplied(by: 1_024) }
    } else {
      number = number.scaled(by: suffix.exponent)
    }
    number = number.roundedAwayFromZero(to: -9)
    if format == .binary {
      if number > BigDecimal(Int64.max, exponent: 0) { number = BigDecimal(Int64.max, exponent: 0) }
      if number < BigDecimal(1, exponent: 0) && !number.isZero { format = .decimal }
    }
    return .success(Quantity(.big(parts.isNegative ? number.negated : number), format))
  }

  /// A text taken apart. (`parseQuantityString`)
  private struct Parts {
    var isNegative = false
    /// Digits before the point, without leading zeros; none means 0.
    var whole: Range<Int>
    var fraction: Range<Int>
    var suffix: Range<Int>
    /// Was there any digit at all? A lone suffix passes as 0 where 64 bits are enough for it, else it is no number.
    var hasDigits = false

    init?(_ bytes: UnsafeRawBufferPointer) {
      let end = bytes.count
      var at = 0
      func isDigit(_ place: Int) -> Bool { place < end && bytes[place] >= 0x30 && bytes[place] <= 0x39 }
      if bytes[0] == UInt8(ascii: "-") || bytes[0] == UInt8(ascii: "+") {
        isNegative = bytes[0] == UInt8(ascii: "-")
        at = 1
      }
      while at < end, bytes[at] == UInt8(ascii: "0") {
        at += 1
        hasDigits = true
      }
      let start = at
      while isDigit(at) { at += 1 }
      whole = start..<at
      fraction = at..<at
      if at < end, bytes[at] == UInt8(ascii: ".") {
        at += 1
        let first = at
        while isDigit(at) { at += 1 }
        fraction = first..<at
      }
      if !whole.isEmpty || !fraction.isEmpty { hasDigits = true }
      let suffixStart = at
      while at < end, Self.suffixLetters.contains(bytes[at]) { at += 1 }
      if at < end, bytes[at] == UInt8(ascii: "-") || bytes[at] == UInt8(ascii: "+") { at += 1 }
      while isDigit(at) { at += 1 }
      guard at == end else { return nil }
      suffix = suffixStart..<end
    }

    private static let suffixLetters = Array("eEinumkKMGTP".utf8)
  }

  /// What a suffix means: 10^exponent, or 2^exponent for binary ones.
  private struct Suffix {
    let format: Format
    let exponent: Int

    init?(_ bytes: Slice<UnsafeRawBufferPointer>) {
      if bytes.isEmpty {
        (format, exponent) = (.decimal, 0)
        return
      }
      let text = String(decoding: bytes, as: UTF8.self)
      if let known = Quantity.decimalSuffixes.first(where: { $0.suffix == text }) {
        (format, exponent) = (.decimal, known.exponent)
      } else if let power = Quantity.binarySuffixes.firstIndex(of: text) {
        (format, exponent) = (.binary, power * 10)
      } else if text.utf8.count > 1, text.first == "e" || text.first == "E", let power = Int64(text.dropFirst()) {
        // Upstream cuts the exponent to 32 bits.
        (format, exponent) = (.exponent, Int(Int32(truncatingIfNeeded: power)))
      } else {
        return nil
      }
    }
  }
}
