import JSON
import Schema

/// Values as messages show them where upstream prints its own types, which have no JSON names: members in capitals, and
/// nothing left out. Types of apimachinery are the same for everybody, and stay as they are.
enum InternalForm {
  /// `type`: the name of the value's type, `io.k8s.api.resource.v1.AllocationResult`.
  static func text(of value: JSONValue, as type: String) -> String {
    let model = TypeModel.builtin
    return model.type(type).map { structure(value, model[$0], model).encoded().text } ?? value.encoded().text
  }

  /// A list of such values.
  static func text(ofList values: [JSONValue], as type: String) -> String {
    let model = TypeModel.builtin
    guard let id = model.type(type) else { return JSONValue.array(values).encoded().text }
    return JSONValue.array(values.map { structure($0, model[id], model) }).encoded().text
  }

  private static func structure(_ value: JSONValue, _ type: TypeModel.Structure, _ model: TypeModel) -> JSONValue {
    // So Go writes what it embeds.
    if type.name.hasPrefix("io.k8s.apimachinery.") { return value }
    var members: [JSONObject.Member] = []
    for field in type.fields {
      let given = value[field.name].flatMap { $0.isNull ? nil : $0 }
      if field.name == "metadata", case .structure = field.shape {
        members += (given?.object?.members ?? []).filter { !$0.value.isNull }
        continue
      }
      members.append(JSONObject.Member(name(field.name, in: type.shortName), form(given, field, model)))
    }
    return .object(JSONObject(unchecked: members))
  }

  private static func form(_ given: JSONValue?, _ field: TypeModel.Field, _ model: TypeModel) -> JSONValue {
    if let given { return shaped(given, field.shape, model) }
    return field.isPointer ? .null : zero(field.shape, model)
  }

  private static func shaped(_ value: JSONValue, _ shape: TypeModel.Shape, _ model: TypeModel) -> JSONValue {
    switch (shape, value) {
    case (.structure(let id), _): return structure(value, model[id], model)
    case (.list(let inner), .array(let elements)): return .array(elements.map { shaped($0, inner, model) })
    case (.map(let inner), .object(let map)):
      var sorted = JSONObject(
        unchecked: map.members.map { JSONObject.Member($0.name, shaped($0.value, inner, model)) })
      sorted.sortByName()
      return .object(sorted)
    default: return value
    }
  }

  private static func zero(_ shape: TypeModel.Shape, _ model: TypeModel) -> JSONValue {
    switch shape {
    case .string: ""
    case .bool: false
    case .int32, .int64, .double, .intOrString: 0
    case .quantity: "0"
    case .structure(let id): structure([:], model[id], model)
    case .list, .map, .bytes, .time, .microTime, .raw, .json, .either: .null
    }
  }

  /// Go's name of a member.
  private static func name(_ name: String, in type: String) -> String {
    if type == "DeviceAttribute" {
      // `int`, `ints`
      let stem = name.hasSuffix("s") ? String(name.dropLast()) : name
      return capitalized(stem) + (name.hasSuffix("s") ? "Values" : "Value")
    }
    return names[name] ?? capitalized(name)
  }

  /// Names differ from JSON's in more than the first letter where that stands for several words.
  private static let names: [String: String] = [
    "cel": "CEL", "ips": "IPs", "uid": "UID", "seLinuxOptions": "SELinuxOptions", "ip": "IP", "podIPs": "PodIPs",
    "gmsaCredentialSpecName": "GMSACredentialSpecName", "gmsaCredentialSpec": "GMSACredentialSpec", "tty": "TTY",
    "hostIP": "HostIP",
  ]

  private static func capitalized(_ name: String) -> String { name.prefix(1).uppercased() + name.dropFirst() }
}
