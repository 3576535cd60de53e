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
    let result = try await run(["python3", replay, "--server", daemon.url, "--only", "\(suite)/*", "-v", folder], within: .seconds(240))
    #expect(result.status == 0, "\(result.output)")
    #expect(result.output.contains(" passed, 0 failed"))
  }
}
