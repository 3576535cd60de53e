/// Names and identities that the server gives.
public enum Identity {
  /// A random UUID, version 4.
  public static func uid() -> String {
    var generator = SystemRandomNumberGenerator()
    let high = (generator.next() & 0xFFFF_FFFF_FFFF_0FFF) | 0x4000
    let low = (generator.next() & 0x3FFF_FFFF_FFFF_FFFF) | 0x8000_0000_0000_0000
    func hex(_ value: UInt64) -> String {
      let digits = String(value, radix: 16)
      return String(repeating: "0", count: 16 - digits.count) + digits
    }
    let a = hex(high)
    let b = hex(low)
    return "\(a.prefix(8))-\(a.dropFirst(8).prefix(4))-\(a.suffix(4))-\(b.prefix(4))-\(b.suffix(12))"
  }

  private static let letters = Array("bcdfghjklmnpqrstvwxz2456789")

  /// A name from generateName: cut to 58, and five characters without vowels, so that no words come out (semantics
  /// 2.13).
  static func name(from base: String) -> String {
    String(decoding: base.utf8.prefix(58), as: UTF8.self)
      + String((0..<5).map { _ in letters[Int.random(in: 0..<letters.count)] })
  }
}
