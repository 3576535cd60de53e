public import ByteBuffers
public import JSON
import Yams

/// Why a text is no usable YAML.
public struct YAMLError: Error, Equatable, CustomStringConvertible {
  public let description: String
}

extension JSONValue {
  /// Deepest nesting and most values that a YAML text may have; aliases count each time they are used, so that a small text can't become a large value.
  static let yamlMaxValues = 1 << 20

  /// Reads YAML as sigs.k8s.io/yaml does: the first document, YAML 1.1 scalars, keys made strings; of a repeated name the last value counts.
  /// `duplicates` receives what go-yaml says about each: `line 3: key "name" already set in map`.
  public init(yaml source: ByteSlice, duplicates: inout [String]) throws(YAMLError) {
    if let problem = YAMLGuard.problem(source) { throw YAMLError(description: problem) }
    var converter = YAMLConverter()
    guard let node = try converter.compose(source.text) else {
      self = .null
      return
    }
    self = try converter.value(node, depth: 0)
    duplicates = converter.duplicates
  }

  /// Reads YAML; repeated names keep their last value.
  public init(yaml source: ByteSlice) throws(YAMLError) {
    var duplicates: [String] = []
    try self.init(yaml: source, duplicates: &duplicates)
  }
}

/// The parser recurses, so what nests too deeply must be refused before it is given the text. A cheap bound from above: columns that could open
/// block levels, and brackets that are not closed at once.
private enum YAMLGuard {
  static let maxDepth = 1_000

  static func problem(_ source: ByteSlice) -> String? {
    source.withUnsafeBytes { bytes in
      var opened = 0
      var column = 0
      var isAtStart = true
      for (place, byte) in bytes.enumerated() {
        switch byte {
        case 0x0A:
          column = 0
          isAtStart = true
        case 0x20, UInt8(ascii: "-"), UInt8(ascii: "?"), UInt8(ascii: ":"):
          if isAtStart { column += 1 }
          if column > maxDepth * 2 { return "yaml: exceeded max depth of \(maxDepth)" }
        case UInt8(ascii: "["), UInt8(ascii: "{"):
          isAtStart = false
          let next = place + 1 < bytes.count ? bytes[place + 1] : 0
          if next != UInt8(ascii: "]") && next != UInt8(ascii: "}") { opened += 1 }
          if opened > maxDepth * 10 { return "yaml: more than \(maxDepth * 10) flow collections" }
        default: isAtStart = false
        }
      }
      return nil
    }
  }
}

private struct YAMLConverter {
  var duplicates: [String] = []
  private var values = 0
  /// Names that earlier members of the same name were given, see `compose`.
  private var stoodFor: [String: String] = [:]
  /// Each repeated name costs another reading of the text; what is over these bounds is refused as strict readers refuse it.
  private static let mostDuplicates = 100
  private static let mostBytesReread = 16 << 20

  /// The first document. Yams refuses repeated keys, Kubernetes lets the last one count: so an earlier key that is repeated gets a name of its own
  /// in the text, until none is.
  mutating func compose(_ text: String) throws(YAMLError) -> Node? {
    var text = text
    while true {
      do {
        return try Yams.Parser(yaml: text, resolver: .basic, encoding: .utf8).nextRoot()
      } catch let YamlError.duplicatedKeysInMapping(names, context) {
        let alias = "\u{1}\(stoodFor.count)"
        guard let name = names.first, stoodFor.count < Self.mostDuplicates, stoodFor.count * text.utf8.count < Self.mostBytesReread,
          let renamed = Self.renaming(name, at: context.mark, to: "\"\\x01\(stoodFor.count)\"", in: text)
        else { throw YAMLError(description: "yaml: unmarshal errors:\n  line \(context.mark.line): key \(names.first?.debugDescription ?? "") already set in map") }
        stoodFor[alias] = name
        text = renamed
      } catch let YamlError.scanner(_, problem, mark, _) {
        throw Self.failure(problem, line: mark.line > 1 ? mark.line : 0)
      } catch let YamlError.parser(_, problem, mark, _) {
        throw Self.failure(problem, line: mark.line - 1)
      } catch {
        throw YAMLError(description: "yaml: \(error)")
      }
    }
  }

  /// go-yaml's text, whose lines of parser errors count from 0.
  private static func failure(_ problem: String, line: Int) -> YAMLError {
    YAMLError(description: "yaml: " + (line > 0 ? "line \(line): " : "") + problem)
  }

  /// The text with the key that stands at `mark` spelt differently; nil where it is not written as itself.
  private static func renaming(_ key: String, at mark: Mark, to alias: String, in text: String) -> String? {
    let scalars = text.unicodeScalars
    var place = scalars.startIndex
    for _ in 1..<max(mark.line, 1) {
      guard let end = scalars[place...].firstIndex(of: "\n") else { return nil }
      place = scalars.index(after: end)
    }
    guard let start = scalars.index(place, offsetBy: mark.column - 1, limitedBy: scalars.endIndex) else { return nil }
    for spelling in [key, "\"\(key)\"", "'\(key)'"] where text[start...].hasPrefix(spelling) {
      return text[..<start] + alias + text[text.index(start, offsetBy: spelling.count)...]
    }
    return nil
  }

  mutating func value(_ node: Node, depth: Int) throws(YAMLError) -> JSONValue {
    values += 1
    guard values <= JSONValue.yamlMaxValues else { throw YAMLError(description: "yaml: document contains excessive aliasing") }
    guard depth < JSONValue.maxDepth else { throw YAMLError(description: "yaml: exceeded max depth of \(JSONValue.maxDepth)") }
    switch node {
    case .scalar(let scalar): return YAMLScalar.resolve(scalar)
    case .sequence(let sequence):
      var elements: [JSONValue] = []
      for item in sequence { elements.append(try value(item, depth: depth + 1)) }
      return .array(elements)
    case .mapping(let mapping):
      var members: [JSONObject.Member] = []
      var seen = Set<String>()
      for (key, item) in mapping {
        guard case .scalar(let scalar) = key else { throw YAMLError(description: "yaml: invalid map key") }
        let written = YAMLScalar.key(scalar)
        let name = stoodFor[written] ?? written
        if !seen.insert(name).inserted { duplicates.append("line \(scalar.mark?.line ?? 0): key \(name.debugDescription) already set in map") }
        members.append(JSONObject.Member(name, try value(item, depth: depth + 1)))
      }
      return .object(JSONObject(uniquing: members))
    case .alias: throw YAMLError(description: "yaml: unknown anchor")
    }
  }
}

/// Scalars by the rules of go-yaml 2, which is YAML 1.1.
enum YAMLScalar {
  static func resolve(_ scalar: Node.Scalar) -> JSONValue {
    let tag = scalar.tag.description
    if tag == "tag:yaml.org,2002:str" && scalar.style != .plain { return .string(scalar.string) }
    if tag == "tag:yaml.org,2002:binary" { return .string(scalar.string) }
    return scalar.style == .plain ? plain(scalar.string) : .string(scalar.string)
  }

  /// A key is text whatever it looks like; numbers and truths keep JSON's spelling of them.
  static func key(_ scalar: Node.Scalar) -> String {
    switch resolve(scalar) {
    case .string(let text): text
    case .int(let number): String(number)
    case .bool(let truth): String(truth)
    default: scalar.string
    }
  }

  /// Does go-yaml quote this text although it reads back as text? Times, and numbers in the old base 60.
  static func looksLikeAnotherType(_ text: String) -> Bool {
    guard let first = text.utf8.first, (0x30...0x39).contains(first) || first == UInt8(ascii: "-") || first == UInt8(ascii: "+") else { return false }
    if text.wholeMatch(of: /[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?/) != nil { return true }
    return text.wholeMatch(of: /[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt ][0-9]{1,2}:[0-9]{1,2}:[0-9]{1,2}([.,][0-9]+)?(Z|[-+][0-9]{2}:[0-9]{2})?)?/) != nil
  }

  /// What an unquoted text stands for.
  static func plain(_ text: String) -> JSONValue {
    switch text {
    case "", "~", "null", "Null", "NULL": return .null
    case "y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON": return .bool(true)
    case "n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF": return .bool(false)
    default: break
    }
    guard let first = text.utf8.first, (0x30...0x39).contains(first) || "+-.".utf8.contains(first) else { return .string(text) }
    let bare = text.contains("_") ? text.filter { $0 != "_" } : text
    if let number = integer(bare) { return .int(number) }
    if isFloat(bare), let number = Double(bare), number.isFinite { return .double(number) }
    return .string(text)
  }

  private static func integer(_ text: String) -> Int64? {
    let isNegative = text.hasPrefix("-")
    let digits = text.drop { $0 == "-" || $0 == "+" }
    guard digits.count >= text.count - 1 else { return nil }
    let sign = isNegative ? "-" : ""
    for (prefix, radix) in [("0x", 16), ("0X", 16), ("0b", 2), ("0o", 8)] where digits.hasPrefix(prefix) {
      return Int64(sign + digits.dropFirst(2), radix: radix)
    }
    if digits.count > 1, digits.first == "0" { return Int64(sign + digits, radix: 8) }
    return digits.first?.isNumber == true ? Int64(sign + digits) : nil
  }

  private static func isFloat(_ text: String) -> Bool {
    var rest = text.utf8[...]
    func digits(_ rest: inout Substring.UTF8View.SubSequence) -> Int {
      let count = rest.prefix { $0 >= 0x30 && $0 <= 0x39 }.count
      rest = rest.dropFirst(count)
      return count
    }
    if rest.first == UInt8(ascii: "-") || rest.first == UInt8(ascii: "+") { rest = rest.dropFirst() }
    var count = digits(&rest)
    if rest.first == UInt8(ascii: ".") {
      rest = rest.dropFirst()
      count += digits(&rest)
    }
    guard count > 0 else { return false }
    if rest.first == UInt8(ascii: "e") || rest.first == UInt8(ascii: "E") {
      rest = rest.dropFirst()
      if rest.first == UInt8(ascii: "-") || rest.first == UInt8(ascii: "+") { rest = rest.dropFirst() }
      if digits(&rest) == 0 { return false }
    }
    return rest.isEmpty
  }
}
