import Machinery

/// Lists of indexes as text: `1,3-5,7`. (Kubernetes: pkg/apis/batch/validation, `validateIndexesFormat`)
enum JobIndexes {
  struct Malformed: Error { let text: String }

  /// How many indexes there are. They have to grow.
  static func count(_ text: String, below completions: Int64) throws(Malformed) -> Int64 {
    if text.isEmpty { return 0 }
    var last: Int64?
    var total: Int64 = 0
    for piece in pieces(text, UInt8(ascii: ",")) {
      let range = try range(piece, below: completions)
      if let last, last >= range.first { throw notGrowing(last, range.first) }
      total += range.last - range.first + 1
      last = range.last
    }
    return total
  }

  /// The first index that both lists have, as far as they can be read; nil for none.
  static func overlap(_ one: String, _ other: String, below completions: Int64) -> Int64? {
    if one.isEmpty || other.isEmpty { return nil }
    func ranges(_ text: String) -> [Range] {
      pieces(text, UInt8(ascii: ",")).compactMap { try? range($0, below: completions) }
    }
    var (left, right) = (ranges(one)[...], ranges(other)[...])
    while let a = left.first, let b = right.first {
      if a.first <= b.last && b.first <= a.last { return max(a.first, b.first) }
      if a.first <= b.first { left = left.dropFirst() } else { right = right.dropFirst() }
    }
    return nil
  }

  private struct Range {
    let first: Int64
    let last: Int64
  }

  private static func range(_ text: String, below completions: Int64) throws(Malformed) -> Range {
    let ends = pieces(text, UInt8(ascii: "-"))
    if ends.count > 2 {
      throw Malformed(
        text: "the fragment \(GoText.quoted(text)) violates the requirement that an index interval can have at most "
          + "two parts separated by '-'")
    }
    let first = try index(ends[0], below: completions)
    guard ends.count == 2 else { return Range(first: first, last: first) }
    let last = try index(ends[1], below: completions)
    if first >= last { throw notGrowing(first, last) }
    return Range(first: first, last: last)
  }

  private static func index(_ text: String, below completions: Int64) throws(Malformed) -> Int64 {
    guard let number = Int64(text) else {
      throw Malformed(text: "cannot convert string to integer for index: \(GoText.quoted(text))")
    }
    if number >= completions { throw Malformed(text: "too large index: \(GoText.quoted(text))") }
    return number
  }

  private static func notGrowing(_ previous: Int64, _ current: Int64) -> Malformed {
    Malformed(text: "non-increasing order, previous: \(previous), current: \(current)")
  }

  private static func pieces(_ text: String, _ separator: UInt8) -> [String] {
    text.utf8.split(separator: separator, omittingEmptySubsequences: false).map { String(Substring($0)) }
  }
}
