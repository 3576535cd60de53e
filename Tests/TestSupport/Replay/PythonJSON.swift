import ByteBuffers
import JSON

/// JSON as Python's module `json` reads and writes it: `replay.py` sends and sorts such text, and a server's complaint
/// may quote it.
enum PythonJSON {
  /// Numbers that are no 64-bit integers stay as they were written.
  static func parse(_ bytes: [UInt8]) throws -> JSONValue {
    JSONValue(try JSONTape.parse(ByteSlice(SharedBytes(bytes)), limits: .tree).root, keepsNumbers: true)
  }

  /// `json.dumps(value, sort_keys=sorted)`.
  static func text(_ value: JSONValue, sorted: Bool = false) -> String {
    var out: [UInt8] = []
    write(value, sorted, &out)
    return String(decoding: out, as: UTF8.self)
  }

  private static func write(_ value: JSONValue, _ sorted: Bool, _ out: inout [UInt8]) {
    switch value {
    case .null: out += "null".utf8
    case .bool(let truth): out += (truth ? "true" : "false").utf8
    case .int(let number): out += String(number).utf8
    case .double(let number): out += number.description.utf8
    case .number(let text): out += (isWhole(text) ? text : Double(text)?.description ?? text).utf8
    case .string(let text): quote(text, &out)
    case .array(let elements):
      out.append(UInt8(ascii: "["))
      for (place, element) in elements.enumerated() {
        if place > 0 { out += ", ".utf8 }
        write(element, sorted, &out)
      }
      out.append(UInt8(ascii: "]"))
    case .object(var object):
      if sorted { object.sortByName() }
      out.append(UInt8(ascii: "{"))
      for (place, member) in object.members.enumerated() {
        if place > 0 { out += ", ".utf8 }
        quote(member.name, &out)
        out += ": ".utf8
        write(member.value, sorted, &out)
      }
      out.append(UInt8(ascii: "}"))
    case .unread(let text): write(text.value, sorted, &out)
    }
  }

  private static func quote(_ text: String, _ out: inout [UInt8]) {
    out.append(UInt8(ascii: "\""))
    for unit in text.utf16 {
      switch unit {
      case 0x22: out += "\\\"".utf8
      case 0x5C: out += "\\\\".utf8
      case 0x0A: out += "\\n".utf8
      case 0x0D: out += "\\r".utf8
      case 0x09: out += "\\t".utf8
      case 0x08: out += "\\b".utf8
      case 0x0C: out += "\\f".utf8
      case 0x20..<0x7F: out.append(UInt8(truncatingIfNeeded: unit))
      default:
        let digits = String(unit, radix: 16)
        out += ("\\u" + String(repeating: "0", count: 4 - digits.count) + digits).utf8
      }
    }
    out.append(UInt8(ascii: "\""))
  }

  /// An integer in Python, however large.
  static func isWhole(_ number: String) -> Bool {
    !number.utf8.contains { $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "e") || $0 == UInt8(ascii: "E") }
  }

  /// At most so many characters of a value, for people.
  static func short(_ value: JSONValue?, _ most: Int = 300) -> String {
    guard let value else { return "null" }
    return short(value.string ?? text(value, sorted: true), most)
  }
  static func short(_ text: String, _ most: Int = 300) -> String {
    let scalars = text.unicodeScalars
    return scalars.count <= most ? text : String(String.UnicodeScalarView(scalars.prefix(most))) + "…"
  }
}

extension JSONValue {
  /// Equal in value and in type, as `a == b and type(a) is type(b)` has it.
  func isSamePythonValue(as other: JSONValue) -> Bool {
    switch (self, other) {
    case (.object(let a), .object(let b)):
      return a.count == b.count
        && a.members.allSatisfy { member in b[member.name].map { member.value.isSamePythonValue(as: $0) } ?? false }
    case (.array(let a), .array(let b)):
      return a.count == b.count && zip(a, b).allSatisfy { $0.isSamePythonValue(as: $1) }
    case (.number(let a), .number(let b)):
      return a == b || !PythonJSON.isWhole(a) && !PythonJSON.isWhole(b) && Double(a) == Double(b)
    default: return self == other
    }
  }

  /// `str(value)`.
  var pythonText: String {
    switch self {
    case .string(let text): text
    case .null: "None"
    case .bool(let truth): truth ? "True" : "False"
    default: PythonJSON.text(self)
    }
  }
}
