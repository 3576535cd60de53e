import ByteBuffers
import JSON
import Machinery
import Testing

@testable import Schema

/// JSONSchemaProps: a type that contains itself, also in members that may be something else.
@Suite struct `Types that contain themselves` {
  static let model = `Protobuf messages`.others
  private static let package = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1."

  private static func type(_ name: String) throws -> TypeModel.TypeID { try #require(model.type(package + name)) }

  private static func decode(_ text: String, _ name: String = "JSONSchemaProps") throws -> Decoded {
    try model.decode(try JSONTape.parse(SharedBytes(text)).root, as: try type(name))
  }

  @Test(arguments: [
    // What it is given, and what it answers.
    (
      #"{"items":{"type":"string","properties":{"b":{"type":"object"},"a":{}}}}"#,
      #"{"items":{"type":"string","properties":{"a":{},"b":{"type":"object"}}}}"#
    ),
    (#"{"items":[{"title":"t","id":"i"},null]}"#, #"{"items":[{"id":"i","title":"t"},{}]}"#),
    // What is nothing is nothing again when it is read again.
    (#"{"items":[]}"#, "{}"), (#"{"items":null}"#, "{}"), (#"{"items":17}"#, "{}"), (#"{"items":"x"}"#, "{}"),
    (
      #"{"additionalProperties":false,"additionalItems":true}"#,
      #"{"additionalProperties":false,"additionalItems":true}"#
    ),
    (
      #"{"additionalProperties":{"items":{"not":{"additionalItems":{"format":"date","type":"string"}}}}}"#,
      #"{"additionalProperties":{"items":{"not":{"additionalItems":{"type":"string","format":"date"}}}}}"#
    ),
    (
      #"{"dependencies":{"c":{"type":"x"},"b":["p","q"],"a":[],"d":1,"e":null}}"#,
      #"{"dependencies":{"a":null,"b":["p","q"],"c":{"type":"x"},"d":null,"e":null}}"#
    ),
    // JSON of any form is read and written again.
    (
      #"{"default":{"b":1.50,"a":[{"d":null,"c":1e2}]},"enum":[null,{"z":1,"y":2},"x"],"example":false}"#,
      #"{"default":{"a":[{"c":100,"d":null}],"b":1.5},"enum":[null,{"y":2,"z":1},"x"],"example":false}"#
    ),
    (#"{"default":null,"example":null}"#, "{}"),
  ])
  func `are read and written as Go does`(given: String, answered: String) throws {
    #expect(try Self.decode(given).value.encoded().text == answered)
  }

  @Test func `are not complained of where Go reads them by hand`() throws {
    let decoded = try Self.decode(
      #"{"nope":1,"properties":{"a":{"nope":2}},"items":{"nope":3,"type":"x","type":"y"},"not":{"nope":4}}"#)
    #expect(
      decoded.strictProblems == [
        #"unknown field "nope""#, #"unknown field "properties.a.nope""#, #"unknown field "not.nope""#,
      ])
    #expect(decoded.value["items"]?.encoded().text == #"{"type":"y"}"#)
  }

  @Test(arguments: [
    (#"{"additionalProperties":"x"}"#, "boolean or JSON schema expected"),
    (#"{"additionalItems":[]}"#, "boolean or JSON schema expected"),
    (
      #"{"items":{"type":1}}"#,
      "json: cannot unmarshal number into Go struct field JSONSchemaProps.items.type of type string"
    ),
    (
      #"{"items":[{"properties":{"a":{"x-kubernetes-validations":[{"rule":true}]}}}]}"#,
      "json: cannot unmarshal bool into Go struct field JSONSchemaProps.items.properties.x-kubernetes-validations.rule of type string"
    ),
    (
      #"{"items":[1]}"#,
      "json: cannot unmarshal number into Go struct field JSONSchemaProps.items of type v1.JSONSchemaProps"
    ),
    (
      #"{"dependencies":{"a":["x",1]}}"#,
      "json: cannot unmarshal number into Go struct field JSONSchemaProps.dependencies of type string"
    ),
    // What is wrong inside of them ends the reading; before that a wrong type waits for its turn.
    (
      #"{"type":1,"items":{"id":true}}"#,
      "json: cannot unmarshal bool into Go struct field JSONSchemaProps.items.id of type string"
    ),
  ])
  func `are refused as Go does`(given: String, why: String) throws {
    let error = #expect(throws: DecodeError.self) { try Self.decode(given) }
    #expect(error?.description == why)
  }

  @Test func `go as deep as JSON may`() throws {
    func nested(_ depth: Int) -> String {
      String(repeating: #"{"not":{"items":"#, count: depth) + "{}" + String(repeating: "}}", count: depth)
    }
    let depth = JSONValue.maxDepth / 2 - 2
    let deep = try Self.decode(nested(depth))
    #expect(deep.value.encoded().text == nested(depth))
    #expect(throws: DecodeError.self) { try Self.decode(nested(JSONValue.maxDepth)) }
    var writer = ProtobufWriter(Self.model)
    writer.structure(try JSONTape.parse(deep.value.encoded()).root, try Self.type("JSONSchemaProps"))
    let again = try Self.model.decodeProtobuf(
      ByteSlice(SharedBytes(writer.bytes)), as: try Self.type("JSONSchemaProps"))
    #expect(
      try Self.model.decode(tree: again, as: try Self.type("JSONSchemaProps")).value.encoded().text == nested(depth))
  }

  // MARK: protobuf

  private static func message(_ value: JSONValue, _ type: TypeModel.TypeID) throws -> [UInt8] {
    var writer = ProtobufWriter(model)
    writer.structure(try JSONTape.parse(value.encoded()).root, type)
    return writer.bytes
  }

  /// Each form of a union has a field of its own.
  @Test func `have a message for each union`() throws {
    let type = try Self.type("JSONSchemaProps")
    let bare = try Self.message([:], type)
    func field(_ number: UInt8, _ content: [UInt8]) -> [UInt8] {
      var lead = ProtobufWriter.lead(UInt32(number), count: content.count)
      lead += content
      return lead
    }
    /// What stands in a message beside that of a schema without members.
    func added(_ value: JSONValue) throws -> [UInt8] {
      let whole = try Self.message(value, type)
      let head = zip(whole, bare).prefix { $0 == $1 }.count
      let tail = bare.count - head
      #expect(Array(whole[(whole.count - tail)...]) == Array(bare[head...]))
      return Array(whole[head..<(whole.count - tail)])
    }
    #expect(try added(["additionalProperties": true]) == field(30, [0x08, 1]))
    #expect(try added(["additionalProperties": false]) == field(30, [0x08, 0]))
    #expect(try added(["additionalItems": [:]]) == field(33, [0x08, 1] + field(2, bare)))
    #expect(try added(["items": [:]]) == field(24, field(1, bare)))
    #expect(try added(["items": [[:], [:]]]) == field(24, field(2, bare) + field(2, bare)))
    #expect(
      try added(["dependencies": ["k": ["a"]]]) == field(32, field(1, [UInt8(ascii: "k")]) + field(2, field(2, [97]))))
    #expect(try added(["enum": [.null, 1]]) == field(20, []) + field(20, field(1, [UInt8(ascii: "1")])))
  }

  @Test func `a definition nested several deep goes to protobuf and back`() throws {
    let text =
      #"{"kind":"CustomResourceDefinition","apiVersion":"apiextensions.k8s.io/v1","metadata":{"name":"a.b.c"},"spec":{"group":"b.c","names":{"plural":"a","singular":"a","kind":"A","listKind":"AList"},"scope":"Namespaced","versions":[{"name":"v1","served":true,"storage":true,"schema":{"openAPIV3Schema":{"description":"d","type":"object","required":["spec"],"properties":{"spec":{"type":"object","properties":{"any":{"x-kubernetes-preserve-unknown-fields":true},"list":{"type":"array","default":[{"a":{"b":[1,2.5,"x",null]}}],"items":{"type":"object","properties":{"deep":{"type":"object","additionalProperties":{"type":"array","maxItems":3,"items":{"anyOf":[{"type":"integer","minimum":0.5},{"type":"string","enum":["a","b"]}],"additionalProperties":false}}}}}},"map":{"type":"object","additionalProperties":{"type":"string","default":"x"}}}}}}}}]},"status":{"conditions":null,"acceptedNames":{"plural":"","kind":""},"storedVersions":null}}"#
    let type = try Self.type("CustomResourceDefinition")
    let value = try Self.model.decode(try JSONTape.parse(SharedBytes(text)).root, as: type)
    #expect(value.strictProblems.isEmpty && value.value.encoded().text == text)
    let bytes = try Self.message(value.value, type)
    var again = try Self.model.decodeProtobuf(ByteSlice(SharedBytes(bytes)), as: type)
    again["kind"] = "CustomResourceDefinition"
    again["apiVersion"] = "apiextensions.k8s.io/v1"
    #expect(try Self.model.decode(tree: again, as: type).value.encoded().text == text)
  }

  @Test(arguments: 0..<60) func `random definitions do too, and their trees decode as their texts`(seed: Int) throws {
    let type = try Self.type("CustomResourceDefinition")
    var maker = BodyMaker(random: Seeded(UInt64(seed)), model: Self.model, most: 150)
    let body = maker.structure(type, depth: 0)
    let once = try Self.model.decode(try JSONTape.parse(body.encoded()).root, as: type)
    let ofTree = try Self.model.decode(tree: body, as: type)
    #expect(once.value.encoded().text == ofTree.value.encoded().text)
    #expect(once.strictProblems == ofTree.strictProblems)
    let twice = try Self.model.decode(tree: once.value, as: type)
    #expect(twice.value.encoded().text == once.value.encoded().text)
    let bytes = try Self.message(once.value, type)
    let again = try Self.model.decode(
      tree: try Self.model.decodeProtobuf(ByteSlice(SharedBytes(bytes)), as: type), as: type)
    #expect(try Self.message(again.value, type) == bytes)
  }

  // MARK: OpenAPI

  @Test(arguments: [OpenAPIDialect.v2, .v3]) func `are schemas by name, and what may be anything has no type`(
    dialect: OpenAPIDialect
  ) throws {
    let schemas = OpenAPISchemas.schemas(
      dialect, of: Self.model, roots: [Self.package + "CustomResourceDefinition"], groupVersions: [])
    let props = try #require(schemas[Self.package + "JSONSchemaProps"]?["properties"])
    func reference(_ schema: JSONValue?) -> String? {
      let inner = schema?["$ref"] ?? schema?["allOf"]?.array?.first?["$ref"]
      return inner?.string?.split(separator: "/").last.map(String.init)
    }
    #expect(reference(props["not"]) == Self.package + "JSONSchemaProps")
    #expect(reference(props["items"]) == Self.package + "JSONSchemaPropsOrArray")
    #expect(reference(props["additionalItems"]) == Self.package + "JSONSchemaPropsOrBool")
    #expect(reference(props["dependencies"]?["additionalProperties"]) == Self.package + "JSONSchemaPropsOrStringArray")
    #expect(reference(props["default"]) == Self.package + "JSON")
    #expect(reference(props["enum"]?["items"]) == Self.package + "JSON")
    for name in ["JSON", "JSONSchemaPropsOrArray", "JSONSchemaPropsOrBool", "JSONSchemaPropsOrStringArray"] {
      let schema = try #require(schemas[Self.package + name])
      #expect(schema["type"] == nil && schema["properties"] == nil)
    }
  }
}
