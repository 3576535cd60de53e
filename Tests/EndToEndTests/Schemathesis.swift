import Foundation
import JSON
import TestSupport
import Testing

/// The published OpenAPI v3 documents, taken at their word: schemathesis makes requests from them and reads the answers
/// by them.
///
/// What it is told beyond the documents, and what it checks, is in `Tests/Schemathesis/hooks.py`; the server errors
/// that docs/internals/semantics.md demands are named there by their rules.
@Suite struct `schemathesis` {
  @Test func `no request made from the documents brings a server error or an answer that breaks its schema`()
    async throws
  {
    let daemon = try await Daemon.start(on: .sqlite)
    defer { daemon.stop() }
    let index = try JSONValue(
      parsing: #require(HTTPProbe.request(port: daemon.port, path: "/openapi/v3", timeoutSeconds: 10)).body)
    let documents = try #require(index["paths"]?.object?.members.map(\.name))
    #expect(documents.contains("api/v1"))
    for document in documents { try await run(document, daemon) }
  }

  private func run(_ document: String, _ daemon: Daemon) async throws {
    let url = daemon.url + "/openapi/v3/" + document
    let home = try TemporaryFolder()
    let seed = Tools.isFullRun ? String(UInt32.random(in: 0...UInt32.max)) : "1"
    let result = try await TestSupport.run(
      [
        // It keeps notes in the folder it is started in.
        "sh", "-c", "cd \"$HOME\" && exec \"$@\"", "sh",
        "python3", "-B", "-m", "schemathesis.cli", "run", url, "--url", daemon.url, "--no-color", "--warnings", "off",
        "--phases", "coverage,fuzzing",
        "--checks", "no_server_error,keeps_its_schema", "--continue-on-failure", "--max-examples",
        Tools.isFullRun ? "1000" : "20", "--seed", seed,
        "--suppress-health-check", "all", "--request-timeout", "20", "--generation-with-security-parameters", "false",
        "--generation-database", "none",
      ],
      environment: [
        "PYTHONPATH": try Tools.subfolder("schemathesis") + ":"
          + Repository.root.appending(path: "Tests/Schemathesis").path,
        "SCHEMATHESIS_HOOKS": "hooks", "HOME": home.path, "no_proxy": "127.0.0.1",
      ], within: .seconds(Tools.isFullRun ? 1_800 : 240))
    #expect(result.status == 0, "\(document): \(result.output)\n\(daemon.log.suffix(1_000))")

    // A run in which nothing succeeds would prove nothing.
    let parsed = try JSONValue(
      parsing: #require(HTTPProbe.request(port: daemon.port, path: "/openapi/v3/" + document, timeoutSeconds: 10)).body)
    for path in parsed["paths"]?.object?.members ?? [] {
      for method in path.value.object?.members.map(\.name) ?? [] where method != "parameters" {
        #expect(result.output.contains("answered well: \(method.uppercased()) \(path.name) ("), "\(document)")
      }
    }
  }
}
