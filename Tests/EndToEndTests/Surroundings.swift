import Foundation
import Glibc
import TestSupport
import Testing

/// What a machine does to the daemon: its disk fills up, its files go away, nobody reads its log, it is sent signals.
@Suite(.serialized) struct `Surroundings` {
  /// A daemon that need not be ready.
  private struct Served {
    let process: ChildProcess
    let port: Int

    init(_ data: String, log: String, arguments: [String] = [], shell: String = "exec \"$@\"") throws {
      port = try Ports.free()
      process = try ChildProcess(
        [
          "sh", "-c", shell, "sh", Daemon.program, "serve", "--insecure-port", String(port), "--secure-port", "0",
          "--data-dir", data,
        ] + arguments, outputFile: log)
    }

    func isUp() async throws {
      try await eventually("an answer", within: .seconds(30)) {
        !process.isRunning || HTTPProbe.request(port: port, path: "/version")?.status == 200
      }
      guard process.isRunning else { throw Daemon.Ended(status: process.exitStatus ?? -1, output: process.output) }
    }

    func ask(_ method: String = "GET", _ path: String, _ body: String = "") -> (status: Int, body: String) {
      HTTPProbe.request(method, port: port, path: path, body: body, timeoutSeconds: 10) ?? (0, "no answer")
    }
    func create(_ name: String, bytes: Int = 0) -> (status: Int, body: String) {
      let filling = String(repeating: "x", count: bytes)
      return ask(
        "POST", "/api/v1/nodes",
        #"{"apiVersion":"v1","kind":"Node","metadata":{"name":"\#(name)","annotations":{"filling":"\#(filling)"}}}"#)
    }
    func delete(_ name: String) -> Int { ask("DELETE", "/api/v1/nodes/\(name)").status }
    func health(_ name: String) -> Int { ask("GET", "/\(name)").status }

    func end() async throws -> CInt {
      process.signal(SIGTERM)
      return try await process.wait()
    }
  }

  @Test(.enabled(if: SmallDisk.isPossible, Comment(rawValue: SmallDisk.needs)))
  func `a disk that fills up costs creates and readiness, but no reads, no removals, no life and no start`()
    async throws
  {
    let disk = try SmallDisk(megabytes: 24)
    let folder = try TemporaryFolder()
    let first = try Served(disk.file("data"), log: folder.file("log1"))
    try await first.isUp()
    // Up is before ready: the system's namespaces are made in between.
    try await eventually("readiness", within: .seconds(30)) { first.health("readyz") == 200 }
    #expect(
      first.process.output.contains("disk space kept in reserve for removals")
        && first.process.output.contains("bytes=\"1048576\""))
    var made = 0
    while made < 400 {
      let answer = first.create("n\(made)", bytes: 200_000)
      if answer.status != 201 {
        #expect(answer.status == 500 && answer.body.contains("no space left for"), "\(answer)")
        break
      }
      made += 1
    }
    #expect(made > 40 && made < 400, "\(made)")
    #expect(first.health("readyz") == 500 && first.health("healthz") == 500 && first.health("livez") == 200)
    #expect(first.ask("GET", "/api/v1/nodes/n0").status == 200 && first.delete("n0") == 200)
    try disk.fill()
    #expect(first.delete("n1") == 200 && first.health("livez") == 200)
    // As a power cut would.
    first.process.signal(SIGKILL)
    try await first.process.wait()
    try disk.fill(name: "more")
    let second = try Served(
      disk.file("data"), log: folder.file("log2"), arguments: ["--etcd-compaction-interval", "1s"])
    try await second.isUp()
    #expect(second.health("readyz") == 500 && second.health("livez") == 200)
    #expect(second.ask("GET", "/api/v1/nodes/n2").status == 200 && second.ask("GET", "/api/v1/nodes/n1").status == 404)
    // What n0 and n1 have left, and not more.
    var late = 0
    while late < 50, second.create("late\(late)", bytes: 200_000).status == 201 { late += 1 }
    #expect(late < 5)
    for name in (2..<made).map({ "n\($0)" }) + (0..<late).map({ "late\($0)" }) { #expect(second.delete(name) == 200) }
    // Their history goes, as space is short, and what it took is used again.
    try await eventually("readiness", within: .seconds(30)) { second.health("readyz") == 200 }
    #expect(second.create("again", bytes: 200_000).status == 201)
    #expect(try await second.end() == 0)
  }

  @Test func `a database that is taken away stops writes and readiness until it is back`() async throws {
    let folder = try TemporaryFolder()
    let served = try Served(folder.file("data"), log: folder.file("log"))
    try await served.isUp()
    #expect(served.create("a").status == 201)
    let path = folder.file("data/binnacle.db")
    #expect(rename(path, path + ".away") == 0)
    let refused = served.create("b")
    #expect(refused.status == 500 && refused.body.contains("is gone"), "\(refused)")
    #expect(served.delete("a") == 500)
    #expect(
      served.health("readyz") == 500 && served.health("livez") == 200
        && served.ask("GET", "/api/v1/nodes/a").status == 200)
    #expect(served.ask("GET", "/readyz/etcd").body.contains("nothing is written until it is back"))
    #expect(rename(path + ".away", path) == 0)
    // Those who keep what a server begins with try again first.
    try await eventually("readiness", within: .seconds(30)) { served.health("readyz") == 200 }
    #expect(served.create("b").status == 201)
    #expect(try await served.end() == 0)
  }

  @Test func `pipes that nobody reads hold up no request and no end, and what they cost is told`() async throws {
    let folder = try TemporaryFolder()
    let (log, audit) = (folder.file("log-pipe"), folder.file("audit-pipe"))
    #expect(mkfifo(log, 0o600) == 0 && mkfifo(audit, 0o600) == 0)
    // Open, and never read.
    let reader = open(log, O_RDWR | O_NONBLOCK | O_CLOEXEC)
    #expect(reader >= 0)
    defer { close(reader) }
    let policy = folder.file("policy.yaml")
    try "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: Metadata}]\n".write(
      toFile: policy, atomically: true, encoding: .utf8)
    let served = try Served(
      folder.file("data"), log: folder.file("log"),
      arguments: ["--v", "2", "--shutdown-timeout", "2s", "--audit-policy-file", policy, "--audit-log-path", audit],
      shell: "exec \"$@\" 2>\"\(log)\"")
    try await served.isUp()
    // More than the pipe and both buffers hold.
    let long = String(repeating: "x", count: 30_000)
    for _ in 0..<120 { #expect(served.ask("GET", "/version?\(long)").status == 200) }
    let metrics = served.ask("GET", "/metrics").body
    let lost = metrics.split(separator: "\n").first { $0.hasPrefix("binnacle_log_lines_lost_total ") }.flatMap {
      Int($0.split(separator: " ")[1])
    }
    #expect((lost ?? 0) > 0)
    // Somebody reads again, and is told.
    var text = ""
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    try await eventually("the notice", within: .seconds(20)) {
      let count = read(reader, &buffer, buffer.count)
      if count > 0 { text += String(decoding: buffer[..<count], as: UTF8.self) }
      return text.contains("log lines dropped: nobody read them in time")
    }
    for _ in 0..<120 { #expect(served.ask("GET", "/version?\(long)").status == 200) }
    #expect(try await served.end() == 0)
  }

  @Test func `a reader of the log that goes away, and signals that mean nothing here, end nothing`() async throws {
    let folder = try TemporaryFolder()
    let served = try Served(
      folder.file("data"), log: folder.file("log"), arguments: ["--v", "2"],
      // `head` takes one line, and then nobody has the pipe.
      shell:
        "mkfifo \(folder.file("pipe")); head -n 1 <\(folder.file("pipe")) & exec \"$@\" >\(folder.file("pipe")) 2>&1")
    try await served.isUp()
    try await eventually("readiness", within: .seconds(30)) { served.health("readyz") == 200 }
    for _ in 0..<20 { #expect(served.health("readyz") == 200) }
    let real = Array(__libc_current_sigrtmin()...__libc_current_sigrtmax())
    for number in [
      SIGUSR1, SIGUSR2, SIGALRM, SIGVTALRM, SIGPROF, SIGPIPE, SIGIO, SIGPWR, SIGSTKFLT, SIGTTIN, SIGTTOU, SIGXFSZ,
      SIGHUP,
    ] + real {
      kill(served.process.pid, number)
      #expect(served.process.isRunning, "\(number)")
    }
    #expect(served.health("readyz") == 200 && served.create("a").status == 201)
    #expect(try await served.end() == 0)
  }

  @Test func `what a start that fails has to say comes out, last and whole`() async throws {
    let folder = try TemporaryFolder()
    let served = try Served(folder.file("data"), log: folder.file("log"), arguments: ["--sqlite-reserve-mb=-1"])
    #expect(try await served.process.wait() == 1)
    #expect(
      served.process.output.hasSuffix("binnacle: --sqlite-reserve-mb: -1 is not between 0 (no reserve) and 1048576\n"),
      "\(served.process.output)")
  }
}
