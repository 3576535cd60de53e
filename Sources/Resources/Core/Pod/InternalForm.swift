import JSON
import Schema

/// A value of a struct as upstream's messages show it: its internal type has no names for JSON, so that Go's stand
/// there, and nothing is left out.
enum InternalForm {
  static func text(of value: JSONValue, type: String) -> String {
    guard let id = TypeModel.builtin.type(type) else { return value.encoded().text }
    return shown(value, .structure(id)).encoded().text
  }

  /// A list of such structs.
  static func text(ofList values: [JSONValue], type: String) -> String {
    guard let id = TypeModel.builtin.type(type) else { return JSONValue.array(values).encoded().text }
    return JSONValue.array(values.map { shown($0, .structure(id)) }).encoded().text
  }

  private static func shown(_ value: JSONValue?, _ shape: TypeModel.Shape) -> JSONValue {
    switch shape {
    case .structure(let id):
      let members = TypeModel.builtin[id].fields.map { field in
        let given = value?[field.name]
        let isAbsent = given.map(\.isNull) ?? true
        return JSONObject.Member(
          name(field.name), isAbsent && field.isPointer ? .null : shown(isAbsent ? nil : given, field.shape))
      }
      return .object(JSONObject(unchecked: members))
    case .list(let element): return value?.array.map { .array($0.map { shown($0, element) }) } ?? .null
    case .map(let element):
      return value?.object.map { map in
        .object(JSONObject(unchecked: map.members.map { .init($0.name, shown($0.value, element)) }))
      } ?? .null
    case .string: return value ?? ""
    case .bool: return value ?? false
    case .int32, .int64, .intOrString: return value ?? 0
    case .quantity: return value ?? "0"
    default: return value ?? .null
    }
  }

  /// Go's names differ from JSON's in more than the first letter where that stands for several words.
  private static let names: [String: String] = [
    "seLinuxOptions": "SELinuxOptions", "ip": "IP", "podIPs": "PodIPs",
    "gmsaCredentialSpecName": "GMSACredentialSpecName",
    "gmsaCredentialSpec": "GMSACredentialSpec", "tty": "TTY", "hostIP": "HostIP", "uid": "UID",
  ]

  private static func name(_ member: String) -> String {
    names[member] ?? member.prefix(1).uppercased() + member.dropFirst()
  }
}
