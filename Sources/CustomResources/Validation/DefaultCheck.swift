import JSON
import Machinery

/// Do the defaults in a schema fit it? Looked at once it is structural. (apiextensions-apiserver:
/// `pkg/apiserver/schema/defaulting`, `ValidateDefaults`)
struct DefaultCheck {
  private let requiresPruned: Bool
  private var errors: [FieldError] = []

  private init(requiresPruned: Bool) { self.requiresPruned = requiresPruned }

  static func errors(in schema: JSONValue, at path: FieldPath, requiresPruned: Bool) -> [FieldError] {
    if !SchemaTree.has(schema, { $0.there("default") != nil }) { return [] }
    var check = DefaultCheck(requiresPruned: requiresPruned)
    check.look(at: StructuralSchema(schema), path, isResource: true, isInMetadata: false)
    return check.errors
  }

  /// Is there a default that has members which its schema does not know?
  static func hasUnpruned(_ schema: JSONValue) -> Bool {
    func isUnpruned(_ schema: StructuralSchema, isResource: Bool) -> Bool {
      if let value = schema.defaultValue, Self.isUnpruned(value, by: schema, isResource) { return true }
      if let items = schema.items, isUnpruned(items, isResource: items.isEmbeddedResource) { return true }
      return schema.properties.contains { isUnpruned($0.schema, isResource: $0.schema.isEmbeddedResource) }
    }
    return isUnpruned(StructuralSchema(schema), isResource: true)
  }

  /// Under `additionalProperties` defaults are not looked at. In metadata of an embedded resource a default has no
  /// object around it to be held against: its form alone is.
  private mutating func look(
    at schema: StructuralSchema, _ path: FieldPath, isResource: Bool, isInMetadata: Bool
  ) {
    if let value = schema.defaultValue {
      let place = path.child("default").description
      if requiresPruned, !isInMetadata, Self.isUnpruned(value, by: schema, isResource) {
        errors.append(.invalid(place, bare: value.inComplaints, "must not have unknown fields"))
      }
      errors += SchemaValidator(schema, isForDefaults: true).findings(value, at: place).errors
    }
    func isInside(_ inner: StructuralSchema, _ name: String? = nil) -> Bool {
      if inner.isEmbeddedResource { return false }
      return isInMetadata || isResource && ["metadata", "apiVersion", "kind"].contains { $0 == name }
    }
    if let items = schema.items {
      look(at: items, path.child("items"), isResource: items.isEmbeddedResource, isInMetadata: isInside(items))
    }
    for property in schema.properties {
      look(
        at: property.schema, path.child("properties").key(property.name),
        isResource: property.schema.isEmbeddedResource, isInMetadata: isInside(property.schema, property.name))
    }
  }

  /// Has a value members that its schema does not know? `isResource`: it has metadata, apiVersion and kind.
  private static func isUnpruned(_ value: JSONValue, by schema: StructuralSchema, _ isResource: Bool) -> Bool {
    var pruned = value
    _ = schema.prune(&pruned, tellsUnknown: false, isResource: isResource)
    return pruned != value
  }
}
