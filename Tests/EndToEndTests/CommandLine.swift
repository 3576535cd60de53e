import Foundation
import TestSupport
import Testing

/// The daemon as an operator meets it.
@Suite struct `Command line` {
  @Test(arguments: [
    (["--storage-backend", "paper"], "unknown storage type: paper"),
    (["--storage-backend", "etcd3"], "--etcd-servers"),
    (["--storage-backend", "etcd2"], "--storage-backend etcd2 needs --etcd-servers"),
    (["--deserialization-cache-size", "-1"], "--deserialization-cache-size"),
    (["--etcd-servers", "http://127.0.0.1:1", "--etcd-user", "root"], "--etcd-password-file"),
    (
      ["--etcd-servers", "http://127.0.0.1:1", "--etcd-user", "root", "--etcd-password-file", "/nowhere/password"],
      "/nowhere/password"
    ),
    (["--etcd-password-file", "/nowhere/password"], "--etcd-user"),
    (["--etcd-servers", "localhost:2379"], "http://"),
    (["--etcd-servers", "http://127.0.0.1:1", "--etcd-start-timeout", "1s"], "127.0.0.1:1"),
    (["--etcd-servers", "https://127.0.0.1:1", "--etcd-cafile", "/nowhere/ca.pem"], "/nowhere/ca.pem"),
    (["--insecure-bind-address", "0.0.0.0"], "--allow-insecure-network"),
    (["--insecure-port", "0"], "--insecure-port"),
    (["--data-dir", "/proc/nowhere"], "/proc/nowhere"),
    (["--watch-cache-sizes", "nodes"], "--watch-cache-sizes"),
    (["--encoding-cache-mb=-1"], "--encoding-cache-mb"),
    (["--cors-allowed-origins", "example.com"], "--cors-allowed-origins"),
    (["--encryption-provider-config", "/nowhere/encryption.yaml"], "/nowhere/encryption.yaml"),
    (["--encryption-provider-config-automatic-reload"], "--encryption-provider-config"),
    (["--feature-gates", "Sorcery=true"], "--feature-gates"),
    (["--config", "/nowhere/binnacle.yaml"], "/nowhere/binnacle.yaml"),
  ])
  func `a wrong setting stops the start with one line that names it`(arguments: [String], names: String) async throws {
    let result = try await run(
      [Daemon.program, "serve"]
        + (arguments.contains("--insecure-port") ? [] : ["--insecure-port", String(try Ports.free())]) + arguments,
      within: .seconds(20))
    #expect(result.status != 0)
    let lines = result.output.split(separator: "\n").filter { $0.contains("binnacle: ") || $0.hasPrefix("Error") }
    #expect(lines.count == 1 && lines[0].contains(names), "\(result.output)")
  }

  @Test
  func
    `the log names at the start what nothing applies, the start and check-config refuse alike, and addresses have brackets`()
    async throws
  {
    let folder = try TemporaryFolder()
    let port = try Ports.free()
    let flags = [
      "--insecure-port", String(port), "--insecure-bind-address", "::1", "--data-dir", folder.file("d"),
      "--profiling=false", "--external_hostname=a.test", "-v=2",
    ]
    let daemon = try ChildProcess([Daemon.program] + flags, outputFile: folder.file("log"))
    defer { daemon.signal(SIGKILL) }
    try await eventually("it to serve", within: .seconds(20)) { daemon.output.contains("\"serving\"") }
    #expect(
      daemon.output.contains("--profiling is taken") && daemon.output.contains("--external-hostname is taken")
        && daemon.output.contains("http://[::1]:\(port)"))
    let check = try await run([Daemon.program, "check-config"] + flags)
    #expect(
      check.status == 0 && check.output.contains("warning: --profiling is taken")
        && check.output.contains("http://[::1]:\(port)"), "\(check.output)")
    for wrong in [
      ["--insecure-port", "1", "--authorization-mode", "Bogus", "--token-auth-file", "/nonexistent"],
      ["--authorization-config", "/x"], ["--event-ttl", "x"], ["--enable-admission-plugins=PodSecurity"],
      ["--audit-webhook-config-file=/nowhere", "--audit-policy-file=/nowhere"], ["--client-ca-file=/nowhere"],
      ["--cert-dir=/proc/nowhere"], ["--etcd-servers=http://"],
      ["--bind-address=999.1.1.1", "--allow-insecure-network"],
    ] {
      let place = ["--data-dir", folder.file("other")]
      let start = try await run([Daemon.program, "serve"] + place + wrong, within: .seconds(20))
      let check = try await run([Daemon.program, "check-config"] + place + wrong)
      #expect(
        start.status != 0 && start.status == check.status && start.output == check.output
          && start.output.split(separator: "\n").count == 1, "\(start.output)\(check.output)")
    }
  }

  @Test func `flags count even where a library that is loaded ahead hides them from Swift`() async throws {
    // libfaketime moves the environment, beside which Swift looks for them. `faketime` itself does so in a process
    // before the daemon's.
    let files = try await run([try Tools.system("dpkg"), "-L", "libfaketime"]).output.split(separator: "\n")
    let library = try #require(files.first { $0.hasSuffix("/libfaketime.so.1") }, "apt-get install faketime")
    let result = try await run(
      [
        "/usr/bin/env", "LD_PRELOAD=\(library)", "FAKETIME=+2h", Daemon.program, "serve", "--feature-gates", "",
        "--storage-backend", "paper",
      ], within: .seconds(20))
    #expect(result.status != 0 && result.output.contains("unknown storage type: paper"), "\(result.output)")
  }

  @Test func `a second daemon on the same database is refused and harms nothing`() async throws {
    let folder = try TemporaryFolder()
    let first = try ChildProcess(
      [Daemon.program, "serve", "--insecure-port", String(try Ports.free()), "--data-dir", folder.file("d")],
      outputFile: folder.file("log"))
    defer { first.signal(SIGKILL) }
    try await eventually("the first to serve", within: .seconds(20)) { first.output.contains("serving") }
    let second = try await run(
      [Daemon.program, "serve", "--insecure-port", String(try Ports.free()), "--data-dir", folder.file("d")],
      within: .seconds(20))
    #expect(second.status == 1 && second.output.contains("another process has it open"), "\(second.output)")
    #expect(first.isRunning)
  }

  @Test func `settings come from a file, and the command line wins`() async throws {
    let folder = try TemporaryFolder()
    let file = folder.file("binnacle.yaml")
    try "insecure-port: 1\ndata-dir: \(folder.file("data"))\nwatch-cache-sizes: [nodes#500]\n".write(
      toFile: file, atomically: true, encoding: .utf8)
    let good = try await run([Daemon.program, "check-config", "--config", file, "--insecure-port", "8081"])
    #expect(
      good.status == 0 && good.output.contains("127.0.0.1:8081") && good.output.contains(folder.file("data")),
      "\(good.output)")
    try "insecure-prot: 1\n".write(toFile: file, atomically: true, encoding: .utf8)
    let bad = try await run([Daemon.program, "check-config", "--config", file])
    #expect(bad.status == 1 && bad.output.contains("insecure-prot"), "\(bad.output)")
  }

  @Test(arguments: [
    // A byte order mark, directives, merge keys and tags are YAML; what comes after counts.
    ("\u{FEFF}insecure-port: 8082\nstorage-backend: paper\n", "unknown storage type: paper"),
    ("%YAML 1.1\n---\n<<: {storage-backend: paper}\n", "unknown storage type: paper"),
    ("storage-backend: !!str paper\n", "unknown storage type: paper"),
    ("insecure-port: 8082\ngoaway-chance: 0.5\nstorage-backend: paper\n", "unknown storage type: paper"),
    (
      "insecure-port: 8082\n---\nauthorization-mode: AlwaysDeny\n",
      "line 3: more than one document, and only the first would count: leave the others out"
    ),
    ("---\n---\nauthorization-mode: AlwaysDeny\n", "line 3: more than one document"),
    (
      "insecure-port: 8082\ninsecure-port: 8083\n",
      #"line 2: key "insecure-port" already set in map: leave one of them out"#
    ),
    ("insecure-port: 8082\nnull: x\n", "unsupported map key"), ("[insecure-port]: 8082\n", "invalid map key"),
    ("insecure-port:\n", "insecure-port must be a plain value"), ("a: [", "is not YAML: yaml: line"),
  ])
  func `every key of a settings file counts, or the start is refused`(file: String, words: String) async throws {
    let folder = try TemporaryFolder()
    try file.write(toFile: folder.file("binnacle.yaml"), atomically: true, encoding: .utf8)
    let result = try await run([Daemon.program, "check-config", "--config", folder.file("binnacle.yaml")])
    #expect(
      result.status == 1 && result.output.split(separator: "\n").count == 1 && result.output.contains(words),
      "\(result.output)")
  }

  @Test func `SIGTERM ends the daemon in order`() async throws {
    let daemon = try await Daemon.start(on: .sqlite)
    defer { daemon.stop() }
    #expect(try await daemon.end() == 0)
    #expect(daemon.log.contains("stopped"))
  }
}
