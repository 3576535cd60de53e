import ByteBuffers
import JSON
import Machinery
import Schema
import Testing

/// A node from text.
private func decode(_ text: String) throws -> Decoded {
  let type = try #require(TypeModel.builtin.type("io.k8s.api.core.v1.Node"))
  return try TypeModel.builtin.decode(try JSONTape.parse(SharedBytes(text)).root, as: type)
}

@Suite struct `Strict decoding` {
  @Test func `complaints come in the order of the body, each once`() throws {
    let text =
      #"{"x":1,"spec":{"nope":{"deep":1},"nope":2,"podCIDR":"a","podCIDR":"b","podCIDR":"c"},"metadata":{"labels":{"b":"1","a":"1","b":"2","b":"3"}},"x":2}"#
    #expect(
      try decode(text).strictProblems == [
        #"unknown field "x""#, #"unknown field "spec.nope""#, #"duplicate field "spec.podCIDR""#,
        #"duplicate field "metadata.labels.b""#,
      ])
  }

  @Test func `paths name list places and map keys`() throws {
    let text =
      #"{"metadata":{"ownerReferences":[{"name":"a"},{"name":"b","name":"c","Name":"d"}]},"status":{"images":[{},{"sizeBytes":1,"size":2}]}}"#
    #expect(
      try decode(text).strictProblems == [
        #"duplicate field "metadata.ownerReferences[1].name""#, #"unknown field "metadata.ownerReferences[1].Name""#,
        #"unknown field "status.images[1].size""#,
      ])
  }

  @Test func `names are quoted as Go quotes them, and escapes are read`() throws {
    #expect(try decode(#"{"a\"b\n":1,"sp\u0065c":{"podCIDR":"x"}}"#).strictProblems == [#"unknown field "a\"b\n""#])
    #expect(try decode(#"{"sp\u0065c":{"podCIDR":"x"}}"#).value["spec"]?["podCIDR"] == "x")
  }

  @Test func `a hundred complaints are enough`() throws {
    let body = "{" + (0..<500).map { "\"u\($0)\":0" }.joined(separator: ",") + "}"
    let problems = try decode(body).strictProblems
    #expect(problems.count == 100)
    #expect(problems.last == #"unknown field "u99""#)
  }

  @Test func `the message lists all`() throws {
    #expect(
      try decode(#"{"spec":{"nope":1},"extra":2}"#).strictMessage
        == #"strict decoding error: unknown field "spec.nope", unknown field "extra""#)
  }

  @Test func `raw JSON is not looked into`() throws {
    let decoded = try decode(
      #"{"metadata":{"managedFields":[{"fieldsV1":{"f:a":{},"f:a":{"k":null}},"manager":"m"}]}}"#)
    #expect(decoded.strictProblems == [])
    #expect(
      decoded.value["metadata"]?["managedFields"]?.encoded().text == #"[{"manager":"m","fieldsV1":{"f:a":{"k":null}}}]"#
    )
  }
}

@Suite struct `Repeated and null members` {
  @Test(arguments: [
    // The last scalar counts; structs, lists and maps are laid over each other as Go does.
    (#"{"spec":{"podCIDR":"a","providerID":"p"},"spec":{"podCIDR":"b"}}"#, #"{"podCIDR":"b","providerID":"p"}"#),
    (
      #"{"spec":{"taints":[{"key":"a","value":"v","effect":"E"},{"key":"c"}]},"spec":{"taints":[{"key":"b"}]}}"#,
      #"{"taints":[{"key":"b","value":"v","effect":"E"}]}"#
    ),
    (#"{"spec":{"podCIDRs":["a","b"],"podCIDRs":["c"]}}"#, #"{"podCIDRs":["c"]}"#),
    // null leaves scalars and structs as they are and empties the rest.
    (#"{"spec":{"podCIDR":"a","podCIDR":null}}"#, #"{"podCIDR":"a"}"#),
    (#"{"spec":{"podCIDRs":["a"],"podCIDRs":null}}"#, "{}"),
    (#"{"spec":{"podCIDR":"a"},"spec":null}"#, #"{"podCIDR":"a"}"#),
    (#"{"spec":null}"#, "{}"),
    (#"{"spec":{"unschedulable":null,"taints":[null]}}"#, #"{"taints":[{"key":"","effect":""}]}"#),
    (#"{"spec":{"podCIDRs":[null,"b"]}}"#, #"{"podCIDRs":["","b"]}"#),
    (#"{"spec":{"unschedulable":false,"podCIDRs":[],"taints":[]}}"#, "{}"),
  ])
  func `are read as Go reads them`(text: String, spec: String) throws {
    #expect(try decode(text).value["spec"]?.encoded().text == spec)
  }

  @Test func `maps keep the keys of both`() throws {
    let value = try decode(#"{"metadata":{"labels":{"z":"1","a":"1"},"labels":{"m":null,"a":"2"}}}"#).value
    #expect(value["metadata"]?["labels"]?.encoded().text == #"{"a":"2","m":"","z":"1"}"#)
  }

  @Test func `pointers keep zero values, and the zero time is null`() throws {
    let value = try decode(
      #"{"metadata":{"deletionGracePeriodSeconds":0,"creationTimestamp":"0001-01-01T00:00:00Z","deletionTimestamp":null},"status":{"conditions":[{"type":"A","status":"B","lastHeartbeatTime":"0001-01-01T00:00:00Z"}]}}"#
    ).value
    #expect(value["metadata"]?.encoded().text == #"{"deletionGracePeriodSeconds":0}"#)
    #expect(
      value["status"]?["conditions"]?.encoded().text
        == #"[{"type":"A","status":"B","lastHeartbeatTime":null,"lastTransitionTime":null}]"#)
  }

  @Test(arguments: [
    ("\" 5 \"", "5"), ("\"1.5\"", "1500m"), ("1.5", "1500m"), ("1e3", "1e3"), ("-0", "0"), ("\"1024Ki\"", "1Mi"),
  ])
  func `quantities may be strings or numbers`(text: String, shown: String) throws {
    #expect(
      try decode("{\"status\":{\"capacity\":{\"x\":\(text)}}}").value["status"]?["capacity"]?["x"]?.string == shown)
  }
}

@Suite struct `Wrong types` {
  static let quantity = Quantity.ParseError.format.description

  @Test(arguments: [
    (
      #"{"spec":{"unschedulable":"yes"}}"#,
      "json: cannot unmarshal string into Go struct field NodeSpec.spec.unschedulable of type bool"
    ), (#"{"spec":5}"#, "json: cannot unmarshal number into Go struct field Node.spec of type v1.NodeSpec"),
    (
      #"{"spec":{"taints":{}}}"#,
      "json: cannot unmarshal object into Go struct field NodeSpec.spec.taints of type []v1.Taint"
    ),
    (
      #"{"spec":{"taints":["x"]}}"#,
      "json: cannot unmarshal string into Go struct field NodeSpec.spec.taints of type v1.Taint"
    ),
    (
      #"{"spec":{"taints":[{"effect":5}]}}"#,
      "json: cannot unmarshal number into Go struct field Taint.spec.taints.effect of type v1.TaintEffect"
    ),
    (
      #"{"spec":{"podCIDRs":[true]}}"#,
      "json: cannot unmarshal bool into Go struct field NodeSpec.spec.podCIDRs of type string"
    ),
    (
      #"{"metadata":{"uid":[]}}"#,
      "json: cannot unmarshal array into Go struct field ObjectMeta.metadata.uid of type types.UID"
    ),
    (
      #"{"metadata":{"labels":{"a":5}}}"#,
      "json: cannot unmarshal number into Go struct field ObjectMeta.metadata.labels of type string"
    ),
    (
      #"{"metadata":{"labels":"a"}}"#,
      "json: cannot unmarshal string into Go struct field ObjectMeta.metadata.labels of type map[string]string"
    ),
    (
      #"{"metadata":{"generation":1.5}}"#,
      "json: cannot unmarshal number 1.5 into Go struct field ObjectMeta.metadata.generation of type int64"
    ),
    (
      #"{"metadata":{"generation":9223372036854775808}}"#,
      "json: cannot unmarshal number 9223372036854775808 into Go struct field ObjectMeta.metadata.generation of type int64"
    ),
    (
      #"{"status":{"daemonEndpoints":{"kubeletEndpoint":{"Port":4294967296}}}}"#,
      "json: cannot unmarshal number 4294967296 into Go struct field DaemonEndpoint.status.daemonEndpoints.kubeletEndpoint.Port of type int32"
    ),
    (
      #"{"status":{"capacity":[]}}"#,
      "json: cannot unmarshal array into Go struct field NodeStatus.status.capacity of type v1.ResourceList"
    ),
    (
      #"{"status":{"volumesInUse":[1]}}"#,
      "json: cannot unmarshal number into Go struct field NodeStatus.status.volumesInUse of type v1.UniqueVolumeName"
    ),
    (
      #"{"metadata":{"creationTimestamp":5}}"#,
      "json: cannot unmarshal number into Go struct field ObjectMeta.metadata.creationTimestamp of type string"
    ), ("[]", "json: cannot unmarshal array into Go value of type v1.Node"),
    (#"{"status":{"capacity":{"cpu":"lots"}}}"#, quantity), (#"{"status":{"capacity":{"cpu":true}}}"#, quantity),
    (#"{"status":{"capacity":{"cpu":"\u0031"}}}"#, quantity),
    (
      #"{"metadata":{"creationTimestamp":"then"}}"#,
      #"parsing time "then" as "2006-01-02T15:04:05Z07:00": cannot parse "then" as "2006""#
    ),
    // The first wrong type is told, but what can't be parsed comes before it.
    (
      #"{"spec":{"podCIDR":1,"providerID":2}}"#,
      "json: cannot unmarshal number into Go struct field NodeSpec.spec.podCIDR of type string"
    ), (#"{"spec":{"podCIDR":1},"status":{"capacity":{"cpu":"lots"}}}"#, quantity),
  ])
  func `are told in Go's words`(text: String, message: String) {
    #expect { try decode(text) } throws: { "\($0)" == message }
  }

  @Test func `null is an empty node`() throws {
    #expect(try decode("null").value == decode("{}").value)
  }
}
