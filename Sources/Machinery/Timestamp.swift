import Glibc

/// Times as the API writes them: `metav1.Time` (RFC 3339, whole seconds, UTC) and `metav1.MicroTime` (six digits of a
/// second).
public enum Timestamp {
  /// Why a text is no time, in the words of Go's `time.Parse`.
  public struct ParseError: Error, Equatable, CustomStringConvertible {
    public let description: String
  }

  /// A point in time.
  public struct Instant: Sendable, Equatable {
    /// Since 1970.
    public let seconds: Int64
    public let nanoseconds: Int

    /// Go's zero time, the first of January of the year 1: answers show it as null.
    public var isZero: Bool { seconds == Timestamp.zeroSeconds && nanoseconds == 0 }
  }

  static let zeroSeconds: Int64 = -62_135_596_800

  /// Any text that Go reads as `time.RFC3339`: fractions of any length pass, hours may have one digit.
  public static func parse(_ text: String) throws(ParseError) -> Instant {
    var text = text
    return try text.withUTF8 { parse(UnsafeRawBufferPointer($0)) }.get()
  }

  /// As `parse(_:)`, of the bytes inside a JSON string without escapes.
  public static func parse(_ bytes: UnsafeRawBufferPointer) -> Result<Instant, ParseError> {
    parse(bytes, isMicro: false)
  }

  /// As `parseMicro(_:)`, of the bytes inside a JSON string without escapes.
  public static func parseMicro(_ bytes: UnsafeRawBufferPointer) -> Result<Instant, ParseError> {
    parse(bytes, isMicro: true)
  }

  private static func parse(_ bytes: UnsafeRawBufferPointer, isMicro: Bool) -> Result<Instant, ParseError> {
    var parser = GoTimeParser(bytes: bytes, isMicro: isMicro)
    do throws(ParseError) { return .success(try parser.parse()) } catch { return .failure(error) }
  }

  /// A text with exactly six digits of a second, as MicroTime wants it.
  public static func parseMicro(_ text: String) throws(ParseError) -> Instant {
    var text = text
    return try text.withUTF8 { parseMicro(UnsafeRawBufferPointer($0)) }.get()
  }

  /// The canonical text of a `metav1.Time`.
  public static func canonical(_ text: String) throws(ParseError) -> String { self.text(try parse(text).seconds) }

  /// The canonical text of a `metav1.MicroTime`.
  public static func canonicalMicro(_ text: String) throws(ParseError) -> String {
    let instant = try parseMicro(text)
    return micro(instant.seconds, instant.nanoseconds)
  }

  /// `2026-01-02T03:04:05Z`
  public static func text(_ seconds: Int64) -> String {
    String(decoding: formatted(seconds) + [UInt8(ascii: "Z")], as: UTF8.self)
  }

  /// `2026-01-02T03:04:05.000006Z`
  public static func micro(_ seconds: Int64, _ nanoseconds: Int) -> String {
    var bytes = formatted(seconds)
    bytes.append(UInt8(ascii: "."))
    append(nanoseconds / 1_000, 6, to: &bytes)
    bytes.append(UInt8(ascii: "Z"))
    return String(decoding: bytes, as: UTF8.self)
  }

  /// Seconds since 1970, by the system's clock.
  public static var now: Int64 { nowInstant.seconds }

  /// The system's clock.
  public static var nowInstant: Instant {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Instant(seconds: Int64(time.tv_sec), nanoseconds: Int(time.tv_nsec))
  }

  private static func formatted(_ seconds: Int64) -> [UInt8] {
    var days = seconds / 86_400
    var rest = Int(seconds % 86_400)
    if rest < 0 {
      rest += 86_400
      days -= 1
    }
    let (year, month, day) = date(days)
    var bytes: [UInt8] = []
    bytes.reserveCapacity(28)
    if year < 0 { bytes.append(UInt8(ascii: "-")) }
    append(abs(year), 4, to: &bytes)
    for (separator, number) in [("-", month), ("-", day), ("T", rest / 3_600), (":", rest / 60 % 60), (":", rest % 60)]
      as [(Unicode.Scalar, Int)]
    {
      bytes.append(UInt8(ascii: separator))
      append(number, 2, to: &bytes)
    }
    return bytes
  }

  private static func append(_ number: Int, _ width: Int, to bytes: inout [UInt8]) {
    let digits = String(number).utf8
    for _ in 0..<max(0, width - digits.count) { bytes.append(0x30) }
    bytes.append(contentsOf: digits)
  }

  // Days and civil dates, after Howard Hinnant's "chrono-compatible low-level date algorithms".
  static func daysFrom1970(_ year: Int, _ month: Int, _ day: Int) -> Int64 {
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
