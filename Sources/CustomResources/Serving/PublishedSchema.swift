import JSON
import Schema

/// The schema of a version as OpenAPI documents show it. (apiextensions-apiserver: `pkg/controller/openapi/builder` and
/// `openapi/v2`)
struct PublishedSchema {
  private let dialect: OpenAPIDialect

  /// `written`: `openAPIV3Schema`. `selectable`: the fields that selectors may ask for.
  static func of(_ written: JSONValue, _ dialect: OpenAPIDialect, selectable: [String]) -> JSONValue {
    let publisher = PublishedSchema(dialect: dialect)
    var root: JSONValue = ["type": "object"]
    let keeps = written["x-kubernetes-preserve-unknown-fields"]?.bool == true
    // Swagger's readers refuse what a root that keeps unknown members says of known ones.
    if !(keeps && dialect == .v2) { root = publisher.shown(written) }
    root["properties"] = publisher.embedded(root["properties"])
    if !selectable.isEmpty {
      root["x-kubernetes-selectable-fields"] = .array(selectable.map { ["fieldPath": .string($0)] })
    }
    return root
  }

  private static let meta = "io.k8s.apimachinery.pkg.apis.meta.v1."

  /// What every object has.
  private func embedded(_ properties: JSONValue?) -> JSONValue {
    var properties = properties ?? [:]
    let reference = dialect.reference(Self.meta + "ObjectMeta")
    properties["apiVersion"] = ["type": "string", "description": "The version in which the object is written."]
    properties["kind"] = ["type": "string", "description": "What kind of object it is."]
    properties["metadata"] = dialect == .v3 ? ["allOf": [reference]] : reference
    return properties.sortedByName
  }

  private func shown(_ given: JSONValue) -> JSONValue {
    var schema = given
    let isNullable = schema["nullable"]?.bool == true
    let keeps = schema["x-kubernetes-preserve-unknown-fields"]?.bool == true
    if dialect == .v2 { reduce(&schema, isNullable: isNullable, keeps: keeps, given) }
    if let members = schema["properties"]?.object?.members {
      schema["properties"] = .object(
        JSONObject(unchecked: members.map { JSONObject.Member($0.name, shown($0.value)) }))
    }
    if let items = schema["items"], items.object != nil { schema["items"] = shown(items) }
    if let additional = schema["additionalProperties"], additional.object != nil {
      schema["additionalProperties"] = shown(additional)
    }
    if schema["x-kubernetes-int-or-string"]?.bool == true, dialect == .v3, schema["anyOf"] == nil {
      schema["anyOf"] = [["type": "integer"], ["type": "string"]]
    }
    if schema["x-kubernetes-embedded-resource"]?.bool == true, !(keeps && dialect == .v2) {
      schema["properties"] = embedded(schema["properties"])
      var required = schema["required"]?.array ?? []
      for name: JSONValue in ["kind", "apiVersion"] where !required.contains(name) { required.append(name) }
      schema["required"] = .array(required)
    }
    return schema
  }

  /// What Swagger has no words for, and what kubectl can't read. (`ToStructuralOpenAPIV2`)
  private func reduce(_ schema: inout JSONValue, isNullable: Bool, keeps: Bool, _ given: JSONValue) {
    for member in ["allOf", "oneOf", "anyOf", "not", "nullable", "default"] { schema[member] = nil }
    if isNullable { schema["type"] = nil }
    if isNullable || keeps {
      schema["items"] = nil
      schema["properties"] = nil
    }
    if schema["items"] == nil, schema["type"] == "array" { schema["type"] = nil }
    if keeps, schema["type"] == "object" { schema["type"] = nil }
    let nullable = (schema["properties"]?.object?.members ?? []).filter { $0.value["nullable"]?.bool == true }
      .map { JSONValue.string($0.name) }
    if let required = schema["required"]?.array, !nullable.isEmpty {
      let rest = required.filter { !nullable.contains($0) }
      schema["required"] = rest.isEmpty ? nil : .array(rest)
    }
    if given["additionalProperties"]?["nullable"]?.bool == true { schema["required"] = nil }
  }
}
