import ByteBuffers
import Foundation
import JSON
import TestSupport
import Testing

/// etcd as another client sees it.
struct EtcdGateway {
  let port: Int

  private func call(_ path: String, _ body: JSONValue) async throws -> JSONValue {
    let answer = await HTTPProbe.answer(
      "POST", port: port, path: path, body: String(decoding: body.encoded().array, as: UTF8.self), timeoutSeconds: 10)
    return try JSONValue(parsing: #require(answer).body)
  }

  func put(_ key: String, _ value: Data) async throws {
    _ = try await call(
      "/v3/kv/put",
      ["key": .string(Data(key.utf8).base64EncodedString()), "value": .string(value.base64EncodedString())])
  }

  func get(_ key: String) async throws -> Data {
    let answer = try await call("/v3/kv/range", ["key": .string(Data(key.utf8).base64EncodedString())])
    return try #require(answer["kvs"]?.array?.first?["value"]?.string.flatMap { Data(base64Encoded: $0) })
  }
}

/// One etcd with kube-apiserver's values in it: what it has stored as protobuf is served, and what is stored here in
/// its form can be read there.
@Suite struct `Interchange with kube-apiserver` {
  private static let key = "/registry/minions/pb"

  private static func recorded(_ name: String) throws -> Data {
    try Data(contentsOf: Repository.root.appending(path: "Tests/Conformance/protobuf/\(name)"))
  }

  /// Without what every server gives anew.
  private static func undated(_ text: some StringProtocol) throws -> JSONValue {
    var value = try JSONValue(parsing: String(text))
    value["metadata"]?["resourceVersion"] = nil
    value["metadata"]?["managedFields"] = nil
    return value
  }

  private func read(_ daemon: Daemon, _ path: String) async throws -> (code: Int, body: String) {
    let answer = try #require(HTTPProbe.request(port: daemon.port, path: path, timeoutSeconds: 10))
    return (answer.status, answer.body)
  }

  private func change(_ daemon: Daemon, _ label: String) async throws {
    let result = try await run([
      "curl", "-sS", "-f", "-X", "PATCH", "-H", "Content-Type: application/merge-patch+json",
      daemon.url + "/api/v1/nodes/pb", "-d", "{\"metadata\":{\"labels\":{\"now\":\"\(label)\"}}}",
    ])
    #expect(result.status == 0, "\(result.output)")
  }

  @Test
  func
    `a node that kube-apiserver stored as protobuf is served, watched, changed and written in the form that is asked for`()
    async throws
  {
    let daemon = try await Daemon.start(on: .etcd34)
    defer { daemon.stop() }
    let gateway = EtcdGateway(port: try #require(daemon.etcd).clientPort)
    let (message, document) = (
      try Self.recorded("node.bin"), try Self.undated(String(decoding: try Self.recorded("node.json"), as: UTF8.self))
    )
    let watch = Task {
      try await run(["curl", "-sS", "-N", "--max-time", "8", daemon.url + "/api/v1/nodes?watch=true&timeoutSeconds=6"])
        .output
    }
    try await Task.sleep(for: .seconds(1))
    try await gateway.put(Self.key, message)
    try await eventually("the node to be served") { try await self.read(daemon, "/api/v1/nodes/pb").code == 200 }
    #expect(try Self.undated(await read(daemon, "/api/v1/nodes/pb").body) == document)
    let list = try JSONValue(parsing: await read(daemon, "/api/v1/nodes").body)
    #expect(list["items"]?.array?.count == 1)
    // A list from storage decodes it too.
    #expect(
      try await read(
        daemon,
        "/api/v1/nodes?resourceVersion=\(list["metadata"]?["resourceVersion"]?.string ?? "")&resourceVersionMatch=Exact"
      ).body.contains(#""name":"pb""#))

    try await change(daemon, "json")
    #expect(try await gateway.get(Self.key).first == UInt8(ascii: "{"))
    let events = try await watch.value.split(separator: "\n").map { try JSONValue(parsing: String($0)) }
    #expect(events.map { $0["type"]?.string } == ["ADDED", "MODIFIED"], "\(events)")
    let added = try #require(events.first?["object"])
    #expect(try Self.undated(String(decoding: added.encoded().array, as: UTF8.self)) == document)

    // From here on in kube-apiserver's own form; what is JSON is read all the same, and turns when it is written.
    try await daemon.end()
    try await daemon.launch(arguments: ["--storage-media-type", "application/vnd.kubernetes.protobuf"])
    #expect(try await read(daemon, "/api/v1/nodes/pb").body.contains(#""now":"json""#))
    try await change(daemon, "protobuf")
    let stored = try await gateway.get(Self.key)
    #expect(stored.starts(with: [0x6B, 0x38, 0x73, 0]))
    // The revision is etcd's to say.
    #expect(!stored.contains(Data("resourceVersion".utf8)))
    let made = await HTTPProbe.answer(
      "POST", port: daemon.port, path: "/api/v1/nodes",
      body: #"{"metadata":{"name":"made"},"spec":{"podCIDR":"10.0.0.0/24"}}"#, timeoutSeconds: 10)
    #expect(made?.status == 201)
    #expect(try await gateway.get("/registry/minions/made").starts(with: [0x6B, 0x38, 0x73, 0]))
    try await daemon.end()

    func storage(_ command: String, _ more: [String] = []) async throws -> String {
      try await run([Daemon.program, "storage", command] + daemon.storageArguments + more, within: .seconds(30)).output
    }
    #expect(try await storage("verify").contains("nodes: 2 would be stored otherwise"))
    #expect(try await storage("rewrite").contains("nodes: 2 written again"))
    #expect(try await storage("rewrite").contains("nodes: 0 written again"))
    #expect(try await gateway.get(Self.key).first == UInt8(ascii: "{"))
    #expect(
      try await storage("rewrite", ["--storage-media-type", "application/vnd.kubernetes.protobuf"]).contains(
        "nodes: 2 written again"))
    try await daemon.launch()
    #expect(try await read(daemon, "/api/v1/nodes/pb").body.contains(#""now":"protobuf""#))
    #expect(try Self.undated(await read(daemon, "/api/v1/nodes/made").body)["spec"]?["podCIDR"] == "10.0.0.0/24")
  }

  @Test func `what is of another kind, or cut short, is told by its key and left alone`() async throws {
    let daemon = try await Daemon.start(on: .etcd34)
    defer { daemon.stop() }
    let gateway = EtcdGateway(port: try #require(daemon.etcd).clientPort)
    let message = try Self.recorded("node.bin")
    let alien = try Self.recorded("status-not-found.bin")
    try await gateway.put("/registry/minions/alien", alien)
    try await gateway.put("/registry/minions/short", message.prefix(message.count / 2))
    try await daemon.end()
    let result = try await run([Daemon.program, "storage", "verify"] + daemon.storageArguments, within: .seconds(30))
    #expect(result.status == 1)
    #expect(
      result.output.contains(
        #"/registry/minions/alien: can't be decoded: no kind "Status" is registered for version "v1" here"#),
      "\(result.output)")
    #expect(result.output.contains("/registry/minions/short: can't be decoded: "), "\(result.output)")
    #expect(try await gateway.get("/registry/minions/alien") == alien)
  }
}
