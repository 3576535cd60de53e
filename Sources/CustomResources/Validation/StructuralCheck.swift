import JSON
import Machinery
import RegularExpressions

/// Is a schema structural: do types and members stand outside of `allOf` and its kin, all of them, and is nothing said
/// of what every object has? (apiextensions-apiserver: `pkg/apiserver/schema`, `ValidateStructural`)
struct StructuralCheck {
  private enum Level { case root, item, field }

  private var errors: [FieldError] = []

  /// Sorted by their messages. `schema`: one in which `SchemaTree.problem` found none.
  static func errors(in schema: JSONValue, at path: FieldPath) -> [FieldError] {
    var check = StructuralCheck()
    check.invariants(schema, .root, path)
    check.completeness(ofNested: schema, in: schema, path, path)
    let told = check.errors.map { (message: $0.message, error: $0) }
    return told.sorted { $0.message < $1.message }.map(\.error)
  }

  private mutating func required(_ path: FieldPath, _ detail: String) {
    errors.append(.required(path.description, detail))
  }
  private mutating func forbidden(_ path: FieldPath, _ detail: String) {
    errors.append(.forbidden(path.description, detail))
  }
  private mutating func invalid(_ path: FieldPath, _ text: String, _ detail: String) {
    errors.append(.invalid(path.description, text, detail))
  }

  // MARK: invariants

  private mutating func invariants(_ schema: JSONValue, _ level: Level, _ path: FieldPath) {
    let type = schema.text("type")
    let items = schema.there("items").flatMap { $0.object == nil ? nil : $0 }
    if type == "array", items == nil { required(path.child("items"), "must be specified") }
    if let items { invariants(items, .item, path.child("items")) }
    let properties = schema.map("properties")
    for property in properties { invariants(property.value, .field, path.child("properties").key(property.name)) }
    let others = schema.there("additionalProperties")
    if let others {
      if level == .root { forbidden(path.child("additionalProperties"), "must not be used at the root") }
      if others.object != nil { invariants(others, .field, path.child("additionalProperties")) }
    }
    extensions(schema, path)
    let isEither = schema.list("anyOf").count == 2 && Self.isIntOrString(schema.list("anyOf"))
    let first = schema.list("allOf").first?.list("anyOf") ?? []
    validation(schema, path, skipsAnyOf: isEither, skipsFirst: first.count == 2 && Self.isIntOrString(first))

    let isEmbedded = schema.isTrue("x-kubernetes-embedded-resource")
    let preserves = schema.isTrue("x-kubernetes-preserve-unknown-fields")
    if isEmbedded, type != "object" {
      let detail = "must be object if x-kubernetes-embedded-resource is true"
      if type.isEmpty { required(path.child("type"), detail) } else { invalid(path.child("type"), type, detail) }
    } else if type.isEmpty, !schema.isTrue("x-kubernetes-int-or-string"), !preserves {
      switch level {
      case .root: required(path.child("type"), "must not be empty at the root")
      case .item: required(path.child("type"), "must not be empty for specified array items")
      case .field: required(path.child("type"), "must not be empty for specified object fields")
      }
    }
    if isEmbedded, others != nil {
      forbidden(path.child("additionalProperties"), "must not be used if x-kubernetes-embedded-resource is set")
    }
    if level == .root, !type.isEmpty, type != "object" {
      invalid(path.child("type"), type, "must be object at the root")
    }
    resource(properties, isResource: level == .root || isEmbedded, level, path.child("properties"))
    if isEmbedded, !preserves, properties.isEmpty {
      required(
        path.child("properties"),
        "must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields")
    }
  }

  private mutating func extensions(_ schema: JSONValue, _ path: FieldPath) {
    guard schema.isTrue("x-kubernetes-int-or-string") else { return }
    for name in ["x-kubernetes-preserve-unknown-fields", "x-kubernetes-embedded-resource"] where schema.isTrue(name) {
      errors.append(
        .invalid(path.child(name).description, bare: "true", "must be false if x-kubernetes-int-or-string is true"))
    }
  }

  /// What every object has can't be described again.
  private mutating func resource(
    _ properties: [JSONObject.Member], isResource: Bool, _ level: Level, _ path: FieldPath
  ) {
    func property(_ name: String) -> JSONValue? { properties.first { $0.name == name }?.value }
    if isResource {
      for name in ["kind", "apiVersion"] {
        guard let type = property(name)?.text("type"), type != "string" else { continue }
        invalid(path.key(name).child("type"), type, "must be string")
      }
    }
    guard let metadata = property("metadata") else { return }
    if isResource, metadata.text("type") != "object" {
      invalid(path.key("metadata").child("type"), metadata.text("type"), "must be object")
    }
    // Upstream hands the level on that it is at, which says little: it is that of the object, not of its metadata.
    if level == .root, !Self.saysOnlyNames(metadata) {
      forbidden(
        path.key("metadata"),
        "must not specify anything other than name and generateName, but metadata is implicitly specified")
    }
  }

  private static func saysOnlyNames(_ metadata: JSONValue) -> Bool {
    let names = metadata.map("properties").map(\.name)
    let areNames = names.allSatisfy { $0 == "name" || $0 == "generateName" }
    return (metadata.object?.members ?? []).allSatisfy { member in
      switch member.name {
      case "type", "default": true
      case "properties": areNames
      // What is at its zero value says nothing, and these a structural schema does not have.
      case "description", "title", "format", "pattern": member.value.string?.isEmpty ?? true
      default: member.value.isNull || member.value.bool == false || member.value.array?.isEmpty == true
      }
    }
  }

  /// `[{type: integer}, {type: string}]`, in this order.
  private static func isIntOrString(_ choices: [JSONValue]) -> Bool {
    zip(choices, ["integer", "string"]).allSatisfy { choice, type in
      (choice.object?.members ?? []).allSatisfy { $0.name == "type" ? $0.value.string == type : $0.value.isNull }
        && choice.text("type") == type
    }
  }

  // MARK: limits on values

  private mutating func validation(
    _ schema: JSONValue, _ path: FieldPath, skipsAnyOf: Bool, skipsFirst: Bool = false
  ) {
    if !skipsAnyOf {
      for (place, choice) in schema.list("anyOf").enumerated() { nested(choice, path.child("anyOf").index(place)) }
    }
    for (place, part) in schema.list("allOf").enumerated() {
      nested(part, path.child("allOf").index(place), skipsAnyOf: skipsFirst && place == 0)
    }
    for (place, choice) in schema.list("oneOf").enumerated() { nested(choice, path.child("oneOf").index(place)) }
    if let inner = schema.there("not") { nested(inner, path.child("not")) }
    let pattern = schema.text("pattern")
    if pattern.isEmpty { return }
    do throws(GoRegexp.Malformed) { _ = try GoRegexp(pattern) } catch {
      invalid(path.child("pattern"), pattern, "must be a valid regular expression, but isn't: \(error)")
    }
  }

  private mutating func nested(_ schema: JSONValue, _ path: FieldPath, skipsAnyOf: Bool = false) {
    validation(schema, path, skipsAnyOf: skipsAnyOf)
    if let items = schema.there("items"), items.object != nil { nested(items, path.child("items")) }
    let properties = schema.map("properties")
    for property in properties { nested(property.value, path.child("properties").key(property.name)) }
    if !schema.text("type").isEmpty { forbidden(path.child("type"), Self.empty) }
    if let others = schema.there("additionalProperties"), others.bool != false {
      forbidden(path.child("additionalProperties"), Self.undefined)
    }
    if schema.there("default") != nil { forbidden(path.child("default"), Self.undefined) }
    for name in ["title", "description"] where !schema.text(name).isEmpty { forbidden(path.child(name), Self.empty) }
    for name in [
      "nullable", "x-kubernetes-preserve-unknown-fields", "x-kubernetes-embedded-resource",
      "x-kubernetes-int-or-string",
    ] where schema.isTrue(name) { forbidden(path.child(name), "must be false to be structural") }
    if !schema.list("x-kubernetes-list-map-keys").isEmpty {
      forbidden(path.child("x-kubernetes-list-map-keys"), Self.empty)
    }
    for name in ["x-kubernetes-list-type", "x-kubernetes-map-type"] where schema.there(name) != nil {
      forbidden(path.child(name), Self.undefined)
    }
    if !schema.list("x-kubernetes-validations").isEmpty {
      forbidden(path.child("x-kubernetes-validations"), Self.empty)
    }
    if properties.contains(where: { $0.name == "metadata" }) {
      forbidden(path.child("properties").key("metadata"), "must not be specified in a nested context")
    }
  }

  private static let empty = "must be empty to be structural"
  private static let undefined = "must be undefined to be structural"

  // MARK: completeness

  /// What has limits in the root's `allOf` and its kin has to be there outside of them, too. Upstream looks at no other
  /// schema but the root.
  private mutating func completeness(
    ofNested limits: JSONValue, in schema: JSONValue?, _ place: FieldPath, _ path: FieldPath
  ) {
    if let inner = limits.there("not") { completeness(of: inner, in: schema, place, path.child("not")) }
    for name in ["allOf", "anyOf", "oneOf"] {
      for (index, inner) in limits.list(name).enumerated() {
        completeness(of: inner, in: schema, place, path.child(name).index(index))
      }
    }
  }

  private mutating func completeness(
    of limits: JSONValue, in schema: JSONValue?, _ place: FieldPath, _ path: FieldPath
  ) {
    guard let schema else { return required(place, "because it is defined in \(path)") }
    completeness(ofNested: limits, in: schema, place, path)
    if let items = limits.there("items"), items.object != nil {
      let found = schema.there("items").flatMap { $0.object == nil ? nil : $0 }
      completeness(of: items, in: found, place.child("items"), path.child("items"))
    }
    for property in limits.map("properties") {
      let inner = (place.child("properties").key(property.name), path.child("properties").key(property.name))
      let found = schema.map("properties").first { $0.name == property.name }?.value
      completeness(of: property.value, in: found, inner.0, inner.1)
    }
  }
}
