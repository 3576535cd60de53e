import ByteBuffers
public import JSON

/// Decoded JSON as Go prints it in messages: objects are `map[string]interface {}`, sorted by name.
extension GoText {
  /// `%v`: `map[a:1 b:[x y]]`, `<nil>`.
  public static func value(_ value: JSONValue) -> String {
    switch value {
    case .null: "<nil>"
    case .string(let text): text
    case .array(let items): "[" + items.map { Self.value($0) }.joined(separator: " ") + "]"
    case .object, .unread:
      "map[" + sorted(value).map { "\($0.name):\(Self.value($0.value))" }.joined(separator: " ") + "]"
    case .bool, .int, .double, .number: value.encoded().text
    }
  }

  /// `%#v`: `map[string]interface {}{"a":1}`, `interface {}(nil)`.
  public static func syntax(_ value: JSONValue) -> String {
    switch value {
    case .null: "interface {}(nil)"
    case .string(let text): quoted(text)
    case .array(let items): "[]interface {}{" + items.map(syntax).joined(separator: ", ") + "}"
    case .object, .unread:
      "map[string]interface {}{"
        + sorted(value).map { "\(quoted($0.name)):\(syntax($0.value))" }.joined(separator: ", ") + "}"
    case .bool, .int, .double, .number: value.encoded().text
    }
  }

  /// `%T`: `string`, `map[string]interface {}`, `<nil>`.
  public static func type(_ value: JSONValue) -> String {
    switch value {
    case .null: "<nil>"
    case .bool: "bool"
    case .int: "int64"
    case .double, .number: "float64"
    case .string: "string"
    case .array: "[]interface {}"
    case .object, .unread: "map[string]interface {}"
    }
  }

  private static func sorted(_ value: JSONValue) -> [JSONObject.Member] {
    var object = value.object ?? JSONObject()
    object.sortByName()
    return object.members
  }
}
