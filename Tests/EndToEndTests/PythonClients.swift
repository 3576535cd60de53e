import Foundation
import TestSupport
import Testing

/// The Python clients as PyPI has them. Each script in `Tests/Clients` checks for itself, and says how many checks it
/// declares and made.
@Suite struct `Python clients` {
  static let clients = ["kubernetes", "kubernetes_asyncio", "lightkube", "kr8s"]

  @Test(arguments: clients, Door.allCases)
  func `a client library does its work unchanged`(client: String, door: Door) async throws {
    let script = Repository.root.appending(path: "Tests/Clients/with_\(client).py")
    let declaration = try #require(
      try String(contentsOf: script, encoding: .utf8).split(separator: "\n").first { $0.hasPrefix("CHECKS = ") })
    let declared = try #require(Int(declaration.dropFirst("CHECKS = ".count)))
    #expect(declared > 20)
    let home = try TemporaryFolder()
    let (daemon, address) = try await door.open(on: .sqlite, certificates: home.file("certificates"))
    defer { daemon.stop() }
    let result = try await run(
      ["python3", "-B", script.path, "--server", address]
        + (door == .secure ? ["--certificates", home.file("certificates")] : []),
      environment: [
        "PYTHONPATH": try Tools.subfolder("python-clients"), "HOME": home.path, "KUBECONFIG": home.file("none"),
        "no_proxy": "127.0.0.1",
      ], within: .seconds(120))
    #expect(result.status == 0, "\(result.output)\n\(daemon.log.suffix(2_000))")
    #expect(result.output.hasSuffix("\(declared) checks passed\n"), "\(result.output)")
  }

  @Test func `every kind that is stored is made, watched and deleted by every library`() async throws {
    let home = try TemporaryFolder()
    let (daemon, address) = try await Door.plain.open(
      on: .sqlite, certificates: home.file("certificates"), arguments: ["--controllers=*"])
    defer { daemon.stop() }
    let result = try await run(
      ["python3", "-B", Repository.root.appending(path: "Tests/Clients/every_kind.py").path, "--server", address],
      environment: [
        "PYTHONPATH": try Tools.subfolder("python-clients"), "HOME": home.path, "KUBECONFIG": home.file("none"),
        "no_proxy": "127.0.0.1",
      ], within: .seconds(120))
    #expect(result.status == 0, "\(result.output)\n\(daemon.log.suffix(2_000))")
    #expect(result.output.contains(" kinds\n") && result.output.hasSuffix(" checks passed\n"), "\(result.output)")
  }
}
