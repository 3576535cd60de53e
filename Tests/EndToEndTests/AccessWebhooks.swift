import Foundation
import JSON
import TestSupport
import Testing

/// Webhooks that say who a request is by and what it may do: a real one over TLS, which asks for a client certificate.
@Suite struct `Access webhooks` {
  @Test func `tokens and decisions are asked for once and remembered, and nobody comes in while the webhook is down`()
    async throws
  {
    let bench = try await TestWebhook.start()
    defer { bench.process.signal(SIGKILL) }
    let port = try Ports.free()
    let daemon = try await Daemon.start(
      on: .sqlite,
      arguments: [
        "--secure-port", String(port), "--cert-dir", bench.folder.file("certs"),
        "--authentication-token-webhook-config-file", bench.folder.file("names.yaml"),
        "--authentication-token-webhook-version", "v1", "--authorization-mode", "Webhook",
        "--authorization-webhook-config-file", bench.folder.file("data.yaml"),
        "--authorization-webhook-version", "v1", "--authorization-webhook-cache-unauthorized-ttl", "1s",
      ])
    defer { daemon.stop() }
    func call(_ path: String, _ token: String) async throws -> (code: Int, body: String) {
      let output = try await run(
        [
          "curl", "-sS", "--cacert", bench.folder.file("certs/ca.crt"), "-w", "\n%{http_code}", "-H",
          "Authorization: Bearer \(token)", "https://127.0.0.1:\(port)\(path)",
        ]).output
      let lines = output.split(separator: "\n", omittingEmptySubsequences: false)
      return (Int(lines.last ?? "") ?? 0, lines.dropLast().joined(separator: "\n"))
    }
    for _ in 0..<3 { #expect(try await call("/api/v1/nodes", "good-token").code == 200) }
    #expect(bench.reviews.count { $0.contains("TokenReview") && $0.contains("good-token") } == 1)
    let asked = bench.reviews.filter { $0.contains("SubjectAccessReview") }
    #expect(asked.count == 1)
    let spec = try JSONValue(parsing: asked[0])["spec"]
    #expect(
      spec == [
        "resourceAttributes": ["verb": "list", "version": "v1", "resource": "nodes"], "user": "good",
        "groups": ["hooked", "system:authenticated"], "extra": ["from": ["webhook"]], "uid": "7",
      ], "\(asked)")
    let denied = try await call("/api/v1/nodes/a", "bad-token")
    #expect(denied.code == 403 && denied.body.contains("bad is bad"), "\(denied.body)")
    #expect(try await call("/version", "other-token").code == 403)
    #expect(try await call("/version", "nonsense").code == 401)

    _ = FileManager.default.createFile(atPath: bench.folder.file("\(bench.port).down"), contents: nil)
    // What is remembered holds; what is not is refused, and so is whoever is not known yet.
    #expect(try await call("/api/v1/nodes", "good-token").code == 200)
    let unknown = try await call("/api/v1/nodes/another", "good-token")
    #expect(unknown.code == 500 && unknown.body.contains("the webhook answered 503"), "\(unknown.body)")
    #expect(try await call("/api/v1/nodes", "new-token").code == 401)
    try FileManager.default.removeItem(atPath: bench.folder.file("\(bench.port).down"))
    #expect(try await call("/api/v1/nodes/another", "good-token").code == 404)
  }

  @Test(arguments: [
    (["--authorization-mode", "Webhook"], "", "needs --authorization-webhook-config-file"),
    (
      ["--authorization-webhook-config-file", "FILE"], "clusters: [{name: a, cluster: {server: 'https://a'}}]",
      "of no use without --authorization-mode Webhook"
    ),
    (
      ["--authorization-mode", "Webhook", "--authorization-webhook-config-file", "FILE"],
      "clusters: [{name: a, cluster: {server: a.example}}]", "server must be a URL"
    ),
    (
      ["--authentication-token-webhook-config-file", "FILE"], "current-context: x",
      "contexts: there is none named \"x\""
    ),
    (
      ["--authentication-token-webhook-config-file", "FILE"],
      "clusters: [{name: a, cluster: {server: 'https://a', certificate-authority: /nowhere}}]",
      "certificate-authority: can't read /nowhere"
    ),
    (
      ["--authentication-token-webhook-config-file", "FILE"],
      "clusters: [{name: a, cluster: {server: 'https://a', insecure-skip-tls-verify: true}}]",
      "insecure-skip-tls-verify is not served"
    ),
    (
      ["--authentication-token-webhook-config-file", "FILE"],
      "clusters: [{name: a, cluster: {server: 'https://a', server: 'https://b'}}]", "key \"server\" already set in map"
    ),
    (
      ["--authentication-token-webhook-config-file", "FILE"],
      "clusters: [{name: a, cluster: {server: 'https://a'}}]\n---\ncurrent-context: b", "line 3: more than one document"
    ),
  ])
  func `settings that can't be used stop the start with one line`(
    arguments: [String], file: String, words: String
  ) async throws {
    let folder = try TemporaryFolder()
    try file.write(toFile: folder.file("hook.yaml"), atomically: true, encoding: .utf8)
    let result = try await run(
      [Daemon.program, "check-config", "--secure-port", "6444"]
        + arguments.map { $0 == "FILE" ? folder.file("hook.yaml") : $0 })
    #expect(
      result.status != 0 && result.output.split(separator: "\n").count == 1 && result.output.contains(words),
      "\(result.output)")
  }
}
