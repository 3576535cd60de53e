import ByteBuffers
import JSON
import Schema
import Testing

@Suite struct `Equivalent keys` {
  @Test func `are no repetition, and no field of the type`() throws {
    let type = try #require(TypeModel.builtin.type("io.k8s.api.core.v1.Node"))
    let text = #"{"metadata":{"annotations":{"K":"1","\#u{212A}":"2","\u00e9":"3","e\u0301":"4"}},"\#u{212A}ind":"x"}"#
    let decoded = try TypeModel.builtin.decode(try JSONTape.parse(SharedBytes(text)).root, as: type)
    #expect(decoded.strictProblems == ["unknown field \"\u{212A}ind\""])
    #expect(decoded.value["metadata"]?["annotations"]?.object?.count == 4)
  }

  @Test func `are different elements of lists and sets`() throws {
    let conditions = try `Strategic merge patch`.patched(
      #"{"status":{"conditions":[{"type":"K","status":"True"}]}}"#,
      "{\"status\":{\"conditions\":[{\"type\":\"\u{212A}\",\"status\":\"False\"}]}}")
    #expect(
      conditions.contains(#""type":"K","status":"True""#) && conditions.contains("\"\u{212A}\",\"status\":\"False\""))
    let finalizers = try `Strategic merge patch`.patched(
      #"{"metadata":{"finalizers":["K"]}}"#, "{\"metadata\":{\"$deleteFromPrimitiveList/finalizers\":[\"\u{212A}\"]}}")
    #expect(finalizers == #"{"metadata":{"finalizers":["K"]}}"#)
  }
}
