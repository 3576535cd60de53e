import Foundation
import TestSupport
import Testing

/// Every kubectl at hand, old and new: the newest goes through the pages of `Tests/Kubectl` and those of `kinds`, the
/// others through the smoke page, and in a full run through all pages too but those of `kinds`. Each command prints what it prints with a kube-apiserver of 1.36.
@Suite struct `kubectl` {
  static let pages = Repository.root.appending(path: "Tests/Kubectl")

  /// 1.20 and 1.27 learn of types from OpenAPI v2 in protobuf, the others from v3; from 1.32 on typed commands send
  /// protobuf. Every version, over HTTP/1.1 or over TLS and so HTTP/2, and the newest once more over etcd.
  static let benches: [(String, Backend, Door)] = [
    ("1.37", .etcd35, .secure), ("1.37", .sqlite, .plain), ("1.20", .sqlite, .plain), ("1.27", .sqlite, .secure),
    ("1.36", .sqlite, .secure), ("1.31", .sqlite, .secure),
  ]

  @Test(arguments: benches)
  func `prints and changes what it should, command by command`(
    version: String, backend: Backend, door: Door
  ) async throws {
    let minor = try #require(Int(version.dropFirst(2)))
    let isWhole = version == "1.37" || Tools.isFullRun
    let folder = isWhole ? Self.pages : Self.pages.appending(path: "smoke")
    let folders = [folder] + (version == "1.37" ? [Self.pages.appending(path: "kinds")] : [])
    let transcripts = try folders.flatMap { folder in
      try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { $0.hasSuffix(".md") }.sorted().map {
        try Transcript(path: folder.appending(path: $0).path)
      }
    }
    let home = try TemporaryFolder()
    // Over etcd they are off unless one asks for them.
    let (daemon, address) = try await door.open(
      on: backend, certificates: home.file("certificates"), arguments: ["--controllers=*"])
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
    #expect(made >= (isWhole ? 40 : 20), "a workflow of \(made) commands is none")
  }
}
