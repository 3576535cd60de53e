/// Go's `time.Parse` for the two layouts of the API, with its leniencies and the texts of its errors. Elements are
/// judged one after the other: the first that can't be read or is out of range is the one reported.
struct GoTimeParser {
  let bytes: UnsafeRawBufferPointer
  let isMicro: Bool
  private var at = 0

  init(bytes: UnsafeRawBufferPointer, isMicro: Bool) {
    self.bytes = bytes
    self.isMicro = isMicro
  }

  mutating func parse() throws(Timestamp.ParseError) -> Timestamp.Instant {
    let year = try yearNumber()
    try expect("-")
    let month = try number("01", "month", 1...12)
    try expect("-")
    let day = try number("02", nil, 0...99)
    try expect("T")
    let hour = try number("15", "hour", 0...23, isFixed: false)
    try expect(":")
    let minute = try number("04", "minute", 0...59)
    try expect(":")
    let second = try number("05", "second", 0...59)
    let nanoseconds = try fraction()
    let offset = try zone()
    guard at == bytes.count else {
      throw Timestamp.ParseError(description: "parsing time \(quoted(0)): extra text: \(quoted(at))")
    }
    let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
    let lengths = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
    guard day >= 1, day <= lengths[month - 1] else { throw outOfRange("day") }
    let seconds =
      Timestamp.daysFrom1970(year, month, day) * 86_400 + Int64(hour * 3_600 + minute * 60 + second - offset)
    return Timestamp.Instant(seconds: seconds, nanoseconds: nanoseconds)
  }

  private func isDigit(_ place: Int) -> Bool { place < bytes.count && bytes[place] >= 0x30 && bytes[place] <= 0x39 }
  private func digit(_ place: Int) -> Int { Int(bytes[place]) - 0x30 }

  private mutating func yearNumber() throws(Timestamp.ParseError) -> Int {
    guard isDigit(at), isDigit(at + 1), isDigit(at + 2), isDigit(at + 3) else { throw unreadable("2006") }
    defer { at += 4 }
    return digit(at) * 1_000 + digit(at + 1) * 100 + digit(at + 2) * 10 + digit(at + 3)
  }

  private mutating func expect(_ separator: Character) throws(Timestamp.ParseError) {
    guard at < bytes.count, bytes[at] == separator.asciiValue else { throw unreadable(String(separator)) }
    at += 1
  }

  /// Two digits; only hours pass with one, because Go's layout for them is not zero-padded.
  private mutating func number(
    _ element: String, _ name: String?, _ range: ClosedRange<Int>, isFixed: Bool = true
  ) throws(Timestamp.ParseError) -> Int {
    guard isDigit(at) else { throw unreadable(element) }
    let value: Int
    if isDigit(at + 1) {
      value = digit(at) * 10 + digit(at + 1)
      at += 2
    } else if isFixed {
      throw unreadable(element)
    } else {
      value = digit(at)
      at += 1
    }
    if let name, !range.contains(value) { throw outOfRange(name) }
    return value
  }

  /// Of the fraction, nine digits count. MicroTime wants six, Time takes any or none.
  private mutating func fraction() throws(Timestamp.ParseError) -> Int {
    let hasPoint = at < bytes.count && (bytes[at] == UInt8(ascii: ".") || bytes[at] == UInt8(ascii: ","))
    if isMicro {
      guard hasPoint, (1...6).allSatisfy({ isDigit(at + $0) }) else { throw unreadable(".000000") }
    } else if !hasPoint || !isDigit(at + 1) {
      return 0
    }
    var nanoseconds = 0
    var count = 0
    at += 1
    while isDigit(at), !isMicro || count < 6 {
      if count < 9 { nanoseconds = nanoseconds * 10 + digit(at) }
      count += 1
      at += 1
    }
    for _ in min(count, 9)..<9 { nanoseconds *= 10 }
    return nanoseconds
  }

  /// Seconds east of Greenwich.
  private mutating func zone() throws(Timestamp.ParseError) -> Int {
    if at < bytes.count, bytes[at] == UInt8(ascii: "Z") {
      at += 1
      return 0
    }
    guard at + 6 <= bytes.count, bytes[at + 3] == UInt8(ascii: ":") else { throw unreadable("Z07:00") }
    let isReadable = isDigit(at + 1) && isDigit(at + 2) && isDigit(at + 4) && isDigit(at + 5)
    let hours = isDigit(at + 1) && isDigit(at + 2) ? digit(at + 1) * 10 + digit(at + 2) : 0
    let minutes = isReadable ? digit(at + 4) * 10 + digit(at + 5) : 0
    // Offsets of 24 hours and of 60 minutes have been seen, and Go takes them.
    if minutes > 60 { throw outOfRange("time zone offset minute") }
    if hours > 24 { throw outOfRange("time zone offset hour") }
    guard isReadable, bytes[at] == UInt8(ascii: "+") || bytes[at] == UInt8(ascii: "-") else {
      throw unreadable("Z07:00")
    }
    defer { at += 6 }
    return (hours * 60 + minutes) * 60 * (bytes[at] == UInt8(ascii: "-") ? -1 : 1)
  }

  private func unreadable(_ element: String) -> Timestamp.ParseError {
    let layout = isMicro ? "2006-01-02T15:04:05.000000Z07:00" : "2006-01-02T15:04:05Z07:00"
    return Timestamp.ParseError(
      description: "parsing time \(quoted(0)) as \"\(layout)\": cannot parse \(quoted(at)) as \"\(element)\"")
  }

  private func outOfRange(_ what: String) -> Timestamp.ParseError {
    Timestamp.ParseError(description: "parsing time \(quoted(0)): \(what) out of range")
  }

  /// The text from a place on in quotes, by package time's own rule: what is not printable ASCII becomes `\x..`.
  private func quoted(_ start: Int) -> String {
    var out: [UInt8] = [UInt8(ascii: "\"")]
    let hex = Array("0123456789abcdef".utf8)
    for byte in bytes[min(start, bytes.count)...] {
      switch byte {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"): out += [UInt8(ascii: "\\"), byte]
      case 0x20..<0x80: out.append(byte)
      default: out += [UInt8(ascii: "\\"), UInt8(ascii: "x"), hex[Int(byte >> 4)], hex[Int(byte & 15)]]
      }
    }
    return String(decoding: out + [UInt8(ascii: "\"")], as: UTF8.self)
  }
}
