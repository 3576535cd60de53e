import Foundation
import TestSupport
import Testing

/// The tour of `README.md`, taken as a reader would: a fresh daemon, the commands in their order, and what they print.
@Suite struct `README` {
  static let address = "127.0.0.1:8080"

  @Test func `shows what its commands print`() async throws {
    let page = Repository.root.appending(path: "README.md").path
    let steps = try Transcript(path: page).steps
    let daemon = try await Daemon.start(on: .sqlite, arguments: ["--controllers=*"])
    defer { daemon.stop() }
    // The folder that a reader is in, with the daemon's own port.
    let home = try TemporaryFolder()
    try FileManager.default.createDirectory(atPath: home.file("config"), withIntermediateDirectories: true)
    func here(_ text: String) -> String { text.replacing(Self.address, with: "127.0.0.1:\(daemon.port)") }
    let kubeconfig = try String(
      contentsOf: Repository.root.appending(path: "config/kubeconfig"), encoding: .utf8)
    try here(kubeconfig).write(toFile: home.file("config/kubeconfig"), atomically: false, encoding: .utf8)
    let kubectl = URL(filePath: try Tools.path("kubectl-1.36/kubectl")).deletingLastPathComponent().path
    let environment = [
      "PATH": "\(kubectl):\(ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin")", "HOME": home.path,
    ]
    // One shell keeps what a step exports for those that follow.
    var exported = ""
    for step in steps {
      if step.command.hasPrefix("export ") {
        exported += step.command + "\n"
        continue
      }
      let result = try await run(
        ["bash", "-c", "cd \"$HOME\"\n" + exported + here(step.command)], environment: environment, within: .seconds(60)
      )
      var shown = step
      // An age is a number of seconds.
      shown.output = step.output.map { $0.replacing(#/ \d+s(?= |$)/#, with: " …s") }
      #expect(
        result.status == step.status && shown.matches(result.output),
        "\(page):\(step.line): \(step.command)\nprinted \(result.status):\n\(result.output)")
    }
    #expect(steps.count >= 10)
  }
}
