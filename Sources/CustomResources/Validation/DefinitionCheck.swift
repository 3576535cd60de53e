public import JSON
public import Machinery

/// What has to be true of a definition, but for what its metadata and its conversion webhook have to be. Complaints are
/// those of the shape before v1, see `OlderSpec`. (apiextensions-apiserver: `pkg/apis/apiextensions/validation`)
public struct DefinitionCheck {
  /// What an update need not mend, because it was so before.
  private struct Tolerance {
    var requiresSchema = true
    var requiresStructural = true
    var requiresPruned = true
    var schema = SchemaCheck.Tolerance()
  }

  private let old: OlderSpec?
  private let spec: OlderSpec
  private var tolerance = Tolerance()
  private var errors: [FieldError] = []

  private init(_ spec: OlderSpec, old: OlderSpec?) {
    self.old = old
    self.spec = spec
    guard let old else { return }
    let schemas = old.schemas
    func none(_ holds: (JSONValue) -> Bool) -> Bool { !schemas.contains { SchemaTree.has($0, holds) } }
    tolerance.requiresSchema =
      old.shared.openAPISchema != nil || old.versions.allSatisfy { $0.own.openAPISchema != nil }
    tolerance.requiresStructural = !schemas.contains(where: SchemaTree.isNonStructural)
    tolerance.requiresPruned = !schemas.contains {
      SchemaTree.has($0) { $0.there("default") != nil } && !SchemaTree.isNonStructural($0)
        && DefaultCheck.hasUnpruned($0)
    }
    tolerance.schema.requiresKnownTypes = none {
      !$0.text("type").isEmpty && !SchemaTree.types.contains($0.text("type"))
    }
    tolerance.schema.requiresAtomicSets = none(Self.hasSetOfParts)
    tolerance.schema.requiresGoodMapKeys = none { !SchemaCheck.keyFaults($0, FieldPath("")).isEmpty }
  }

  /// What is wrong with the spec of a definition that is made, or that changes: then `old` is what it was.
  public static func specErrors(_ definition: JSONValue, old: JSONValue?) -> [FieldError] {
    var check = DefinitionCheck(
      OlderSpec(definition["spec"] ?? .null), old: old.map { OlderSpec($0["spec"] ?? .null) })
    check.look(FieldPath("spec"))
    return check.errors
  }

  /// (`validateCustomResourceDefinitionSpec`)
  private mutating func look(_ path: FieldPath) {
    group(path.child("group"))
    scope(path.child("scope"))
    presence(path.child("versions"))
    // Who has no preserveUnknownFields is pruned, and what prunes is structural.
    let isPruned = !spec.value.isTrue("preserveUnknownFields")
    let hasDefaults = spec.schemas.contains { SchemaTree.has($0) { $0.there("default") != nil } }
    if isPruned || hasDefaults || spec.schemas.contains(where: { SchemaTree.has($0, Self.isExtended) }) {
      tolerance.requiresStructural = true
    }
    if hasDefaults, !isPruned {
      let place = path.child("preserveUnknownFields").description
      errors.append(.invalid(place, bare: "true", "must be false in order to use defaults in the schema"))
    }
    for (index, version) in spec.versions.enumerated() {
      let place = path.child("versions").index(index)
      let problems = NameValidation.dns1035Label(version.name)
      if !problems.isEmpty {
        let text = problems.joined(separator: ",")
        errors.append(.invalid(place.child("name").description, version.name, text))
      }
      errors += VersionParts.deprecation(version.value, at: place)
      let hasStatus = version.own.hasStatus || spec.shared.hasStatus
      parts(version.own, place, place.child("schema"), hasStatus: hasStatus, version.name, place.child("schema"))
    }
    versionList(path)
    names(path.child("names"))
    let hasStatus = spec.shared.hasStatus || spec.versions.contains(where: \.own.hasStatus)
    parts(spec.shared, path, path.child("validation"), hasStatus: hasStatus, "", path.child("schema"))
  }

  private mutating func group(_ path: FieldPath) {
    let group = spec.value.text("group")
    if group.isEmpty { return errors.append(.required(path.description, "")) }
    let problems = NameValidation.dns1123Subdomain(group)
    if !problems.isEmpty {
      errors.append(.invalid(path.description, group, problems.joined(separator: ",")))
    } else if !group.utf8.contains(UInt8(ascii: ".")) {
      errors.append(.invalid(path.description, group, "should be a domain with at least one dot"))
    }
  }

  private mutating func scope(_ path: FieldPath) {
    let scope = spec.value.text("scope")
    if scope.isEmpty {
      errors.append(.required(path.description, ""))
    } else if !["Cluster", "Namespaced"].contains(scope) {
      errors.append(.notSupported(path.description, scope, ["Cluster", "Namespaced"]))
    }
  }

  /// Is there a schema?
  private mutating func presence(_ path: FieldPath) {
    if spec.shared.openAPISchema != nil { return }
    let isPruned = !spec.value.isTrue("preserveUnknownFields")
    for (index, version) in spec.versions.enumerated() where version.own.openAPISchema == nil {
      let place = path.index(index).child("schema").child("openAPIV3Schema").description
      if tolerance.requiresSchema {
        errors.append(.required(place, ""))
      } else if isPruned, version.value.isTrue("served") {
        errors.append(.required(place, "because otherwise all fields are pruned"))
      }
    }
  }

  private mutating func versionList(_ path: FieldPath) {
    let place = path.child("versions").description
    let names = spec.versions.map(\.name)
    if Set(names.map { ByteString($0) }).count < names.count {
      errors.append(.invalid(place, bare: OlderForm.versions(spec), "must contain unique version names"))
    }
    if spec.versions.count(where: \.isStorage) != 1 {
      let detail = "must have exactly one version marked as storage version"
      errors.append(.invalid(place, bare: OlderForm.versions(spec), detail))
    }
    guard let first = names.first, !first.isEmpty else { return }
    let problems = NameValidation.dns1035Label(first)
    if !problems.isEmpty {
      errors.append(.invalid(path.child("version").description, first, problems.joined(separator: ",")))
    }
  }

  private mutating func names(_ path: FieldPath) {
    let names = spec.value["names"]
    for name in ["plural", "singular", "kind", "listKind"] where (names?.text(name) ?? "").isEmpty {
      errors.append(.required(path.child(name).description, ""))
    }
    errors += NamesCheck.errors(names, at: path)
  }

  /// What a version has of its own, or all have alike. `version`: empty for the latter.
  private mutating func parts(
    _ parts: OlderSpec.Parts, _ path: FieldPath, _ schemaPath: FieldPath, hasStatus: Bool, _ version: String,
    _ otherSchemaPath: FieldPath
  ) {
    if let schema = parts.openAPISchema { self.schema(schema, schemaPath, hasStatus: hasStatus) }
    errors += VersionParts.subresources(parts.subresources, at: path.child("subresources"))
    for (place, column) in parts.columns.enumerated() {
      errors += VersionParts.column(column, at: path.child("additionalPrinterColumns").index(place))
    }
    if parts.selectableFields.isEmpty { return }
    let place = path.child("selectableFields")
    guard let schema = parts.openAPISchema else {
      let detail =
        version.isEmpty
        ? "may only be set when validations.schema is included"
        : "may only be set when `version.schema.openAPIV3Schema` is not included"
      return errors.append(.invalid(place.description, "", detail))
    }
    if let problem = SchemaTree.problem(schema) {
      return errors.append(.invalid(otherSchemaPath.child("openAPIV3Schema").description, "", problem))
    }
    errors += VersionParts.selectableFields(
      parts.selectableFields, in: schema, at: place, mayBeMany: hadMany(parts.selectableFields, version))
  }

  private func hadMany(_ fields: [JSONValue], _ version: String) -> Bool {
    guard let old, fields.count > VersionParts.selectableMax else { return false }
    let before = version.isEmpty ? old.shared : old.versions.first { $0.name == version }?.own
    return before?.selectableFields == fields
  }

  /// Rules, or whatever else is Kubernetes' own.
  private static func isExtended(_ schema: JSONValue) -> Bool {
    schema.isTrue("x-kubernetes-embedded-resource") || schema.there("x-kubernetes-preserve-unknown-fields") != nil
      || schema.isTrue("x-kubernetes-int-or-string") || !schema.list("x-kubernetes-list-map-keys").isEmpty
      || schema.there("x-kubernetes-list-type") != nil || !schema.list("x-kubernetes-validations").isEmpty
  }

  /// (`hasNonAtomicSetType`)
  private static func hasSetOfParts(_ schema: JSONValue) -> Bool {
    guard schema["x-kubernetes-list-type"]?.string == "set", let items = schema.there("items"), items.object != nil
    else { return false }
    switch items.text("type") {
    case "array": return items["x-kubernetes-list-type"]?.string.map { $0 != "atomic" } ?? false
    case "object": return items["x-kubernetes-map-type"]?.string != "atomic"
    default: return false
    }
  }

  // MARK: one schema

  /// (`validateCustomResourceDefinitionValidation`)
  private mutating func schema(_ schema: JSONValue, _ path: FieldPath, hasStatus: Bool) {
    let place = path.child("openAPIV3Schema")
    let count = errors.count
    if hasStatus { root(schema, place) }
    if schema.isTrue("nullable") {
      errors.append(.forbidden(place.child("nullable").description, "nullable cannot be true at the root"))
    }
    let problem = tolerance.requiresStructural ? SchemaTree.problem(schema) : nil
    if tolerance.requiresStructural, problem == nil {
      var found = StructuralCheck.errors(in: schema, at: place)
      if found.isEmpty {
        found = DefaultCheck.errors(in: schema, at: place, requiresPruned: tolerance.requiresPruned)
      }
      errors += found
    }
    errors += SchemaCheck.errors(in: schema, at: place, tolerance.schema, rules: nil)
    if errors.count == count, let problem { errors.append(.invalid(place.description, "", problem)) }
  }

  /// Of a root schema only what stays true when `status` is looked at alone.
  private mutating func root(_ schema: JSONValue, _ place: FieldPath) {
    for (name, field) in OlderForm.schemaMembers where Self.isSet(schema[name]) {
      if name == "type" {
        if schema.text("type") == "object" { continue }
        let detail =
          #"only "object" is allowed as the type at the root of the schema if the status subresource is enabled"#
        return errors.append(.invalid(place.child("type").description, schema.text("type"), detail))
      }
      if Self.allowedAtRoot.contains(field) { continue }
      let detail =
        "only [\(Self.allowedAtRoot.joined(separator: " "))] fields are allowed at the root of the schema if the status "
        + "subresource is enabled"
      return errors.append(.invalid(place.description, bare: OlderForm.schema(schema), detail))
    }
  }

  private static func isSet(_ value: JSONValue?) -> Bool {
    guard let value else { return false }
    switch value {
    case .null: return false
    case .bool(let truth): return truth
    case .string(let text): return !text.isEmpty
    default: return true
    }
  }

  private static let allowedAtRoot = [
    "Description", "Type", "Format", "Title", "Maximum", "ExclusiveMaximum", "Minimum", "ExclusiveMinimum", "MaxLength",
    "MinLength", "Pattern", "MaxItems", "MinItems", "UniqueItems", "MultipleOf", "Required", "Items", "Properties",
    "ExternalDocs", "Example", "XPreserveUnknownFields", "XValidations",
  ]
}

extension DefinitionCheck {
  /// What is wrong with what a definition's status says.
  public static func statusErrors(_ definition: JSONValue) -> [FieldError] {
    NamesCheck.errors(definition["status"]?["acceptedNames"], at: FieldPath("status", "acceptedNames"))
  }

  /// Is every version in which instances are stored still one of the definition?
  /// (`ValidateCustomResourceDefinitionStoredVersions`)
  public static func storedVersionErrors(_ definition: JSONValue) -> [FieldError] {
    let path = FieldPath("status", "storedVersions")
    let stored = definition["status"]?.list("storedVersions").compactMap(\.string) ?? []
    let shown = stored.isEmpty ? "null" : JSONValue.array(stored.map(JSONValue.string)).encoded().text
    if stored.isEmpty {
      return [.invalid(path.description, bare: shown, "must have at least one stored version")]
    }
    let versions = definition["spec"]?.list("versions") ?? []
    var errors: [FieldError] = []
    for version in versions where version.isTrue("storage") && !stored.contains(version.text("name")) {
      let detail = "must have the storage version \(version.text("name"))"
      errors.append(.invalid(path.description, bare: shown, detail))
    }
    let known = Set(versions.map { ByteString($0.text("name")) })
    for (place, name) in stored.enumerated() where !known.contains(ByteString(name)) {
      let detail =
        "missing from spec.versions; \(name) was previously a storage version, and must remain in spec.versions until a "
        + "storage migration ensures no data remains persisted in \(name) and removes \(name) from "
        + "status.storedVersions"
      errors.append(.invalid(path.index(place).description, name, detail))
    }
    return errors
  }

  /// Is a definition in one of Kubernetes' groups approved? What was so before may stay. (`validateAPIApproval`)
  public static func approvalErrors(_ definition: JSONValue, old: JSONValue?) -> [FieldError] {
    guard APIApproval.isNeeded(for: definition["spec"]?.text("group") ?? "") else { return [] }
    let (state, reason) = APIApproval.state(of: definition)
    if let old, APIApproval.state(of: old).state == state { return [] }
    let place = FieldPath("metadata", "annotations").key(APIApproval.annotation).description
    switch state {
    case .approved, .bypassed: return []
    case .missing: return [.required(place, reason)]
    case .invalid:
      let given = definition["metadata"]?["annotations"]?.text(APIApproval.annotation) ?? ""
      return [.invalid(place, given, reason)]
    }
  }

  /// (`validatePreserveUnknownFields`)
  public static func preservationErrors(_ definition: JSONValue, old: JSONValue?) -> [FieldError] {
    if old?["spec"]?.isTrue("preserveUnknownFields") == true { return [] }
    guard definition["spec"]?.isTrue("preserveUnknownFields") == true else { return [] }
    let detail =
      "cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead"
    return [.invalid("spec.preserveUnknownFields", bare: "true", detail)]
  }
}
