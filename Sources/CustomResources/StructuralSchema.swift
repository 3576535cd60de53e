public import JSON

/// The schema of one place in a custom resource, as a definition's version has it once it was found structural: types
/// and members stand outside, and inside `allOf`, `anyOf`, `oneOf` and `not` there is nothing but limits on values.
/// Immutable, and read once when a definition is accepted. (apiextensions-apiserver: `pkg/apiserver/schema.Structural`)
public final class StructuralSchema: Sendable {
  /// What `additionalProperties` says.
  public enum Additional: Sendable {
    case allowed, forbidden
    case schema(StructuralSchema)
  }

  /// `x-kubernetes-list-type`; atomic where nothing is said.
  public enum ListType: Sendable { case atomic, set, map }

  /// `object`, `array`, `string`, `integer`, `number`, `boolean`; empty for any.
  public let type: String
  public let format: String
  public let title: String
  public let description: String
  public let isNullable: Bool
  /// What stands where nothing is given; nil for none.
  public let defaultValue: JSONValue?
  /// In the order of their names.
  public let properties: [(name: String, schema: StructuralSchema)]
  private let places: [ByteString: Int]
  /// nil where nothing is said.
  public let additional: Additional?
  public let items: StructuralSchema?
  /// What a value has to be beyond its type.
  public let limits: ValueLimits

  // MARK: x-kubernetes-*

  /// nil where nothing is said.
  public let preservesUnknown: Bool?
  public let isEmbeddedResource: Bool
  public let isIntOrString: Bool
  /// nil where nothing is said, which is atomic.
  public let listType: ListType?
  public let listMapKeys: [String]
  /// `x-kubernetes-map-type` is `atomic`; else granular.
  public let isAtomicMap: Bool
  /// `x-kubernetes-validations`
  public let rules: [ValidationRule]

  /// `props`: a JSONSchemaProps that was found structural. What it has beyond that is left out.
  public init(_ props: JSONValue) {
    type = props["type"]?.string ?? ""
    format = props["format"]?.string ?? ""
    title = props["title"]?.string ?? ""
    description = props["description"]?.string ?? ""
    isNullable = props["nullable"]?.bool ?? false
    defaultValue = props["default"]
    let members = props["properties"]?.object?.members ?? []
    let sorted = members.sorted { $0.name < $1.name }
    properties = sorted.map { ($0.name, StructuralSchema($0.value)) }
    places = Dictionary(
      sorted.enumerated().map { (ByteString($0.element.name), $0.offset) }, uniquingKeysWith: { first, _ in first })
    additional =
      switch props["additionalProperties"] {
      case .bool(true)?: .allowed
      case .bool(false)?: .forbidden
      case let schema? where schema.object != nil: .schema(StructuralSchema(schema))
      default: nil
      }
    items = props["items"].flatMap { $0.object == nil ? nil : StructuralSchema($0) }
    limits = ValueLimits(props)
    preservesUnknown = props["x-kubernetes-preserve-unknown-fields"]?.bool
    isEmbeddedResource = props["x-kubernetes-embedded-resource"]?.bool ?? false
    isIntOrString = props["x-kubernetes-int-or-string"]?.bool ?? false
    listType =
      switch props["x-kubernetes-list-type"]?.string {
      case "set"?: .set
      case "map"?: .map
      case "atomic"?: .atomic
      default: nil
      }
    listMapKeys = (props["x-kubernetes-list-map-keys"]?.array ?? []).compactMap(\.string)
    isAtomicMap = props["x-kubernetes-map-type"]?.string == "atomic"
    rules = (props["x-kubernetes-validations"]?.array ?? []).map(ValidationRule.init)
  }

  /// The schema of a named member; not that of `additionalProperties`.
  public func property(_ name: String) -> StructuralSchema? {
    places[ByteString(name)].map { properties[$0].schema }
  }

  /// The schema that a member has, by its name or as one of the others.
  public func member(_ name: String) -> StructuralSchema? {
    if let schema = property(name) { return schema }
    if case .schema(let schema)? = additional { return schema }
    return nil
  }
}

/// What a value has to be beyond its type. Those inside `allOf` and its kin may have limits on members and items.
/// (`ValueValidation` and `NestedValueValidation`)
public final class ValueLimits: Sendable {
  public let format: String
  public let maximum: Double?
  public let isExclusiveMaximum: Bool
  public let minimum: Double?
  public let isExclusiveMinimum: Bool
  public let maxLength: Int64?
  public let minLength: Int64?
  /// Empty for none.
  public let pattern: String
  public let maxItems: Int64?
  public let minItems: Int64?
  public let hasUniqueItems: Bool
  public let multipleOf: Double?
  /// Empty for none.
  public let enumeration: [JSONValue]
  public let maxProperties: Int64?
  public let minProperties: Int64?
  public let required: [String]
  public let allOf: [NestedLimits]
  public let oneOf: [NestedLimits]
  public let anyOf: [NestedLimits]
  public let not: NestedLimits?

  init(_ props: JSONValue) {
    format = props["format"]?.string ?? ""
    maximum = Self.number(props["maximum"])
    isExclusiveMaximum = props["exclusiveMaximum"]?.bool ?? false
    minimum = Self.number(props["minimum"])
    isExclusiveMinimum = props["exclusiveMinimum"]?.bool ?? false
    maxLength = props["maxLength"]?.int
    minLength = props["minLength"]?.int
    pattern = props["pattern"]?.string ?? ""
    maxItems = props["maxItems"]?.int
    minItems = props["minItems"]?.int
    hasUniqueItems = props["uniqueItems"]?.bool ?? false
    multipleOf = Self.number(props["multipleOf"])
    enumeration = props["enum"]?.array ?? []
    maxProperties = props["maxProperties"]?.int
    minProperties = props["minProperties"]?.int
    required = (props["required"]?.array ?? []).compactMap(\.string)
    allOf = Self.nested(props["allOf"])
    oneOf = Self.nested(props["oneOf"])
    anyOf = Self.nested(props["anyOf"])
    not = props["not"].flatMap { $0.object == nil ? nil : NestedLimits($0) }
  }

  private static func nested(_ value: JSONValue?) -> [NestedLimits] { (value?.array ?? []).map(NestedLimits.init) }

  private static func number(_ value: JSONValue?) -> Double? {
    switch value {
    case .int(let number)?: Double(number)
    case .double(let number)?: number
    default: nil
    }
  }
}

/// Limits inside of `allOf`, `anyOf`, `oneOf` and `not`.
public final class NestedLimits: Sendable {
  public let limits: ValueLimits
  public let items: NestedLimits?
  public let properties: [(name: String, limits: NestedLimits)]
  /// `additionalProperties: false`
  public let forbidsOthers: Bool
  /// Of int-or-string alone, whose `anyOf` may name the two types.
  public let type: String

  init(_ props: JSONValue) {
    limits = ValueLimits(props)
    items = props["items"].flatMap { $0.object == nil ? nil : NestedLimits($0) }
    properties = (props["properties"]?.object?.members ?? []).sorted { $0.name < $1.name }
      .map { ($0.name, NestedLimits($0.value)) }
    forbidsOthers = props["additionalProperties"]?.bool == false
    type = props["type"]?.string ?? ""
  }
}

/// One of `x-kubernetes-validations`, as it is written.
public struct ValidationRule: Sendable {
  public let rule: String
  /// Empty for none.
  public let message: String
  /// Empty for none.
  public let messageExpression: String
  /// `FieldValueInvalid` where nothing is said.
  public let reason: String
  /// Empty for none.
  public let fieldPath: String
  /// nil where nothing is said.
  public let optionalOldSelf: Bool?

  init(_ value: JSONValue) {
    rule = value["rule"]?.string ?? ""
    message = value["message"]?.string ?? ""
    messageExpression = value["messageExpression"]?.string ?? ""
    reason = value["reason"]?.string ?? "FieldValueInvalid"
    fieldPath = value["fieldPath"]?.string ?? ""
    optionalOldSelf = value["optionalOldSelf"]?.bool
  }
}
