import Foundation
import TestSupport
import Testing

/// Every kubectl at hand, old and new, through the pages of `Tests/Kubectl`: each command prints what it prints with a
/// kube-apiserver of 1.36.
@Suite struct `kubectl` {
  static let pages = Repository.root.appending(path: "Tests/Kubectl")

  /// 1.20 and 1.27 learn of types from OpenAPI v2 in protobuf, the others from v3; from 1.32 on typed commands send
  /// protobuf. Every version, over HTTP/1.1 or over TLS and so HTTP/2, and the newest once more over etcd.
  static let benches: [(String, Backend, Door)] = [
    ("1.20", .sqlite, .plain), ("1.27", .sqlite, .secure), ("1.37", .etcd35, .secure), ("1.36", .sqlite, .secure),
    ("1.31", .sqlite, .secure), ("1.37", .sqlite, .plain),
  ]

  @Test(arguments: benches)
  func `prints and changes what it should, command by command`(
    version: String, backend: Backend, door: Door
  ) async throws {
    let minor = try #require(Int(version.dropFirst(2)))
    let files = try FileManager.default.contentsOfDirectory(atPath: Self.pages.path).filter { $0.hasSuffix(".md") }
      .sorted()
    let transcripts = try files.map { try Transcript(path: Self.pages.appending(path: $0).path) }
    let home = try TemporaryFolder()
    let (daemon, address) = try await door.open(on: backend, certificates: home.file("certificates"))
    defer { daemon.stop() }
    let environment = [
      "PATH":
        "\((try Tools.path("kubectl-\(version)/kubectl") as NSString).deletingLastPathComponent):\(ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin")",
      "HOME": home.path, "KUBECONFIG": home.file("config"), "SERVER": address,
      "CERTIFICATES": door == .secure ? home.file("certificates") : "",
      "BASH_ENV": Self.pages.appending(path: "functions.sh").path, "TMPDIR": home.path,
    ]
    var made = 0
    for transcript in transcripts {
      for step in transcript.steps where step.versions.contains(minor) {
        let result = try await run(
          ["bash", "-c", "cd \"$HOME\"\n" + step.command], environment: environment, within: .seconds(90))
        if step.command.contains("kubectl ") { made += 1 }
        if step.status == result.status, step.matches(result.output) { continue }
        Issue.record(
          "kubectl \(version), \(backend), \(door): \(step.command)\nshould print:\n\(step.output.joined(separator: "\n"))\nand end with \(step.status), but it ended with \(result.status) and printed:\n\(result.output)",
          sourceLocation: SourceLocation(
            fileID: "EndToEndTests/\(URL(filePath: transcript.path).lastPathComponent)", filePath: transcript.path,
            line: step.line, column: 1))
      }
    }
    #expect(made >= 40, "a workflow of \(made) commands is none")
  }
}
