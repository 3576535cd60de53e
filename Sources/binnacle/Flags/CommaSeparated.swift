/// One record of comma-separated values, in which quotes keep commas together. (`encoding/csv`, which pflag's lists are
/// read with.)
struct CommaSeparated {
  /// Why a text is none, in Go's words.
  struct Malformed: Error { let description: String }

  private let bytes: [UInt8]
  private var place = 0
  private var line = 1
  /// Where the line begins.
  private var start = 0

  private static let (comma, quote, newline) = (UInt8(ascii: ","), UInt8(ascii: "\""), UInt8(ascii: "\n"))

  private init(_ text: String) { bytes = Array(text.utf8) }

  /// The values; none for an empty text. What follows the first line is left alone, as pflag does.
  static func values(_ text: String) throws(Malformed) -> [String] {
    if text.isEmpty { return [] }
    var reader = CommaSeparated(text)
    return try reader.record()
  }

  private mutating func record() throws(Malformed) -> [String] {
    while place < bytes.count, bytes[place] == Self.newline {
      place += 1
      start = place
      line += 1
    }
    guard place < bytes.count else { throw Malformed(description: "EOF") }
    var values: [String] = []
    while true {
      values.append(try bytes[place...].first == Self.quote ? quoted() : plain())
      guard place < bytes.count, bytes[place] == Self.comma else { return values }
      place += 1
    }
  }

  private mutating func plain() throws(Malformed) -> String {
    let field = bytes[place...].prefix { $0 != Self.comma && $0 != Self.newline }
    if let mark = field.firstIndex(of: Self.quote) { throw failure(at: mark, "bare \" in non-quoted field") }
    place = field.endIndex
    return String(decoding: field, as: UTF8.self)
  }

  private mutating func quoted() throws(Malformed) -> String {
    var value: [UInt8] = []
    place += 1
    while let mark = bytes[place...].firstIndex(of: Self.quote) {
      value += bytes[place..<mark]
      place = mark + 1
      guard place < bytes.count, bytes[place] != Self.comma, bytes[place] != Self.newline else {
        return String(decoding: value, as: UTF8.self)
      }
      guard bytes[place] == Self.quote else { throw failure(at: mark, "extraneous or missing \" in quoted-field") }
      value.append(Self.quote)
      place += 1
    }
    throw failure(at: bytes.count, "extraneous or missing \" in quoted-field")
  }

  private func failure(at place: Int, _ why: String) -> Malformed {
    Malformed(description: "parse error on line \(line), column \(place - start + 1): \(why)")
  }
}
