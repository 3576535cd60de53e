/// Decodes the inside of a JSON string whose escapes the parser has checked.
enum Unescape {
  /// The text; a lone surrogate becomes U+FFFD, as in Go, and so does malformed UTF-8.
  static func text(_ bytes: UnsafeRawBufferPointer) -> String {
    var out: [UInt8] = []
    out.reserveCapacity(bytes.count)
    var at = 0
    while at < bytes.count {
      let byte = bytes[at]
      guard byte == UInt8(ascii: "\\"), at + 1 < bytes.count else {
        out.append(byte)
        at += 1
        continue
      }
      at += 2
      switch bytes[at - 1] {
      case UInt8(ascii: "b"): out.append(0x08)
      case UInt8(ascii: "f"): out.append(0x0C)
      case UInt8(ascii: "n"): out.append(0x0A)
      case UInt8(ascii: "r"): out.append(0x0D)
      case UInt8(ascii: "t"): out.append(0x09)
      case UInt8(ascii: "u"): out.append(contentsOf: scalar(bytes, &at).utf8)
      case let plain: out.append(plain)
      }
    }
    return String(decoding: out, as: UTF8.self)
  }

  /// The character whose four digits begin at `at`; takes the second half of a surrogate pair too.
  private static func scalar(_ bytes: UnsafeRawBufferPointer, _ at: inout Int) -> String {
    guard let first = hex(bytes, at) else { return "\u{FFFD}" }
    at += 4
    if (0xD800..<0xDC00).contains(first), at + 5 < bytes.count, bytes[at] == UInt8(ascii: "\\"),
      bytes[at + 1] == UInt8(ascii: "u"),
      let second = hex(bytes, at + 2), (0xDC00..<0xE000).contains(second),
      let pair = UnicodeScalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00))
    {
      at += 6
      return String(Character(pair))
    }
    return UnicodeScalar(first).map { String(Character($0)) } ?? "\u{FFFD}"
  }

  private static func hex(_ bytes: UnsafeRawBufferPointer, _ at: Int) -> UInt32? {
    guard at + 4 <= bytes.count else { return nil }
    var value: UInt32 = 0
    for i in at..<(at + 4) {
      switch bytes[i] {
      case UInt8(ascii: "0")...UInt8(ascii: "9"): value = value << 4 | UInt32(bytes[i] - UInt8(ascii: "0"))
      case UInt8(ascii: "a")...UInt8(ascii: "f"): value = value << 4 | UInt32(bytes[i] - UInt8(ascii: "a") + 10)
      case UInt8(ascii: "A")...UInt8(ascii: "F"): value = value << 4 | UInt32(bytes[i] - UInt8(ascii: "A") + 10)
      default: return nil
      }
    }
    return value
  }
}
