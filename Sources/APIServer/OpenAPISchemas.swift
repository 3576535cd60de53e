import JSON
import Machinery
import Schema

/// The `components` of an OpenAPI v3 document: the types that some roots reach, from the type model.
struct OpenAPISchemas {
  private let model: TypeModel
  private var made: [String: JSONValue] = [:]
  private static let meta = "io.k8s.apimachinery.pkg.apis.meta.v1."
  /// Clients find list and option types by what the group version registers.
  private static let patchName = meta + "Patch"

  /// Schemas by name, sorted.
  static func components(_ model: TypeModel, roots: [String]) -> JSONObject {
    var schemas = OpenAPISchemas(model: model)
    for root in roots { schemas.add(root) }
    schemas.made[patchName] = ["type": "object"]
    return JSONObject(unchecked: schemas.made.sorted { $0.key < $1.key }.map { JSONObject.Member($0.key, $0.value) })
  }

  private init(model: TypeModel) { self.model = model }

  private mutating func add(_ name: String) {
    guard made[name] == nil, let id = model.type(name) else { return }
    made[name] = .null  // so that recursive types end
    let structure = model[id]
    var object: JSONObject = ["type": "object"]
    let required = structure.fields.filter(\.isRequired).map(\.name).sorted()
    if !required.isEmpty { object["required"] = .array(required.map { .string($0) }) }
    var properties: [JSONObject.Member] = []
    for field in structure.fields { properties.append(JSONObject.Member(field.name, property(field))) }
    if !properties.isEmpty { object["properties"] = .object(JSONObject(unchecked: properties.sorted { $0.name < $1.name })) }
    if let kind = structure.groupVersionKind {
      object["x-kubernetes-group-version-kind"] = [
        ["group": .string(kind.group), "version": .string(kind.version), "kind": .string(kind.kind)]
      ]
    }
    made[name] = .object(object)
  }

  private mutating func property(_ field: TypeModel.Field) -> JSONValue {
    var object: JSONObject
    let isReference: Bool
    switch field.shape {
    case .structure(let id): (object, isReference) = (["allOf": [reference(id)]], true)
    case let shape: (object, isReference) = (schema(shape).object ?? [:], false)
    }
    // A quantity, a time or an int-or-string is a reference too, and carries its facts beside `allOf`.
    if !isReference, object["$ref"] != nil { object = ["allOf": [.object(object)]] }
    if let value = field.defaultValue { object["default"] = value }
    if let type = field.listType { object["x-kubernetes-list-type"] = .string(type) }
    if !field.mapKeys.isEmpty { object["x-kubernetes-list-map-keys"] = .array(field.mapKeys.map { .string($0) }) }
    if !field.patchStrategies.isEmpty { object["x-kubernetes-patch-strategy"] = .string(field.patchStrategies.joined(separator: ",")) }
    if let key = field.patchMergeKey { object["x-kubernetes-patch-merge-key"] = .string(key) }
    return .object(object)
  }

  private mutating func reference(_ id: TypeModel.TypeID) -> JSONValue {
    let name = model[id].name
    add(name)
    return ["$ref": .string("#/components/schemas/\(name)")]
  }

  private mutating func named(_ name: String, _ schema: JSONValue) -> JSONValue {
    if made[name] == nil { made[name] = schema }
    return ["$ref": .string("#/components/schemas/\(name)")]
  }

  private mutating func schema(_ shape: TypeModel.Shape) -> JSONValue {
    switch shape {
    case .string: ["type": "string"]
    case .bool: ["type": "boolean"]
    case .int32: ["type": "integer", "format": "int32"]
    case .int64: ["type": "integer", "format": "int64"]
    case .double: ["type": "number", "format": "double"]
    case .bytes: ["type": "string", "format": "byte"]
    case .quantity: named("io.k8s.apimachinery.pkg.api.resource.Quantity", ["oneOf": [["type": "string"], ["type": "number"]]])
    case .time: named(Self.meta + "Time", ["type": "string", "format": "date-time"])
    case .microTime: named(Self.meta + "MicroTime", ["type": "string", "format": "date-time"])
    case .intOrString: named("io.k8s.apimachinery.pkg.util.intstr.IntOrString", ["oneOf": [["type": "integer"], ["type": "string"]], "format": "int-or-string"])
    case .raw: named("io.k8s.apimachinery.pkg.runtime.RawExtension", ["type": "object"])
    case .structure(let id): reference(id)
    case .list(let element): ["type": "array", "items": schema(element)]
    case .map(let element): ["type": "object", "additionalProperties": schema(element)]
    }
  }
}
