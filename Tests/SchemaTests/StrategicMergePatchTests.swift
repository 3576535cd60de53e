import ByteBuffers
import JSON
import Schema
import Testing

@Suite struct `Strategic merge patch` {
  static func patched(_ original: String, _ patch: String) throws -> String {
    let type = try #require(TypeModel.builtin.type("io.k8s.api.core.v1.Node"))
    return try StrategicMergePatch(model: .builtin).apply(try JSONValue(parsing: patch), to: try JSONValue(parsing: original), type: type).encoded().text
  }

  @Test(arguments: [
    // Lists with a merge key merge by it, new elements come first as the patch orders them.
    (#"{"status":{"conditions":[{"type":"A","status":"True"},{"type":"B","status":"True"}]}}"#, #"{"status":{"conditions":[{"type":"B","status":"False"}]}}"#,
      #"{"status":{"conditions":[{"type":"A","status":"True"},{"type":"B","status":"False"}]}}"#),
    (#"{"status":{"conditions":[{"type":"A"}]}}"#, #"{"status":{"conditions":[{"type":"C"}]}}"#, #"{"status":{"conditions":[{"type":"C"},{"type":"A"}]}}"#),
    (#"{"status":{"conditions":[{"type":"A"},{"type":"B"}]}}"#, #"{"status":{"conditions":[{"$patch":"delete","type":"A"}]}}"#, #"{"status":{"conditions":[{"type":"B"}]}}"#),
    (#"{"status":{"conditions":[{"type":"A"},{"type":"B"}]}}"#, #"{"status":{"conditions":[{"$patch":"replace"},{"type":"C"}]}}"#, #"{"status":{"conditions":[{"type":"C"}]}}"#),
    (#"{"status":{"conditions":[{"type":"A"},{"type":"B"}]}}"#, #"{"status":{"$setElementOrder/conditions":[{"type":"B"},{"type":"A"}],"conditions":[{"type":"A","status":"x"}]}}"#,
      #"{"status":{"conditions":[{"type":"B"},{"type":"A","status":"x"}]}}"#),
    // Atomic lists are replaced.
    (#"{"spec":{"taints":[{"key":"a"}]}}"#, #"{"spec":{"taints":[{"key":"b"}]}}"#, #"{"spec":{"taints":[{"key":"b"}]}}"#),
    // Sets of words.
    (#"{"metadata":{"finalizers":["a","b"]}}"#, #"{"metadata":{"finalizers":["c"]}}"#, #"{"metadata":{"finalizers":["c","a","b"]}}"#),
    (#"{"metadata":{"finalizers":["a","b"]}}"#, #"{"metadata":{"$deleteFromPrimitiveList/finalizers":["a"]}}"#, #"{"metadata":{"finalizers":["b"]}}"#),
    (#"{"metadata":{"finalizers":["a","b"]}}"#, #"{"metadata":{"$setElementOrder/finalizers":["c","b"],"$deleteFromPrimitiveList/finalizers":["a"],"finalizers":["c"]}}"#,
      #"{"metadata":{"finalizers":["c","b"]}}"#),
    // Maps.
    (#"{"metadata":{"labels":{"a":"1","b":"2"}}}"#, #"{"metadata":{"labels":{"a":null,"c":null,"d":"4"}}}"#, #"{"metadata":{"labels":{"b":"2","d":"4"}}}"#),
    (#"{"metadata":{"labels":{"a":"1"}}}"#, #"{"metadata":{"labels":{"$patch":"replace","b":"2"}}}"#, #"{"metadata":{"labels":{"b":"2"}}}"#),
    (#"{"spec":{"podCIDR":"x","providerID":"y"}}"#, #"{"spec":{"$retainKeys":["providerID"],"providerID":"z"}}"#, #"{"spec":{"providerID":"z"}}"#),
    (#"{}"#, #"{"metadata":{"labels":{"a":null,"b":"1"}}}"#, #"{"metadata":{"labels":{"b":"1"}}}"#),
  ])
  func `directives and merge keys work`(original: String, patch: String, result: String) throws {
    #expect(try Self.patched(original, patch) == result)
  }

  @Test(arguments: [
    #"{"status":{"conditions":[{"status":"True"}]}}"#, #"{"metadata":{"$patch":"frob"}}"#, #"{"spec":{"$retainKeys":["a"],"podCIDR":"x"}}"#,
    #"{"metadata":{"$setElementOrder/finalizers":["a"],"finalizers":["z"]}}"#, #"{"metadata":{"$deleteFromPrimitiveList/finalizers":1}}"#,
  ])
  func `a bad directive is refused`(patch: String) {
    #expect(throws: StrategicMergePatch.Failure.self) { try Self.patched(#"{"metadata":{"finalizers":["a"]},"spec":{"podCIDR":"y"},"status":{"conditions":[{"type":"A"}]}}"#, patch) }
  }
}
