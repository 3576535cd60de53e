/// RFC 4648 section 5, without padding: what tokens are written in.
public enum Base64URL {
  /// Text that is none; `place` counts from 0, and is the length where a byte is missing.
  public struct BadByte: Error {
    public let place: Int
  }

  private static let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)
  /// By byte; -1 for what is no digit.
  private static let values: [Int8] = {
    var values = [Int8](repeating: -1, count: 256)
    for (value, digit) in digits.enumerated() { values[Int(digit)] = Int8(value) }
    return values
  }()

  public static func encode(_ bytes: [UInt8]) -> String {
    var out: [UInt8] = []
    for start in stride(from: 0, to: bytes.count, by: 3) {
      let left = min(3, bytes.count - start)
      let word =
        UInt32(bytes[start]) << 16 | (left > 1 ? UInt32(bytes[start + 1]) << 8 : 0)
        | (left > 2 ? UInt32(bytes[start + 2]) : 0)
      for place in 0...left { out.append(digits[Int(word >> UInt32(18 - 6 * place)) & 63]) }
    }
    return String(decoding: out, as: UTF8.self)
  }

  public static func decode(_ text: some Collection<UInt8>) -> Result<[UInt8], BadByte> {
    var out: [UInt8] = []
    out.reserveCapacity(text.count * 3 / 4)
    var word: UInt32 = 0
    var bits = 0
    for (place, byte) in text.enumerated() {
      let digit = values[Int(byte)]
      guard digit >= 0 else { return .failure(BadByte(place: place)) }
      word = (word << 6 | UInt32(digit)) & 0xFFFF
      bits += 6
      if bits >= 8 {
        bits -= 8
        out.append(UInt8(truncatingIfNeeded: word >> UInt32(bits)))
      }
    }
    // Four digits make three bytes; one digit alone makes none.
    return text.count % 4 == 1 ? .failure(BadByte(place: text.count)) : .success(out)
  }
}
