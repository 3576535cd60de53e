/// Numbers as Go's strconv and encoding/json print them.
enum GoNumber {
  /// The shortest text that reads back as `value`.
  static func text(_ value: Double) -> String {
    guard value != 0 else { return value.sign == .minus ? "-0" : "0" }
    // Swift prints the shortest digits too; only their arrangement differs.
    let parts = "\(value.magnitude)".split(separator: "e", maxSplits: 1)
    let mantissa = parts[0].split(separator: ".", maxSplits: 1)
    var digits = Array(mantissa[0].utf8) + (mantissa.count > 1 ? Array(mantissa[1].utf8) : [])
    // The value is 0.d1d2d3… × 10^point.
    var point = mantissa[0].utf8.count + (parts.count > 1 ? Int(parts[1]) ?? 0 : 0)
    let zeros = digits.prefix { $0 == 0x30 }.count
    digits.removeFirst(zeros)
    point -= zeros
    while digits.count > 1, digits.last == 0x30 { digits.removeLast() }

    var out: [UInt8] = value < 0 ? [UInt8(ascii: "-")] : []
    if value.magnitude < 1e-6 || value.magnitude >= 1e21 {
      out.append(digits[0])
      if digits.count > 1 { out += [UInt8(ascii: ".")] + digits[1...] }
      let exponent = point - 1
      // strconv writes at least two digits after e+; encoding/json takes the zero away after e- only.
      out += Array((exponent < 0 ? "e-" : exponent < 10 ? "e+0" : "e+").utf8) + Array(String(abs(exponent)).utf8)
    } else if point <= 0 {
      out += Array("0.".utf8) + [UInt8](repeating: 0x30, count: -point) + digits
    } else if point >= digits.count {
      out += digits + [UInt8](repeating: 0x30, count: point - digits.count)
    } else {
      out += digits[..<point] + [UInt8(ascii: ".")] + digits[point...]
    }
    return String(decoding: out, as: UTF8.self)
  }
}
