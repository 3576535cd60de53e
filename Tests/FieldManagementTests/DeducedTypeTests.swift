import ByteBuffers
import JSON
import Machinery
import Testing

@testable import FieldManagement
@testable import Schema

/// Members that may be anything, and types that contain themselves through them: upstream's schema has no type there,
/// so what is owned follows from the values.
@Suite struct `Members of any type` {
  private static let facts = """
    T test.v1.Root /v1/Root
    kind s e
    apiVersion s e
    metadata Rtest.v1.Meta e
    schema Rtest.v1.Props e
    T test.v1.Meta -
    name s e
    managedFields [{s e lt=atomic
    T test.v1.Props -
    type s e
    default *j e
    enum [j e lt=atomic
    items *ARtest.v1.Props e
    additional *BRtest.v1.Props e
    properties {Rtest.v1.Props e
    raw r e
    """
  private let manager: FieldManager
  private var live: JSONValue?
  private var now: Int64 = 0

  init() throws {
    let model = TypeModel(facts: Self.facts)
    guard let type = model.type("test.v1.Root") else { throw FieldsError("the facts have no root") }
    manager = FieldManager(
      model, type: type, kind: GroupVersionKind(GroupVersion(version: "v1"), kind: "Root"),
      empty: ["kind": "Root", "apiVersion": "v1", "metadata": [:]])
  }

  private mutating func apply(_ name: String, _ schema: String, force: Bool = false) throws {
    now += 1
    let config: JSONValue = [
      "kind": "Root", "apiVersion": "v1", "metadata": ["name": "x"], "schema": try JSONValue(parsing: schema),
    ]
    let writer = FieldManager.Writer(name: name, subresource: "", resetFields: FieldSet())
    live = try manager.apply(live: live, config: config, writer: writer, force: force, now: now)
  }

  private mutating func update(_ name: String, _ schema: String) throws {
    now += 1
    guard var new = live else { return }
    new["schema"] = try JSONValue(parsing: schema)
    manager.update(
      live: live, new: &new, writer: FieldManager.Writer(name: name, subresource: "", resetFields: FieldSet()), now: now
    )
    live = new
  }

  private func owned(_ name: String) -> String? {
    (live?["metadata"]?["managedFields"]?.array ?? []).first { $0["manager"]?.string == name }?["fieldsV1"]?[
      "f:schema"]?
      .encoded().text
  }

  @Test mutating func `are owned member by member, at any depth, and lists as a whole`() throws {
    try apply(
      "one",
      #"{"items":{"type":"object","properties":{"a":{"items":[{"type":"x"}]}}},"additional":true,"default":{"b":{"c":[1]}},"raw":{"d":1},"properties":{"p":{"items":{"type":"y"}}}}"#
    )
    #expect(
      owned("one")
        == #"{"f:additional":{},"f:default":{"f:b":{".":{},"f:c":{}}},"f:items":{"f:properties":{".":{},"f:a":{".":{},"f:items":{}}},"f:type":{}},"f:properties":{"f:p":{".":{},"f:items":{"f:type":{}}}},"f:raw":{}}"#
    )
  }

  @Test mutating func `can be shared by two who apply`() throws {
    try apply("one", #"{"items":{"type":"object"}}"#)
    try apply("two", #"{"items":{"title":"t"}}"#)
    #expect(live?["schema"]?["items"]?.encoded().text == #"{"type":"object","title":"t"}"#)
    #expect(owned("one") == #"{"f:items":{"f:type":{}}}"#)
    #expect(owned("two") == #"{"f:items":{"f:title":{}}}"#)
    // What one leaves out goes, and the other's stays.
    try apply("one", #"{"items":{"format":"f"}}"#)
    #expect(live?["schema"]?["items"]?.encoded().text == #"{"title":"t","format":"f"}"#)
    #expect(throws: Status.self) { try apply("two", #"{"items":{"title":"t","format":"g"}}"#) }
  }

  @Test mutating func `change hands where one kind of value takes the place of another`() throws {
    try apply("one", #"{"additional":{"type":"object"},"items":[{"type":"x"}]}"#)
    try update("two", #"{"additional":false,"items":{"type":"x"}}"#)
    #expect(owned("one") == nil)
    #expect(owned("two") == #"{"f:additional":{},"f:items":{".":{},"f:type":{}}}"#)
    try update("three", #"{"additional":{"type":"object"},"items":{"type":"x"}}"#)
    #expect(owned("three") == #"{"f:additional":{".":{},"f:type":{}}}"#)
    #expect(owned("two") == #"{"f:items":{".":{},"f:type":{}}}"#)
  }
}
