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

  /// Reads YAML as sigs.k8s.io/yaml does: one document, YAML 1.1 scalars, keys made strings. `duplicates` receives names given twice.
  public init(yaml source: ByteSlice, duplicates: inout [String]) throws(YAMLError) {
    if let problem = YAMLGuard.problem(source) { throw YAMLError(description: problem) }
    let node: Node?
    do {
      var roots = Array<Node>()
      for root in try Yams.compose_all(yaml: source.text, .basic) {
        roots.append(root)
        if roots.count > 1 { break }
      }
      node = roots.first
    } catch {
      throw YAMLError(description: "error converting YAML to JSON: yaml: \(error)")
    }
    guard let node else {
      self = .null
      return
    }
    var converter = YAMLConverter()
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
          if column > maxDepth * 2 { return "error converting YAML to JSON: yaml: exceeded max depth of \(maxDepth)" }
        case UInt8(ascii: "["), UInt8(ascii: "{"):
          isAtStart = false
          let next = place + 1 < bytes.count ? bytes[place + 1] : 0
          if next != UInt8(ascii: "]") && next != UInt8(ascii: "}") { opened += 1 }
          if opened > maxDepth * 10 { return "error converting YAML to JSON: yaml: more than \(maxDepth * 10) flow collections" }
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

  mutating func value(_ node: Node, depth: Int) throws(YAMLError) -> JSONValue {
    values += 1
    guard values <= JSONValue.yamlMaxValues else { throw YAMLError(description: "error converting YAML to JSON: yaml: document contains excessive aliasing") }
    guard depth < JSONValue.maxDepth else { throw YAMLError(description: "error converting YAML to JSON: yaml: exceeded max depth of \(JSONValue.maxDepth)") }
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
        guard case .scalar(let scalar) = key else {
          throw YAMLError(description: "error converting YAML to JSON: yaml: invalid map key")
        }
        let name = YAMLScalar.key(scalar)
        if !seen.insert(name).inserted { duplicates.append(name) }
        members.append(JSONObject.Member(name, try value(item, depth: depth + 1)))
      }
      return .object(JSONObject(uniquing: members))
    case .alias: throw YAMLError(description: "error converting YAML to JSON: yaml: unknown anchor")
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
