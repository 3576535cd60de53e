/// Bytes as hexadecimal digits.
public enum Hex {
  public enum Letters: Sendable { case upper, lower }

  /// Two digits a byte.
  public static func text(_ bytes: some Sequence<UInt8>, _ letters: Letters) -> String {
    let digits = Array((letters == .upper ? "0123456789ABCDEF" : "0123456789abcdef").utf8)
    return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
  }

  /// What a digit stands for, in either case; nil for what is none.
  public static func value(of digit: UInt8) -> UInt8? {
    switch digit {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - UInt8(ascii: "A") + 10
    default: nil
    }
  }
}
