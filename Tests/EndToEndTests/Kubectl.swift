import Foundation
import TestSupport
import Testing

/// Every kubectl at hand, old and new, through the pages of `Tests/Kubectl`: each command prints what it prints with a kube-apiserver of 1.36.
@Suite struct `kubectl` {
  /// 1.20 and 1.27 learn of types from OpenAPI v2 in protobuf, the others from v3; from 1.32 on typed commands send protobuf.
  static let versions = ["1.20", "1.27", "1.31", "1.36", "1.37"]

  static let pages = Repository.root.appending(path: "Tests/Kubectl")

  /// Every version, and the newest once more over etcd.
  static let benches = versions.map { (version: $0, backend: Backend.sqlite) } + [("1.37", .etcd35)]

  @Test(arguments: benches)
  func `prints and changes what it should, command by command`(version: String, on backend: Backend) async throws {
    let minor = try #require(Int(version.dropFirst(2)))
    let files = try FileManager.default.contentsOfDirectory(atPath: Self.pages.path).filter { $0.hasSuffix(".md") }.sorted()
    let transcripts = try files.map { try Transcript(path: Self.pages.appending(path: $0).path) }
    let daemon = try await Daemon.start(on: backend)
    defer { daemon.stop() }
    let home = try TemporaryFolder()
    let environment = [
      "PATH": "\((try Tools.path("kubectl-\(version)/kubectl") as NSString).deletingLastPathComponent):\(ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin")",
      "HOME": home.path, "KUBECONFIG": home.file("config"), "SERVER": daemon.url, "BASH_ENV": Self.pages.appending(path: "functions.sh").path, "TMPDIR": home.path,
    ]
    var made = 0
    for transcript in transcripts {
      for step in transcript.steps where step.versions.contains(minor) {
        let result = try await run(["bash", "-c", "cd \"$HOME\"\n" + step.command], environment: environment, within: .seconds(90))
        if step.command.contains("kubectl ") { made += 1 }
        if step.status == result.status, step.matches(result.output) { continue }
        Issue.record(
          "kubectl \(version) on \(backend): \(step.command)\nshould print:\n\(step.output.joined(separator: "\n"))\nand end with \(step.status), but it ended with \(result.status) and printed:\n\(result.output)",
          sourceLocation: SourceLocation(fileID: "EndToEndTests/\(URL(filePath: transcript.path).lastPathComponent)", filePath: transcript.path, line: step.line, column: 1))
      }
    }
    #expect(made >= 40, "a workflow of \(made) commands is none")
  }
}
