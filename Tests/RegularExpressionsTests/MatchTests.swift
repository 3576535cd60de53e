import RegularExpressions
import Testing

/// What Go's `FindString` and `FindAllString` answer.
@Suite struct `Matches in texts` {
  @Test(
    arguments: [
      ("[0-9]+", "a1b22", .max, ["1", "22"]), ("[0-9]+", "a1b22c333", 2, ["1", "22"]),
      ("", "abc", .max, ["", "", "", ""]),
      ("a*", "baaac", .max, ["", "aaa", ""]), (".", "é✓", .max, ["é", "✓"]), ("", "é", .max, ["", ""]),
      ("x", "abc", .max, []),
      ("^a", "aaa", .max, ["a"]), (#"\b"#, "ab cd", .max, ["", "", "", ""]), ("a|ab", "ab", .max, ["a"]),
      ("a", "aa", 0, []),
      ("(?i)a", "aAbB", .max, ["a", "A"]), ("", "", .max, [""]), ("a*?", "aa", .max, ["", "", ""]),
    ] as [(String, String, Int, [String])])
  func matches(pattern: String, text: String, max: Int, found: [String]) throws {
    let regexp = try GoRegexp(pattern)
    #expect(regexp.matches(in: text, max: max) == found)
    if max > 0 { #expect(regexp.firstMatch(in: text) == found.first) }
  }
}
