import ByteBuffers
import JSON
import Schema
import Testing

@Suite struct `Strategic merge patch` {
  static func patched(_ original: String, _ patch: String) throws -> String {
    let type = try #require(TypeModel.builtin.type("io.k8s.api.core.v1.Node"))
    return try StrategicMergePatch(model: .builtin).apply(
      try JSONValue(parsing: patch), to: try JSONValue(parsing: original), type: type
    ).encoded().text
  }

  @Test(arguments: [
    // Lists with a merge key merge by it, new elements come first as the patch orders them.
    (
      #"{"status":{"conditions":[{"type":"A","status":"True"},{"type":"B","status":"True"}]}}"#,
      #"{"status":{"conditions":[{"type":"B","status":"False"}]}}"#,
      #"{"status":{"conditions":[{"type":"A","status":"True"},{"type":"B","status":"False"}]}}"#
    ),
    (
      #"{"status":{"conditions":[{"type":"A"}]}}"#, #"{"status":{"conditions":[{"type":"C"}]}}"#,
      #"{"status":{"conditions":[{"type":"C"},{"type":"A"}]}}"#
    ),
    (
      #"{"status":{"conditions":[{"type":"A"},{"type":"B"}]}}"#,
      #"{"status":{"conditions":[{"$patch":"delete","type":"A"}]}}"#, #"{"status":{"conditions":[{"type":"B"}]}}"#
    ),
    (
      #"{"status":{"conditions":[{"type":"A"},{"type":"B"}]}}"#,
      #"{"status":{"conditions":[{"$patch":"replace"},{"type":"C"}]}}"#, #"{"status":{"conditions":[{"type":"C"}]}}"#
    ),
    (
      #"{"status":{"conditions":[{"type":"A"},{"type":"B"}]}}"#,
      #"{"status":{"$setElementOrder/conditions":[{"type":"B"},{"type":"A"}],"conditions":[{"type":"A","status":"x"}]}}"#,
      #"{"status":{"conditions":[{"type":"B"},{"type":"A","status":"x"}]}}"#
    ),
    // Atomic lists are replaced.
    (
      #"{"spec":{"taints":[{"key":"a"}]}}"#, #"{"spec":{"taints":[{"key":"b"}]}}"#,
      #"{"spec":{"taints":[{"key":"b"}]}}"#
    ),
    // Sets of words.
    (
      #"{"metadata":{"finalizers":["a","b"]}}"#, #"{"metadata":{"finalizers":["c"]}}"#,
      #"{"metadata":{"finalizers":["c","a","b"]}}"#
    ),
    (
      #"{"metadata":{"finalizers":["a","b"]}}"#, #"{"metadata":{"$deleteFromPrimitiveList/finalizers":["a"]}}"#,
      #"{"metadata":{"finalizers":["b"]}}"#
    ),
    (
      #"{"metadata":{"finalizers":["a","b"]}}"#,
      #"{"metadata":{"$setElementOrder/finalizers":["c","b"],"$deleteFromPrimitiveList/finalizers":["a"],"finalizers":["c"]}}"#,
      #"{"metadata":{"finalizers":["c","b"]}}"#
    ),
    // Maps.
    (
      #"{"metadata":{"labels":{"a":"1","b":"2"}}}"#, #"{"metadata":{"labels":{"a":null,"c":null,"d":"4"}}}"#,
      #"{"metadata":{"labels":{"b":"2","d":"4"}}}"#
    ),
    (
      #"{"metadata":{"labels":{"a":"1"}}}"#, #"{"metadata":{"labels":{"$patch":"replace","b":"2"}}}"#,
      #"{"metadata":{"labels":{"b":"2"}}}"#
    ),
    (
      #"{"spec":{"podCIDR":"x","providerID":"y"}}"#, #"{"spec":{"$retainKeys":["providerID"],"providerID":"z"}}"#,
      #"{"spec":{"providerID":"z"}}"#
    ),
    (#"{}"#, #"{"metadata":{"labels":{"a":null,"b":"1"}}}"#, #"{"metadata":{"labels":{"b":"1"}}}"#),
    (
      #"{"metadata":{"labels":{"a":"1"}}}"#, #"{"metadata":{"labels":{"$patch":"delete"}}}"#,
      #"{"metadata":{"labels":{}}}"#
    ),
    (#"{"spec":{"podCIDR":"x"}}"#, #"{"spec":{"$patch":"replace","providerID":"z"}}"#, #"{"spec":{"providerID":"z"}}"#),
    (#"{"spec":{"podCIDR":"x","providerID":"y"}}"#, #"{"spec":{"$retainKeys":[],"podCIDR":null}}"#, #"{"spec":{}}"#),
    // What is added is cleaned of nulls and of maps that are directives, but an element of a list is appended as it is.
    (
      #"{}"#,
      #"{"status":{"conditions":[{"type":"A","reason":null},{"$patch":"delete","type":"B"}],"nodeInfo":{"$patch":"replace"}}}"#,
      #"{"status":{"conditions":[{"type":"A"}]}}"#
    ),
    (
      #"{"status":{"conditions":[{"type":"A"}]}}"#, #"{"status":{"conditions":[{"type":"B","reason":null}]}}"#,
      #"{"status":{"conditions":[{"type":"B","reason":null},{"type":"A"}]}}"#
    ),
    (
      #"{"status":{"conditions":[{"type":"A","status":"x","reason":"r"}]}}"#,
      #"{"status":{"conditions":[{"type":"A","$retainKeys":["type","status"],"status":"y"}]}}"#,
      #"{"status":{"conditions":[{"type":"A","status":"y"}]}}"#
    ),
    // An order without changes; an order that leaves out what only the server has; elements that are to go need not be
    // in it.
    (
      #"{"status":{"conditions":[{"type":"A"},{"type":"B"},{"type":"S"}]}}"#,
      #"{"status":{"$setElementOrder/conditions":[{"type":"B"},{"type":"A"}]}}"#,
      #"{"status":{"conditions":[{"type":"B"},{"type":"A"},{"type":"S"}]}}"#
    ),
    (
      #"{"status":{"conditions":[{"type":"A"},{"type":"B"}]}}"#,
      #"{"status":{"$setElementOrder/conditions":[{"type":"C"},{"type":"B"}],"conditions":[{"type":"C"},{"$patch":"delete","type":"A"}]}}"#,
      #"{"status":{"conditions":[{"type":"C"},{"type":"B"}]}}"#
    ),
    (
      #"{"status":{}}"#,
      #"{"status":{"$setElementOrder/conditions":[{"type":"B"},{"type":"A"}],"conditions":[{"type":"B"},{"type":"A"}]}}"#,
      #"{"status":{"conditions":[{"type":"B"},{"type":"A"}]}}"#
    ),
    (
      #"{"metadata":{"finalizers":["a","s","b"]}}"#, #"{"metadata":{"$setElementOrder/finalizers":["b","a"]}}"#,
      #"{"metadata":{"finalizers":["s","b","a"]}}"#
    ),
    (#"{"metadata":{}}"#, #"{"metadata":{"$setElementOrder/finalizers":["b","a"]}}"#, #"{"metadata":{}}"#),
    // Beside a map that is not there a directive is a member like others; strict decoding will say so.
    (
      #"{}"#, #"{"metadata":{"$setElementOrder/finalizers":["b"]}}"#,
      #"{"metadata":{"$setElementOrder/finalizers":["b"]}}"#
    ),
    (#"{"spec":{"taints":[{"key":"a"}]}}"#, #"{"spec":{"taints":[]}}"#, #"{"spec":{"taints":[]}}"#),
    (
      #"{"spec":{"podCIDRs":["a","b"]}}"#, #"{"spec":{"podCIDRs":["b","c","c"]}}"#,
      #"{"spec":{"podCIDRs":["a","b","c"]}}"#
    ),
    // A list to be removed, and one whose elements are to be deleted, but which is not there or no list.
    (
      #"{"metadata":{"finalizers":["a"]}}"#, #"{"metadata":{"$deleteFromPrimitiveList/finalizers":null}}"#,
      #"{"metadata":{}}"#
    ),
    (
      #"{"metadata":{"finalizers":["a"]}}"#,
      #"{"metadata":{"$deleteFromPrimitiveList/finalizers":1,"$deleteFromPrimitiveList/labels":["x"]}}"#,
      #"{"metadata":{"finalizers":["a"]}}"#
    ),
    (#"{"metadata":{"name":"n"}}"#, #"{"$patch":"delete"}"#, "{}"),
    (#"{"metadata":{"name":"n"}}"#, #"{"metadata":{"name":{"a":1}}}"#, #"{"metadata":{"name":{"a":1}}}"#),
    (#"{"metadata":{"name":"n"}}"#, #"{"$frob":1,"metadata":null}"#, #"{"$frob":1}"#),
  ])
  func `directives and merge keys work`(original: String, patch: String, result: String) throws {
    #expect(try Self.patched(original, patch) == result)
  }

  typealias Failure = StrategicMergePatch.Failure

  @Test(
    arguments: [
      (
        #"{"status":{"conditions":[{"status":"True"}]}}"#,
        .other("map: map[status:True] does not contain declared merge key: type")
      ),
      (
        #"{"status":{"conditions":[{"$patch":"delete"}]}}"#,
        .other("map: map[$patch:delete] does not contain declared merge key: type")
      ),
      (
        #"{"status":{"conditions":[{"$patch":"merge"}]}}"#, .other("merging lists cannot yet be specified in the patch")
      ),
      (
        #"{"status":{"conditions":[{"$patch":"x","type":"A"}]}}"#,
        .other("unknown patch type: x in map: map[$patch:x type:A]")
      ),
      (#"{"status":{"conditions":["x"]}}"#, .other("list element types are not identical: [[map[type:A]] [x]]")),
      (
        #"{"status":{"conditions":[{"type":{}}]}}"#,
        .badFormat("elements of lists merge by strings, numbers and truths only")
      ),
      (#"{"metadata":{"$patch":"frob"}}"#, .other("unknown patch type: frob in map: map[$patch:frob]")),
      (
        #"{"metadata":{"$patch":"merge","name":"x"}}"#,
        .other("unknown patch type: merge in map: map[$patch:merge name:x]")
      ),
      (#"{"metadata":{"$patch":1}}"#, .other("unknown patch type: %!s(int64=1) in map: map[$patch:1]")),
      (#"{"spec":{"$retainKeys":["a"],"podCIDR":"x"}}"#, .badFormat("invalid patch format of retainKeys")),
      (#"{"spec":{"$retainKeys":"a"}}"#, .badFormat("invalid patch format of retainKeys")),
      (
        #"{"metadata":{"$setElementOrder/finalizers":["a"],"finalizers":["z"]}}"#,
        .other("The order in patch list:\n[z]\n doesn't match $setElementOrder list:\n[a]\n")
      ),
      (
        #"{"status":{"$setElementOrder/conditions":[{"type":"B"},{"type":"A"}],"conditions":[{"type":"A"},{"type":"B"}]}}"#,
        .other(
          "The order in patch list:\n[map[type:A] map[type:B]]\n doesn't match $setElementOrder list:\n[map[type:B] map[type:A]]\n"
        )
      ),
      (#"{"metadata":{"$setElementOrder/finalizers":1}}"#, .other("expected a []interface {}, but received a int64")),
      (
        #"{"metadata":{"$setElementOrder/finalizers":["a"],"finalizers":null}}"#,
        .other("expected a []interface {}, but received a %!s(<nil>)")
      ),
      (
        #"{"metadata":{"$setElementOrder/finalizers":["a"],"finalizers":{}}}"#,
        .other("expected a []interface {}, but received a map[string]interface {}")
      ),
      (#"{"metadata":{"$setElementOrder":[]}}"#, .badFormat("invalid patch format of setElementOrder list")),
      (
        #"{"metadata":{"$setElementOrder/nope":[]}}"#,
        .other("unable to find api field in struct ObjectMeta for the json field \"nope\"")
      ),
      (#"{"metadata":{"$setElementOrder/name":[]}}"#, .other("expected a []interface {}, but received a string")),
      (#"{"metadata":{"$setElementOrder/uid":[]}}"#, .other("expected slice or array type, but got: struct")),
      (#"{"metadata":{"$setElementOrder/labels":[]}}"#, .other("expected slice or array type, but got: struct")),
      (
        #"{"status":{"$setElementOrder/conditions":["A"]}}"#,
        .other("expected a map[string]interface {}, but received a string")
      ),
      (
        #"{"status":{"$setElementOrder/conditions":[{"status":"A"}]}}"#,
        .other("map: map[status:A] does not contain declared merge key: type")
      ),
      (#"{"metadata":{"$deleteFromPrimitiveList":["a"]}}"#, .badFormat("invalid patch format of primitive list")),
      (#"{"metadata":{"finalizers":[["a"]]}}"#, .other("list element types are not identical: [[a] [[a]]]")),
      (#"{"spec":{"podCIDRs":[["a"]]}}"#, .unprocessable("lists of lists are not supported")),
      (
        #"{"metadata":{"finalizers":[null]}}"#,
        .badFormat("elements of lists merge by strings, numbers and truths only")
      ),
      (#"{"spec":{"podCIDRs":[],"$setElementOrder/podCIDRs":[]}}"#, .other("no elements in any of the given slices")),
    ] as [(String, Failure)])
  func `a bad directive is refused in upstream's words`(patch: String, failure: Failure) {
    let original =
      #"{"metadata":{"name":"n","finalizers":["a"]},"spec":{"podCIDR":"y","podCIDRs":[]},"status":{"conditions":[{"type":"A"}]}}"#
    #expect { try Self.patched(original, patch) } throws: {
      #expect($0 as? Failure == failure)
      return true
    }
  }

  @Test func `what a list merges with is looked up, so long lists take no square of their length`() throws {
    let words = JSONValue.array((0..<30_000).map { .string("w\($0)") })
    let type = try #require(TypeModel.builtin.type("io.k8s.api.core.v1.Node"))
    let merged = try StrategicMergePatch(model: .builtin).apply(
      ["metadata": ["finalizers": words, "$setElementOrder/finalizers": words]],
      to: ["metadata": ["finalizers": words]], type: type)
    #expect(merged["metadata"]?["finalizers"] == words)
  }
}

@Suite struct `Strict reading of patches` {
  @Test func `names given twice, and members that operations do not have, are complained of`() throws {
    let merge = try JSONTape.parse(
      SharedBytes(#"{"metadata":{"labels":{"a":"1","a":"2"},"name":"x"},"metadata":{},"list":[{"b":1,"b":2}]}"#))
    #expect(
      StrictDocument.problems(merge.root) == [
        #"duplicate field "metadata.labels.a""#, #"duplicate field "metadata""#, #"duplicate field "list[0].b""#,
      ])
    let operations = try JSONTape.parse(
      SharedBytes(#"[{"op":"add","path":"/x","value":{"a":1,"a":2},"foo":1},{"op":"test","op":"add"},null]"#))
    #expect(
      StrictDocument.problems(ofJSONPatch: operations.root) == [
        #"json patch duplicate field "[0].value.a""#, #"json patch unknown field "[0].foo""#,
        #"json patch duplicate field "[1].op""#,
      ])
  }

  @Test(
    arguments: [
      (#"{"spec":{"unschedulable":"x"}}"#, "unrecognized type: bool"),
      (#"{"metadata":{"labels":"x"}}"#, "cannot restore map from string"),
      (#"{"metadata":{"name":1}}"#, "cannot convert int64 to string"),
      (#"{"spec":[]}"#, "cannot restore struct from: slice"),
      (#"{"spec":{"taints":{}}}"#, "cannot restore slice from map"),
      (#"{"status":{"daemonEndpoints":{"kubeletEndpoint":{"Port":"x"}}}}"#, "unrecognized type: int32"),
      (#"{"status":{"daemonEndpoints":{"kubeletEndpoint":{"Port":1.5}}}}"#, "cannot convert float64 to int32"),
      (#"{"spec":{"taints":[{"effect":1}]}}"#, "cannot convert int64 to v1.TaintEffect"),
      (#"{"spec":null,"status":{"capacity":{"cpu":1}}}"#, nil),
    ] as [(String, String?)])
  func `a tree that a type can't hold is told in the words of the converter`(text: String, problem: String?) throws {
    let type = try #require(TypeModel.builtin.type("io.k8s.api.core.v1.Node"))
    #expect(TypeModel.builtin.conversionProblem(try JSONValue(parsing: text), as: type) == problem)
  }
}
