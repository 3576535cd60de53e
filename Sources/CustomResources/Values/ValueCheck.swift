import JSON
import RegularExpressions

/// What a value has to be, ready to be asked: made once of a schema when a definition is accepted. Of limits inside of
/// `allOf` and its kin, too. (apiextensions-apiserver: `ConvertJSONSchemaPropsWithPostProcess`; kube-openapi:
/// `spec.Schema`)
final class ValueCheck: Sendable {
  enum Additional: Sendable {
    case allowed, forbidden
    case check(ValueCheck)
  }

  /// Empty for any. Two for what may be an integer or a string.
  let types: [String]
  /// As it counts: empty where nothing is checked by it.
  let format: ValueFormat?
  /// The name that messages tell in place of the type's.
  let formatName: String
  let isNullable: Bool
  let limits: ValueLimits
  /// nil where there is none; `badPattern`: why it can't be read.
  let pattern: GoRegexp?
  let badPattern: String?
  let properties: [(name: String, check: ValueCheck)]
  private let places: [ByteString: Int]
  let additional: Additional
  let items: ValueCheck?
  let allOf: [ValueCheck]
  let oneOf: [ValueCheck]
  let anyOf: [ValueCheck]
  let not: ValueCheck?
  /// Is there nothing but a type to look at?
  let isPlain: Bool

  /// `isForDefaults`: what may be an integer or a string may then be anything, as upstream's other converter has it.
  /// (`Structural.ToKubeOpenAPI`)
  convenience init(_ schema: StructuralSchema, isForDefaults: Bool = false) {
    func check(_ schema: StructuralSchema) -> ValueCheck { ValueCheck(schema, isForDefaults: isForDefaults) }
    let additional: Additional =
      switch schema.additional {
      case .forbidden?: .forbidden
      case .schema(let schema)?: .check(check(schema))
      case .allowed?, nil: .allowed
      }
    self.init(
      type: schema.isIntOrString ? isForDefaults ? "" : "int-or-string" : schema.type, isNullable: schema.isNullable,
      schema.limits,
      properties: schema.properties.map { ($0.name, check($0.schema)) }, additional: additional,
      items: schema.items.map(check))
  }

  convenience init(_ nested: NestedLimits) {
    self.init(
      type: nested.type, isNullable: false, nested.limits,
      properties: nested.properties.map { ($0.name, ValueCheck($0.limits)) },
      additional: nested.forbidsOthers ? .forbidden : .allowed, items: nested.items.map { ValueCheck($0) })
  }

  private init(
    type: String, isNullable: Bool, _ limits: ValueLimits, properties: [(name: String, check: ValueCheck)],
    additional: Additional, items: ValueCheck?
  ) {
    types = type == "int-or-string" ? ["integer", "string"] : type.isEmpty ? [] : [type]
    let format = ValueFormat(limits.format, of: types.count == 1 ? types[0] : "")
    self.format = format
    formatName = format == nil ? "" : limits.format
    self.isNullable = isNullable
    self.limits = limits
    var pattern: GoRegexp?
    var badPattern: String?
    if !limits.pattern.isEmpty {
      do throws(GoRegexp.Malformed) { pattern = try GoRegexp(limits.pattern) } catch { badPattern = error.description }
    }
    self.pattern = pattern
    self.badPattern = badPattern
    self.properties = properties
    places = Dictionary(
      properties.enumerated().map { (ByteString($0.element.name), $0.offset) }, uniquingKeysWith: { first, _ in first })
    self.additional = additional
    self.items = items
    allOf = limits.allOf.map { ValueCheck($0) }
    oneOf = limits.oneOf.map { ValueCheck($0) }
    anyOf = limits.anyOf.map { ValueCheck($0) }
    not = limits.not.map { ValueCheck($0) }
    isPlain = allOf.isEmpty && oneOf.isEmpty && anyOf.isEmpty && not == nil
  }

  func property(_ name: String) -> ValueCheck? { places[ByteString(name)].map { properties[$0].check } }

  /// Of one type alone, by which numbers are held; empty for others.
  var soleType: String { types.count == 1 ? types[0] : "" }
}
