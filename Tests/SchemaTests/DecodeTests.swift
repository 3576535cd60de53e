import ByteBuffers
import FoundationEssentials
import JSON
import Machinery
import Schema
import TestSupport
import Testing

@Suite struct `Decoding` {
  static let node = TypeModel.builtin.type("io.k8s.api.core.v1.Node")

  static func decode(_ text: String) throws -> Decoded {
    try TypeModel.builtin.decode(try JSONTape.parse(SharedBytes(text)).root, as: try #require(node))
  }

  @Test func `a sparse node is written with what kube-apiserver always writes`() throws {
    let nodeInfo = [
      "machineID", "systemUUID", "bootID", "kernelVersion", "osImage", "containerRuntimeVersion", "kubeletVersion",
      "kubeProxyVersion", "operatingSystem", "architecture",
    ]
    .map { "\"\($0)\":\"\"" }.joined(separator: ",")
    #expect(
      try Self.decode(#"{"metadata":{"name":"a"}}"#).value.encoded().text
        == #"{"metadata":{"name":"a"},"spec":{},"status":{"daemonEndpoints":{"kubeletEndpoint":{"Port":0}},"nodeInfo":{\#(nodeInfo)}}}"#
    )
  }

  @Test func `members are put in order, maps sorted, quantities and times made canonical, empties dropped`() throws {
    let text =
      #"{"status":{"conditions":[{"status":"True","type":"Ready"}],"capacity":{"pods":"110","cpu":"1000m","memory":1024},"images":[{"sizeBytes":0}]},"metadata":{"labels":{"b":"2","a":"1"},"uid":"u","name":"n","annotations":{},"creationTimestamp":"2026-01-02T05:04:05+02:00"},"kind":"Node","spec":{"podCIDR":"","taints":null}}"#
    let value = try Self.decode(text).value
    #expect(value.object?.members.map(\.name) == ["kind", "metadata", "spec", "status"])
    #expect(
      value["metadata"]?.encoded().text
        == #"{"name":"n","uid":"u","creationTimestamp":"2026-01-02T03:04:05Z","labels":{"a":"1","b":"2"}}"#)
    #expect(value["spec"]?.encoded().text == "{}")
    #expect(value["status"]?["capacity"]?.encoded().text == #"{"cpu":"1","memory":"1024","pods":"110"}"#)
    #expect(
      value["status"]?["conditions"]?.encoded().text
        == #"[{"type":"Ready","status":"True","lastHeartbeatTime":null,"lastTransitionTime":null}]"#)
    #expect(value["status"]?["images"]?.encoded().text == #"[{"names":null}]"#)
  }

  @Test func `null under a key is the empty text, be it of text or of bytes`() throws {
    let type = try #require(TypeModel.builtin.type("io.k8s.api.core.v1.ConfigMap"))
    let root = try JSONTape.parse(SharedBytes(#"{"data":{"a":null},"binaryData":{"b":null,"c":"AAEC"}}"#)).root
    let value = try TypeModel.builtin.decode(root, as: type).value
    #expect(value["data"]?.encoded().text == #"{"a":""}"#)
    #expect(value["binaryData"]?.encoded().text == #"{"b":"","c":"AAEC"}"#)
  }

  @Test func `unknown and repeated members are reported in the order of the body`() throws {
    let decoded = try Self.decode(
      #"{"spec":{"nope":1,"podCIDR":"a","podCIDR":"b","taints":[{"key":"k","bad":1}]},"extra":{},"metadata":{"name":"x","labels":{"a":"1","a":"2"}}}"#
    )
    #expect(
      decoded.strictProblems == [
        #"unknown field "spec.nope""#, #"duplicate field "spec.podCIDR""#, #"unknown field "spec.taints[0].bad""#,
        #"unknown field "extra""#, #"duplicate field "metadata.labels.a""#,
      ])
    #expect(decoded.value["spec"]?["podCIDR"] == "b")
    #expect(decoded.value["metadata"]?["labels"]?["a"] == "2")
  }

  @Test(arguments: [
    (
      #"{"spec":{"unschedulable":"yes"}}"#,
      "json: cannot unmarshal string into Go struct field NodeSpec.spec.unschedulable of type bool"
    ),
    (
      #"{"metadata":{"labels":{"a":5}}}"#,
      "json: cannot unmarshal number into Go struct field ObjectMeta.metadata.labels of type string"
    ),
    (#"{"spec":[]}"#, "json: cannot unmarshal array into Go struct field Node.spec of type v1.NodeSpec"),
    (
      #"{"status":{"daemonEndpoints":{"kubeletEndpoint":{"Port":99999999999}}}}"#,
      "json: cannot unmarshal number 99999999999 into Go struct field DaemonEndpoint.status.daemonEndpoints.kubeletEndpoint.Port of type int32"
    ),
    (
      #"{"metadata":{"creationTimestamp":"then"}}"#,
      #"parsing time "then" as "2006-01-02T15:04:05Z07:00": cannot parse "then" as "2006""#
    ),
  ])
  func `wrong types are refused in Go's words`(text: String, message: String) {
    #expect { try Self.decode(text) } throws: { "\($0)" == message }
  }

  /// The order of members in answers, against what was recorded.
  @Test func `recorded answers decode to themselves, member for member`() throws {
    let cases = try Data(contentsOf: Repository.root.appending(path: "Tests/Conformance/cases/crud.json"))
    var count = 0
    func visit(_ value: JSONValue) throws {
      if let body = value["expect"]?["body"], body["kind"] == "Node", body["metadata"]?["uid"] != nil {
        // The recorder put words in place of times.
        let text = body.encoded().text.replacing(#"\u003ctime\u003e"#, with: "2026-01-02T03:04:05Z")
        let again = try Self.decode(text)
        #expect(again.value.encoded().text == text)
        #expect(again.strictProblems.isEmpty)
        count += 1
      }
      for step in value["steps"]?.array ?? [] { try visit(step) }
    }
    for conversation in try JSONValue(parsing: ByteSlice(SharedBytes(Array(cases)))).array ?? [] {
      try visit(conversation)
    }
    #expect(count > 10)
  }

}
