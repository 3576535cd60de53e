import Foundation
import TestSupport
import Testing

/// Conversations recorded from kube-apiserver 1.36, replayed against the real daemon on every backend.
@Suite struct `Conformance` {
  static let suites = ["crud", "status", "delete", "list", "watch", "patch", "table", "errors", "discovery", "apply"]

  @Test(arguments: Backend.all, suites + ["derived"])
  func `every recorded conversation of a suite matches`(on backend: Backend, suite: String) async throws {
    let daemon = try await Daemon.start(on: backend)
    defer { daemon.stop() }
    let replay = Repository.root.appending(path: "Tests/Conformance/replay.py").path
    let folder = Repository.root.appending(path: "Tests/Conformance/\(suite == "derived" ? "derived" : "cases")").path
    let result = try await run(
      ["python3", replay, "--server", daemon.url, "--only", "\(suite)/*", "-v", folder], within: .seconds(240))
    #expect(result.status == 0, "\(result.output)")
    #expect(result.output.contains(" passed, 0 failed"))
  }

  /// Over HTTPS: reviews quote the caller, and plain HTTP refuses a WebSocket of a foreign origin.
  @Test(arguments: [Backend.sqlite, .etcd34])
  func `what public reports brought up matches`(on backend: Backend) async throws {
    let folder = try TemporaryFolder()
    let tokens = folder.file("tokens.csv")
    try "secret-token,admin,admin-uid,system:masters\n".write(toFile: tokens, atomically: true, encoding: .utf8)
    let port = try Ports.free()
    let daemon = try await Daemon.start(
      on: backend,
      arguments: ["--secure-port", String(port), "--cert-dir", folder.file("certs"), "--token-auth-file", tokens])
    defer { daemon.stop() }
    let tests = Repository.root.appending(path: "Tests/Conformance")
    let command = [
      "python3", tests.appending(path: "replay.py").path, "--server", "https://127.0.0.1:\(port)", "--token",
      "secret-token",
      "--only", "reports/*", "-v", tests.appending(path: "cases").path,
    ]
    let result = try await run(command, within: .seconds(240))
    #expect(result.status == 0 && result.output.contains(" passed, 0 failed"), "\(result.output)")
  }
}
