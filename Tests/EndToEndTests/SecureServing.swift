import Foundation
import JSON
import TestSupport
import Testing

/// The daemon over HTTPS, as an operator sets it up and clients meet it.
@Suite struct `HTTPS` {
  /// A daemon that made its own certificate, beside its plain port.
  private struct Bench {
    let folder: TemporaryFolder
    let daemon: Daemon
    let port: Int
    var url: String { "https://127.0.0.1:\(port)" }
    var certFolder: String { folder.file("certs") }

    static func start(_ arguments: [String] = []) async throws -> Bench {
      let folder = try TemporaryFolder()
      let port = try Ports.free()
      let daemon = try await Daemon.start(
        on: .sqlite, arguments: ["--secure-port", String(port), "--cert-dir", folder.file("certs")] + arguments)
      return Bench(folder: folder, daemon: daemon, port: port)
    }
  }

  @Test func `a first start makes a certificate and a kubeconfig that trusts it, and later starts keep them`()
    async throws
  {
    let bench = try await Bench.start()
    defer { bench.daemon.stop() }
    let kubectl = try Tools.path("kubectl-1.37/kubectl")
    let kubeconfig = bench.certFolder + "/kubeconfig"
    for _ in 0..<2 {
      let version = try await run(
        [kubectl, "--kubeconfig", kubeconfig, "get", "--raw", "/readyz"], environment: ["HOME": bench.folder.path])
      #expect(version.status == 0 && version.output == "ok", "\(version.output)")
    }
    let printed = try await run([
      Daemon.program, "kubeconfig", "--secure-port", String(bench.port), "--cert-dir", bench.certFolder,
    ])
    #expect(try printed.output == String(contentsOfFile: kubeconfig, encoding: .utf8))
    for host in ["localhost", "127.0.0.1"] {
      let answer = try await run([
        "curl", "-sS", "--cacert", bench.certFolder + "/apiserver.crt", "https://\(host):\(bench.port)/readyz", "-4",
      ])
      #expect(answer.output == "ok", "\(answer.output)")
    }
    let names = try await run([
      "openssl", "x509", "-in", bench.certFolder + "/apiserver.crt", "-noout", "-ext", "subjectAltName",
    ]).output
    for name in ["DNS:localhost", "IP Address:127.0.0.1", "IP Address:0:0:0:0:0:0:0:1"] {
      #expect(names.contains(name), "\(names)")
    }
    func mode(_ name: String) throws -> Int {
      (try FileManager.default.attributesOfItem(atPath: bench.certFolder + "/" + name)[.posixPermissions] as? Int) ?? 0
    }
    #expect(try mode("apiserver.key") == 0o600 && mode("admin.key") == 0o600 && mode("kubeconfig") == 0o600)
    let admin = try await run(["openssl", "x509", "-in", bench.certFolder + "/admin.crt", "-noout", "-subject"]).output
    #expect(admin == "subject=O = system:masters, CN = kubernetes-admin\n")
    let key = try String(contentsOfFile: bench.certFolder + "/apiserver.key", encoding: .utf8)
    _ = try await bench.daemon.end()
    try await bench.daemon.launch(arguments: ["--secure-port", String(bench.port), "--cert-dir", bench.certFolder])
    #expect(try String(contentsOfFile: bench.certFolder + "/apiserver.key", encoding: .utf8) == key)
    #expect(
      try await run([kubectl, "--kubeconfig", kubeconfig, "get", "nodes"], environment: ["HOME": bench.folder.path])
        .output == "No resources found\n")
  }

  @Test func `a certificate that is replaced is served within seconds`() async throws {
    let certificates = try await Certificates()
    try await certificates.issue("server", subject: "/CN=first")
    let port = try Ports.free()
    let daemon = try await Daemon.start(
      on: .sqlite,
      arguments: [
        "--secure-port", String(port), "--tls-cert-file", certificates.file("server.crt"), "--tls-private-key-file",
        certificates.file("server.key"),
      ])
    defer { daemon.stop() }
    func subject() async throws -> String {
      try await run([
        "bash", "-c",
        "openssl s_client -connect 127.0.0.1:\(port) </dev/null 2>/dev/null | openssl x509 -noout -subject",
      ]).output
    }
    #expect(try await subject() == "subject=CN = first\n")
    try await certificates.issue("server", subject: "/CN=second")
    try await eventually("the new certificate") { try await subject() == "subject=CN = second\n" }
    #expect(daemon.log.contains("certificates reloaded"))
    try "broken".write(toFile: certificates.file("server.crt"), atomically: true, encoding: .utf8)
    try await eventually("the complaint") { daemon.log.contains("certificates not reloaded") }
    #expect(daemon.log.contains("--tls-cert-file") && daemon.log.contains(certificates.file("server.crt")))
    #expect(try await subject() == "subject=CN = second\n")
  }

  @Test func `certificates and authorities rotate under load, and no request fails`() async throws {
    let certificates = try await Certificates()
    try await certificates.issue("server", subject: "/CN=server")
    let folder = try TemporaryFolder()
    try "load-token,load,1,\"system:masters\"\n".write(
      toFile: folder.file("tokens.csv"), atomically: true, encoding: .utf8)
    try FileManager.default.copyItem(atPath: certificates.authority, toPath: certificates.file("clients.crt"))
    let port = try Ports.free()
    let daemon = try await Daemon.start(
      on: .sqlite,
      arguments: [
        "--secure-port", String(port), "--tls-cert-file", certificates.file("server.crt"), "--tls-private-key-file",
        certificates.file("server.key"),
        "--client-ca-file", certificates.file("clients.crt"), "--token-auth-file", folder.file("tokens.csv"),
      ])
    defer { daemon.stop() }
    let rotations = Tools.isFullRun ? 20 : 5
    let script = Repository.root.appending(path: "Tests/Clients/tls_load.py").path
    let stop = folder.file("stop")
    async let load = run(["python3", script, String(port), certificates.authority, stop], within: .seconds(150))
    let other = try await Certificates(authority: "another")
    for rotation in 0..<rotations {
      try await Task.sleep(for: .seconds(1))
      try await certificates.issue("server", subject: "/CN=server-\(rotation)")
      // The authorities of clients change as well: one more, one less.
      let authorities =
        try String(contentsOfFile: certificates.authority, encoding: .utf8)
        + (rotation % 2 == 0 ? String(contentsOfFile: other.authority, encoding: .utf8) : "")
      try authorities.write(toFile: certificates.file("clients.crt"), atomically: true, encoding: .utf8)
      kill(daemon.pid, SIGHUP)
    }
    try await Task.sleep(for: .seconds(2))
    try "".write(toFile: stop, atomically: true, encoding: .utf8)
    let seen = try JSONValue(parsing: try await load.output)
    #expect(seen["failed"] == 0 && seen["answered"]?.int ?? 0 > 500, "\(seen)")
    // All but perhaps the last, which a few requests may have missed.
    #expect(seen["certificates"]?.int ?? 0 >= Int64(rotations), "\(seen)")
  }

  @Test
  func
    `who has a certificate of an authority that was replaced, or one that has expired, hears 401 on connections that are open`()
    async throws
  {
    let certificates = try await Certificates()
    try await certificates.issue("server", subject: "/CN=server")
    try FileManager.default.copyItem(atPath: certificates.authority, toPath: certificates.file("clients.crt"))
    let folder = try TemporaryFolder()
    try "token,load,1,\"system:masters\"\n".write(toFile: folder.file("tokens.csv"), atomically: true, encoding: .utf8)
    let port = try Ports.free()
    let daemon = try await Daemon.start(
      on: .sqlite,
      arguments: [
        "--secure-port", String(port), "--tls-cert-file", certificates.file("server.crt"), "--tls-private-key-file",
        certificates.file("server.key"),
        "--client-ca-file", certificates.file("clients.crt"), "--token-auth-file", folder.file("tokens.csv"),
      ])
    defer { daemon.stop() }
    try await certificates.issue("client", subject: "/O=system:masters/CN=alice")
    let node = #"{"kind":"Node","apiVersion":"v1","metadata":{"name":"a"}}"#
    let files = [
      "--cacert", certificates.authority, "--cert", certificates.file("client.crt"), "--key",
      certificates.file("client.key"),
    ]
    _ = try await run(
      [
        "curl", "-sS", "-H", "Content-Type: application/json", "-d",
        node,
      ] + files + ["https://127.0.0.1:\(port)/api/v1/nodes"])
    // What is answered at once because the caller is known, and what is not.
    func follow(_ name: String, _ how: [String], _ files: [String]) throws -> ChildProcess {
      try ChildProcess(
        [
          "curl", "-sSN", "--rate", "20/s", "-A", "test", "-w",
          "\n|%{http_code}|\(name)|%{num_connects}|\n",
        ] + how + files + (0..<600).map { _ in "https://127.0.0.1:\(port)/api/v1/nodes/a" },
        outputFile: folder.file(name))
    }
    let ways = [
      ["--http1.1"], ["--http2"], ["--http1.1", "--tls-max", "1.2"], ["--http2", "-H", "Accept: application/yaml"],
    ]
    let clients = try ways.enumerated().map { try follow("client\($0.offset)", $0.element, files) }
    let tokens = try follow("token", ["--http2", "-H", "Authorization: Bearer token"], files)
    try await certificates.issue("brief", subject: "/O=system:masters/CN=brief", by: .init(seconds: 5))
    let short = ["--cert", certificates.file("brief.crt"), "--key", certificates.file("brief.key")]
    let brief = try ways.enumerated().map {
      try follow("brief\($0.offset)", $0.element, ["--cacert", certificates.authority] + short)
    }
    defer { for client in clients + brief + [tokens] { client.signal(SIGKILL) } }
    func last(_ process: ChildProcess) -> String {
      process.output.split(separator: "\n").last { $0.hasPrefix("|") }.map(String.init) ?? ""
    }
    func all(_ clients: [ChildProcess], _ code: String) async throws {
      do {
        try await eventually("all to hear \(code)", within: .seconds(20)) {
          clients.allSatisfy { last($0).hasPrefix("|\(code)|") }
        }
      } catch {
        Issue.record("\(error): \(clients.map { $0.output.suffix(300) })")
        throw error
      }
    }
    try await all(clients, "200")
    try await all(brief, "401")
    for client in brief { #expect(client.output.contains("|200|"), "\(client.output.suffix(300))") }
    let other = try await Certificates(authority: "another")
    let authority = try String(contentsOfFile: certificates.authority, encoding: .utf8)
    let replaced = try String(contentsOfFile: other.authority, encoding: .utf8)
    try replaced.write(toFile: certificates.file("clients.crt"), atomically: true, encoding: .utf8)
    kill(daemon.pid, SIGHUP)
    try await all(clients, "401")
    try await all([tokens], "200")
    #expect(clients[0].output.contains(#""message":"Unauthorized""#))
    // Who shows a certificate that counts for nothing is no anonymous.
    func readyz(_ files: [String]) async throws -> String {
      let command = ["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", "--cacert", certificates.authority]
      return try await run(command + files + ["https://127.0.0.1:\(port)/readyz"]).output
    }
    #expect(try await readyz(short) == "401")
    #expect(try await readyz([]) == "200")
    try authority.write(toFile: certificates.file("clients.crt"), atomically: true, encoding: .utf8)
    kill(daemon.pid, SIGHUP)
    try await all(clients, "200")
    for client in clients + brief {
      #expect(client.output.components(separatedBy: "|1|").count == 2, "\(client.output.suffix(300))")
    }
  }

  @Test func `kubectl works and watches over HTTP2`() async throws {
    let bench = try await Bench.start()
    defer { bench.daemon.stop() }
    let kubectl = [try Tools.path("kubectl-1.37/kubectl"), "--kubeconfig", bench.certFolder + "/kubeconfig"]
    let home = ["HOME": bench.folder.path]
    let node = "{\"apiVersion\":\"v1\",\"kind\":\"Node\",\"metadata\":{\"name\":\"edge-1\"}}"
    let created = try await run(kubectl + ["create", "-f", "-", "-v", "8"], input: node, environment: home)
    #expect(created.status == 0 && created.output.contains("node/edge-1 created"), "\(created.output)")
    let watch = try ChildProcess(
      kubectl + ["get", "nodes", "--watch", "-o", "name"], environment: home, outputFile: bench.folder.file("watch"))
    defer { watch.signal(SIGKILL) }
    try await eventually("the first node") { watch.output == "node/edge-1\n" }
    for count in 2...6 {
      _ = try await run(kubectl + ["label", "node", "edge-1", "round=\(count)", "--overwrite"], environment: home)
      try await eventually("event \(count)") { watch.output == String(repeating: "node/edge-1\n", count: count) }
    }
    let deleted = try await run(kubectl + ["delete", "node", "edge-1"], environment: home)
    #expect(deleted.output == "node \"edge-1\" deleted\n", "\(deleted.output)")
    // An orderly end waits for nothing: the watch is told to go.
    #expect(try await bench.daemon.end() == 0)
  }

  @Test func `the ports are what the flags say`() async throws {
    let certificates = try await Certificates()
    try await certificates.issue("server", subject: "/CN=localhost")
    let files = [
      "--tls-cert-file", certificates.file("server.crt"), "--tls-private-key-file", certificates.file("server.key"),
    ]
    for (arguments, shown) in [
      ([], "https://127.0.0.1:6443 and http://127.0.0.1:8080"),
      (["--insecure-port", "8081"], ", http://127.0.0.1:8081"),
      (["--insecure-port", "8081", "--secure-port", "6444"], "https://127.0.0.1:6444 and http://127.0.0.1:8081"),
      (["--insecure-port", "8081"] + files, "https://127.0.0.1:6443 and http://127.0.0.1:8081"),
      (["--insecure-port", "0", "--secure-port", "6444"], ", https://127.0.0.1:6444"),
      (["--secure-port", "0"], ", http://127.0.0.1:8080"),
    ] as [([String], String)] {
      let result = try await run([Daemon.program, "check-config", "--data-dir", certificates.file("data")] + arguments)
      #expect(result.status == 0 && result.output.hasSuffix(shown + "\n"), "\(arguments): \(result.output)")
    }
  }

  @Test func `a wrong TLS setting stops the start with one line that names it`() async throws {
    let certificates = try await Certificates()
    for name in ["server", "other"] { try await certificates.issue(name, subject: "/CN=\(name)") }
    let cert = certificates.file("server.crt")
    let key = certificates.file("server.key")
    try "".write(toFile: certificates.file("empty"), atomically: true, encoding: .utf8)
    for (arguments, words) in [
      (["--tls-cert-file", cert], ["--tls-cert-file", "--tls-private-key-file"]),
      (
        ["--tls-cert-file", "/nowhere.crt", "--tls-private-key-file", key],
        ["--tls-cert-file", "/nowhere.crt", "No such file"]
      ),
      (
        ["--tls-cert-file", cert, "--tls-private-key-file", certificates.file("other.key")],
        ["--tls-private-key-file", "other.key", "does not belong"]
      ),
      (
        ["--tls-cert-file", cert, "--tls-private-key-file", key, "--client-ca-file", certificates.file("empty")],
        ["--client-ca-file", "empty"]
      ),
      (["--tls-cert-file", cert, "--tls-private-key-file", key, "--tls-sni-cert-key", cert], ["--tls-sni-cert-key"]),
      (
        ["--tls-cert-file", cert, "--tls-private-key-file", key, "--tls-sni-cert-key", "\(cert),/nowhere.key:a.test"],
        ["--tls-sni-cert-key", "/nowhere.key"]
      ),
      (
        ["--tls-cert-file", cert, "--tls-private-key-file", key, "--tls-min-version", "VersionTLS11"],
        ["--tls-min-version", "VersionTLS12"]
      ),
      (
        ["--tls-cert-file", cert, "--tls-private-key-file", key, "--tls-cipher-suites", "TLS_X"],
        ["--tls-cipher-suites", "TLS_X", "not supported or doesn't exist"]
      ),
      (["--tls-cert-file", cert, "--tls-private-key-file", key, "--secure-port", "0"], ["--secure-port 0"]),
      (["--secure-port", "70000"], ["--secure-port", "70000"]),
      (
        ["--secure-port", "6444", "--bind-address", "0.0.0.0"],
        ["--bind-address 0.0.0.0", "--allow-insecure-network", "authentication"]
      ), (["--insecure-port", "0"], ["--insecure-port 0", "--secure-port"]),
    ] as [([String], [String])] {
      let result = try await run([Daemon.program, "check-config"] + arguments)
      #expect(result.status != 0)
      #expect(
        result.output.split(separator: "\n").count == 1 && words.allSatisfy(result.output.contains),
        "\(arguments): \(result.output)")
    }
    // A certificate directory that lost half of its pair.
    let folder = certificates.file("certs")
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    try FileManager.default.copyItem(atPath: cert, toPath: folder + "/apiserver.crt")
    let half = try await run([
      Daemon.program, "serve", "--secure-port", String(try Ports.free()), "--insecure-port", "0", "--data-dir",
      certificates.file("data"), "--cert-dir", folder,
    ])
    #expect(half.status == 1 && half.output.contains("--cert-dir: \(folder) holds"), "\(half.output)")
  }

  /// Ten of each suite, in a full run all.
  @Test(arguments: ["replay.py", "replay_http2.py"])
  func `recorded conversations match over TLS, in HTTP1 and HTTP2`(client: String) async throws {
    let bench = try await Bench.start()
    defer { bench.daemon.stop() }
    try await Conformance.replay(
      client, suites: Conformance.suites, isWhole: Tools.isFullRun,
      ["--server", bench.url, "--cacert", bench.certFolder + "/apiserver.crt"])
  }
}
