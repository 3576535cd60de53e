extension Base64 {
  /// Standard base64 as Go reads it: line ends are passed over, and bits that nothing is left of do not matter. What is
  /// wrong is said at the byte that Go names. (encoding/base64: `StdEncoding.Decode`)
  public static func decodedAsInGo(_ text: [UInt8]) -> Result<[UInt8], Base64URL.BadByte> {
    var decoded: [UInt8] = []
    decoded.reserveCapacity(text.count / 4 * 3)
    var place = 0
    func bad(_ place: Int) -> Result<[UInt8], Base64URL.BadByte> { .failure(Base64URL.BadByte(place: place)) }
    func isLineEnd(_ byte: UInt8) -> Bool { byte == 0x0A || byte == 0x0D }
    func skipLineEnds() { while place < text.count, isLineEnd(text[place]) { place += 1 } }
    while true {
      var word: UInt32 = 0
      var digits = 0
      var isLast = false
      while digits < 4, !isLast {
        guard place < text.count else { return digits == 0 ? .success(decoded) : bad(place - digits) }
        let byte = text[place]
        place += 1
        let value = values[Int(byte)]
        if value != 0xFF {
          word = word << 6 | UInt32(value)
          digits += 1
        } else if !isLineEnd(byte) {
          guard byte == UInt8(ascii: "="), digits >= 2 else { return bad(place - 1) }
          if digits == 2 {
            skipLineEnds()
            guard place < text.count else { return bad(place) }
            guard text[place] == UInt8(ascii: "=") else { return bad(place - 1) }
            place += 1
          }
          skipLineEnds()
          guard place == text.count else { return bad(place) }
          isLast = true
        }
      }
      word <<= UInt32(6 * (4 - digits))
      for byte in 0..<(digits - 1) { decoded.append(UInt8(truncatingIfNeeded: word >> UInt32(16 - 8 * byte))) }
      if isLast { return .success(decoded) }
    }
  }
}
