public import JSON
public import Machinery

/// What says whether a value fits its schema. Of a custom resource's values there is one validator, for objects that are
/// written as for defaults; definitions are checked by what they are given of it.
public struct ValueChecks: Sendable {
  /// A value without the members that its schema does not know. `isResource`: it has metadata, apiVersion and kind.
  public var pruned: @Sendable (_ value: JSONValue, _ schema: StructuralSchema, _ isResource: Bool) -> JSONValue
  /// What is wrong with a value, said below `path`: first its metadata where it is a resource, then its form.
  public var problems:
    @Sendable (_ value: JSONValue, _ schema: StructuralSchema, _ isResource: Bool, _ path: String)
      -> [FieldError]

  public init(
    pruned: @escaping @Sendable (_ value: JSONValue, _ schema: StructuralSchema, _ isResource: Bool) -> JSONValue,
    problems:
      @escaping @Sendable (
        _ value: JSONValue, _ schema: StructuralSchema, _ isResource: Bool, _ path: String
      ) -> [FieldError]
  ) {
    self.pruned = pruned
    self.problems = problems
  }

  /// Those of objects that are written.
  public static let ofObjects = ValueChecks(
    pruned: { value, schema, isResource in
      var value = value
      _ = schema.prune(&value, tellsUnknown: false, isResource: isResource)
      return value
    },
    problems: { value, schema, _, path in SchemaValidator(schema, isForDefaults: true).findings(value, at: path).errors
    })

  /// Everything fits.
  public static let none = ValueChecks(pruned: { value, _, _ in value }, problems: { _, _, _, _ in [] })
}

/// Do the defaults in a schema fit it? Looked at once it is structural. (apiextensions-apiserver:
/// `pkg/apiserver/schema/defaulting`, `ValidateDefaults`)
struct DefaultCheck {
  private let checks: ValueChecks
  private let requiresPruned: Bool
  private var errors: [FieldError] = []

  private init(_ checks: ValueChecks, requiresPruned: Bool) {
    self.checks = checks
    self.requiresPruned = requiresPruned
  }

  static func errors(
    in schema: JSONValue, at path: FieldPath, requiresPruned: Bool, _ checks: ValueChecks
  ) -> [FieldError] {
    if !SchemaTree.has(schema, { $0.there("default") != nil }) { return [] }
    var check = DefaultCheck(checks, requiresPruned: requiresPruned)
    check.look(at: StructuralSchema(schema), path, isResource: true, isInMetadata: false)
    return check.errors
  }

  /// Is there a default that has members which its schema does not know?
  static func hasUnpruned(_ schema: JSONValue, _ checks: ValueChecks) -> Bool {
    func isUnpruned(_ schema: StructuralSchema, isResource: Bool) -> Bool {
      if let value = schema.defaultValue, checks.pruned(value, schema, isResource) != value { return true }
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
      if requiresPruned, !isInMetadata, checks.pruned(value, schema, isResource) != value {
        errors.append(.invalid(place, bare: Self.shown(value), "must not have unknown fields"))
      }
      errors += checks.problems(value, schema, isResource && !isInMetadata, place)
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

  /// As Go prints a decoded value.
  private static func shown(_ value: JSONValue) -> String {
    if let text = value.string { return GoText.quoted(text) }
    return value.encoded().text
  }
}
