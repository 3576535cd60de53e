import Testing

@testable import CEL

/// What cel-go's `ext/strings.go` answers, version 2.
@Suite struct `Functions of texts` {
  @Test(
    arguments: [
      ("hello", 0, "h"), ("hello", 5, ""), ("héllo😀", 5, "😀"), ("e\u{301}x", 1, "\u{301}"), ("", 0, ""),
    ] as [(String, Int64, String)])
  func `a code point`(text: String, index: Int64, found: String) throws {
    #expect(try StringFunctions.charAt(text, index) == found)
  }

  @Test(arguments: [("hello", 6), ("hello", -1), ("", 1), ("é", 2), ("x", .max), ("x", .min)] as [(String, Int64)])
  func `one that is not there`(text: String, index: Int64) {
    #expect(throws: LibraryFault.text("index out of range: \(index)")) { try StringFunctions.charAt(text, index) }
    #expect(throws: LibraryFault.text("index out of range: \(index)")) {
      try StringFunctions.substring(text, from: index)
    }
  }

  @Test(
    arguments: [
      ("hello", "l", 0, 2), ("hello", "l", 3, 3), ("hello", "l", 4, -1), ("hello", "", 9, 9), ("hello", "", -4, -4),
      ("héllo😀lo", "lo", 0, 3), ("héllo😀lo", "lo", 4, 6), ("aaa", "aaaa", 0, -1), ("", "a", 0, -1),
      ("ab", "b", .max, -1), ("e\u{301}e", "e", 1, 2),
    ] as [(String, String, Int64, Int64)])
  func `the first place`(text: String, part: String, offset: Int64, found: Int64) throws {
    #expect(try StringFunctions.index(of: part, in: text, from: offset) == found)
  }

  @Test(
    arguments: [
      ("hello", "l", 2, 2), ("hello", "l", 1, -1), ("hello", "l", 4, 3), ("hello", "l", 5, -1), ("hello", "", 9, 9),
      ("aaaa", "aa", 3, 2), ("aaaa", "aa", 1, 1), ("é😀é", "é", 2, 2), ("é😀é", "é", 1, 0), ("", "a", 0, -1),
    ] as [(String, String, Int64, Int64)])
  func `the last place`(text: String, part: String, offset: Int64, found: Int64) throws {
    #expect(try StringFunctions.lastIndex(of: part, in: text, from: offset) == found)
  }

  @Test func `the last place of all`() {
    #expect(StringFunctions.lastIndex(of: "", in: "é😀") == 2)
    #expect(StringFunctions.lastIndex(of: "aa", in: "baaa") == 2)
    #expect(StringFunctions.lastIndex(of: "x", in: "") == -1)
  }

  @Test(
    arguments: [
      ("a,b,c", ",", -1, ["a", "b", "c"]), ("a,b,c", ",", 2, ["a", "b,c"]), ("a,b,c", ",", 1, ["a,b,c"]),
      ("a,b,c", ",", 0, []), ("a,b,c", ",", 9, ["a", "b", "c"]), ("", ",", -1, [""]), ("", "", -1, []),
      ("é😀x", "", -1, ["é", "😀", "x"]), ("é😀x", "", 2, ["é", "😀x"]), (",a,", ",", -1, ["", "a", ""]),
      ("aaa", "aa", -1, ["", "a"]), ("e\u{301}", "e", -1, ["", "\u{301}"]),
    ] as [(String, String, Int64, [String])])
  func parts(text: String, separator: String, count: Int64, found: [String]) {
    #expect(StringFunctions.split(text, at: separator, count: count) == found)
  }

  @Test(
    arguments: [
      ("hello", "l", "L", -1, "heLLo"), ("hello", "l", "L", 1, "heLlo"), ("hello", "l", "L", 0, "hello"),
      ("hé", "", "-", -1, "-h-é-"), ("hé", "", "-", 2, "-h-é"), ("", "", "x", -1, "x"), ("aaa", "aa", "b", -1, "ba"),
      ("abab", "ab", "", -1, ""), ("x", "x", "x", -1, "x"),
    ] as [(String, String, String, Int64, String)])
  func replacements(text: String, old: String, new: String, count: Int64, found: String) throws {
    #expect(try StringFunctions.replace(text, old, with: new, count: count) == found)
  }

  @Test func `an answer that is too large is none`() {
    let text = String(repeating: "x", count: 1 << 14)
    #expect(throws: LibraryFault.tooLarge) { try StringFunctions.replace(text, "", with: text) }
    #expect(throws: LibraryFault.tooLarge) { try StringFunctions.join(Array(repeating: text, count: 2_000), "") }
  }

  @Test func `a search is linear`() throws {
    let text = String(repeating: "a", count: 1 << 20)
    let part = String(repeating: "a", count: 1 << 19) + "b"
    #expect(try StringFunctions.index(of: part, in: text) == -1)
    #expect(StringFunctions.lastIndex(of: "b" + part, in: text) == -1)
  }

  @Test func `other changes`() throws {
    #expect(StringFunctions.lowerAscii("ÀBC[é") == "Àbc[é" && StringFunctions.upperAscii("àbc{é") == "àBC{é")
    #expect(StringFunctions.trim("\u{A0} \t hi\u{2003}\n") == "hi" && StringFunctions.trim("\u{180E}\u{200B}x") != "x")
    #expect(StringFunctions.quote("a\"b\\c\n\t\u{7}é") == #""a\"b\\c\n\t\aé""#)
    #expect(try StringFunctions.substring("héllo", from: 1, to: 2) == "é")
    #expect(throws: LibraryFault.text("invalid substring range. start: 3, end: 2")) {
      try StringFunctions.substring("hello", from: 3, to: 2)
    }
    #expect(throws: LibraryFault.text("index out of range: 9")) {
      try StringFunctions.substring("hello", from: 3, to: 9)
    }
  }
}

/// What Go's printers write.
@Suite struct `Numbers as Go writes them` {
  @Test(
    arguments: [
      (1.5, 6, "1.500000"), (1234.5, 2, "1,234.50"), (-1234567.891, 1, "-1,234,567.9"), (2.5, 0, "2"), (3.5, 0, "4"),
      (0.5, 0, "0"), (0.125, 2, "0.12"), (-0.0, 2, "0.00"), (-0.001, 2, "-0.00"), (.infinity, 2, "∞"),
      (-.infinity, 2, "-∞"), (.nan, 2, "NaN"), (999.999, 2, "1,000.00"), (1.5, 258, "1.50"), (100, 0, "100"),
      (1e21, 0, "1,000,000,000,000,000,000,000"),
    ] as [(Double, Int, String)])
  func english(value: Double, places: Int, text: String) {
    #expect(GoNumber.english(value, places: places) == text)
  }

  @Test(
    arguments: [
      (1234.5, 2, "1.234500×10⁰³"), (0, 6, "0.000000×10⁰⁰"), (.infinity, 6, "     ∞"), (-1e-120, 0, "-1.000000×10⁻¹²⁰"),
      (.nan, 5, "  NaN"), (1, 15, "  1.000000×10⁰⁰"),
    ] as [(Double, Int, String)])
  func scientific(value: Double, width: Int, text: String) {
    #expect(GoNumber.scientific(value, width: width) == text)
  }
}

/// What stands before `.format(…)`.
@Suite struct `Texts of formats` {
  private func written(_ format: String, count: Int, isStatic: Bool) -> String {
    do throws(FormatString.Fault) {
      let (text, arguments) = try FormatString.write(format, count: count, isStatic: isStatic) { place, clause in
        switch clause {
        case .fixed(let places): "<\(place) f\(places ?? -1)>"
        case .scientific(let width): "<\(place) e\(width ?? -1)>"
        default: "<\(place) \(clause)>"
        }
      }
      return "\(arguments): \(text)"
    } catch { return "! \(error.text)" }
  }

  @Test(arguments: [
    ("%d %s%%", 2, "2: <0 decimal> <1 string>%"), ("%.2f%e%.3e", 3, "3: <0 f2><1 e-1><2 e3>"),
    ("%.2s", 1, "1: <0 string>"),
    ("é%x😀%X", 2, "2: é<0 hex(isUpper: false)>😀<1 hex(isUpper: true)>"), ("", 0, "0: "),
    ("%s", 0, "! index 0 out of range"),
    ("%q", 1, #"! could not parse formatting clause: unrecognized formatting clause "q""#),
    ("%é", 1, #"! could not parse formatting clause: unrecognized formatting clause "Ã""#),
    (
      "%.f", 1,
      #"! could not parse formatting clause: error while parsing precision: error while converting precision to integer: strconv.Atoi: parsing "": invalid syntax"#
    ),
    (
      "%.1", 1,
      "! could not parse formatting clause: error while parsing precision: could not find end of precision specifier"
    ),
    (
      "%.99999999999999999999f", 1,
      #"! could not parse formatting clause: error while parsing precision: error while converting precision to integer: strconv.Atoi: parsing "99999999999999999999": value out of range"#
    ),
  ])
  func clauses(format: String, count: Int, text: String) {
    #expect(written(format, count: count, isStatic: false) == text)
    #expect(written(format, count: count, isStatic: true) == text)
  }

  @Test func `an end is told before a missing argument when it is compiled`() {
    #expect(written("%", count: 0, isStatic: true) == "! unexpected end of string")
    #expect(written("%", count: 0, isStatic: false) == "! index 0 out of range")
  }
}

/// What is told of a format when an expression is compiled.
@Suite struct `Formats held against arguments` {
  private typealias Argument = FormatCheck.Argument

  private func fault(_ format: String, _ arguments: Argument...) -> String? {
    do throws(FormatCheck.Fault) { try FormatCheck.check(format, arguments) } catch {
      return "\(error.place.map(String.init) ?? "call"): \(error.text)"
    }
    return nil
  }

  @Test func `types and counts`() {
    #expect(fault("%d %s", Argument(place: 1, typeName: "int"), Argument(place: 2, typeName: nil)) == nil)
    #expect(
      fault("%d", Argument(place: 7, typeName: "double"))
        == "7: error during formatting: decimal clause can only be used on integers, was given double")
    #expect(fault("%f", Argument(place: 7, typeName: "string")) == nil)
    #expect(
      fault("x", Argument(place: 1, typeName: "int"))
        == "call: too many arguments supplied to string.format (expected 0, got 1)")
    #expect(fault("%s%s", Argument(place: 1, typeName: "int")) == "call: index 1 out of range")
    #expect(fault("%") == "call: unexpected end of string")
    #expect(
      fault("%q", Argument(place: 1, typeName: "int"))
        == #"call: could not parse formatting clause: unrecognized formatting clause "q""#)
  }

  @Test func `what stands in a list`() {
    let url = Argument(place: 9, typeName: "kubernetes.URL")
    let list = Argument(place: 1, typeName: "list", parts: [Argument(place: 2, typeName: "int"), url])
    #expect(
      fault("%s", list)
        == "9: error during formatting: string clause can only be used on strings, bools, bytes, ints, doubles, maps, "
        + "lists, types, durations, and timestamps, was given kubernetes.URL")
    #expect(fault("%x", list)?.hasPrefix("1: error during formatting: only integers, byte buffers") == true)
  }
}

/// What upstream's formats say.
@Suite struct `Named formats` {
  @Test(arguments: [
    ("dns1123LabelPrefix", "my-", true), ("dns1123Label", "my-", false), ("dns1123SubdomainPrefix", "a.b-", true),
    ("dns1123SubdomainPrefix", "a.b.", false), ("dns1035LabelPrefix", "-", false), ("labelValue", "", true),
    ("uuid", "123E4567E89B12D3A456426614174000", true), ("uuid", "123e4567-e89b-12d3-a456-426614174000", true),
    ("uuid", "123e4567--e89b-12d3-a456-426614174000", false), ("uuid", "", false), ("byte", "", false),
    ("byte", "aGVsbG8=", true), ("byte", "aGVsbG8", false), ("byte", "a===", false), ("byte", "YQ==", true),
    ("byte", "Y=Q=", false), ("date", "2024-02-29", true), ("date", "2023-02-29", false), ("date", "2024-2-9", false),
    ("datetime", "2024-02-29T00:00:00.123+01:00", true), ("datetime", "2024-02-29t23:59:59z", true),
    ("datetime", "2024-02-29T24:00:00Z", false), ("datetime", "2024-02-29 00:00:00Z", false),
    ("datetime", "2024-02-29T00:00:00Ztail", true), ("datetime", "2024-02-29T00:00:00", false),
    ("uri", "https://a.b/c", true), ("uri", "/x", true), ("uri", "x", false), ("qualifiedName", "a/b", true),
  ])
  func validation(format: String, text: String, isGood: Bool) throws {
    #expect(try #require(NamedFormat.named(format)).faults(text).isEmpty == isGood)
  }

  @Test func `there is no other`() { #expect(NamedFormat.named("email") == nil && NamedFormat.all.count == 13) }
}
