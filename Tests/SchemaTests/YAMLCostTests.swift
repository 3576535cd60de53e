import ByteBuffers
import JSON
import TestSupport
import Testing

@testable import Schema

/// What a text costs: nodes of the document, and steps of its decoding.
private func cost(_ text: String) -> (steps: Int, problem: String?) {
  let bytes = ByteSlice(SharedBytes(text))
  var steps = 0
  do throws(YAMLError) {
    guard
      let document = try bytes.withUnsafeBytes({ bytes throws(YAMLError) in try YAMLDocument.read(bytes, isAlone: false)
      })
    else { return (0, nil) }
    steps = document.nodes.count
    var decoder = YAMLDecoder(document)
    defer { steps += decoder.values }
    _ = try decoder.decode()
  } catch { return (steps, error.description) }
  return (steps, nil)
}

private func repeating(_ text: String, upTo size: Int, in frame: (String, String) = ("", "")) -> String {
  frame.0 + String(repeating: text, count: (size - frame.0.utf8.count - frame.1.utf8.count) / text.utf8.count) + frame.1
}

@Suite struct `YAML that costs` {
  private static let excessive = "yaml: document contains excessive aliasing"

  /// Aliases of aliases, each level `width` times the one before.
  private static func bomb(levels: Int, width: Int, _ form: (String) -> String, last: String) -> String {
    var text = "a0: &a0 \(form([String](repeating: "x", count: width).joined(separator: ",")))\n"
    for level in 1..<levels {
      text +=
        "a\(level): &a\(level) \(form([String](repeating: "*a\(level - 1)", count: width).joined(separator: ",")))\n"
    }
    return text + last
  }

  @Test func `aliases of aliases are refused as go-yaml refuses them`() {
    let values = Self.bomb(levels: 12, width: 9, { "[\($0)]" }, last: "z: *a11")
    #expect(cost(values).problem == Self.excessive)
    let keys = Self.bomb(levels: 12, width: 9, { "[\($0)]" }, last: "z: {? *a11 : 1}")
    #expect(cost(keys).problem == Self.excessive)
    #expect(
      cost(Self.bomb(levels: 12, width: 9, { "[\($0)]" }, last: "? *a11\n: 1").replacing("a10: ", with: "b: ")).problem
        == Self.excessive)
    // A key of aliases alone, as a body of one line.
    let nested =
      "{? [&a [x,x,x,x,x,x,x,x,x],&b [*a,*a,*a,*a,*a,*a,*a,*a,*a],&c [*b,*b,*b,*b,*b,*b,*b,*b,*b],&d [*c,*c,*c,*c,*c,*c,*c,*c,*c],&e [*d,*d,*d,*d,*d,*d,*d,*d,*d],[*e,*e,*e,*e,*e,*e,*e,*e,*e]] : 1}"
    #expect(cost(nested).problem == Self.excessive || cost(nested).problem == "yaml: invalid map key: ...")
    let merged = Self.bomb(
      levels: 12, width: 9, { "{<<: [\($0.replacing("x", with: "{x: 1}"))]}" }, last: "z: {<<: *a11}")
    #expect(cost(merged).problem == Self.excessive)
    for text in [values, keys, nested, merged] { #expect(cost(text).steps < 1_000_000) }
  }

  @Test func `few aliases of much text are refused, and a few of a little are not`() {
    let text =
      "a: &a \"\(String(repeating: "x", count: 100_000))\"\nb: ["
      + [String](repeating: "*a", count: 90).joined(separator: ",") + "]"
    #expect(cost(text).problem == Self.excessive)
    #expect(
      cost("a: &a {x: 1, y: [2]}\nb: [" + [String](repeating: "*a", count: 300).joined(separator: ",") + "]").problem
        == nil)
    #expect(
      cost(
        "x: &a [" + [String](repeating: "1", count: 1_000).joined(separator: ",") + "]\n"
          + (0..<99).map { "y\($0): *a\n" }.joined()
      ).problem == nil)
  }

  @Test(arguments: [
    ("[", "yaml: exceeded max depth of 10000"), ("{", "yaml: exceeded max depth of 10000"),
    ("- ", "yaml: exceeded max depth of 10000"), ("? ", "yaml: exceeded max depth of 10000"),
    ("{a: ", "yaml: exceeded max depth of 10000"),
    ("[{", "yaml: exceeded max depth of 10000"), ("- [", nil), ("[? ", nil), ("{? ", nil),
    ("!!str [", "yaml: exceeded max depth of 10000"), ("&a [", "yaml: exceeded max depth of 10000"),
  ])
  func `3 MB that open more and more are refused at once`(piece: String, problem: String?) {
    let found = cost(repeating(piece, upTo: 3 << 20))
    #expect(found.problem != nil && found.steps == 0)
    if let problem { #expect(found.problem == problem) }
  }

  @Test func `depth is bounded as for JSON`() {
    func nested(_ depth: Int) -> String { String(repeating: "[", count: depth) + String(repeating: "]", count: depth) }
    #expect(cost(nested(JSONValue.maxDepth)).problem == nil)
    #expect(cost(nested(JSONValue.maxDepth + 1)).problem == "yaml: exceeded max depth of \(JSONValue.maxDepth)")
    #expect(
      cost("a: 1\nb: " + nested(JSONValue.maxDepth)).problem
        == "yaml: line 2: exceeded max depth of \(JSONValue.maxDepth)")
    // An alias is as deep as what it stands for and what it stands in.
    func aliased(_ depth: Int, in outer: Int, _ brackets: (String, String)) -> String {
      func wrapped(_ text: String, _ depth: Int) -> String {
        String(repeating: brackets.0, count: depth) + text + String(repeating: brackets.1, count: depth)
      }
      return "[&x \(wrapped("x", depth)), \(wrapped("*x", outer))]"
    }
    for brackets in [("[", "]"), ("{a: ", "}")] {
      let half = JSONValue.maxDepth / 2
      #expect(cost(aliased(half, in: half - 1, brackets)).problem == nil)
      let tooDeep = "yaml: exceeded max depth of \(JSONValue.maxDepth)"
      #expect(cost(aliased(half, in: half, brackets)).problem == tooDeep)
      let deep = JSONValue.maxDepth - 12
      #expect(cost(aliased(deep, in: deep, brackets)).problem == tooDeep)
    }
    // Aliases and merges nest what the text does not.
    let aliases = "a0: &a0 [x]\n" + (1...2_000).map { "a\($0): &a\($0) [*a\($0 - 1)]\n" }.joined()
    #expect([Self.excessive, "yaml: exceeded max depth of \(JSONValue.maxDepth)"].contains(cost(aliases).problem))
    let merges = "a0: &a0 {x: 1}\n" + (1...2_000).map { "a\($0): &a\($0) {<<: *a\($0 - 1)}\n" }.joined()
    #expect([Self.excessive, "yaml: exceeded max depth of \(JSONValue.maxDepth)"].contains(cost(merges).problem))
  }

  @Test func `what libyaml reads in the square of its length is bounded`() {
    // Each value is looked at by all that are open.
    #expect(
      cost(repeating("a,", upTo: 1 << 20, in: (String(repeating: "[", count: 500), String(repeating: "]", count: 500))))
        .problem?.contains("too many values") == true)
    #expect(cost(repeating("[a]: 1,", upTo: 1 << 20, in: ("{", "}"))).problem == "yaml: invalid map key")
    #expect(
      cost((0..<65).map { "%TAG !a\($0)! tag:x\n" }.joined() + "---\na: 1").problem
        == "yaml: line 65: more than 64 %TAG directives")
    #expect(cost((0..<64).map { "%TAG !a\($0)! tag:x\n" }.joined() + "---\na: !a3!y 1").problem == nil)
    #expect(
      cost(repeating("!a!x,", upTo: 1 << 20, in: ("%TAG !a! \(String(repeating: "x", count: 100_000))\n---\n[", "]")))
        .problem == "yaml: tags are longer than the document")
  }

  @Test func `long flat texts are read`() throws {
    #expect(cost(repeating("a,", upTo: 1 << 19, in: ("[", "]"))).problem == nil)
    #expect(cost(repeating("kind: Node\n", upTo: 3_000 * 11)).problem == nil)
    #expect(cost("[" + (0..<20_000).map { "&a\($0) x" }.joined(separator: ",") + "]").problem == nil)
    var duplicates: [String] = []
    _ = try JSONValue(yaml: ByteSlice(SharedBytes(repeating("a:\n", upTo: 60_000))), duplicates: &duplicates)
    #expect(duplicates.count == YAMLLimits.duplicates)
  }

  @Test(arguments: [UInt64(1), 2, 3, 4])
  func `any text is read or refused in bounded steps`(seed: UInt64) throws {
    var random = Seeded(seed)
    let pieces = [
      "[", "]", "{", "}", ",", ": ", ":", "? ", "- ", "\n", "\n  ", "\n    ", " ", "&a ", "&b ", "*a", "*b", "*a : ",
      "<<: ", "<<: *a", "!!str ", "!!int ", "!!binary ", "!x ", "! ", "'", "\"", "|\n", ">-\n", "#", "a", "b: ", "c: ",
      "1", "0x1F", "1.5",
      "yes", "~", ".inf", "2026-01-02", "--- ", "\n---\n", "\n...\n", "%YAML 1.1\n", "%TAG ! x\n", "\u{FEFF}", "\t",
      "\r\n", "\u{85}", "é", "\\", "\u{1}", "{a: 1}", "[x, *a]", "&a [*a, *b]",
    ]
    let rounds = Tools.isFullRun ? 100_000 : 1_500
    var read = 0
    for _ in 0..<rounds {
      let text = (0..<Int.random(in: 1...40, using: &random)).map { _ in pieces.randomElement(using: &random) ?? "" }
        .joined()
      let found = cost(text)
      #expect(found.steps <= 20_000, "\(text.debugDescription)")
      guard found.problem == nil else { continue }
      read += 1
      // What was read is JSON, and the same where it is read as YAML again.
      let value = try JSONValue(yaml: ByteSlice(SharedBytes(text)))
      #expect(try JSONValue(yaml: ByteSlice(value.encoded())) == value, "\(text.debugDescription)")
    }
    #expect(read > rounds / 50)
  }

  @Test(arguments: [UInt64(1), 2])
  func `any bytes are read or refused`(seed: UInt64) {
    var random = Seeded(seed)
    for _ in 0..<1_000 {
      let bytes = (0..<Int.random(in: 1...64, using: &random)).map { _ in
        Bool.random(using: &random) ? UInt8.random(in: 0...255, using: &random) : UInt8(ascii: "[")
      }
      do throws(YAMLError) { _ = try JSONValue(yaml: ByteSlice(SharedBytes(bytes))) } catch {
        #expect(!error.description.isEmpty)
      }
    }
  }
}
