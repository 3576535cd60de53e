import Glibc

/// Times as the API writes them: `metav1.Time` (RFC 3339, whole seconds, UTC) and `metav1.MicroTime`.
public enum Timestamp {
  /// Why a text is no time, in the words of Go's `time.Parse`.
  public struct ParseError: Error, Equatable, CustomStringConvertible {
    public let description: String
  }

  /// Seconds since 1970 and nanoseconds of any RFC 3339 text.
  public static func parse(_ text: String) throws(ParseError) -> (seconds: Int64, nanoseconds: Int) {
    let bytes = Array(text.utf8)
    func failure(_ rest: Int, _ element: String) -> ParseError {
      let left = String(decoding: bytes[min(rest, bytes.count)...], as: UTF8.self)
      return ParseError(
        description: "parsing time \(GoText.quoted(text)) as \"2006-01-02T15:04:05Z07:00\": cannot parse \(GoText.quoted(left)) as \(GoText.quoted(element))")
    }
    var at = 0
    func number(_ width: Int, _ element: String) throws(ParseError) -> Int {
      guard at + width <= bytes.count, bytes[at..<(at + width)].allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }) else { throw failure(at, element) }
      defer { at += width }
      return bytes[at..<(at + width)].reduce(0) { $0 * 10 + Int($1 - 0x30) }
    }
    func expect(_ character: Character) throws(ParseError) {
      guard at < bytes.count, bytes[at] == character.asciiValue else { throw failure(at, String(character)) }
      at += 1
    }
    let year = try number(4, "2006")
    try expect("-")
    let month = try number(2, "01")
    try expect("-")
    let day = try number(2, "02")
    try expect("T")
    let hour = try number(2, "15")
    try expect(":")
    let minute = try number(2, "04")
    try expect(":")
    let second = try number(2, "05")
    func outOfRange(_ what: String) -> ParseError { ParseError(description: "parsing time \(GoText.quoted(text)): \(what) out of range") }
    var nanoseconds = 0
    if at < bytes.count, bytes[at] == UInt8(ascii: ".") || bytes[at] == UInt8(ascii: ",") {
      let digits = bytes[(at + 1)...].prefix { $0 >= 0x30 && $0 <= 0x39 }
      guard !digits.isEmpty else { throw failure(at, "Z07:00") }
      for place in 0..<9 { nanoseconds = nanoseconds * 10 + (place < digits.count ? Int(digits[digits.startIndex + place] - 0x30) : 0) }
      at += 1 + digits.count
    }
    guard (1...12).contains(month) else { throw outOfRange("month") }
    guard hour < 24 else { throw outOfRange("hour") }
    guard minute < 60 else { throw outOfRange("minute") }
    guard second < 60 else { throw outOfRange("second") }
    var offset = 0
    guard at < bytes.count else { throw failure(at, "Z07:00") }
    if bytes[at] == UInt8(ascii: "Z") {
      at += 1
    } else if bytes[at] == UInt8(ascii: "+") || bytes[at] == UInt8(ascii: "-") {
      let start = at
      let sign = bytes[at] == UInt8(ascii: "-") ? -1 : 1
      at += 1
      guard at + 5 <= bytes.count, bytes[at + 2] == UInt8(ascii: ":") else { throw failure(start, "Z07:00") }
      let hours = try number(2, "Z07:00")
      try expect(":")
      let minutes = try number(2, "Z07:00")
      guard hours <= 24, minutes < 60 else { throw outOfRange("time zone offset hour") }
      offset = sign * (hours * 3_600 + minutes * 60)
    } else {
      throw failure(at, "Z07:00")
    }
    guard at == bytes.count else {
      throw ParseError(description: "parsing time \(GoText.quoted(text)): extra text: \(GoText.quoted(String(decoding: bytes[at...], as: UTF8.self)))")
    }
    let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
    let lengths = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
    guard day >= 1, day <= lengths[month - 1] else { throw outOfRange("day") }
    let seconds = daysFrom1970(year, month, day) * 86_400 + Int64(hour * 3_600 + minute * 60 + second - offset)
    return (seconds, nanoseconds)
  }

  /// The canonical text of a `metav1.Time`.
  public static func canonical(_ text: String) throws(ParseError) -> String { self.text(try parse(text).seconds) }

  /// The canonical text of a `metav1.MicroTime`.
  public static func canonicalMicro(_ text: String) throws(ParseError) -> String {
    let (seconds, nanoseconds) = try parse(text)
    return micro(seconds, nanoseconds)
  }

  /// `2026-01-02T03:04:05Z`
  public static func text(_ seconds: Int64) -> String { formatted(seconds) + "Z" }

  /// `2026-01-02T03:04:05.000006Z`
  public static func micro(_ seconds: Int64, _ nanoseconds: Int) -> String { formatted(seconds) + "." + padded(nanoseconds / 1_000, 6) + "Z" }

  /// Seconds since 1970, by the system's clock.
  public static var now: Int64 {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Int64(time.tv_sec)
  }

  private static func formatted(_ seconds: Int64) -> String {
    var days = seconds / 86_400
    var rest = Int(seconds % 86_400)
    if rest < 0 {
      rest += 86_400
      days -= 1
    }
    let (year, month, day) = date(days)
    return "\(padded(year, 4))-\(padded(month, 2))-\(padded(day, 2))T\(padded(rest / 3_600, 2)):\(padded(rest / 60 % 60, 2)):\(padded(rest % 60, 2))"
  }

  private static func padded(_ number: Int, _ width: Int) -> String {
    let digits = String(number)
    return String(repeating: "0", count: max(0, width - digits.count)) + digits
  }

  // Days and civil dates, after Howard Hinnant's "chrono-compatible low-level date algorithms".
  private static func daysFrom1970(_ year: Int, _ month: Int, _ day: Int) -> Int64 {
    let y = Int64(month <= 2 ? year - 1 : year)
    let era = (y >= 0 ? y : y - 399) / 400
    let yearOfEra = y - era * 400
    let dayOfYear = Int64((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1)
    return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
  }

  private static func date(_ days: Int64) -> (Int, Int, Int) {
    let z = days + 719_468
    let era = (z >= 0 ? z : z - 146_096) / 146_097
    let dayOfEra = z - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shifted = (5 * dayOfYear + 2) / 153
    let month = shifted < 10 ? shifted + 3 : shifted - 9
    return (Int(yearOfEra + era * 400 + (month <= 2 ? 1 : 0)), Int(month), Int(dayOfYear - (153 * shifted + 2) / 5 + 1))
  }
}
