import JSON
import Machinery

/// What is asked of a JSONSchemaProps as it was given. Its depth is bounded by that of JSON values.
enum SchemaTree {
  static let types = ["array", "boolean", "integer", "number", "object", "string"]

  /// Is there a schema in this one, itself too, of which something holds? (`SchemaHas`)
  static func has(_ schema: JSONValue?, _ holds: (JSONValue) -> Bool) -> Bool {
    guard let schema else { return false }
    if holds(schema) { return true }
    for member in schema.object?.members ?? [] {
      switch member.name {
      case "items", "allOf", "anyOf", "oneOf", "not", "additionalProperties", "additionalItems":
        if member.value.object != nil, has(member.value, holds) { return true }
        for inner in member.value.array ?? [] where has(inner, holds) { return true }
      case "properties", "patternProperties", "definitions", "dependencies":
        for inner in member.value.object?.members ?? [] where inner.value.object != nil && has(inner.value, holds) {
          return true
        }
      default: break
      }
    }
    return false
  }

  /// Why a schema can't be made structural at all; nil where it can. (`NewStructural`)
  static func problem(_ schema: JSONValue) -> String? {
    if let problem = unsupported(schema) { return problem }
    if let problem = validationProblem(schema) { return problem }
    if schema["x-kubernetes-preserve-unknown-fields"]?.bool == false { return preserves }
    return innerProblem(schema, problem)
  }

  private static let preserves = "internal error: 'x-kubernetes-preserve-unknown-fields' must be true or undefined"

  /// (`newNestedValueValidation`)
  private static func nestedProblem(_ schema: JSONValue) -> String? {
    if let problem = unsupported(schema) { return problem }
    if let problem = validationProblem(schema) { return problem }
    if schema["x-kubernetes-preserve-unknown-fields"]?.bool == false { return preserves }
    return innerProblem(schema, nestedProblem)
  }

  private static func innerProblem(_ schema: JSONValue, _ problem: (JSONValue) -> String?) -> String? {
    if let items = schema.there("items") {
      if items.array?.isEmpty == false { return "OpenAPIV3Schema 'items' must be a schema, but is an array" }
      if items.object != nil, let why = problem(items) { return why }
    }
    for property in schema.map("properties") {
      if let why = problem(property.value) { return why }
    }
    if let others = schema.there("additionalProperties"), others.object != nil { return problem(others) }
    return nil
  }

  /// (`newValueValidation`)
  private static func validationProblem(_ schema: JSONValue) -> String? {
    if let inner = schema.there("not"), let why = nestedProblem(inner) { return why }
    for name in ["allOf", "anyOf", "oneOf"] {
      for inner in schema.list(name) {
        if let why = nestedProblem(inner) { return why }
      }
    }
    return nil
  }

  /// (`validateUnsupportedFields`)
  private static func unsupported(_ schema: JSONValue) -> String? {
    func fault(_ name: String) -> String { "OpenAPIV3Schema '\(name)' is not supported" }
    if !schema.text("id").isEmpty { return fault("id") }
    if !schema.text("$schema").isEmpty { return fault("schema") }
    if !schema.text("$ref").isEmpty { return fault("$ref") }
    if !schema.map("patternProperties").isEmpty { return fault("patternProperties") }
    if !schema.map("dependencies").isEmpty { return fault("dependencies") }
    if schema.there("additionalItems") != nil { return fault("additionalItems") }
    if !schema.map("definitions").isEmpty { return fault("definitions") }
    return nil
  }

  /// Is a schema not structural?
  static func isNonStructural(_ schema: JSONValue) -> Bool {
    problem(schema) != nil || !StructuralCheck.errors(in: schema, at: FieldPath("schema")).isEmpty
  }
}
