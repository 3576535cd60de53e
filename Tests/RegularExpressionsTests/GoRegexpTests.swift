import RegularExpressions
import Testing

@Suite struct GoRegexpTests {
  @Test(arguments: [
    ("(", "missing closing ): `(`"), ("a(b", "missing closing ): `a(b`"), ("a)", "unexpected ): `a)`"),
    ("[a", "missing closing ]: `[a`"),
    ("*", "missing argument to repetition operator: `*`"), ("a**", "invalid nested repetition operator: `**`"),
    ("a{1001}", "invalid repeat count: `{1001}`"), ("[z-a]", "invalid character class range: `z-a`"),
    ("\\y", "invalid escape sequence: `\\y`"),
    ("a\\", "trailing backslash at end of expression: ``"), ("(?=a)", "invalid or unsupported Perl syntax: `(?=`"),
    ("(?P<a-b>x)", "invalid named capture: `(?P<a-b>`"), ("(?<a-b>x)", "invalid named capture: `(?<a-b>`"),
    ("(?<a", "invalid named capture: `(?<a`"),
    ("\\C", "invalid escape sequence: `\\C`"), ("\\pX", "invalid character class range: `\\pX`"),
    ("(?<\u{212A}>x)", "invalid named capture: `(?<\u{212A}>`"),
  ])
  func `what is no expression is told as Go does`(pattern: String, fault: String) {
    #expect { try GoRegexp(pattern) } throws: { "\($0)" == "error parsing regexp: \(fault)" }
  }

  @Test(arguments: [
    ("^a+$", "aaa", true), ("^a+$", "aab", false), ("b", "abc", true), ("", "", true),
    ("(?<year>[0-9]{4})", "in 2026", true),
    ("(?P<year>[0-9]{4})", "in 26", false), ("(?i)kim", "KIM", true), ("(?<a>x)(?<a>y)", "xy", true),
    ("\\(?<x", "(<x", true), ("[(?<]x", "<x", true), ("[]](?<a>x)", "]x", true),
    ("[^]](?<a>x)", "ax", true), ("\\Q(?<\\E(?<a>x)", "(?<x", true), ("[[:alpha:]](?<a>1)", "b1", true),
    ("\\pC", "\u{7}", true), ("^.$", "e\u{301}", false),
    ("^Kim$", "\u{212A}im", false), ("caf\u{E9}", "cafe\u{301}", false), ("[\\]](?<a>x)", "]x", true),
  ])
  func `Go's syntax is taken, and matches as there`(pattern: String, text: String, isMatch: Bool) throws {
    #expect(try GoRegexp(pattern).matches(text) == isMatch)
  }

  @Test func `no expression backtracks, and none is larger than its bound`() throws {
    let text = String(repeating: "a", count: 50_000)
    // Each of them would take longer than the world is old, were its ways tried one by one.
    for pattern in ["^(a+)+$", "^(a|aa)+$", "(x+x+)+y", "^([a-zA-Z]+)*b$", "(.*)(.*)(.*)(.*)(.*)z$"] {
      #expect(try !GoRegexp(pattern).matches(text + "!"))
    }
    #expect { try GoRegexp("((a{100}){100}){100}") } throws: { "\($0)".hasPrefix("error parsing regexp: ") }
    let deep = String(repeating: "(", count: 5_000) + "a" + String(repeating: ")", count: 5_000)
    #expect { try GoRegexp(deep) } throws: { "\($0)".hasPrefix("error parsing regexp: expression nests too deeply: ") }
  }
}
