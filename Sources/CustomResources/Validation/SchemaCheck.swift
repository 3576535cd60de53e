import JSON
import Machinery

/// Who looks at the rules of a schema: compiles them, and says what they cost. (`x-kubernetes-validations`)
protocol RuleCheck: AnyObject {
  /// What is wrong with the rules at a place; complaints stand under `site.path`.
  func problems(at site: RuleSite) -> [FieldError]
  /// What is wrong with all of a schema's rules together; said at its path.
  func totalProblems(_ path: FieldPath) -> [FieldError]
}

/// A place in a schema that has rules.
struct RuleSite {
  let schema: JSONValue
  /// Of the schema: rules stand under `x-kubernetes-validations` of it.
  let path: FieldPath
  let isRoot: Bool
  /// How often the place can occur in one object; nil where nothing bounds that.
  let cardinality: UInt64?
  /// The first schema on the way here whose values can't be told apart between two states of an object; nil for none.
  let uncorrelatable: FieldPath?
}

/// What may stand in a schema, apart from its being structural. (`ValidateCustomResourceDefinitionOpenAPISchema`)
struct SchemaCheck {
  /// What an update of a definition need not mend.
  struct Tolerance {
    var requiresKnownTypes = true
    var requiresAtomicSets = true
    var requiresGoodMapKeys = true
  }

  /// What is different on the way down.
  private struct State {
    var isRoot = false
    /// Why there must be no default; nil where there may be one.
    var noDefault: String?
    var isInMetadata = false
    var uncorrelatable: FieldPath?
    /// nil where rules are not looked at; else how often the place can occur.
    var cardinality: Cardinality?
  }

  private enum Cardinality {
    case unbounded
    case atMost(UInt64)

    func times(_ count: UInt64?) -> Cardinality {
      guard case .atMost(let before) = self, let count else { return .unbounded }
      let (product, overflows) = before.multipliedReportingOverflow(by: count)
      return .atMost(overflows ? .max : product)
    }
    var count: UInt64? { if case .atMost(let count) = self { count } else { nil } }
  }

  let tolerance: Tolerance
  private let rules: (any RuleCheck)?
  var errors: [FieldError] = []
  private var ruleErrors: [FieldError] = []

  private init(_ tolerance: Tolerance, _ rules: (any RuleCheck)?) {
    self.tolerance = tolerance
    self.rules = rules
  }

  /// What is wrong with a schema, and behind that what is wrong with its rules. `rules`: nil where none are looked at.
  static func errors(
    in schema: JSONValue, at path: FieldPath, _ tolerance: Tolerance, rules: (any RuleCheck)?
  ) -> [FieldError] {
    var check = SchemaCheck(tolerance, rules)
    check.look(at: schema, path, State(isRoot: true, cardinality: rules == nil ? nil : .atMost(1)))
    return check.errors + check.ruleErrors
  }

  private mutating func look(at schema: JSONValue?, _ path: FieldPath, _ state: State) {
    guard let schema else { return }
    let count = errors.count
    refused(schema, path, state)
    if schema.isTrue("uniqueItems") {
      forbid(
        path.child("uniqueItems"), "uniqueItems cannot be set to true since the runtime complexity becomes quadratic")
    }
    members(schema, path, state)
    var inner = state
    inner.isRoot = false
    inner.cardinality = nil
    look(at: schema.there("not"), path.child("not"), inner)
    for name in ["allOf", "oneOf", "anyOf"] {
      for (place, part) in schema.list(name).enumerated() { look(at: part, path.child(name).index(place), inner) }
    }
    for definition in schema.map("definitions") {
      look(at: definition.value, path.child("definitions").key(definition.name), inner)
    }
    items(schema, path, state)
    for part in schema.map("dependencies") where part.value.object != nil {
      look(at: part.value, path.child("dependencies").key(part.name), inner)
    }
    extensions(schema, path)
    let given = schema.list("x-kubernetes-validations")
    if given.isEmpty { return }
    // In what can't be made structural no path is looked for.
    let fields = given.contains { !$0.text("fieldPath").isEmpty } && SchemaTree.problem(schema) == nil ? schema : nil
    for (place, rule) in given.enumerated() {
      ruleForm(rule, path.child("x-kubernetes-validations").index(place), fields)
    }
    if errors.count == count, let cardinality = state.cardinality, let rules {
      ruleErrors += rules.problems(
        at: RuleSite(
          schema: schema, path: path, isRoot: state.isRoot, cardinality: cardinality.count,
          uncorrelatable: state.uncorrelatable))
    }
  }

  mutating func forbid(_ path: FieldPath, _ detail: String) {
    errors.append(.forbidden(path.description, detail))
  }
  mutating func require(_ path: FieldPath, _ detail: String) { errors.append(.required(path.description, detail)) }

  // MARK: what is refused

  /// (`specStandardValidatorV3.validate`)
  private mutating func refused(_ schema: JSONValue, _ path: FieldPath, _ state: State) {
    let type = schema.text("type")
    if tolerance.requiresKnownTypes, !type.isEmpty, !SchemaTree.types.contains(type) {
      errors.append(.notSupported(path.child("type").description, type, SchemaTree.types))
    }
    if schema.there("default") != nil, let why = state.noDefault {
      forbid(path.child("default"), "must not be set \(why)")
    }
    func unsupported(_ name: String) { forbid(path.child(name), "\(name) is not supported") }
    if !schema.text("id").isEmpty { unsupported("id") }
    if schema.there("additionalItems") != nil { unsupported("additionalItems") }
    for name in ["patternProperties", "definitions"] where !schema.map(name).isEmpty { unsupported(name) }
    for name in ["dependencies", "$ref"] where schema.there(name) != nil { unsupported(name) }
    if type == "null" { forbid(path.child("type"), "type cannot be set to null, use nullable as an alternative") }
    if schema["items"]?.array?.isEmpty == false {
      forbid(path.child("items"), "items must be a schema object and not an array")
    }
    if state.isInMetadata, schema.isTrue("x-kubernetes-embedded-resource") {
      forbid(path.child("x-kubernetes-embedded-resource"), "must not be used inside of resource meta")
    }
  }

  // MARK: members and items

  private mutating func members(_ schema: JSONValue, _ path: FieldPath, _ state: State) {
    var state = state
    let isRoot = state.isRoot
    state.isRoot = false
    state.cardinality = state.cardinality?.times(Self.elementCount(schema))
    let properties = schema.map("properties")
    if let others = schema.there("additionalProperties") {
      if !properties.isEmpty, others.bool != true {
        forbid(path.child("additionalProperties"), "additionalProperties and properties are mutual exclusive")
      }
      var inner = state
      if state.isInMetadata { inner.noDefault = "inside additionalProperties applying to object metadata" }
      if others.object != nil { look(at: others, path.child("additionalProperties"), inner) }
    }
    for property in properties {
      var inner = state
      if let type = schema["x-kubernetes-map-type"]?.string, type != "granular", type != "atomic" {
        inner.uncorrelatable = inner.uncorrelatable ?? path
      }
      if isRoot || schema.isTrue("x-kubernetes-embedded-resource"),
        ["metadata", "kind", "apiVersion"].contains(property.name)
      {
        inner.isInMetadata = true
        if isRoot { inner.noDefault = "in top-level \(property.name)" }
      }
      look(at: property.value, path.child("properties").key(property.name), inner)
    }
  }

  private mutating func items(_ schema: JSONValue, _ path: FieldPath, _ state: State) {
    guard let items = schema.there("items") else { return }
    var inner = state
    inner.isRoot = false
    inner.cardinality = state.cardinality?.times(Self.elementCount(schema))
    if schema["x-kubernetes-list-type"]?.string != "map" { inner.uncorrelatable = inner.uncorrelatable ?? path }
    if items.object != nil { look(at: items, path.child("items"), inner) }
    for (place, item) in (items.array ?? []).enumerated() { look(at: item, path.child("items").index(place), inner) }
  }

  /// How many values there are in one of a schema; nil where nothing bounds them. (`extractMaxElements`)
  private static func elementCount(_ schema: JSONValue) -> UInt64? {
    func bound(_ name: String) -> UInt64? { schema[name]?.int.map { UInt64(max(0, $0)) } }
    switch schema.text("type") {
    case "object": return schema.there("additionalProperties") == nil ? 1 : bound("maxProperties")
    case "array": return bound("maxItems")
    default: return 1
    }
  }
}
