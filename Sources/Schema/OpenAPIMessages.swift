import ByteBuffers
public import JSON

/// Writes OpenAPI documents as the protobuf messages that Kubernetes' clients read: `openapi.v2.Document` and
/// `openapi.v3.Document` of google/gnostic.
///
/// The messages follow the JSON form member by member. What their definition leaves open is settled as gnostic's own
/// reader of JSON does it: anything without a message (extensions, defaults of Swagger) travels as YAML text.
public struct OpenAPIMessages: Sendable {
  /// One member of a JSON object and its place in the message.
  fileprivate struct Field: Sendable {
    let number: UInt32
    let form: Form
  }
  fileprivate enum Form: Sendable {
    case text, truth, integer, number, yaml
    case message(String)
    indirect case list(Form)
    /// A message with a name and a value, because the member's name is the author's.
    indirect case pair(Form)
  }
  fileprivate struct Message: Sendable {
    var fields: [String: Field] = [:]
    /// Members whose names begin with `x-`, with `/`, and all others.
    var extensions: Field?
    var paths: Field?
    var others: Field?

    func field(_ name: String) -> Field? {
      if let field = fields[name] { return field }
      if name.hasPrefix("x-"), let extensions { return extensions }
      if name.hasPrefix("/"), let paths { return paths }
      return others
    }
  }

  private let messages: [String: Message]
  private let dialect: OpenAPIDialect

  public init(_ dialect: OpenAPIDialect) {
    self.dialect = dialect
    messages = Self.read(dialect == .v2 ? Self.v2 : Self.v3)
  }

  /// The bytes of a `Document`. A member that its message does not have is left out.
  public func encode(_ document: JSONValue) -> [UInt8] {
    var writer = ProtobufWriter(.builtin, capacity: 64 << 10)
    write(document, as: "Document", to: &writer)
    return writer.bytes
  }

  private func write(_ value: JSONValue, as name: String, to writer: inout ProtobufWriter) {
    if let choice = choice(value, of: name) {
      if let field = choice { self.value(value, field.form, field.number, to: &writer) }
      return
    }
    guard let message = messages[name] else { return }
    for member in value.object?.members ?? [] {
      guard let field = message.field(member.name) else { continue }
      if case .pair(let form) = field.form {
        writer.message(field.number) { pair in
          pair.text(member.name, 1)
          self.value(member.value, form, 2, to: &pair)
        }
      } else {
        self.value(member.value, field.form, field.number, to: &writer)
      }
    }
  }

  private func value(_ value: JSONValue, _ form: Form, _ number: UInt32, to writer: inout ProtobufWriter) {
    switch form {
    case .text: writer.text(value.string ?? "", number)
    case .truth: writer.integer(value.bool == true ? 1 : 0, number)
    case .integer: writer.integer(value.int ?? 0, number)
    case .number: writer.double(value.number ?? 0, number)
    case .yaml: writer.message(number) { $0.text(value.yaml().text, 2) }
    case .message(let name): writer.message(number) { write(value, as: name, to: &$0) }
    case .list(let element): for item in value.array ?? [] { self.value(item, element, number, to: &writer) }
    case .pair: break  // only members have names
    }
  }

  /// The field of a message that is one of several, and of messages that only wrap a value. Outer nil: an ordinary
  /// message; inner nil: nothing is written.
  private func choice(_ value: JSONValue, of message: String) -> Field?? {
    func field(_ number: UInt32, _ name: String) -> Field?? { .some(Field(number: number, form: .message(name))) }
    let isReference = value["$ref"] != nil
    switch (dialect, message) {
    case (_, "AdditionalPropertiesItem"):
      if value.bool != nil { return .some(Field(number: 2, form: .truth)) }
      return field(1, dialect == .v2 ? "Schema" : "SchemaOrReference")
    case (_, "StringArray"): return .some(Field(number: 1, form: .list(.text)))
    case (_, "ItemsItem"): return field(1, dialect == .v2 ? "Schema" : "SchemaOrReference")
    case (.v2, "TypeItem"): return .some(Field(number: 1, form: value.array == nil ? .text : .list(.text)))
    case (.v2, "SchemaItem"): return field(1, "Schema")
    case (.v2, "ResponseValue"): return isReference ? field(2, "JsonReference") : field(1, "Response")
    case (.v2, "ParametersItem"): return isReference ? field(2, "JsonReference") : field(1, "Parameter")
    case (.v2, "Parameter"): return value["in"] == "body" ? field(1, "BodyParameter") : field(2, "NonBodyParameter")
    case (.v2, "NonBodyParameter"):
      switch value["in"]?.string {
      case "header": return field(1, "SimpleParameter")
      case "path": return field(4, "SimpleParameter")
      default: return field(3, "QueryParameter")
      }
    case (.v2, "SecurityDefinitionsItem"): return field(2, "ApiKeySecurity")
    case (.v3, "DefaultType"):
      switch value {
      case .int, .double: return .some(Field(number: 1, form: .number))
      case .bool: return .some(Field(number: 2, form: .truth))
      case .string: return .some(Field(number: 3, form: .text))
      // The message has no room for objects and lists.
      default: return .some(nil)
      }
    case (.v3, _) where message.hasSuffix("OrReference"):
      return isReference ? field(2, "Reference") : field(1, String(message.dropLast("OrReference".count)))
    default: return nil
    }
  }

  // MARK: tables

  /// `table`: a line a message, `Name member=number<form> …`. Forms: s text, b truth, i integer, d number, y YAML, a
  /// name is that message; `[` before it: a list. The members `x-`, `/` and `*` stand for all that begin so, or for all
  /// others, and are pairs of name and value.
  private static func read(_ table: String) -> [String: Message] {
    var messages: [String: Message] = [:]
    for line in table.split(separator: "\n") {
      let words = line.split(separator: " ")
      guard let name = words.first else { continue }
      var message = Message()
      for word in words.dropFirst() {
        let sides = word.split(separator: "=", maxSplits: 1)
        guard sides.count == 2 else { continue }
        let digits = sides[1].prefix { $0.isNumber }
        let form = form(sides[1].dropFirst(digits.count))
        guard let number = UInt32(digits) else { continue }
        switch sides[0] {
        case "x-": message.extensions = Field(number: number, form: .pair(form))
        case "/": message.paths = Field(number: number, form: .pair(form))
        case "*": message.others = Field(number: number, form: .pair(form))
        default: message.fields[String(sides[0])] = Field(number: number, form: form)
        }
      }
      messages[String(name)] = message
    }
    return messages
  }

  private static func form(_ code: Substring) -> Form {
    switch code {
    case "s": .text
    case "b": .truth
    case "i": .integer
    case "d": .number
    case "y": .yaml
    default: code.first == "[" ? .list(form(code.dropFirst())) : .message(String(code))
    }
  }

  /// github.com/google/gnostic/openapiv2/OpenAPIv2.proto, as far as an API server's documents go. `SimpleParameter`
  /// stands for the messages of path and header parameters, which have the same numbers.
  private static let v2 = """
    Document swagger=1s info=2Info host=3s basePath=4s schemes=5[s consumes=6[s produces=7[s paths=8Paths definitions=9Definitions parameters=10Parameters responses=11ResponseDefinitions security=12[SecurityRequirement securityDefinitions=13SecurityDefinitions tags=14[Tag x-=16y
    Info title=1s version=2s description=3s termsOfService=4s x-=7y
    Paths x-=1y /=2PathItem
    PathItem $ref=1s get=2Operation put=3Operation post=4Operation delete=5Operation options=6Operation head=7Operation patch=8Operation parameters=9[ParametersItem x-=10y
    Operation tags=1[s summary=2s description=3s operationId=5s produces=6[s consumes=7[s parameters=8[ParametersItem responses=9Responses schemes=10[s deprecated=11b security=12[SecurityRequirement x-=13y
    JsonReference $ref=1s description=2s
    BodyParameter description=1s name=2s in=3s required=4b schema=5Schema x-=6y
    QueryParameter required=1b in=2s description=3s name=4s allowEmptyValue=5b type=6s format=7s collectionFormat=9s default=10y pattern=17s uniqueItems=20b enum=21[y x-=23y
    SimpleParameter required=1b in=2s description=3s name=4s type=5s format=6s collectionFormat=8s default=9y pattern=16s uniqueItems=19b enum=20[y x-=22y
    Responses x-=2y *=1ResponseValue
    Response description=1s schema=2SchemaItem x-=5y
    Definitions *=1Schema
    Parameters *=1Parameter
    ResponseDefinitions *=1Response
    Properties *=1Schema
    Schema $ref=1s format=2s title=3s description=4s default=5y multipleOf=6d maximum=7d exclusiveMaximum=8b minimum=9d exclusiveMinimum=10b maxLength=11i minLength=12i pattern=13s maxItems=14i minItems=15i uniqueItems=16b maxProperties=17i minProperties=18i required=19[s enum=20[y additionalProperties=21AdditionalPropertiesItem type=22TypeItem items=23ItemsItem allOf=24[Schema properties=25Properties discriminator=26s readOnly=27b example=30y x-=31y
    SecurityDefinitions *=1SecurityDefinitionsItem
    ApiKeySecurity type=1s name=2s in=3s description=4s x-=5y
    SecurityRequirement *=1StringArray
    Tag name=1s description=2s x-=4y
    """

  /// github.com/google/gnostic/openapiv3/OpenAPIv3.proto, likewise.
  private static let v3 = """
    Document openapi=1s info=2Info paths=4Paths components=5Components security=6[SecurityRequirement tags=7[Tag x-=9y
    Info title=1s description=2s termsOfService=3s version=6s x-=7y summary=8s
    Paths /=1PathItem x-=2y
    PathItem $ref=1s summary=2s description=3s get=4Operation put=5Operation post=6Operation delete=7Operation options=8Operation head=9Operation patch=10Operation trace=11Operation parameters=13[ParameterOrReference x-=14y
    Operation tags=1[s summary=2s description=3s operationId=5s parameters=6[ParameterOrReference requestBody=7RequestBodyOrReference responses=8Responses deprecated=10b security=11[SecurityRequirement x-=13y
    Reference $ref=1s summary=2s description=3s
    Parameter name=1s in=2s description=3s required=4b deprecated=5b allowEmptyValue=6b style=7s explode=8b allowReserved=9b schema=10SchemaOrReference content=13MediaTypes x-=14y
    RequestBody description=1s content=2MediaTypes required=3b x-=4y
    MediaTypes *=1MediaType
    MediaType schema=1SchemaOrReference example=2y x-=5y
    Responses default=1ResponseOrReference x-=3y *=2ResponseOrReference
    Response description=1s content=3MediaTypes x-=5y
    Components schemas=1SchemasOrReferences responses=2ResponsesOrReferences parameters=3ParametersOrReferences requestBodies=5RequestBodiesOrReferences securitySchemes=7SecuritySchemesOrReferences x-=10y
    SchemasOrReferences *=1SchemaOrReference
    ResponsesOrReferences *=1ResponseOrReference
    ParametersOrReferences *=1ParameterOrReference
    RequestBodiesOrReferences *=1RequestBodyOrReference
    SecuritySchemesOrReferences *=1SecuritySchemeOrReference
    Properties *=1SchemaOrReference
    Schema nullable=1b readOnly=3b writeOnly=4b example=7y deprecated=8b title=9s multipleOf=10d maximum=11d exclusiveMaximum=12b minimum=13d exclusiveMinimum=14b maxLength=15i minLength=16i pattern=17s maxItems=18i minItems=19i uniqueItems=20b maxProperties=21i minProperties=22i required=23[s enum=24[y type=25s allOf=26[SchemaOrReference oneOf=27[SchemaOrReference anyOf=28[SchemaOrReference not=29Schema items=30ItemsItem properties=31Properties additionalProperties=32AdditionalPropertiesItem default=33DefaultType description=34s format=35s x-=36y
    SecurityScheme type=1s description=2s name=3s in=4s scheme=5s bearerFormat=6s x-=9y
    SecurityRequirement *=1StringArray
    Tag name=1s description=2s x-=4y
    """
}

extension JSONValue {
  fileprivate var number: Double? {
    switch self {
    case .int(let number): Double(number)
    case .double(let number): number
    default: nil
    }
  }
}
