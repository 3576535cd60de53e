public import ByteBuffers

/// Base64 of RFC 4648 section 4, the form of bytes in JSON: by table, two characters a lookup.
public enum Base64 {
  private static let digits: StaticString = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

  /// Both characters of each 12 bits, in memory order.
  private static let pairs: [UInt16] = (0..<4096).map { value in
    UInt16(digits.utf8Start[value >> 6]) | UInt16(digits.utf8Start[value & 63]) << 8
  }

  /// 6 bits of each character, 0xFF for those that are none.
  static let values: [UInt8] = {
    var values = [UInt8](repeating: 0xFF, count: 256)
    for value in 0..<64 { values[Int(digits.utf8Start[value])] = UInt8(value) }
    return values
  }()

  /// Standard base64 with padding.
  public static func text(_ bytes: [UInt8]) -> String {
    String(unsafeUninitializedCapacity: encodedCount(bytes.count)) { room in
      bytes.withUnsafeBytes { encode($0, into: UnsafeMutableRawBufferPointer(room)) }
      return encodedCount(bytes.count)
    }
  }

  /// Characters for `count` bytes, padding included.
  public static func encodedCount(_ count: Int) -> Int { (count + 2) / 3 * 4 }

  /// Encodes into `room`, which has `encodedCount` bytes.
  static func encode(_ source: UnsafeRawBufferPointer, into room: UnsafeMutableRawBufferPointer) {
    precondition(room.count >= encodedCount(source.count))
    guard let from = source.baseAddress, let to = room.baseAddress else { return }
    pairs.withUnsafeBufferPointer { pairs in
      var read = 0
      var write = 0
      // Six bytes from one load of eight, while eight are there.
      while read &+ 8 <= source.count {
        let eight = UInt64(bigEndian: from.loadUnaligned(fromByteOffset: read, as: UInt64.self))
        let a = UInt64(pairs[Int(eight >> 52)])
        let b = UInt64(pairs[Int(eight >> 40 & 0xFFF)])
        let c = UInt64(pairs[Int(eight >> 28 & 0xFFF)])
        let d = UInt64(pairs[Int(eight >> 16 & 0xFFF)])
        to.storeBytes(of: (a | b << 16 | c << 32 | d << 48).littleEndian, toByteOffset: write, as: UInt64.self)
        read &+= 6
        write &+= 8
      }
      while read &+ 3 <= source.count {
        let three = Int(source[read]) << 16 | Int(source[read &+ 1]) << 8 | Int(source[read &+ 2])
        to.storeBytes(of: pairs[three >> 12].littleEndian, toByteOffset: write, as: UInt16.self)
        to.storeBytes(of: pairs[three & 0xFFF].littleEndian, toByteOffset: write &+ 2, as: UInt16.self)
        read &+= 3
        write &+= 4
      }
      let left = source.count &- read
      if left > 0 {
        let three = Int(source[read]) << 16 | (left == 2 ? Int(source[read &+ 1]) << 8 : 0)
        to.storeBytes(of: pairs[three >> 12].littleEndian, toByteOffset: write, as: UInt16.self)
        let third = left == 2 ? digits.utf8Start[three >> 6 & 63] : UInt8(ascii: "=")
        to.storeBytes(of: third, toByteOffset: write &+ 2, as: UInt8.self)
        to.storeBytes(of: UInt8(ascii: "="), toByteOffset: write &+ 3, as: UInt8.self)
      }
    }
  }

  /// The bytes behind padded text; nil if it is none.
  public static func decode(_ text: UnsafeRawBufferPointer) -> SharedBytes? {
    if text.count == 0 { return .empty }
    guard text.count % 4 == 0, let from = text.baseAddress else { return nil }
    let padding = text[text.count - 1] != UInt8(ascii: "=") ? 0 : text[text.count - 2] != UInt8(ascii: "=") ? 1 : 2
    let size = text.count / 4 * 3 - padding
    var isValid = true
    let bytes = SharedBytes(capacity: size) { room in
      guard let to = room.baseAddress else { return 0 }
      values.withUnsafeBufferPointer { values in
        let whole = text.count - (padding > 0 ? 4 : 0)
        var read = 0
        var write = 0
        var seen: UInt8 = 0
        while read < whole {
          let four = UInt32(littleEndian: from.loadUnaligned(fromByteOffset: read, as: UInt32.self))
          let a = values[Int(four & 0xFF)]
          let b = values[Int(four >> 8 & 0xFF)]
          let c = values[Int(four >> 16 & 0xFF)]
          let d = values[Int(four >> 24)]
          // A valid digit leaves the two highest bits clear.
          seen |= a | b | c | d
          to.storeBytes(of: a << 2 | b >> 4, toByteOffset: write, as: UInt8.self)
          to.storeBytes(of: b << 4 | c >> 2, toByteOffset: write &+ 1, as: UInt8.self)
          to.storeBytes(of: c << 6 | d, toByteOffset: write &+ 2, as: UInt8.self)
          read &+= 4
          write &+= 3
        }
        if padding > 0 {
          let a = values[Int(text[read])]
          let b = values[Int(text[read &+ 1])]
          let c = padding == 1 ? values[Int(text[read &+ 2])] : 0
          seen |= a | b | c
          to.storeBytes(of: a << 2 | b >> 4, toByteOffset: write, as: UInt8.self)
          if padding == 1 { to.storeBytes(of: b << 4 | c >> 2, toByteOffset: write &+ 1, as: UInt8.self) }
        }
        isValid = seen & 0xC0 == 0
      }
      return size
    }
    return isValid ? bytes : nil
  }
}

extension JSONWriter {
  /// Bytes as a quoted base64 string, the way Go writes `[]byte`.
  public mutating func base64(_ source: UnsafeRawBufferPointer) {
    raw(UInt8(ascii: "\""))
    // Through a piece of stack: an array can't grow without being filled.
    withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 8) { room in
      var at = 0
      while at < source.count {
        let piece = UnsafeRawBufferPointer(rebasing: source[at..<min(at + 3072, source.count)])
        Base64.encode(piece, into: room)
        bytes.append(contentsOf: UnsafeRawBufferPointer(rebasing: room[..<Base64.encodedCount(piece.count)]))
        at += piece.count
      }
    }
    raw(UInt8(ascii: "\""))
  }

  /// The UTF-8 of `text` as a quoted base64 string.
  public mutating func base64(_ text: String) {
    var text = text
    text.withUTF8 { base64(UnsafeRawBufferPointer($0)) }
  }
}
