import ByteBuffers
import Foundation
import JSON
import Schema
import TestSupport
import Testing

@testable import APIServer

@Suite struct `Protobuf over HTTP` {
  private static let type = "application/vnd.kubernetes.protobuf"
  private static let node = "io.k8s.api.core.v1.Node"

  private func recording(_ name: String) throws -> [UInt8] {
    Array(try Data(contentsOf: Repository.root.appending(path: "Tests/Conformance/protobuf/\(name)")))
  }

  private func slice(_ bytes: [UInt8]) -> ByteSlice { ByteSlice(SharedBytes(bytes)) }

  /// An object in an envelope.
  private func body(_ json: String, _ typeName: String, kind: String, apiVersion: String) throws -> [UInt8] {
    var writer = ProtobufWriter(.builtin)
    writer.structure(try JSONTape.parse(slice(Array(json.utf8))).root, try #require(TypeModel.builtin.type(typeName)))
    return ProtobufForm.enveloped([slice(writer.bytes)], apiVersion: apiVersion, kind: kind).flatMap(\.array)
  }

  /// An answer as JSON in the form of its type.
  private func read(_ bytes: [UInt8], _ typeName: String) throws -> JSONValue {
    let type = try #require(TypeModel.builtin.type(typeName))
    return try TypeModel.builtin.decode(
      tree:
        try TypeModel.builtin.object(ofProtobuf: slice(bytes), as: typeName), as: type
    ).value
  }

  private func canonical(_ json: JSONValue, _ typeName: String) throws -> JSONValue {
    try TypeModel.builtin.decode(tree: json, as: try #require(TypeModel.builtin.type(typeName))).value
  }

  @Test(arguments: ["node", "node-list", "node-metadata-list", "status-not-found"])
  func `envelopes are written as kube-apiserver writes them`(name: String) throws {
    let bytes = try recording(name + ".bin")
    let envelope = try ProtobufEnvelope(slice(bytes))
    #expect(
      ProtobufForm.enveloped([envelope.raw], apiVersion: envelope.apiVersion, kind: envelope.kind).flatMap(\.array)
        == bytes)
  }

  @Test func `watch frames are written as kube-apiserver writes them`() throws {
    let bytes = try recording("node-watch.bin")
    // Four bytes of length; field 1: ADDED; then what field 2 and its field 1 say of the document's length.
    let document = Array(bytes[17..<(4 + 0x2D0)])
    var slices: [ByteSlice] = []
    ProtobufForm.frame("ADDED", [slice(document)], isDelimited: true, into: &slices)
    #expect(slices.flatMap(\.array) == Array(bytes[..<(4 + 0x2D0)]))
  }

  @Test(arguments: [("/api", "APIVersions"), ("/apis", "APIGroupList"), ("/api/v1", "APIResourceList")])
  func `discovery documents are messages too`(path: String, kind: String) async throws {
    try await TestServer.with { server in
      let answer = try server.call("GET", path, headers: ["Accept": Self.type])
      #expect(answer.code == 200 && answer.header("Content-Type") == Self.type)
      let envelope = try ProtobufEnvelope(slice(answer.body))
      #expect(envelope.kind == kind)
      let name = "io.k8s.apimachinery.pkg.apis.meta.v1." + kind
      let json = try server.call("GET", path).json()
      var members = try canonical(json, name).object ?? [:]
      // Kind and version are the envelope's.
      for member in ["kind", "apiVersion"] { members[member] = nil }
      var read = try read(answer.body, name).object ?? [:]
      for member in ["kind", "apiVersion"] { read[member] = nil }
      // An empty list leaves nothing in a message.
      if read["groups"]?.isNull == true { read["groups"] = [] }
      #expect(read == members)
    }
  }

  @Test func `objects are created, changed, read and listed`() async throws {
    try await TestServer.with { server in
      let json =
        #"{"metadata":{"name":"a","labels":{"x":"1"}},"spec":{"taints":[{"key":"k","effect":"NoSchedule"}]},"status":{"capacity":{"cpu":"4"}}}"#
      let sent = try body(json, Self.node, kind: "Node", apiVersion: "v1")
      let both = ["Content-Type": Self.type, "Accept": Self.type + ",application/json"]
      let created = try server.call("POST", "/api/v1/nodes", bytes: sent, headers: both)
      #expect(created.code == 201 && created.header("Content-Type") == Self.type)
      let plain = try server.call("GET", "/api/v1/nodes/a").json()
      #expect(try read(created.body, Self.node) == (try canonical(plain, Self.node)))
      #expect(
        plain["spec"]?["taints"]?.array?.first?["key"]?.string == "k"
          && plain["status"]?["capacity"]?["cpu"]?.string == "4")

      let got = try server.call("GET", "/api/v1/nodes/a", headers: ["Accept": Self.type])
      #expect(got.body == created.body)
      let changed = try body(
        plain.encoded().text.replacingOccurrences(of: #""x":"1""#, with: #""x":"2""#), Self.node, kind: "Node",
        apiVersion: "v1")
      let put = try server.call("PUT", "/api/v1/nodes/a", bytes: changed, headers: both)
      #expect(put.code == 200)
      #expect(try read(put.body, Self.node)["metadata"]?["labels"]?["x"]?.string == "2")

      for number in 0..<20 { try server.createNode("n\(number)") }
      for query in ["", "?limit=3", "?labelSelector=x"] {
        let list = try server.call("GET", "/api/v1/nodes" + query, headers: ["Accept": Self.type])
        var json = try canonical(try server.call("GET", "/api/v1/nodes" + query).json(), "io.k8s.api.core.v1.NodeList")
        var message = try read(list.body, "io.k8s.api.core.v1.NodeList")
        // Tokens name the moment of their list.
        json["metadata"]?["continue"] = nil
        message["metadata"]?["continue"] = nil
        #expect(message == json)
      }
      let partial = try server.call(
        "GET", "/api/v1/nodes/a", headers: ["Accept": Self.type + ";as=PartialObjectMetadata;v=v1;g=meta.k8s.io"])
      let envelope = try ProtobufEnvelope(slice(partial.body))
      #expect(envelope.kind == "PartialObjectMetadata" && envelope.apiVersion == "meta.k8s.io/v1")
      // Its one member stands where a node's metadata stands.
      #expect(
        try TypeModel.builtin.decodeProtobuf(envelope.raw, as: try #require(TypeModel.builtin.type(Self.node)))[
          "metadata"]?["name"]?.string == "a")
      let partials = try server.call(
        "GET", "/api/v1/nodes", headers: ["Accept": Self.type + ";as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"])
      #expect(try read(partials.body, "io.k8s.api.core.v1.NodeList")["items"]?.array?.count == 21)
      let table = try server.call(
        "GET", "/api/v1/nodes", headers: ["Accept": Self.type + ";as=Table;v=v1;g=meta.k8s.io"])
      #expect(table.code == 406)
    }
  }

  @Test func `errors are a Status`() async throws {
    try await TestServer.with { server in
      let missing = try server.call("GET", "/api/v1/nodes/none", headers: ["Accept": Self.type])
      #expect(missing.code == 404)
      #expect(try missing.body == recording("status-not-found.bin"))
      func refused(_ bytes: [UInt8]) throws -> String {
        let reply = try server.call("POST", "/api/v1/nodes", bytes: bytes, headers: ["Content-Type": Self.type])
        #expect(reply.code == 400)
        return try reply.json()["message"]?.string ?? ""
      }
      #expect(
        try refused(Array("{}".utf8))
          == "the object provided is unrecognized (must be of type Node): provided data does not appear to be a protobuf message, expected prefix [107 56 115 0] ({})"
      )
      #expect(
        try refused(ProtobufForm.enveloped([slice([0x0A])], apiVersion: "v1", kind: "Node").flatMap(\.array))
          == "Node in version \"v1\" cannot be handled as a Node: unexpected EOF")
      #expect(
        try refused(ProtobufForm.enveloped([], apiVersion: "v1", kind: "Pod").flatMap(\.array)).hasPrefix(
          "Pod in version \"v1\" cannot be handled as a Node"))
    }
  }

  @Test func `options of a removal come in protobuf`() async throws {
    try await TestServer.with { server in
      try server.createNode("a")
      func remove(_ json: String) throws -> TestServer.Reply {
        let bytes = try body(
          json, "io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions", kind: "DeleteOptions", apiVersion: "v1")
        return try server.call("DELETE", "/api/v1/nodes/a", bytes: bytes, headers: ["Content-Type": Self.type])
      }
      #expect(try remove(#"{"preconditions":{"uid":"another"}}"#).code == 409)
      #expect(try remove(#"{"dryRun":["All"]}"#).code == 200)
      #expect(try server.call("GET", "/api/v1/nodes/a").code == 200)
      #expect(try remove(#"{"gracePeriodSeconds":0}"#).code == 200)
      #expect(try server.call("GET", "/api/v1/nodes/a").code == 404)
    }
  }

  @Test func `a watch sends frames`() async throws {
    try await TestServer.with { server in
      try server.createNode("a")
      try server.createNode("b")
      let reply = try server.call(
        "GET", "/api/v1/nodes?watch=true&timeoutSeconds=1&resourceVersion=0",
        headers: ["Accept": Self.type + ";stream=watch"])
      #expect(reply.header("Content-Type") == Self.type + ";stream=watch")
      var rest = reply.body[...]
      var names: [String] = []
      while rest.count >= 4 {
        let length = rest.prefix(4).reduce(0) { $0 << 8 | Int($1) }
        let frame = Array(rest.dropFirst(4).prefix(length))
        rest = rest.dropFirst(4 + length)
        // The document begins at its four bytes and ends with the frame.
        let start = try #require(frame.indices.first { frame[$0...].starts(with: ProtobufEnvelope.magic) })
        #expect(Array(frame[..<start]).starts(with: [0x0A, 5] + Array("ADDED".utf8)))
        let document = Array(frame[start...])
        let name = try read(document, Self.node)["metadata"]?["name"]?.string ?? ""
        #expect(document == (try server.call("GET", "/api/v1/nodes/\(name)", headers: ["Accept": Self.type])).body)
        names.append(name)
      }
      #expect(rest.isEmpty && names == ["a", "b"])
    }
  }
}
