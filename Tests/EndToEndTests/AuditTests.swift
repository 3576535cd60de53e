import ByteBuffers
import Foundation
import JSON
import LoadClient
import TestSupport
import Testing

/// What is kept of requests, by file and by webhook.
@Suite struct `Audit of a daemon` {
  private static let policy = """
    apiVersion: audit.k8s.io/v1
    kind: Policy
    rules:
    - {level: None, nonResourceURLs: ["/livez*", "/readyz*", "/healthz*", "/version"]}
    - {level: RequestResponse, verbs: [create, patch], resources: [{group: "", resources: [nodes, "nodes/*"]}]}
    - {level: Request, resources: [{group: authentication.k8s.io}], omitStages: [RequestReceived]}
    - {level: Metadata}
    """

  @Test
  func
    `each request is told by who, what and how it ended, at the level that the policy says, to a file and a webhook`()
    async throws
  {
    let webhook = try await TestWebhook.start()
    defer { webhook.process.signal(SIGKILL) }
    let folder = webhook.folder
    try Self.policy.write(toFile: folder.file("policy.yaml"), atomically: true, encoding: .utf8)
    try "alice-token,alice,1,\"system:masters\"\nbob-token,bob,2\n".write(
      toFile: folder.file("tokens.csv"), atomically: true, encoding: .utf8)
    try
      #"{"apiVersion":"abac.authorization.kubernetes.io/v1beta1","kind":"Policy","spec":{"user":"bob","resource":"nodes","readonly":true}}"#
      .write(toFile: folder.file("abac.jsonl"), atomically: true, encoding: .utf8)
    let port = try Ports.free()
    let daemon = try await Daemon.start(
      on: .sqlite,
      arguments: [
        "--secure-port", String(port), "--cert-dir", folder.file("certs"), "--token-auth-file",
        folder.file("tokens.csv"), "--anonymous-auth=false",
        "--authorization-mode", "ABAC", "--authorization-policy-file", folder.file("abac.jsonl"), "--audit-policy-file",
        folder.file("policy.yaml"),
        "--audit-log-path", folder.file("audit.log"), "--audit-webhook-config-file", folder.file("names.yaml"),
        "--audit-webhook-batch-max-wait", "200ms",
        "--audit-webhook-initial-backoff", "100ms",
      ])
    defer { daemon.stop() }
    @discardableResult func call(
      _ id: String, _ path: String, _ token: String, _ more: String...
    ) async throws -> String {
      try await run(
        [
          "curl", "-sS", "--max-time", "20", "--cacert", folder.file("certs/ca.crt"), "-A", "auditor", "-H",
          "Audit-Id: \(id)", "-H", "Authorization: Bearer \(token)",
          "https://127.0.0.1:\(port)\(path)",
        ] + more
      ).output
    }
    let json = ["-H", "Content-Type: application/json", "-d"]
    _ = try await run([
      "curl", "-sS", "--cacert", folder.file("certs/ca.crt"), "https://127.0.0.1:\(port)/version", "-H",
      "Authorization: Bearer alice-token",
    ])
    try await call(
      "create", "/api/v1/nodes", "alice-token", json[0], json[1], "-d",
      #"{"kind":"Node","apiVersion":"v1","metadata":{"name":"a"}}"#)
    try await call(
      "yaml", "/api/v1/nodes", "alice-token", json[0], json[1], "-H", "Accept: application/yaml", "-d",
      #"{"kind":"Node","apiVersion":"v1","metadata":{"generateName":"b-"}}"#)
    try await call(
      "patch", "/api/v1/nodes/a/status", "alice-token", "-X", "PATCH", "-H",
      "Content-Type: application/merge-patch+json", "-d", "{\"status\":\n {\"phase\":\"Running\"}}")
    try await call(
      "list", "/api/v1/nodes?limit=5", "bob-token", "-H", "X-Forwarded-For: 10.1.2.3, nonsense", "-H", "X-Real-Ip: ::1")
    try await call("denied", "/api/v1/nodes/a", "bob-token", "-X", "DELETE")
    try await call("delete", "/api/v1/nodes/a", "alice-token", "-X", "DELETE")
    try await call("missing", "/api/v1/nodes/a", "alice-token")
    try await call("stranger", "/api/v1/nodes", "wrong-token")
    try await call("other", "/api/v1/nodes", "alice-token", "-H", "Impersonate-User: bob")
    try await call("watch", "/api/v1/nodes?watch=1&timeoutSeconds=1", "bob-token")
    try await call(
      "token", "/apis/authentication.k8s.io/v1/tokenreviews", "alice-token", json[0], json[1], "-d",
      #"{"kind":"TokenReview","apiVersion":"authentication.k8s.io/v1","spec":{"token":"bob-token"}}"#)
    // Plain HTTP is somebody too.
    _ = try await run(["curl", "-sS", "-H", "Audit-Id: plain", "\(daemon.url)/api/v1/nodes/zz"])

    func events() throws -> [JSONValue] {
      try String(contentsOfFile: folder.file("audit.log"), encoding: .utf8).split(separator: "\n").map {
        try JSONValue(parsing: String($0))
      }
    }
    try await eventually("all events", within: .seconds(20)) {
      try events().contains { $0["auditID"] == "plain" && $0["stage"] == "ResponseComplete" }
    }
    let all = try events()
    func event(_ id: String, _ stage: String = "ResponseComplete") throws -> JSONValue {
      let found = all.filter { $0["auditID"]?.string == id && $0["stage"]?.string == stage }
      #expect(found.count == 1, "\(id) \(stage)")
      return try #require(found.first)
    }
    func stages(_ id: String) -> [String] {
      all.filter { $0["auditID"]?.string == id }.compactMap { $0["stage"]?.string }
    }

    #expect(!all.contains { $0["requestURI"] == "/version" })
    let created = try event("create")
    #expect(
      stages("create") == ["RequestReceived", "ResponseComplete"] && created["level"] == "RequestResponse"
        && created["verb"] == "create")
    #expect(
      created["user"]?["username"] == "alice" && created["userAgent"] == "auditor"
        && created["sourceIPs"] == ["127.0.0.1"])
    #expect(created["objectRef"] == ["resource": "nodes", "name": "a", "apiVersion": "v1"])
    #expect(created["responseStatus"] == ["metadata": [:], "code": 201])
    #expect(created["requestObject"]?["metadata"]?["name"] == "a" && created["requestObject"]?["kind"] == "Node")
    #expect(
      created["responseObject"]?["metadata"]?["uid"]?.string?.isEmpty == false
        && created["annotations"]?["authorization.k8s.io/decision"] == "allow")
    #expect(try event("yaml")["responseObject"]?["metadata"]?["name"]?.string?.hasPrefix("b-") == true)
    let patched = try event("patch")
    #expect(
      patched["requestObject"] == ["status": ["phase": "Running"]] && patched["objectRef"]?["subresource"] == "status"
        && patched["responseObject"]?["status"]?["phase"] == "Running")
    let listed = try event("list")
    #expect(
      listed["level"] == "Metadata" && listed["verb"] == "list" && listed["requestURI"] == "/api/v1/nodes?limit=5"
        && listed["responseObject"] == nil)
    #expect(listed["sourceIPs"] == ["10.1.2.3", "::1", "127.0.0.1"])
    let denied = try event("denied")
    #expect(
      denied["responseStatus"]?["code"] == 403 && denied["responseStatus"]?["reason"] == "Forbidden"
        && denied["annotations"]?["authorization.k8s.io/decision"] == "forbid")
    #expect(try event("delete")["responseStatus"]?["status"] == "Success")
    #expect(try event("missing")["responseStatus"]?["message"] == #"nodes "a" not found"#)
    #expect(stages("stranger") == ["ResponseStarted"])
    let stranger = try event("stranger", "ResponseStarted")
    #expect(stranger["user"] == [:] && stranger["responseStatus"]?["code"] == 401 && stranger["annotations"] == nil)
    let other = try event("other")
    #expect(other["user"]?["username"] == "alice" && other["impersonatedUser"]?["username"] == "bob")
    #expect(stages("watch") == ["RequestReceived", "ResponseStarted", "ResponseComplete"])
    #expect(stages("token") == ["ResponseComplete"])
    #expect(try event("plain")["user"]?["username"] == "system:unsecured")
    // What is secret is in no event; the headers that brought it neither.
    let text = try String(contentsOfFile: folder.file("audit.log"), encoding: .utf8)
    #expect(!text.contains("bob-token") && !text.contains("alice-token") && !text.contains("wrong-token"))

    // The webhook is sent the same, also what it missed while it was away for a while.
    func delivered() throws -> [JSONValue] {
      try webhook.reviews.filter { $0.contains("EventList") }.flatMap {
        try JSONValue(parsing: $0)["items"]?.array ?? []
      }
    }
    try await eventually("the same at the webhook", within: .seconds(20)) { try delivered().count >= all.count }
    #expect(Set(try delivered().map { $0.encoded().text }) == Set(all.map { $0.encoded().text }))
    _ = FileManager.default.createFile(atPath: folder.file("\(webhook.port).down"), contents: nil)
    try await call("down", "/api/v1/nodes", "bob-token")
    try await Task.sleep(for: .milliseconds(300))
    try FileManager.default.removeItem(atPath: folder.file("\(webhook.port).down"))
    try await eventually("what it missed", within: .seconds(20)) {
      try delivered().contains { $0["auditID"] == "down" }
    }

    let metrics = try await run(["curl", "-sS", "\(daemon.url)/metrics"]).output
    #expect(
      metrics.contains(#"apiserver_audit_error_total{plugin="log"} 0"#)
        && metrics.contains(#"apiserver_audit_level_total{level="RequestResponse"} 3"#))
  }

  @Test func `what is refused before a handler sees it is told as well, and what can't be read is in the log`()
    async throws
  {
    let folder = try TemporaryFolder()
    try "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: Metadata}]".write(
      toFile: folder.file("policy.yaml"), atomically: true, encoding: .utf8)
    try "alice-token,alice,1,\"system:masters\"\nbob-token,bob,2\n".write(
      toFile: folder.file("tokens.csv"),
      atomically: true, encoding: .utf8)
    try Data(repeating: 0x61, count: 4 << 20).write(to: URL(filePath: folder.file("body")))
    let port = try Ports.free()
    let daemon = try await Daemon.start(
      on: .sqlite,
      arguments: [
        "--secure-port", String(port), "--cert-dir", folder.file("certs"), "--token-auth-file",
        folder.file("tokens.csv"), "--authorization-mode", "Node",
        "--audit-policy-file", folder.file("policy.yaml"), "--audit-log-path", folder.file("audit.log"),
      ])
    defer { daemon.stop() }
    func call(_ id: String, _ path: String, _ token: String, _ more: String...) async throws -> String {
      try await run(
        [
          "curl", "-sS", "--max-time", "20", "--cacert", folder.file("certs/ca.crt"), "-H",
          "Audit-Id: \(id)", "-H", "Authorization: Bearer \(token)", "-w", " %{http_code}",
          "https://127.0.0.1:\(port)\(path)",
        ] + more
      ).output
    }
    let upload = ["--data-binary", "@" + folder.file("body"), "-H"]
    for (id, http) in [("one", "--http1.1"), ("two", "--http2")] {
      // The body is read last: who may not, what is not there and what is not understood come first.
      for (name, path, token, type, code, words) in [
        (
          "large", "/api/v1/nodes", "alice-token", "application/json", 413,
          "Request entity too large: limit is 3145728"
        ),
        ("stranger", "/api/v1/nodes", "wrong", "application/json", 401, "Unauthorized"),
        ("denied", "/api/v1/nodes", "bob-token", "application/json", 403, "nodes is forbidden"),
        ("absent", "/api/v1/nothing", "alice-token", "application/json", 404, "could not find"),
        ("type", "/api/v1/nodes", "alice-token", "text/plain", 415, "the body of the request was in an unknown format"),
      ] as [(String, String, String, String, Int, String)] {
        let answer = try await call(
          "\(name)-\(id)", path, token, upload[0], upload[1], upload[2],
          "Content-Type: \(type)", http)
        #expect(answer.hasSuffix(" \(code)") && answer.contains(words), "\(name) \(http): \(answer)")
      }
      let fields = folder.file("fields")
      try (["Audit-Id: fields-\(id)"] + (0..<2_100).map { "X-\($0): y" }).joined(separator: "\n").write(
        toFile: fields,
        atomically: true, encoding: .utf8)
      let many = try await run([
        "curl", "-sS", http, "--cacert", folder.file("certs/ca.crt"), "-H", "@" + fields, "-w",
        " %{http_code}", "https://127.0.0.1:\(port)/api/v1/nodes/many",
      ]).output
      #expect(many.hasSuffix(" 431"), "\(many.suffix(200))")
      #expect(try await call("timeout-\(id)", "/api/v1/nodes?timeout=soon", "alice-token", http).hasSuffix(" 400"))
    }
    let chunks = try await blocking {
      let client = try Client(port: daemon.port, patience: 10)
      try client.send(
        Array(
          "POST /api/v1/nodes HTTP/1.1\r\nHost: x\r\nAudit-Id: chunks\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n".utf8
        ))
      let status = try client.receiveHead().status
      let noise = try Client(port: daemon.port, patience: 10)
      try noise.send(Array("noise\r\n\r\n".utf8))
      _ = try? noise.receiveHead()
      return status
    }
    #expect(chunks == 400)

    func events() throws -> [JSONValue] {
      try String(
        contentsOfFile: folder.file("audit.log"),
        encoding: .utf8
      ).split(separator: "\n").map { try JSONValue(parsing: String($0)) }
    }
    func last(_ id: String) throws -> JSONValue? {
      try events().last { $0["auditID"]?.string == id && $0["stage"] != "RequestReceived" }
    }
    try await eventually("the last event") { try last("chunks") != nil }
    for id in ["one", "two"] {
      for (name, code, user, stage) in [
        ("large", 413, "alice", "ResponseComplete"), ("stranger", 401, nil, "ResponseStarted"),
        ("denied", 403, "bob", "ResponseComplete"), ("absent", 404, "alice", "ResponseComplete"),
        ("type", 415, "alice", "ResponseComplete"), ("fields", 431, nil, "ResponseStarted"),
        ("timeout", 400, nil, "ResponseStarted"),
      ] as [(String, Int64, String?, String)] {
        let event = try #require(try last("\(name)-\(id)"), "\(name)-\(id)")
        #expect(
          event["responseStatus"]?["code"]?.int == code && event["user"]?["username"]?.string == user
            && event["stage"]?.string == stage, "\(event)")
        #expect(
          event["requestURI"]?.string?.hasPrefix("/api/v1/n") == true && event["sourceIPs"] == ["127.0.0.1"],
          "\(event)")
      }
    }
    let broken = try #require(try last("chunks"))
    #expect(
      broken["user"]?["username"] == "system:unsecured" && broken["responseStatus"]?["code"] == 400
        && broken["verb"] == "create", "\(broken)")
    #expect(
      daemon.log.contains("request refused") && daemon.log.contains("srcIP=\"127.0.0.1\""),
      "\(daemon.log.suffix(500))")
  }

  @Test(arguments: [
    (["--audit-log-path", "FILE"], "", "of no use without --audit-policy-file"),
    (["--audit-policy-file", "FILE"], Self.policy, "of no use without --audit-log-path"),
    (["--audit-policy-file", "FILE", "--audit-log-path", "-"], "kind: Policy", "it must be Policy of audit.k8s.io/v1"),
    (
      ["--audit-policy-file", "FILE", "--audit-log-path", "-"], "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: []",
      "loaded illegal policy with 0 rules"
    ),
    (
      ["--audit-policy-file", "FILE", "--audit-log-path", "-", "--audit-log-mode", "blocking"], Self.policy,
      "--audit-log-mode"
    ),
    (
      [
        "--audit-policy-file", "FILE", "--audit-log-path", "-", "--audit-log-truncate-enabled",
        "--audit-log-truncate-max-event-size=0",
      ], Self.policy, "max-event-size: 0 is too small"
    ),
    (
      [
        "--audit-policy-file", "FILE", "--audit-log-path", "-", "--audit-log-truncate-enabled=true",
        "--audit-log-truncate-max-batch-size=9",
      ], Self.policy, "max-batch-size: 9 is too small"
    ),
    (
      ["--audit-policy-file", "FILE", "--audit-log-path", "-", "--audit-log-maxsize", "0"], Self.policy,
      "--audit-log-maxsize: 0 is too small"
    ),
  ])
  func `settings that can't be used stop the start with one line`(
    arguments: [String], file: String, words: String
  ) async throws {
    let folder = try TemporaryFolder()
    try file.write(toFile: folder.file("policy.yaml"), atomically: true, encoding: .utf8)
    let result = try await run(
      [Daemon.program, "check-config"] + arguments.map { $0 == "FILE" ? folder.file("policy.yaml") : $0 })
    #expect(
      result.status != 0 && result.output.split(separator: "\n").count == 1 && result.output.contains(words),
      "\(result.output)")
  }
}
