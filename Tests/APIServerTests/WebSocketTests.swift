import JSON
import Testing

@testable import APIServer

@Suite struct `Watches over WebSockets` {
  private static let asked = [
    "Connection": "keep-alive, Upgrade", "Upgrade": "WebSocket", "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "AAECAwQFBgcICQoLDA0ODw==", "Origin": "http://localhost",
  ]

  /// A frame's first byte and its payload.
  private static func frame(_ connection: RawConnection) throws -> (first: UInt8, payload: [UInt8]) {
    let head = try connection.take(2)
    var length = Int(head[1])
    if length == 126 { length = try connection.take(2).reduce(0) { $0 << 8 | Int($1) } }
    if length == 127 { length = try connection.take(8).reduce(0) { $0 << 8 | Int($1) } }
    return (head[0], try connection.take(length))
  }

  private static func open(
    _ server: TestServer, _ path: String, _ change: [String: String] = [:], leaveOut: String = ""
  ) throws -> (connection: RawConnection, code: Int, headers: [(name: String, value: String)]) {
    let connection = try RawConnection(port: server.port)
    var headers = asked.merging(change) { $1 }
    headers[leaveOut] = nil
    try connection.send("GET", path, headers: headers)
    let head = try connection.head()
    return (connection, head.code, head.headers)
  }

  @Test func `send each event as a message, answer pings, and end when the client or the time does`() async throws {
    try await TestServer.with { server in
      try server.createNode("a")
      let (connection, code, headers) = try Self.open(
        server, "/api/v1/nodes?watch=true", ["Sec-WebSocket-Protocol": "anything"])
      defer { connection.close() }
      #expect(code == 101)
      #expect(headers.contains { $0.name == "Sec-WebSocket-Accept" && $0.value == "Bz3qJYTGdOe8gUSpLosEdiLKDrk=" })
      #expect(headers.contains { $0.name == "Sec-WebSocket-Protocol" && $0.value == "anything" })
      #expect(!headers.contains { $0.name == "Transfer-Encoding" || $0.name == "Content-Type" })
      let first = try Self.frame(connection)
      #expect(first.first == 0x81)
      #expect(first.payload.last == 0x0A)
      #expect(
        try JSONValue(parsing: String(decoding: first.payload, as: UTF8.self))["object"]?["metadata"]?["name"]?.string
          == "a")
      try connection.send(bytes: [0x89, 0x82, 1, 1, 1, 1, 0x69, 0x68])
      let pong = try Self.frame(connection)
      #expect(pong.first == 0x8A && pong.payload == Array("hi".utf8))
      // What else a client says is nobody's.
      try connection.send(bytes: [0x81, 0x81, 0, 0, 0, 0, 0x78])
      try server.createNode("b")
      #expect(try String(decoding: Self.frame(connection).payload, as: UTF8.self).contains(#""name":"b""#))
      try connection.send(bytes: [0x88, 0x80, 0, 0, 0, 0])
      let end = try Self.frame(connection)
      #expect(end.first == 0x88 && end.payload == [3, 232])
      #expect(throws: RawConnection.Closed.self) { _ = try connection.take(1) }

      let (timed, timedCode, _) = try Self.open(
        server, "/api/v1/watch/nodes?timeoutSeconds=1&resourceVersion=0",
        ["Accept": "application/vnd.kubernetes.protobuf"])
      defer { timed.close() }
      #expect(timedCode == 101)
      let binary = try Self.frame(timed)
      // A WatchEvent itself, without the length that stands before it on a stream without messages.
      #expect(binary.first == 0x82 && binary.payload.starts(with: [0x0A, 5] + Array("ADDED".utf8)))
      let last = try Self.frame(timed)
      #expect(last.first == 0x82)
      let closing = try Self.frame(timed)
      #expect(closing.first == 0x88)
    }
  }

  @Test func `are refused as kube-apiserver refuses them`() async throws {
    try await TestServer.with { server in
      let path = "/api/v1/nodes?watch=true&timeoutSeconds=1"
      func refusal(
        _ change: [String: String] = [:], leaveOut: String = ""
      ) throws -> (code: Int, text: String, version: String?) {
        let connection = try RawConnection(port: server.port)
        defer { connection.close() }
        var headers = Self.asked.merging(change) { $1 }
        headers[leaveOut] = nil
        try connection.send("GET", path, headers: headers)
        let reply = try connection.reply()
        return (reply.code, reply.text, reply.header("Sec-WebSocket-Version"))
      }
      #expect(try refusal(["Sec-WebSocket-Protocol": "nonsense.example, binary.k8s.io"]) == (400, "", nil))
      #expect(try refusal(["Sec-WebSocket-Version": "8"]) == (400, "missing or bad WebSocket Version", "13"))
      #expect(try refusal(leaveOut: "Sec-WebSocket-Key") == (400, "mismatch challenge/response", nil))
      #expect(try refusal(leaveOut: "Origin") == (403, "", nil))
      // Options that are wrong are told before the protocol changes; without `Connection: Upgrade` it does not change.
      let (wrong, wrongCode, _) = try Self.open(server, "/api/v1/nodes?watch=true&resourceVersion=x")
      wrong.close()
      #expect(wrongCode != 101)
      let (plain, plainCode, _) = try Self.open(server, path, ["Connection": "keep-alive"])
      plain.close()
      #expect(plainCode == 200)
    }
  }

  @Test(arguments: [
    (["a, base64url.bearer.authorization.k8s.io.c2VjcmV0"], "secret"),
    (["base64url.bearer.authorization.k8s.io.c2VjcmV0", "a"], "secret"),
    (["a", "b"], nil), ([], nil), (["base64url.bearer.authorization.k8s.io., a"], nil),
  ])
  func `may bring a token as a subprotocol`(headers: [String], token: String?) throws {
    #expect(try WebSocketToken.find(in: headers) == token)
  }

  @Test(arguments: [
    ("base64url.bearer.authorization.k8s.io.c2VjcmV0", "missing additional subprotocol"),
    (
      "a, base64url.bearer.authorization.k8s.io.YQ, base64url.bearer.authorization.k8s.io.Yg",
      "multiple base64.bearer.authorization tokens specified"
    ),
    ("a, base64url.bearer.authorization.k8s.io.YQ==", "invalid base64.bearer.authorization token encoding"),
    ("a, base64url.bearer.authorization.k8s.io._w", "invalid base64.bearer.authorization token"),
  ])
  func `say what is wrong with such a token`(header: String, why: String) {
    #expect(throws: WebSocketToken.Fault(text: why)) { try WebSocketToken.find(in: [header]) }
  }
}
