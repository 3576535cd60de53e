import CustomResources
import JSON
import Testing

@Suite("Structural schemas")
struct StructuralSchemas {
  @Test func `members are found by name, then as one of the others`() throws {
    let schema = StructuralSchema(
      try JSONValue(
        parsing: #"""
          {"type": "object", "additionalProperties": {"type": "integer"},
           "properties": {"b": {"type": "string", "x-kubernetes-validations": [{"rule": "self != ''"}]}}}
          """#))
    #expect(schema.property("b")?.type == "string")
    #expect(schema.property("b")?.rules.map(\.reason) == ["FieldValueInvalid"])
    #expect(schema.property("c") == nil)
    #expect(schema.member("c")?.type == "integer")
  }
}
