/// Where Go's syntax of regular expressions and that of RE2 part: Go takes `(?<name>…)` and refuses `\C`. The name is
/// put as both take it, `(?P<name>…)`.
enum GoSyntax {
  /// Groups in each other, as in Go.
  private static let depthMax = 1_000

  /// The expression for RE2; what Go refuses and RE2 does not is refused here.
  static func forRE2(_ pattern: String) throws(GoRegexp.Malformed) -> String {
    let bytes = Array(pattern.utf8)
    var out: [UInt8] = []
    out.reserveCapacity(bytes.count + 8)
    var at = 0
    var depth = 0
    func text(_ range: Range<Int>) -> String { String(decoding: bytes[range], as: UTF8.self) }
    func isNext(_ wanted: StaticString) -> Bool {
      wanted.withUTF8Buffer { bytes[at...].starts(with: $0) }
    }
    func take(_ count: Int) {
      out += bytes[at..<min(at + count, bytes.count)]
      at = min(at + count, bytes.count)
    }
    while at < bytes.count {
      switch bytes[at] {
      case UInt8(ascii: "\\"):
        if isNext("\\C") { throw GoRegexp.Malformed("invalid escape sequence", "\\C") }
        if isNext("\\Q") { take(literalCount(bytes[at...])) } else { take(isNext("\\p") || isNext("\\P") ? 3 : 2) }
      case UInt8(ascii: "["): take(classCount(bytes[at...]))
      case UInt8(ascii: "("):
        depth += 1
        if depth >= depthMax { throw GoRegexp.Malformed("expression nests too deeply", pattern) }
        let isLong = isNext("(?P<")
        guard isLong || isNext("(?<") else {
          take(1)
          continue
        }
        let start = at + (isLong ? 4 : 3)
        guard let end = bytes[start...].firstIndex(of: UInt8(ascii: ">")) else {
          throw GoRegexp.Malformed("invalid named capture", text(at..<bytes.count))
        }
        let isName = start < end && bytes[start..<end].allSatisfy { isWord($0) }
        guard isName else { throw GoRegexp.Malformed("invalid named capture", text(at..<(end + 1))) }
        out += "(?P<".utf8
        at = start
      case UInt8(ascii: ")"):
        depth -= 1
        take(1)
      default: take(1)
      }
    }
    return String(decoding: out, as: UTF8.self)
  }

  /// A part of an expression for RE2 as it stood in Go's.
  static func asWritten(_ part: String) -> String {
    part.split(separator: "(?P<", omittingEmptySubsequences: false).joined(separator: "(?<")
  }

  private static func isWord(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "_"):
      true
    default: false
    }
  }

  /// Of `\Q…\E`, or to the end.
  private static func literalCount(_ rest: ArraySlice<UInt8>) -> Int {
    var place = rest.startIndex + 2
    while place + 1 < rest.endIndex {
      if rest[place] == UInt8(ascii: "\\"), rest[place + 1] == UInt8(ascii: "E") { return place + 2 - rest.startIndex }
      place += 1
    }
    return rest.count
  }

  /// Of `[…]`, or to the end. A `]` that comes first stands for itself; `[:…:]` inside has one of its own.
  private static func classCount(_ rest: ArraySlice<UInt8>) -> Int {
    var place = rest.startIndex + 1
    if place < rest.endIndex, rest[place] == UInt8(ascii: "^") { place += 1 }
    if place < rest.endIndex, rest[place] == UInt8(ascii: "]") { place += 1 }
    while place < rest.endIndex {
      switch rest[place] {
      case UInt8(ascii: "]"): return place + 1 - rest.startIndex
      case UInt8(ascii: "\\"): place += 2
      case UInt8(ascii: "[") where place + 1 < rest.endIndex && rest[place + 1] == UInt8(ascii: ":"):
        place += 2
        var end = place
        while end + 1 < rest.endIndex, !(rest[end] == UInt8(ascii: ":") && rest[end + 1] == UInt8(ascii: "]")) {
          end += 1
        }
        if end + 1 < rest.endIndex { place = end + 2 }
      default: place += 1
      }
    }
    return rest.count
  }
}
