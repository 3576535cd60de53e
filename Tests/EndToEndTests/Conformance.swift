import Foundation
import TestSupport
import Testing

/// Conversations recorded from kube-apiserver 1.36, replayed against the real daemon on every backend: all of them on
/// SQLite, and in a full run on the others too, which else show ten of each suite. (What a storage promises is held by
/// the contract in StorageTests.)
@Suite struct `Conformance` {
  static let suites = ["crud", "status", "delete", "list", "watch", "patch", "table", "errors", "discovery", "apply"]
  /// The kinds that are served, by the files in `cases/builtin`.
  static let kinds = ["namespaced"] + Corpus.builtin
  static let folder = Repository.root.appending(path: "Tests/Conformance")

  @Test(arguments: Backend.all)
  func `every recorded conversation matches`(on backend: Backend) async throws {
    // The network that services were recorded with.
    let daemon = try await Daemon.start(on: backend, arguments: ["--service-cluster-ip-range=10.96.0.0/16"])
    defer { daemon.stop() }
    try await Self.replay(
      suites: Self.suites + Self.kinds + ["derived"], isWhole: backend == .sqlite || Tools.isFullRun,
      ["--server", daemon.url])
  }

  /// One suite after another, as conversations begin by removing what others have left. `isWhole`: all of each suite,
  /// else ten.
  static func replay(
    _ client: String = "replay.py", suites: [String], isWhole: Bool, _ arguments: [String]
  ) async throws {
    let names = try conversations(of: suites, atMost: isWhole ? .max : 10)
    let result = try await run(
      ["python3", folder.appending(path: client).path, "-v"] + arguments + names.flatMap { ["--only", $0] }
        + [folder.appending(path: "cases").path, folder.appending(path: "derived").path],
      within: .seconds(isWhole ? 600 : 240))
    let last = result.output.split(separator: "\n").last ?? ""
    #expect(result.status == 0 && last == "\(names.count) passed, 0 failed", "\(result.output)")
  }

  /// Their names, spread over each suite.
  private static func conversations(of suites: [String], atMost count: Int) throws -> [String] {
    let files = try ["cases", "cases/builtin", "derived"].flatMap { part in
      let place = folder.appending(path: part)
      return try FileManager.default.contentsOfDirectory(atPath: place.path).filter { $0.hasSuffix(".json") }.sorted()
        .map { place.appending(path: $0) }
    }
    let names = try files.flatMap { try Conversation.read($0) }.filter { !Corpus.isAwaiting($0) }.map(\.name)
    return suites.flatMap { suite in
      let all = names.filter { $0.hasPrefix(suite + "/") }
      if all.isEmpty { Issue.record("no conversations of \(suite)") }
      let kept = min(all.count, count)
      return (0..<kept).map { all[$0 * all.count / kept] }
    }
  }

  /// Over HTTPS: reviews quote the caller, and plain HTTP refuses a WebSocket of a foreign origin.
  @Test(arguments: [Backend.sqlite, .etcd34])
  func `what public reports brought up, and what quotes the caller, matches`(on backend: Backend) async throws {
    let quoting = Corpus.ofCallers.map { Self.folder.appending(path: "cases/builtin/\($0).json").path }
    let result = try await Self.replay(
      asAdministratorOn: backend,
      (["reports"] + Corpus.ofCallers).flatMap { ["--only", "\($0)/*"] }
        + [Self.folder.appending(path: "cases").path] + quoting)
    #expect(result.status == 0 && result.output.contains(" passed, 0 failed"), "\(result.output)")
  }

  /// Who may do what by their roles, asked over HTTPS with a token and by impersonation.
  @Test(arguments: [Backend.sqlite, .etcd34])
  func `what roles allow matches`(on backend: Backend) async throws {
    let files = [
      "aggregation", "bootstrap", "decisions", "escalation", "requests", "reviews", "serviceaccounts", "validation",
    ].map { Self.folder.appending(path: "cases/access/\($0).json") }
    let names = try files.flatMap { try Conversation.read($0) }.map(\.name).filter { Corpus.awaiting[$0] == nil }
    let result = try await Self.replay(
      asAdministratorOn: backend, names.flatMap { ["--only", $0] } + files.map(\.path),
      flags: ["--authorization-mode=Node,RBAC", "--controllers=clusterrole-aggregation-controller"])
    let last = result.output.split(separator: "\n").last ?? ""
    #expect(result.status == 0 && last == "\(names.count) passed, 0 failed", "\(result.output)")
  }

  /// Replays what `selection` says over HTTPS, with the token of somebody of system:masters. `flags`: the daemon's,
  /// beyond those of HTTPS.
  private static func replay(
    asAdministratorOn backend: Backend, _ selection: [String], flags: [String] = []
  ) async throws -> (status: Int32, output: String) {
    let folder = try TemporaryFolder()
    let tokens = folder.file("tokens.csv")
    try "secret-token,admin,admin-uid,system:masters\n".write(toFile: tokens, atomically: true, encoding: .utf8)
    let port = try Ports.free()
    let daemon = try await Daemon.start(
      on: backend,
      arguments: ["--secure-port", String(port), "--cert-dir", folder.file("certs"), "--token-auth-file", tokens]
        + flags)
    defer { daemon.stop() }
    let result = try await run(
      [
        "python3", Self.folder.appending(path: "replay.py").path, "--server", "https://127.0.0.1:\(port)", "--token",
        "secret-token", "-v",
      ] + selection, within: .seconds(240))
    return (result.status, result.output)
  }
}
