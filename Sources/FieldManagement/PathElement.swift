import ByteBuffers
import Glibc
public import JSON
import Machinery

/// One step of a path into an object: a member, an item of a list by its keys, an item of a set by its value, or a
/// place in a list.
///
/// Its order is that of structured-merge-diff, by which FieldsV1 is written: members, keys, values, places.
public enum PathElement: Sendable {
  public struct Key: Sendable {
    public let name: String
    public let value: JSONValue
    public init(_ name: String, _ value: JSONValue) {
      self.name = name
      self.value = value
    }
  }
  case field(String)
  /// Sorted by name.
  case key([Key])
  case value(JSONValue)
  case index(Int)

  /// As messages show it: `.name`, `[type="Ready"]`, `[="a"]`, `[3]`.
  public var description: String {
    switch self {
    case .field(let name): "." + name
    case .key(let keys): "[" + keys.map { "\($0.name)=\(Self.shown($0.value))" }.joined(separator: ",") + "]"
    case .value(let value): "[=\(Self.shown(value))]"
    case .index(let place): "[\(place)]"
    }
  }

  private static func shown(_ value: JSONValue) -> String {
    if case .string(let text) = value { GoText.quoted(text) } else { value.encoded().text }
  }

  /// The name of a member of FieldsV1: `f:name`, `k:{"type":"Ready"}`, `v:"a"`, `i:3`.
  var text: String {
    switch self {
    case .field(let name): "f:" + name
    case .key(let keys):
      "k:" + JSONValue.object(JSONObject(unchecked: keys.map { JSONObject.Member($0.name, $0.value) })).encoded().text
    case .value(let value): "v:" + value.encoded().text
    case .index(let place): "i:\(place)"
    }
  }

  /// Reads `text`; nil for a kind that is not known (another version may know it), an error for what is none.
  static func parse(_ text: String) throws(FieldsError) -> PathElement? {
    let rest = String(text.dropFirst(2))
    guard text.utf8.count >= 2 else { throw FieldsError("key must be 2 characters long:") }
    guard text.utf8.dropFirst().first == UInt8(ascii: ":") else { throw FieldsError("missing colon: \(text)") }
    switch text.utf8.first {
    case UInt8(ascii: "f"): return .field(rest)
    case UInt8(ascii: "v"): return .value(try parseJSON(rest))
    case UInt8(ascii: "k"):
      guard let members = try parseJSON(rest).object?.members else {
        throw FieldsError("a key that is no object: \(text)")
      }
      return .key(sorted(members.map { Key($0.name, $0.value) }))
    case UInt8(ascii: "i"):
      guard let place = Int(rest) else { throw FieldsError("a place that is no number: \(text)") }
      return .index(place)
    default: return nil
    }
  }

  private static func parseJSON(_ text: String) throws(FieldsError) -> JSONValue {
    do { return try JSONValue(parsing: ByteSlice(SharedBytes(text))) } catch { throw FieldsError("\(error)") }
  }

  static func sorted(_ keys: [Key]) -> [Key] {
    keys.count < 2 ? keys : keys.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
  }

  // MARK: order

  /// Negative, zero or positive.
  static func compare(_ a: PathElement, _ b: PathElement) -> Int {
    switch (a, b) {
    case (.field(let x), .field(let y)): return compare(x, y)
    case (.key(let x), .key(let y)):
      for (p, q) in zip(x, y) {
        let order = compare(p.name, q.name)
        if order != 0 { return order }
        let values = compare(p.value, q.value)
        if values != 0 { return values }
      }
      return x.count - y.count
    case (.value(let x), .value(let y)): return compare(x, y)
    case (.index(let x), .index(let y)): return x < y ? -1 : x == y ? 0 : 1
    default: return a.rank - b.rank
    }
  }

  private var rank: Int {
    switch self {
    case .field: 0
    case .key: 1
    case .value: 2
    case .index: 3
    }
  }

  /// By bytes, as Go compares: text that looks the same but is composed in another way is not the same.
  private static func compare(_ a: String, _ b: String) -> Int {
    var (a, b) = (a, b)
    return a.withUTF8 { x in
      b.withUTF8 { y in
        guard let p = x.baseAddress, let q = y.baseAddress else { return x.count - y.count }
        let order = Int(memcmp(p, q, min(x.count, y.count)))
        return order != 0 ? order : x.count - y.count
      }
    }
  }

  /// Numbers, texts, truths, lists, objects, null.
  private static func compare(_ a: JSONValue, _ b: JSONValue) -> Int {
    switch (a, b) {
    case (.int(let x), .int(let y)): return x < y ? -1 : x == y ? 0 : 1
    case (.double(let x), .double(let y)): return x < y ? -1 : x == y ? 0 : 1
    case (.int(let x), .double(let y)): return Double(x) < y ? -1 : Double(x) == y ? 0 : 1
    case (.double(let x), .int(let y)): return x < Double(y) ? -1 : x == Double(y) ? 0 : 1
    case (.string(let x), .string(let y)): return compare(x, y)
    case (.bool(let x), .bool(let y)): return x == y ? 0 : y ? -1 : 1
    default:
      let (x, y) = (rank(a), rank(b))
      return x != y ? x - y : compare(a.encoded().text, b.encoded().text)
    }
  }

  private static func rank(_ value: JSONValue) -> Int {
    switch value {
    case .int, .double, .number: 0
    case .string: 1
    case .bool: 2
    case .array: 3
    case .object, .unread: 4
    case .null: 5
    }
  }
}

/// By the order, so that 1 and 1.0 are the same key.
extension PathElement: Hashable {
  public static func == (a: PathElement, b: PathElement) -> Bool { compare(a, b) == 0 }

  public func hash(into hasher: inout Hasher) {
    switch self {
    case .field(let name): Self.hash(name, into: &hasher)
    case .key(let keys):
      for key in keys {
        Self.hash(key.name, into: &hasher)
        Self.hash(key.value, into: &hasher)
      }
    case .value(let value): Self.hash(value, into: &hasher)
    case .index(let place): hasher.combine(place)
    }
  }

  private static func hash(_ text: String, into hasher: inout Hasher) {
    var text = text
    text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
  }

  private static func hash(_ value: JSONValue, into hasher: inout Hasher) {
    switch value {
    case .string(let text): hash(text, into: &hasher)
    case .int(let number): hasher.combine(Double(number))
    case .double(let number): hasher.combine(number)
    case .bool(let truth): hasher.combine(truth)
    case .null: hasher.combine(0)
    // Nobody means these as keys, but whoever sends many must not find them all in one place of a table.
    case .number, .array, .object, .unread: hash(value.encoded().text, into: &hasher)
    }
  }
}

/// FieldsV1 that can't be read.
public struct FieldsError: Error, Equatable, CustomStringConvertible {
  public let description: String
  init(_ description: String) { self.description = description }
}
