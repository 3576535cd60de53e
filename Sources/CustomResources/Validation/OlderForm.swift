import JSON

/// The older shape as messages print it: Go's JSON of structs that have no JSON names, with every field, empty or not.
enum OlderForm {
  /// What a field of such a struct is.
  private indirect enum Form: Sendable {
    case text, truth, number
    /// A pointer, and what is there where nothing is.
    case optional
    /// JSON as it was given.
    case json
    case texts
    case list(Form)
    case map(Form)
    case structure([(String, String, Form)])
    case schema, schemaOrList, schemaOrTruth, schemaOrTexts
  }

  /// (`[]CustomResourceDefinitionVersion`) `isGiven`: an empty list and none print differently.
  static func versions(_ spec: OlderSpec) -> String {
    guard let given = spec.value["versions"], !given.isNull else { return "null" }
    let versions = spec.versions.map { version -> JSONValue in
      var members = (version.value.object?.members ?? []).filter {
        !["schema", "subresources", "additionalPrinterColumns", "selectableFields"].contains($0.name)
      }
      if let schema = version.own.schema { members.append(.init("schema", schema)) }
      if let parts = version.own.subresources { members.append(.init("subresources", parts)) }
      if !version.own.columns.isEmpty { members.append(.init("additionalPrinterColumns", .array(version.own.columns))) }
      if !version.own.selectableFields.isEmpty {
        members.append(.init("selectableFields", .array(version.own.selectableFields)))
      }
      return .object(JSONObject(unchecked: members))
    }
    return JSONValue.array(versions.map { shown($0, .structure(version)) }).encoded().text
  }

  /// (`JSONSchemaProps`)
  static func schema(_ schema: JSONValue) -> String { shown(schema, .schema).encoded().text }

  /// (`ValidationRule`)
  static func rule(_ rule: JSONValue) -> String { shown(rule, .structure(ruleFields)).encoded().text }

  /// (`JSONSchemaPropsOrArray`)
  static func items(_ items: JSONValue) -> String { shown(items, .schemaOrList).encoded().text }

  /// The members of a schema and their names in messages, in the struct's order.
  static var schemaMembers: [(name: String, field: String)] { schemaFields.map { ($0.1, $0.0) } }

  private static func shown(_ value: JSONValue?, _ form: Form) -> JSONValue {
    let value = value ?? .null
    switch form {
    case .text: return value.isNull ? "" : value
    case .truth: return value.isNull ? false : value
    case .number: return value.isNull ? 0 : value
    case .optional, .texts: return value
    case .json: return sorted(value)
    case .list(let form): return value.array.map { .array($0.map { shown($0, form) }) } ?? .null
    case .map(let form):
      guard var object = value.object else { return .null }
      object.sortByName()
      return .object(JSONObject(unchecked: object.members.map { .init($0.name, shown($0.value, form)) }))
    case .structure(let fields):
      if value.isNull { return .null }
      return .object(JSONObject(unchecked: fields.map { .init($0.0, shown(value[$0.1], $0.2)) }))
    case .schema: return shown(value, .structure(schemaFields))
    case .schemaOrList:
      if value.isNull { return .null }
      if let list = value.array { return ["Schema": .null, "JSONSchemas": .array(list.map { shown($0, .schema) })] }
      return ["Schema": shown(value, .schema), "JSONSchemas": .null]
    case .schemaOrTruth:
      if value.isNull { return .null }
      if let truth = value.bool { return ["Allows": .bool(truth), "Schema": .null] }
      return ["Allows": true, "Schema": shown(value, .schema)]
    case .schemaOrTexts:
      if value.array != nil { return ["Schema": .null, "Property": value] }
      return ["Schema": shown(value, .schema), "Property": .null]
    }
  }

  private static func sorted(_ value: JSONValue) -> JSONValue {
    if let list = value.array { return .array(list.map(sorted)) }
    guard var object = value.object else { return value }
    object.sortByName()
    return .object(JSONObject(unchecked: object.members.map { .init($0.name, sorted($0.value)) }))
  }

  private static let version: [(String, String, Form)] = [
    ("Name", "name", .text), ("Served", "served", .truth), ("Storage", "storage", .truth),
    ("Deprecated", "deprecated", .truth), ("DeprecationWarning", "deprecationWarning", .optional),
    ("Schema", "schema", .structure([("OpenAPIV3Schema", "openAPIV3Schema", .schema)])),
    (
      "Subresources", "subresources",
      .structure([
        ("Status", "status", .structure([])),
        (
          "Scale", "scale",
          .structure([
            ("SpecReplicasPath", "specReplicasPath", .text), ("StatusReplicasPath", "statusReplicasPath", .text),
            ("LabelSelectorPath", "labelSelectorPath", .optional),
          ])
        ),
      ])
    ),
    (
      "AdditionalPrinterColumns", "additionalPrinterColumns",
      .list(
        .structure([
          ("Name", "name", .text), ("Type", "type", .text), ("Format", "format", .text),
          ("Description", "description", .text), ("Priority", "priority", .number), ("JSONPath", "jsonPath", .text),
        ]))
    ),
    ("SelectableFields", "selectableFields", .list(.structure([("JSONPath", "jsonPath", .text)]))),
  ]

  private static let ruleFields: [(String, String, Form)] = [
    ("Rule", "rule", .text), ("Message", "message", .text), ("MessageExpression", "messageExpression", .text),
    ("Reason", "reason", .optional), ("FieldPath", "fieldPath", .text),
    ("OptionalOldSelf", "optionalOldSelf", .optional),
  ]

  private static let schemaFields: [(String, String, Form)] = [
    ("ID", "id", .text), ("Schema", "$schema", .text), ("Ref", "$ref", .optional),
    ("Description", "description", .text), ("Type", "type", .text), ("Nullable", "nullable", .truth),
    ("Format", "format", .text), ("Title", "title", .text), ("Default", "default", .json),
    ("Maximum", "maximum", .optional), ("ExclusiveMaximum", "exclusiveMaximum", .truth),
    ("Minimum", "minimum", .optional), ("ExclusiveMinimum", "exclusiveMinimum", .truth),
    ("MaxLength", "maxLength", .optional), ("MinLength", "minLength", .optional), ("Pattern", "pattern", .text),
    ("MaxItems", "maxItems", .optional), ("MinItems", "minItems", .optional), ("UniqueItems", "uniqueItems", .truth),
    ("MultipleOf", "multipleOf", .optional), ("Enum", "enum", .list(.json)),
    ("MaxProperties", "maxProperties", .optional), ("MinProperties", "minProperties", .optional),
    ("Required", "required", .texts), ("Items", "items", .schemaOrList), ("AllOf", "allOf", .list(.schema)),
    ("OneOf", "oneOf", .list(.schema)), ("AnyOf", "anyOf", .list(.schema)), ("Not", "not", .schema),
    ("Properties", "properties", .map(.schema)), ("AdditionalProperties", "additionalProperties", .schemaOrTruth),
    ("PatternProperties", "patternProperties", .map(.schema)), ("Dependencies", "dependencies", .map(.schemaOrTexts)),
    ("AdditionalItems", "additionalItems", .schemaOrTruth), ("Definitions", "definitions", .map(.schema)),
    (
      "ExternalDocs", "externalDocs",
      .structure([("Description", "description", .text), ("URL", "url", .text)])
    ),
    ("Example", "example", .json), ("XPreserveUnknownFields", "x-kubernetes-preserve-unknown-fields", .optional),
    ("XEmbeddedResource", "x-kubernetes-embedded-resource", .truth),
    ("XIntOrString", "x-kubernetes-int-or-string", .truth), ("XListMapKeys", "x-kubernetes-list-map-keys", .texts),
    ("XListType", "x-kubernetes-list-type", .optional), ("XMapType", "x-kubernetes-map-type", .optional),
    ("XValidations", "x-kubernetes-validations", .list(.structure(ruleFields))),
  ]
}
