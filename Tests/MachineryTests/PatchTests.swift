import ByteBuffers
import JSON
import Machinery
import Testing

@Suite struct `JSON patch` {
  static func patched(_ document: String, _ patch: String) throws -> String {
    try JSONPatch(try JSONValue(parsing: patch)).apply(to: try JSONValue(parsing: document)).encoded().text
  }

  @Test(arguments: [
    (#"{"a":1}"#, #"[{"op":"add","path":"/b","value":2}]"#, #"{"a":1,"b":2}"#), (#"{"a":[1,3]}"#, #"[{"op":"add","path":"/a/1","value":2}]"#, #"{"a":[1,2,3]}"#),
    (#"{"a":[1]}"#, #"[{"op":"add","path":"/a/-","value":2}]"#, #"{"a":[1,2]}"#), (#"{"a":[1,2]}"#, #"[{"op":"remove","path":"/a/-1"}]"#, #"{"a":[1]}"#),
    (#"{"a":1,"b":2}"#, #"[{"op":"remove","path":"/a"}]"#, #"{"b":2}"#), (#"{"a":1}"#, #"[{"op":"replace","path":"/a","value":{"x":null}}]"#, #"{"a":{"x":null}}"#),
    (#"{"a":1,"b":{}}"#, #"[{"op":"move","from":"/a","path":"/b/c"}]"#, #"{"b":{"c":1}}"#), (#"{"a":[1],"b":{}}"#, #"[{"op":"copy","from":"/a","path":"/b/c"}]"#, #"{"a":[1],"b":{"c":[1]}}"#),
    (#"{"a/b":1,"c~d":2}"#, #"[{"op":"test","path":"/a~1b","value":1},{"op":"remove","path":"/c~0d"}]"#, #"{"a/b":1}"#),
    (#"{"a":{"x":1,"y":2}}"#, #"[{"op":"test","path":"/a","value":{"y":2,"x":1.0}}]"#, #"{"a":{"x":1,"y":2}}"#), (#"{}"#, #"[{"op":"test","path":"/none","value":null}]"#, #"{}"#),
  ])
  func `operations apply`(document: String, patch: String, result: String) throws {
    #expect(try Self.patched(document, patch) == result)
  }

  @Test(arguments: [
    #"[{"op":"remove","path":"/none"}]"#, #"[{"op":"replace","path":"/none","value":1}]"#, #"[{"op":"add","path":"/x/y","value":1}]"#, #"[{"op":"test","path":"/a","value":2}]"#,
    #"[{"op":"add","path":"/list/9","value":1}]"#, #"[{"op":"frobnicate","path":"/a"}]"#, #"[{"op":"add","value":1}]"#, #"[{"op":"move","path":"/b","from":"/none"}]"#,
  ])
  func `what does not apply changes nothing`(patch: String) {
    #expect { try Self.patched(#"{"a":1,"list":[]}"#, patch) } throws: { if case JSONPatch.Failure.doesNotApply = $0 { true } else { false } }
  }

  @Test func `what is no patch, and what is too much, is told apart`() throws {
    #expect { try JSONPatch(["op": "add"]) } throws: { if case JSONPatch.Failure.malformed = $0 { true } else { false } }
    let many = JSONValue.array([JSONValue](repeating: ["op": "test", "path": ""], count: 10_001))
    #expect { try JSONPatch(many) } throws: { $0 as? JSONPatch.Failure == .tooManyOperations(10_001) }
    let growing: JSONValue = .array((0..<40).map { ["op": "copy", "from": "", "path": .string("/b\($0)")] })
    #expect(throws: JSONPatch.Failure.self) { try JSONPatch(growing).apply(to: ["a": .string(String(repeating: "x", count: 1_000))]) }
  }
}

@Suite struct `Merge patch` {
  // The table of RFC 7386, appendix A.
  @Test(arguments: [
    (#"{"a":"b"}"#, #"{"a":"c"}"#, #"{"a":"c"}"#), (#"{"a":"b"}"#, #"{"b":"c"}"#, #"{"a":"b","b":"c"}"#), (#"{"a":"b"}"#, #"{"a":null}"#, #"{}"#),
    (#"{"a":"b","b":"c"}"#, #"{"a":null}"#, #"{"b":"c"}"#), (#"{"a":["b"]}"#, #"{"a":"c"}"#, #"{"a":"c"}"#), (#"{"a":"c"}"#, #"{"a":["b"]}"#, #"{"a":["b"]}"#),
    (#"{"a":{"b":"c"}}"#, #"{"a":{"b":"d","c":null}}"#, #"{"a":{"b":"d"}}"#), (#"{"a":[{"b":"c"}]}"#, #"{"a":[1]}"#, #"{"a":[1]}"#), (#"["a","b"]"#, #"["c","d"]"#, #"["c","d"]"#),
    (#"{"a":"b"}"#, #"["c"]"#, #"["c"]"#), (#"{"a":"foo"}"#, "null", "null"), (#"{"e":null}"#, #"{"a":1}"#, #"{"e":null,"a":1}"#), (#"[1,2]"#, #"{"a":"b","c":null}"#, #"{"a":"b"}"#),
    (#"{}"#, #"{"a":{"bb":{"ccc":null}}}"#, #"{"a":{"bb":{}}}"#),
  ])
  func `the table of the RFC holds`(target: String, patch: String, result: String) throws {
    #expect(MergePatch.apply(try JSONValue(parsing: patch), to: try JSONValue(parsing: target)).encoded().text == result)
  }
}
