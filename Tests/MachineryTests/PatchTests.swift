import ByteBuffers
import JSON
import Machinery
import Testing

@Suite struct `JSON patch` {
  static func patched(_ document: String, _ patch: String) throws -> String {
    try JSONPatch(try JSONValue(parsing: patch)).apply(to: try JSONValue(parsing: document)).encoded().text
  }

  @Test(arguments: [
    (#"{"a":1}"#, #"[{"op":"add","path":"/b","value":2}]"#, #"{"a":1,"b":2}"#),
    (#"{"a":[1,3]}"#, #"[{"op":"add","path":"/a/1","value":2}]"#, #"{"a":[1,2,3]}"#),
    (#"{"a":[1]}"#, #"[{"op":"add","path":"/a/-","value":2}]"#, #"{"a":[1,2]}"#),
    (#"{"a":[1,2]}"#, #"[{"op":"remove","path":"/a/-1"}]"#, #"{"a":[1]}"#),
    (#"{"a":1,"b":2}"#, #"[{"op":"remove","path":"/a"}]"#, #"{"b":2}"#),
    (#"{"a":1}"#, #"[{"op":"replace","path":"/a","value":{"x":null}}]"#, #"{"a":{"x":null}}"#),
    (#"{"a":1,"b":{}}"#, #"[{"op":"move","from":"/a","path":"/b/c"}]"#, #"{"b":{"c":1}}"#),
    (#"{"a":[1],"b":{}}"#, #"[{"op":"copy","from":"/a","path":"/b/c"}]"#, #"{"a":[1],"b":{"c":[1]}}"#),
    (#"{"a/b":1,"c~d":2}"#, #"[{"op":"test","path":"/a~1b","value":1},{"op":"remove","path":"/c~0d"}]"#, #"{"a/b":1}"#),
    (#"{"a":{"x":1,"y":2}}"#, #"[{"op":"test","path":"/a","value":{"y":2,"x":1.0}}]"#, #"{"a":{"x":1,"y":2}}"#),
    (#"{}"#, #"[{"op":"test","path":"/none","value":null}]"#, #"{}"#),
    // The library's own ways: a missing member is null to `copy`, `replace` and `test`; what stands before the first
    // slash does not count.
    (#"{"a":1}"#, #"[{"op":"replace","path":"/b","value":2}]"#, #"{"a":1,"b":2}"#),
    (#"{"a":1}"#, #"[{"op":"copy","from":"/x","path":"/b"}]"#, #"{"a":1,"b":null}"#),
    (#"{"a":1}"#, #"[{"op":"add","path":"/b"}]"#, #"{"a":1,"b":null}"#),
    (#"{"a":1}"#, #"[{"op":"add","path":"junk/b","value":2}]"#, #"{"a":1,"b":2}"#),
    (
      #"{"a":1}"#, #"[{"op":"replace","path":"","value":{"b":[]}},{"op":"test","path":"","value":{"b":[]}}]"#,
      #"{"b":[]}"#
    ), (#"{"a":1}"#, "null", #"{"a":1}"#),
    (
      #"{"a":[1,2,3]}"#, #"[{"op":"add","path":"/a/-1","value":4},{"op":"add","path":"/a/-5","value":0}]"#,
      #"{"a":[0,1,2,3,4]}"#
    ),
    (
      #"{"a":[1,2,3]}"#, #"[{"op":"replace","path":"/a/-3","value":9},{"op":"move","from":"/a/0","path":"/a/-"}]"#,
      #"{"a":[2,3,9]}"#
    ),
    (
      #"{"a":[[1],{"b":[{"c":1}]}]}"#, #"[{"op":"add","path":"/a/1/b/0/d","value":2},{"op":"remove","path":"/a/0/0"}]"#,
      #"{"a":[[],{"b":[{"c":1,"d":2}]}]}"#
    ),
    (#"{"~1":1,"":2}"#, #"[{"op":"move","from":"/~01","path":"/~1~0"},{"op":"remove","path":"/"}]"#, #"{"/~":1}"#),
    (#"{"a":{"b":1}}"#, #"[{"op":"move","from":"/a/b","path":"/a"}]"#, #"{"a":1}"#),
    (
      #"{"a":[1,null]}"#, #"[{"op":"test","path":"/a/1","value":null},{"op":"test","path":"/a","value":[1,null]}]"#,
      #"{"a":[1,null]}"#
    ),
  ])
  func `operations apply`(document: String, patch: String, result: String) throws {
    #expect(try Self.patched(document, patch) == result)
  }

  @Test(arguments: [
    #"[{"op":"remove","path":"/none"}]"#, #"[{"op":"replace","path":"/none/x","value":1}]"#,
    #"[{"op":"add","path":"/x/y","value":1}]"#, #"[{"op":"test","path":"/a","value":2}]"#,
    #"[{"op":"add","path":"/list/9","value":1}]"#, #"[{"op":"frobnicate","path":"/a"}]"#, #"[{"op":"add","value":1}]"#,
    #"[{"op":"move","path":"/b","from":"/none"}]"#,
    #"[{"op":"add","path":"","value":{}}]"#, #"[{"op":"replace","path":"","value":1}]"#,
    #"[{"op":"replace","path":""}]"#, #"[{"op":"remove","path":""}]"#, #"[{"op":"add","path":"nopath","value":1}]"#,
    #"[{"op":"test","path":"/none/x","value":null}]"#, #"[{"op":"test","path":"/list/0","value":null}]"#,
    #"[{"op":"test","path":"/a"}]"#, #"[{"op":"copy","from":"/list/0","path":"/b"}]"#,
    #"[{"op":"copy","from":"/a/x","path":"/b"}]"#, #"[{"op":"add","path":"/list/1","value":1}]"#,
    #"[{"op":"add","path":"/list/-2","value":1}]"#, #"[{"op":"add","path":"/list/x","value":1}]"#,
    #"[{"op":"move","from":"/o","path":"/o/x"}]"#, #"[null]"#, #"[{"op":null}]"#, #"[{"op":"copy","path":"/b"}]"#,
    #"[{"op":"remove","path":"/list/-"}]"#, #"[{"op":"add","path":"/a/b","value":1}]"#,
  ])
  func `what does not apply changes nothing`(patch: String) {
    #expect { try Self.patched(#"{"a":1,"list":[],"o":{}}"#, patch) } throws: {
      if case JSONPatch.Failure.doesNotApply = $0 { true } else { false }
    }
  }

  @Test func `what is no patch, and what is too much, is told apart`() throws {
    #expect { try JSONPatch(["op": "add"]) } throws: {
      if case JSONPatch.Failure.malformed = $0 { true } else { false }
    }
    let many = JSONValue.array([JSONValue](repeating: ["op": "test", "path": ""], count: 10_001))
    #expect { try JSONPatch(many) } throws: { $0 as? JSONPatch.Failure == .tooManyOperations(10_001) }
    // Each copies all that was copied before it.
    let growing: JSONValue = .array((0..<40).map { ["op": "copy", "from": "/a", "path": .string("/a/b\($0)")] })
    #expect { try JSONPatch(growing).apply(to: ["a": ["x": .string(String(repeating: "x", count: 1_000))]]) } throws: {
      $0 as? JSONPatch.Failure == .doesNotApply("accumulated size of copy operations exceeds 3145728 bytes")
    }
  }
}

@Suite struct `Merge patch` {
  // The table of RFC 7386, appendix A.
  @Test(arguments: [
    (#"{"a":"b"}"#, #"{"a":"c"}"#, #"{"a":"c"}"#), (#"{"a":"b"}"#, #"{"b":"c"}"#, #"{"a":"b","b":"c"}"#),
    (#"{"a":"b"}"#, #"{"a":null}"#, #"{}"#),
    (#"{"a":"b","b":"c"}"#, #"{"a":null}"#, #"{"b":"c"}"#), (#"{"a":["b"]}"#, #"{"a":"c"}"#, #"{"a":"c"}"#),
    (#"{"a":"c"}"#, #"{"a":["b"]}"#, #"{"a":["b"]}"#),
    (#"{"a":{"b":"c"}}"#, #"{"a":{"b":"d","c":null}}"#, #"{"a":{"b":"d"}}"#),
    (#"{"a":[{"b":"c"}]}"#, #"{"a":[1]}"#, #"{"a":[1]}"#), (#"["a","b"]"#, #"["c","d"]"#, #"["c","d"]"#),
    (#"{"a":"b"}"#, #"["c"]"#, #"["c"]"#), (#"{"a":"foo"}"#, "null", "null"),
    (#"{"e":null}"#, #"{"a":1}"#, #"{"e":null,"a":1}"#), (#"[1,2]"#, #"{"a":"b","c":null}"#, #"{"a":"b"}"#),
    (#"{}"#, #"{"a":{"bb":{"ccc":null}}}"#, #"{"a":{"bb":{}}}"#),
    // Beyond it: nulls go from the objects of lists where there is nothing to merge with, and stay where a list
    // replaces an object.
    (#"{}"#, #"{"a":[{"b":null,"c":1},null]}"#, #"{"a":[{"c":1},null]}"#),
    (#"{"a":[]}"#, #"{"a":[{"b":null}]}"#, #"{"a":[{}]}"#),
    (#"{"a":{}}"#, #"{"a":[{"b":null}]}"#, #"{"a":[{"b":null}]}"#),
  ])
  func `the table of the RFC holds`(target: String, patch: String, result: String) throws {
    #expect(
      MergePatch.apply(try JSONValue(parsing: patch), to: try JSONValue(parsing: target)).encoded().text == result)
  }
}
