import Machinery

/// What a function of a library cannot do.
enum LibraryFault: Error, Equatable {
  /// Told to the user as it is.
  case text(String)
  /// The answer would be larger than what an expression may walk through.
  case tooLarge
  /// An argument is of another type than the overload is for.
  case noSuchOverload
}

/// The extensions for texts, version 2: places are counted in code points. (cel-go `ext/strings.go`)
enum StringFunctions {
  /// No answer is longer, in bytes: the cost that one call may have does not walk through more. Upstream makes any, up
  /// to what the machine has.
  static let sizeMax = 16 << 20

  static func charAt(_ text: String, _ index: Int64) throws(LibraryFault) -> String {
    guard let place = place(index, in: text) else { throw outOfRange(index) }
    return place == text.endIndex ? "" : String(text.unicodeScalars[place])
  }

  /// Of the code point with that number, or the end; nil beyond.
  private static func place(_ index: Int64, in text: String) -> String.Index? {
    guard index >= 0, index <= text.utf8.count else { return nil }
    let scalars = text.unicodeScalars
    return scalars.index(scalars.startIndex, offsetBy: Int(index), limitedBy: scalars.endIndex)
  }

  private static func outOfRange(_ index: Int64) -> LibraryFault { .text("index out of range: \(index)") }

  // MARK: search

  static func index(of part: String, in text: String, from offset: Int64 = 0) throws(LibraryFault) -> Int64 {
    if part.isEmpty { return offset }
    if offset < 0 { throw outOfRange(offset) }
    guard let start = place(offset, in: text) else { return -1 }
    let rest = text[start...]
    guard let found = firstPlace(of: Array(part.utf8), in: Array(rest.utf8)) else { return -1 }
    let end = rest.utf8.index(rest.utf8.startIndex, offsetBy: found)
    return offset + Int64(rest.unicodeScalars[..<end].count)
  }

  static func lastIndex(of part: String, in text: String) -> Int64 {
    if part.isEmpty { return Int64(text.unicodeScalars.count) }
    return lastIndex(of: part, in: text[...])
  }

  static func lastIndex(of part: String, in text: String, from offset: Int64) throws(LibraryFault) -> Int64 {
    if part.isEmpty { return offset }
    if offset < 0 { throw outOfRange(offset) }
    guard let last = place(offset, in: text), last < text.endIndex else { return -1 }
    let rest = text.utf8.distance(from: last, to: text.endIndex)
    let end = text.utf8.index(last, offsetBy: min(part.utf8.count, rest))
    return lastIndex(of: part, in: text[..<end])
  }

  /// The last one is the first of both turned round, which is found in linear time.
  private static func lastIndex(of part: String, in text: Substring) -> Int64 {
    let all = Array(text.utf8)
    guard let found = firstPlace(of: part.utf8.reversed(), in: all.reversed()) else { return -1 }
    let start = text.utf8.index(text.utf8.startIndex, offsetBy: all.count - found - part.utf8.count)
    return Int64(text.unicodeScalars[..<start].count)
  }

  private static func firstPlace(of part: [UInt8], in bytes: [UInt8]) -> Int? {
    ByteSearch(for: part).places(in: bytes, max: 1).first
  }

  // MARK: parts

  static func substring(_ text: String, from start: Int64) throws(LibraryFault) -> String {
    guard let place = place(start, in: text) else { throw outOfRange(start) }
    return String(text[place...])
  }

  static func substring(_ text: String, from start: Int64, to end: Int64) throws(LibraryFault) -> String {
    if start > end { throw .text("invalid substring range. start: \(start), end: \(end)") }
    guard let from = place(start, in: text) else { throw outOfRange(start) }
    guard let to = place(end, in: text) else { throw outOfRange(end) }
    return String(text[from..<to])
  }

  /// `count` parts at most, the last with what is left; all for a number below 0. (`strings.SplitN`)
  static func split(_ text: String, at separator: String, count: Int64 = -1) -> [String] {
    if count == 0 { return [] }
    var places: [Range<Int>] = []
    let bytes = Array(text.utf8)
    let most = count < 0 ? Int.max : Int(clamping: count)
    var start = 0
    if separator.isEmpty {
      while start < bytes.count {
        let isLast = places.count == most - 1
        let end = isLast ? bytes.count : min(start + width(of: bytes[start]), bytes.count)
        places.append(start..<end)
        start = end
      }
    } else {
      let found = occurrences(of: separator, in: bytes, max: most - 1)
      for place in found {
        places.append(start..<place)
        start = place + separator.utf8.count
      }
      places.append(start..<bytes.count)
    }
    return places.map { String(decoding: bytes[$0], as: UTF8.self) }
  }

  private static func width(of lead: UInt8) -> Int { lead < 0xC0 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4 }

  /// The bytes at which it stands, without overlaps.
  private static func occurrences(of part: String, in bytes: [UInt8], max: Int) -> [Int] {
    ByteSearch(for: Array(part.utf8)).places(in: bytes, max: max)
  }

  // MARK: changes

  /// `count` times at most, always for a number below 0; an empty part stands around every code point.
  /// (`strings.Replace`)
  static func replace(
    _ text: String, _ old: String, with new: String, count: Int64 = -1
  ) throws(LibraryFault) -> String {
    if count == 0 || old == new { return text }
    let most = count < 0 ? Int.max : Int(clamping: count)
    let bytes = Array(text.utf8)
    var places: [Int]
    if old.isEmpty {
      places = bytes.indices.filter { bytes[$0] & 0xC0 != 0x80 } + [bytes.count]
      if places.count > most { places.removeLast(places.count - most) }
    } else {
      places = occurrences(of: old, in: bytes, max: most)
    }
    let (added, isHuge) = new.utf8.count.multipliedReportingOverflow(by: places.count)
    guard !isHuge, added <= sizeMax, bytes.count <= sizeMax else { throw .tooLarge }
    var out: [UInt8] = []
    out.reserveCapacity(bytes.count + added)
    var start = 0
    for place in places {
      out += bytes[start..<place]
      out += new.utf8
      start = place + old.utf8.count
    }
    out += bytes[start...]
    return String(decoding: out, as: UTF8.self)
  }

  static func lowerAscii(_ text: String) -> String {
    String(decoding: text.utf8.map { (0x41...0x5A).contains($0) ? $0 | 0x20 : $0 }, as: UTF8.self)
  }

  static func upperAscii(_ text: String) -> String {
    String(decoding: text.utf8.map { (0x61...0x7A).contains($0) ? $0 & 0xDF : $0 }, as: UTF8.self)
  }

  static func trim(_ text: String) -> String { GoText.trimmed(text) }

  static func join(_ parts: [String], _ separator: String) throws(LibraryFault) -> String {
    var size = 0
    for part in parts {
      size += part.utf8.count + separator.utf8.count
      if size > sizeMax { throw .tooLarge }
    }
    return parts.joined(separator: separator)
  }

  /// As a literal of CEL.
  static func quote(_ text: String) -> String {
    var out = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\u{07}": out += "\\a"
      case "\u{08}": out += "\\b"
      case "\u{0C}": out += "\\f"
      case "\n": out += "\\n"
      case "\r": out += "\\r"
      case "\t": out += "\\t"
      case "\u{0B}": out += "\\v"
      case "\\": out += "\\\\"
      case "\"": out += "\\\""
      default: out.unicodeScalars.append(scalar)
      }
    }
    return out + "\""
  }
}
