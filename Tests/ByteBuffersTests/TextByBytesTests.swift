import ByteBuffers
import Testing

/// Texts that Swift takes for equal, and that are not the same bytes.
@Suite struct TextByBytesTests {
  private let kelvin = "\u{212A}im"
  private let letter = "Kim"

  private struct Named: Hashable {
    var name: String
    var other: String?
    var all: [String] = []
  }
  private enum Choice: Equatable { case named(String), nothing }

  @Test func `texts are equal by bytes, whatever they stand in`() {
    let maybe: String? = kelvin
    let letters: String? = letter
    #expect(!(kelvin == letter) && kelvin != letter && kelvin == "\u{212A}im")
    #expect(!(maybe == letters) && maybe != letters && !(maybe == letter) && !(letter == maybe) && maybe != letter)
    let isLiteral = maybe == "Kim"
    #expect(!isLiteral)
    #expect(!([kelvin] == [letter]) && [kelvin] != [letter])
    #expect(kelvin[...] != letter[...] && !(kelvin[...] == "Kim") && !(kelvin == letter[...]))
    #expect(Named(name: kelvin) != Named(name: letter))
    #expect(Named(name: "", other: kelvin) != Named(name: "", other: letter))
    #expect(Named(name: "", all: [kelvin]) != Named(name: "", all: [letter]))
    #expect(Choice.named(kelvin) != Choice.named(letter))
    switch kelvin {
    case "Kim": Issue.record("a pattern matched")
    default: break
    }
    switch maybe {
    case "Kim": Issue.record("a pattern matched")
    default: break
    }
  }

  @Test func `texts are looked for and sorted by bytes`() {
    #expect(
      ![letter].contains(kelvin) && [letter].firstIndex(of: kelvin) == nil && [letter].lastIndex(of: kelvin) == nil)
    #expect(!Set([letter]).contains(kelvin) && Set([letter]).contains(letter))
    // By code points in UTF-8, not by those of the normal form, nor in UTF-16.
    #expect(
      ["\u{10000}", "\u{FFFF}", "e\u{301}", "\u{E9}", "f"].sorted() == [
        "e\u{301}", "f", "\u{E9}", "\u{FFFF}", "\u{10000}",
      ])
    #expect("e\u{301}" < "f" && "\u{E9}" > "f" && kelvin > letter)
  }

  @Test func `what stands before a combining mark is found`() {
    #expect(
      "/\u{301}x".hasPrefix("/") && "x/\u{301}".contains("/") && !kelvin.hasPrefix("K") && !"x\u{212A}".hasSuffix("K"))
    #expect("a,\u{301}b".split(separator: ",") == ["a", "\u{301}b"])
    #expect("a\r\nb".split(separator: "\n") == ["a\r", "b"])
    #expect(",a,,b".split(separator: ",") == ["a", "b"])
    #expect(",a,,b".split(separator: ",", omittingEmptySubsequences: false) == ["", "a", "", "b"])
    #expect("a: b: c".split(separator: ": ", maxSplits: 1) == ["a", "b: c"])
    #expect(
      String("a/\u{301}b".dropFirst(2)) == "\u{301}b" && String("a/\u{301}".dropLast()) == "a/"
        && "a".dropFirst(5).isEmpty)
    #expect(
      "a;b".firstIndex(of: ";") != nil && "a\u{37E}b".firstIndex(of: ";") == nil
        && "a/b/c".lastIndex(of: "/").map { "a/b/c"[$0...] } == "/c")
    #expect("aab".firstRange(of: "ab").map { "aab"[$0] } == "ab" && "aab".firstRange(of: "abb") == nil)
  }

  @Test func `tables of byte strings keep equivalent names apart, and no hash is the same for them`() {
    var table: [ByteString: Int] = ["Kim": 1]
    table[kelvin] = 2
    table[kelvin, default: 0] += 1
    #expect(table["Kim"] == 1 && table[kelvin] == 3 && table.count == 2)
    #expect(
      Set<ByteString>([kelvin, letter]).count == 2 && Set([Named(name: kelvin), Named(name: letter)]).count == 2)
    // Marks in any order are equivalent: 120 spellings of one text.
    var spellings: Set<Int> = []
    var marks = ["\u{301}", "\u{323}", "\u{327}", "\u{328}", "\u{334}"]
    for _ in 0..<40 {
      marks.shuffle()
      spellings.insert(ByteString("a" + marks.joined()).hashValue)
    }
    #expect(spellings.count > 10)
  }
}
