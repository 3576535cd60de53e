import JSON
import Machinery

/// A key of a mapping as Go has it: a number and the text of its digits are two keys, though JSON has one name for
/// them.
struct YAMLKey {
  enum Kind: UInt8 { case null = 1, bool = 2, int = 4, uint = 8, float = 16, string = 32 }

  let kind: Kind
  /// The name in JSON; nil where there is none.
  let name: String?
  /// `%#v`.
  let syntax: String

  init(_ scalar: YAMLScalar) {
    switch scalar {
    case .null: (kind, name, syntax) = (.null, nil, "<nil>")
    case .bool(let truth): (kind, name, syntax) = (.bool, String(truth), String(truth))
    case .int(let number): (kind, name, syntax) = (.int, String(number), String(number))
    case .uint(let number): (kind, name, syntax) = (.uint, nil, "0x" + String(number, radix: 16))
    case .string(let text), .timestamp(let text): (kind, name, syntax) = (.string, text, GoText.quoted(text))
    case .float(let number):
      kind = .float
      // Names are written in single precision.
      let single = Float(number)
      name = single.isFinite ? GoText.general("\(single)") : single.isNaN ? ".nan" : single < 0 ? "-.inf" : ".inf"
      syntax = number.isFinite ? GoText.general("\(number)") : number.isNaN ? "NaN" : number < 0 ? "-Inf" : "+Inf"
    }
  }

  /// `%T`, of kinds that JSON has no name for.
  var type: String { kind == .null ? "%!s(<nil>)" : "uint64" }

  /// `%#v` of a value as go-yaml decodes it.
  static func syntax(_ value: JSONValue) -> String {
    switch value {
    case .array(let items): return "[]interface {}{" + items.map(syntax).joined(separator: ", ") + "}"
    case .object(var object):
      object.sortByName()
      let members = object.members.map { "\(GoText.quoted($0.name)):\(syntax($0.value))" }
      return "map[interface {}]interface {}{" + members.joined(separator: ", ") + "}"
    case .null, .bool, .int, .double, .number, .string, .unread: return GoText.syntax(value)
    }
  }
}

/// The members of a mapping while they are set. Names are compared byte by byte, and found without a look at all of
/// them where there are many.
struct YAMLMembers {
  private var members: [JSONObject.Member] = []
  /// The kinds of key that each name stands for.
  private var kinds: [UInt8] = []
  private var places: [ByteString: Int] = [:]
  private static let few = 8

  var object: JSONObject { JSONObject(unchecked: members) }

  /// Sets a member, of which the last value counts; false where the same key was set before.
  mutating func set(_ name: String, _ kind: YAMLKey.Kind, _ value: JSONValue) -> Bool {
    if let place = place(name) {
      members[place].value = value
      defer { kinds[place] |= kind.rawValue }
      return kinds[place] & kind.rawValue == 0
    }
    if members.count >= Self.few { places[name] = members.count }
    members.append(JSONObject.Member(name, value))
    kinds.append(kind.rawValue)
    if members.count == Self.few {
      for (place, member) in members.enumerated() { places[member.name] = place }
    }
    return true
  }

  private func place(_ name: String) -> Int? {
    if members.count >= Self.few { return places[name] }
    return members.firstIndex { $0.name == name }
  }
}
