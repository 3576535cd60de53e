import Foundation
import JSON
import TestSupport
import Testing

/// The published OpenAPI v3 documents, taken at their word: schemathesis makes requests from them and reads the answers
/// by them.
///
/// What it is told beyond the documents, and what it checks, is in `Tests/Schemathesis/hooks.py`; the server errors
/// that docs/internals/semantics.md demands are named there by their rules.
///
/// All kinds go through the same code, so a plain run takes two of those that are stored, `sampled`: one of the cluster
/// and one of namespaces, with the discovery of their groups, beside all reviews. `scripts/test --full` takes every
/// operation of every document. Each operation that was taken must have been answered well at least once.
@Suite struct `schemathesis` {
  /// The stored kinds of a plain run.
  private static let sampled: Set<String> = ["Node", "Lease"]

  @Test func `no request made from the documents brings a server error or an answer that breaks its schema`()
    async throws
  {
    let daemon = try await Daemon.start(on: .sqlite)
    defer { daemon.stop() }
    let index = try JSONValue(
      parsing: #require(HTTPProbe.request(port: daemon.port, path: "/openapi/v3", timeoutSeconds: 10)).body)
    let documents = try #require(index["paths"]?.object?.members.map(\.name))
    #expect(documents.contains("api/v1"))
    var kinds: Set<String> = []
    for document in documents { kinds.formUnion(try await run(document, daemon)) }
    #expect(kinds.isSuperset(of: Self.sampled))
  }

  /// One path of a document.
  private struct Path {
    let name: String
    let operations: [(method: String, operation: JSONValue)]

    init(_ member: JSONObject.Member) {
      name = member.name
      operations =
        member.value.object?.members.filter { $0.name != "parameters" }
        .map { (method: $0.name.uppercased(), operation: $0.value) } ?? []
    }

    /// The kind that it is about; nil for discovery.
    var kind: String? {
      operations.lazy.compactMap { $0.operation["x-kubernetes-group-version-kind"]?["kind"]?.string }.first
    }

    /// Can an object be read here? Reviews are only asked.
    var isStored: Bool { operations.contains { $0.operation["x-kubernetes-action"]?.string == "get" } }
  }

  /// The paths of a document that this run is about.
  private static func selected(_ document: JSONValue) -> [Path] {
    let paths = (document["paths"]?.object?.members ?? []).map(Path.init)
    let stored = Set<String>(paths.filter(\.isStored).compactMap(\.kind))
    if Tools.isFullRun || stored.isEmpty { return paths }
    // What is posted to a kind that is left out is left out with it.
    let taken = paths.filter { path in path.kind.map { sampled.contains($0) } ?? true }
    return taken.contains { $0.kind != nil } ? taken : []
  }

  /// Gives the kinds that were asked about.
  private func run(_ document: String, _ daemon: Daemon) async throws -> Set<String> {
    let parsed = try JSONValue(
      parsing: #require(HTTPProbe.request(port: daemon.port, path: "/openapi/v3/" + document, timeoutSeconds: 10)).body)
    let paths = Self.selected(parsed)
    if paths.isEmpty { return [] }
    let pattern = "^(" + paths.map { NSRegularExpression.escapedPattern(for: $0.name) }.joined(separator: "|") + ")$"
    let url = daemon.url + "/openapi/v3/" + document
    let home = try TemporaryFolder()
    let seed = Tools.isFullRun ? String(UInt32.random(in: 0...UInt32.max)) : "1"
    let result = try await TestSupport.run(
      [
        // It keeps notes in the folder it is started in.
        "sh", "-c", "cd \"$HOME\" && exec \"$@\"", "sh",
        "python3", "-B", "-m", "schemathesis.cli", "run", url, "--url", daemon.url, "--no-color", "--warnings", "off",
        "--include-path-regex", pattern, "--phases", "coverage,fuzzing",
        "--checks", "no_server_error,keeps_its_schema", "--continue-on-failure", "--max-examples",
        Tools.isFullRun ? "1000" : "20", "--seed", seed,
        "--suppress-health-check", "all", "--request-timeout", "20", "--generation-with-security-parameters", "false",
        "--generation-database", "none",
      ],
      environment: [
        "PYTHONPATH": try Tools.subfolder("schemathesis") + ":"
          + Repository.root.appending(path: "Tests/Schemathesis").path,
        "SCHEMATHESIS_HOOKS": "hooks", "HOME": home.path, "no_proxy": "127.0.0.1",
      ], within: .seconds(Tools.isFullRun ? 5_400 : 240))
    #expect(result.status == 0, "\(document): \(result.output)\n\(daemon.log.suffix(1_000))")

    // A run in which nothing succeeds would prove nothing.
    for path in paths {
      for (method, _) in path.operations {
        let isAnswered = result.output.contains("answered well: \(method) \(path.name) (")
        #expect(isAnswered, "\(document): \(method) \(path.name)")
      }
    }
    return Set<String>(paths.compactMap(\.kind))
  }
}
