public import JSON
public import Machinery

/// The schemas of an OpenAPI document: the types that some roots reach, from the type model. One walk makes both
/// dialects.
public struct OpenAPISchemas {
  private let dialect: OpenAPIDialect
  private let model: TypeModel
  private let descriptions: Descriptions
  /// The group versions of the document, besides the core one: some types are registered in each.
  private let groupVersions: [GroupVersion]
  private var made: [String: JSONValue] = [:]

  private static let meta = "io.k8s.apimachinery.pkg.apis.meta.v1."
  private static let extensions = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1."
  private static let runtime = "io.k8s.apimachinery.pkg."
  /// Options and events that every group version has as its own. (`metav1.AddToGroupVersion`.)
  private static let registeredEverywhere: Set<String> = [meta + "DeleteOptions", meta + "WatchEvent"]

  /// Schemas by name, sorted.
  ///
  /// `roots`: OpenAPI names; one that the model does not have is left out. `groupVersions`: those that the document
  /// describes.
  public static func schemas(
    _ dialect: OpenAPIDialect, of model: TypeModel = .builtin, roots: [String], groupVersions: [GroupVersion]
  ) -> JSONObject {
    var schemas = OpenAPISchemas(
      dialect: dialect, model: model, descriptions: .builtin,
      groupVersions: groupVersions.filter { $0 != GroupVersion(version: "v1") }.sorted {
        ($0.group, $0.version) < ($1.group, $1.version)
      })
    for root in roots { schemas.add(root) }
    return JSONObject(unchecked: schemas.made.sorted { $0.key < $1.key }.map { JSONObject.Member($0.key, $0.value) })
  }

  private init(dialect: OpenAPIDialect, model: TypeModel, descriptions: Descriptions, groupVersions: [GroupVersion]) {
    self.dialect = dialect
    self.model = model
    self.descriptions = descriptions
    self.groupVersions = groupVersions
  }

  private mutating func add(_ name: String) {
    if name == Self.meta + "Patch" { return scalar(name, ["type": "object"]) }
    guard made[name] == nil, let id = model.type(name) else { return }
    made[name] = .null  // so that recursive types end
    let structure = model[id]
    var object = described(descriptions[name])
    object["type"] = "object"
    let required = structure.fields.filter(\.isRequired).map(\.name)
    if !required.isEmpty { object["required"] = .array(required.map { .string($0) }) }
    let properties = structure.fields.map { JSONObject.Member($0.name, property($0, of: name)) }
    if !properties.isEmpty {
      object["properties"] = .object(JSONObject(unchecked: properties.sorted { $0.name < $1.name }))
    }
    if let kind = structure.groupVersionKind {
      let versions = [kind.groupVersion] + (Self.registeredEverywhere.contains(name) ? groupVersions : [])
      object["x-kubernetes-group-version-kind"] = .array(
        versions.map { ["group": .string($0.group), "version": .string($0.version), "kind": .string(kind.kind)] })
    }
    if structure.isAtomic { object["x-kubernetes-map-type"] = "atomic" }
    made[name] = .object(object)
  }

  private func described(_ text: String?) -> JSONObject { text.map { ["description": .string($0)] } ?? [:] }

  /// With what there is to choose from, if there is. (kube-openapi `EnumDescription`.)
  private func description(_ field: TypeModel.Field, of type: String) -> String? {
    guard let text = descriptions[type, field.name], !field.enumeration.isEmpty else {
      return descriptions[type, field.name]
    }
    let values = field.enumeration.sorted().map { " - `\"\($0)\"` \(descriptions[type, "\(field.name)=\($0)"] ?? "")" }
    return "\(text)\n\nPossible enum values:\n" + values.joined(separator: "\n")
  }

  private mutating func property(_ field: TypeModel.Field, of type: String) -> JSONValue {
    var facts = described(description(field, of: type))
    let values = field.enumeration.sorted()
    if !values.isEmpty { facts["enum"] = .array(values.map { .string($0) }) }
    // Swagger's readers took defaults for values to send.
    if dialect == .v3, let value = field.defaultValue { facts["default"] = value }
    // Swagger has no word for it.
    if dialect == .v3, field.mayBeNull { facts["nullable"] = true }
    if let type = field.listType { facts["x-kubernetes-list-type"] = .string(type) }
    if !field.mapKeys.isEmpty { facts["x-kubernetes-list-map-keys"] = .array(field.mapKeys.map { .string($0) }) }
    if field.isAtomicMap { facts["x-kubernetes-map-type"] = "atomic" }
    if !field.patchStrategies.isEmpty {
      facts["x-kubernetes-patch-strategy"] = .string(field.patchStrategies.joined(separator: ","))
    }
    if let key = field.patchMergeKey { facts["x-kubernetes-patch-merge-key"] = .string(key) }
    let schema =
      field.goType == "v1.FieldsV1" ? named(Self.meta + "FieldsV1", ["type": "object"]) : self.schema(field.shape)
    // In OpenAPI 3 nothing may stand beside a reference, in Swagger it may.
    if dialect == .v3, !facts.isEmpty, schema["$ref"] != nil {
      facts["allOf"] = [schema]
    } else {
      for member in schema.object?.members ?? [] { facts[member.name] = member.value }
    }
    return .object(facts)
  }

  /// A type that is no struct, by a name of its own.
  private mutating func named(_ name: String, _ schema: JSONObject) -> JSONValue {
    scalar(name, schema)
    return dialect.reference(name)
  }

  private mutating func scalar(_ name: String, _ schema: JSONObject) {
    guard made[name] == nil else { return }
    var object = described(descriptions[name])
    for member in schema.members { object[member.name] = member.value }
    made[name] = .object(object)
  }

  private mutating func schema(_ shape: TypeModel.Shape) -> JSONValue {
    switch shape {
    case .string: return ["type": "string"]
    case .bool: return ["type": "boolean"]
    case .int32: return ["type": "integer", "format": "int32"]
    case .int64: return ["type": "integer", "format": "int64"]
    case .double: return ["type": "number", "format": "double"]
    case .bytes: return ["type": "string", "format": "byte"]
    case .quantity:
      return named(
        Self.runtime + "api.resource.Quantity",
        dialect == .v2 ? ["type": "string"] : ["oneOf": [["type": "string"], ["type": "number"]]])
    case .time: return named(Self.meta + "Time", ["type": "string", "format": "date-time"])
    case .microTime: return named(Self.meta + "MicroTime", ["type": "string", "format": "date-time"])
    case .intOrString:
      var schema: JSONObject =
        dialect == .v2 ? ["type": "string"] : ["oneOf": [["type": "integer"], ["type": "string"]]]
      schema["format"] = "int-or-string"
      return named(Self.runtime + "util.intstr.IntOrString", schema)
    case .raw: return named(Self.runtime + "runtime.RawExtension", ["type": "object"])
    // What may be anything has no type.
    case .json: return named(Self.extensions + "JSON", [:])
    case .either(let id, let other): return named("\(model[id].name)Or\(other.rawValue)", [:])
    case .structure(let id):
      let name = model[id].name
      add(name)
      return dialect.reference(name)
    case .list(let element): return ["type": "array", "items": schema(element)]
    case .map(let element): return ["type": "object", "additionalProperties": schema(element)]
    }
  }
}

extension TypeModel.Field {
  /// Can an answer hold null here? Go writes a nil list or map that it does not leave out as null (what is required is
  /// never nil), and a time without a value too, which `omitempty` does not leave out because it is a struct.
  /// kube-apiserver's documents do not say so, though its answers do the same.
  fileprivate var mayBeNull: Bool {
    switch shape {
    case .list, .map: omission == .never && !isRequired
    case .time, .microTime: omission != .whenZero && !isPointer
    default: false
    }
  }
}
