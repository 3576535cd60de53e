public import ByteBuffers

/// Writes JSON as Go's encoding/json does, so that bytes equal kube-apiserver's.
public struct JSONWriter: ~Copyable {
  /// What has been written.
  public internal(set) var bytes: [UInt8]

  public init(capacity: Int = 512) {
    bytes = []
    bytes.reserveCapacity(capacity)
  }

  public var count: Int { bytes.count }

  /// Text that already is JSON.
  @inline(__always)
  public mutating func raw(_ text: StaticString) {
    bytes.append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
  }

  /// Text that already is JSON.
  public mutating func raw(_ text: String) { bytes.append(contentsOf: text.utf8) }

  /// Bytes that already are JSON.
  public mutating func raw(_ slice: ByteSlice) { slice.withUnsafeBytes { bytes.append(contentsOf: $0) } }

  /// One byte that already is JSON.
  @inline(__always)
  public mutating func raw(_ byte: UInt8) { bytes.append(byte) }

  /// A quoted string. `<`, `>`, `&`, U+2028 and U+2029 are escaped as Go does by default.
  public mutating func string(_ text: String) {
    var text = text
    text.withUTF8 { utf8 in
      bytes.append(UInt8(ascii: "\""))
      var plain = 0  // first byte not written yet
      var at = 0
      while at < utf8.count {
        let byte = utf8[at]
        if Self.isPlain[Int(byte)] {
          at += 1
          continue
        }
        // Of the three-byte characters that begin with E2 80, only A8 and A9 are escaped.
        if byte == 0xE2 {
          guard at + 2 < utf8.count, utf8[at + 1] == 0x80, utf8[at + 2] & 0xFE == 0xA8 else {
            at += 1
            continue
          }
          bytes.append(contentsOf: UnsafeBufferPointer(rebasing: utf8[plain..<at]))
          raw(utf8[at + 2] == 0xA8 ? "\\u2028" : "\\u2029")
          at += 3
          plain = at
          continue
        }
        bytes.append(contentsOf: UnsafeBufferPointer(rebasing: utf8[plain..<at]))
        escape(byte)
        at += 1
        plain = at
      }
      bytes.append(contentsOf: UnsafeBufferPointer(rebasing: utf8[plain..<utf8.count]))
      bytes.append(UInt8(ascii: "\""))
    }
  }

  private mutating func escape(_ byte: UInt8) {
    switch byte {
    case UInt8(ascii: "\""): raw("\\\"")
    case UInt8(ascii: "\\"): raw("\\\\")
    case 0x08: raw("\\b")
    case 0x0C: raw("\\f")
    case 0x0A: raw("\\n")
    case 0x0D: raw("\\r")
    case 0x09: raw("\\t")
    default:
      let digits: StaticString = "0123456789abcdef"
      raw("\\u00")
      bytes.append(digits.utf8Start[Int(byte >> 4)])
      bytes.append(digits.utf8Start[Int(byte & 15)])
    }
  }

  /// Bytes that stand for themselves inside a string; E2 is looked at more closely.
  private static let isPlain: [Bool] = (0..<256).map { byte in
    byte >= 0x20 && byte != 0xE2 && !"\"\\<>&".utf8.contains(UInt8(byte))
  }

  public mutating func int(_ value: Int64) {
    var digits: (UInt64, UInt64, UInt64) = (0, 0, 0)  // room for 20 digits and a sign
    withUnsafeMutableBytes(of: &digits) { room in
      var at = room.count
      var rest = value.magnitude
      repeat {
        at -= 1
        room[at] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
        rest /= 10
      } while rest > 0
      if value < 0 {
        at -= 1
        room[at] = UInt8(ascii: "-")
      }
      bytes.append(contentsOf: room[at...])
    }
  }

  /// A finite number in Go's form: plain digits between 1e-6 and 1e21, else an exponent without leading zeros.
  public mutating func double(_ value: Double) { raw(GoNumber.text(value)) }

  public mutating func bool(_ value: Bool) { raw(value ? "true" : "false") }

  public mutating func null() { raw("null") }

  /// A whole value, compact.
  public mutating func value(_ value: JSONValue) {
    switch value {
    case .null: null()
    case .bool(let truth): bool(truth)
    case .int(let number): int(number)
    case .double(let number): double(number)
    case .number(let text): raw(text)
    case .string(let text): string(text)
    case .array(let elements):
      raw(UInt8(ascii: "["))
      for (place, element) in elements.enumerated() {
        if place > 0 { raw(UInt8(ascii: ",")) }
        self.value(element)
      }
      raw(UInt8(ascii: "]"))
    case .object(let object):
      raw(UInt8(ascii: "{"))
      for (place, member) in object.members.enumerated() {
        if place > 0 { raw(UInt8(ascii: ",")) }
        string(member.name)
        raw(UInt8(ascii: ":"))
        self.value(member.value)
      }
      raw(UInt8(ascii: "}"))
    case .unread(let text): raw(text.bytes)
    }
  }

  /// What has been written, to share.
  public consuming func finish() -> SharedBytes { SharedBytes(bytes) }
}

extension JSONValue {
  /// The value as compact JSON.
  public func encoded() -> SharedBytes {
    var writer = JSONWriter()
    writer.value(self)
    return writer.finish()
  }
}
