import ByteBuffers
import Capacity
import Foundation
import LoadClient
import Synchronization
import TestSupport
import Testing

@testable import HTTPServer

/// TLS with real certificates, and curl and openssl as clients.
@Suite(.serialized) struct `TLS` {
  private struct Bench {
    let certificates: Certificates
    let credentials: TLSCredentials
    let server: HTTPServer
    let handler: TestHandler
    let failures: FailureLog
    var port: Int { server.ports[0] }

    /// `change`: more of the TLS configuration; `limits`: the server's.
    static func start(
      _ change: (inout TLSConfiguration, Certificates) async throws -> Void = { _, _ in },
      limits: (inout HTTPServer.Limits) -> Void = { _ in },
      budget: MemoryBudget = MemoryBudget(limit: 0)
    ) async throws -> Bench {
      let certificates = try await Certificates()
      try await certificates.issue("server", subject: "/CN=localhost")
      var tls = TLSConfiguration(
        keyPair: .init(certFile: certificates.file("server.crt"), keyFile: certificates.file("server.key")))
      try await change(&tls, certificates)
      let credentials = try TLSCredentials(tls)
      var configuration = HTTPServer.Configuration(endpoints: [.address(host: "127.0.0.1", port: 0, tls: credentials)])
      configuration.reactors = 2
      limits(&configuration.limits)
      configuration.budget = budget
      let failures = FailureLog()
      configuration.handshakeFailed = { _, reason in failures.add(reason) }
      let handler = TestHandler()
      let server = try HTTPServer(configuration: configuration, handler: handler)
      try server.start()
      return Bench(
        certificates: certificates, credentials: credentials, server: server, handler: handler, failures: failures)
    }

    func curl(_ path: String, _ arguments: String...) async throws -> ProcessResult {
      try await run(
        ["curl", "-sS", "--cacert", certificates.authority, "https://127.0.0.1:\(port)\(path)"] + arguments)
    }

    /// What `openssl s_client` tells of a handshake.
    func handshake(_ arguments: String...) async throws -> ProcessResult {
      try await run(
        ["openssl", "s_client", "-connect", "127.0.0.1:\(port)", "-CAfile", certificates.authority] + arguments,
        input: "")
    }
  }

  final class FailureLog: Sendable {
    private let reasons = Mutex<[String]>([])
    func add(_ reason: String) { reasons.withLock { $0.append(reason) } }
    var all: [String] { reasons.withLock { $0 } }
  }

  // Sendable: a test uses it from one thread at a time, as it awaits each.
  private final class Crowd: @unchecked Sendable {
    var clients: [Client] = []
  }

  private final class Tally: Sendable {
    let failed = FailureLog()
    let served = Atomic<Int>(0)
    let isOver = Atomic<Bool>(false)
  }

  @Test func `requests and large answers pass both ways`() async throws {
    let bench = try await Bench.start()
    let large = try await bench.curl(
      "/large", "--http1.1", "-o", bench.certificates.file("large"), "-w", "%{http_version} %{size_download}")
    #expect(large.output == "1.1 8388608", "\(large.output)")
    let body = String(repeating: "0123456789abcdef", count: 150_000)
    let file = bench.certificates.file("body")
    try body.write(toFile: file, atomically: true, encoding: .utf8)
    let echo = try await bench.curl("/echo", "--http1.1", "--data-binary", "@\(file)", "-H", "Expect:")
    #expect(echo.output == body)
    let chunked = try await bench.curl(
      "/echo", "--http1.1", "--data-binary", "@\(file)", "-H", "Transfer-Encoding: chunked")
    #expect(chunked.output == body)
    let many = try await run(
      ["curl", "-sS", "--http1.1", "--cacert", bench.certificates.authority]
        + (0..<50).map { _ in "https://127.0.0.1:\(bench.port)/stream" })
    #expect(many.output == String(repeating: "one,two", count: 50))
    #expect(bench.server.statistics.acceptedConnections == 4)
    await bench.server.drain(deadline: .seconds(1))
  }

  @Test(arguments: [
    "--tls-max 1.2", "--tls13-ciphers TLS_AES_128_GCM_SHA256", "--tls13-ciphers TLS_AES_256_GCM_SHA384",
    "--tls13-ciphers TLS_CHACHA20_POLY1305_SHA256",
  ])
  func `each suite carries much both ways, and our keys change on the way`(how: String) async throws {
    let bench = try await Bench.start(limits: { $0.recordsPerKey = 7 })
    let body = String(repeating: "0123456789abcdef", count: 150_000)
    let file = bench.certificates.file("body")
    try body.write(toFile: file, atomically: true, encoding: .utf8)
    let arguments =
      ["curl", "-sS", "--cacert", bench.certificates.authority] + how.split(separator: " ").map(String.init)
    for version in ["--http1.1", "--http2"] {
      let echo = try await run(
        arguments + [version, "--data-binary", "@\(file)", "-H", "Expect:", "https://127.0.0.1:\(bench.port)/echo"])
      #expect(echo.output == body, "\(echo.output.suffix(300))")
      let large = try await run(
        arguments + [version, "-o", "/dev/null", "-w", "%{size_download}", "https://127.0.0.1:\(bench.port)/large"])
      #expect(large.output == "8388608", "\(large.output)")
    }
    await bench.server.drain(deadline: .seconds(1))
  }

  @Test func `a client may change its keys and ask for ours to change`() async throws {
    let bench = try await Bench.start()
    let folder = try TemporaryFolder()
    for suite in ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"] {
      // A letter is a command to s_client where it is the first of what is read, so each step waits for the last one.
      let script = """
        cd "$1"; rm -f in out; mkfifo in; touch out
        openssl s_client -connect 127.0.0.1:\(bench.port) -tls1_3 -ciphersuites \(suite) <in >out 2>&1 &
        exec 3>in
        says() { for turn in $(seq 500); do [ "$(grep -c "$1" out)" -ge "$2" ] && return; sleep 0.02; done; }
        ask() { printf 'GET /later HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n' >&3; says '200 OK' "$1"; }
        ask 1; echo k >&3; says KEYUPDATE 1; ask 2; echo K >&3; says KEYUPDATE 2; ask 3; ask 4
        exec 3>&-; wait; cat out
        """
      let result = try await run(["bash", "-c", script, "bash", folder.path]).output
      #expect(result.components(separatedBy: "KEYUPDATE").count == 3, "\(result.suffix(500))")
      #expect(result.components(separatedBy: "HTTP/1.1 200 OK").count == 5, "\(suite): \(result.suffix(800))")
    }
    await bench.server.drain(deadline: .seconds(1))
  }

  @Test func `a client whose record was spoiled on the way is told, and others are served`() async throws {
    let bench = try await Bench.start()
    let script = """
      import os, socket, ssl
      context = ssl.create_default_context(cafile="\(bench.certificates.authority)")
      secure = context.wrap_socket(socket.create_connection(("127.0.0.1", \(bench.port))), server_hostname="localhost")
      secure.sendall(b"GET /later HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n")
      assert b"200 OK" in secure.recv(1000)
      os.write(secure.fileno(), b"\\x17\\x03\\x03\\x00\\x20" + bytes(32))
      try:
        while secure.recv(1000): pass
        print("nothing")
      except ssl.SSLError as error: print(error.reason)
      """
    #expect(try await run(["python3", "-c", script]).output.contains("BAD_RECORD_MAC"))
    #expect(try await bench.curl("/later", "--http1.1").output == "later")
    await bench.server.drain(deadline: .seconds(1))
  }

  @Test func `old versions, foreign suites and renegotiation are refused`() async throws {
    let bench = try await Bench.start { tls, _ in
      tls.cipherSuites = [try #require(TLSCipherSuite(name: "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"))]
    }
    #expect(try await bench.handshake("-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0").output.contains("Cipher is (NONE)"))
    #expect(try await bench.handshake("-tls1_2").output.contains("Cipher is ECDHE-ECDSA-AES256-GCM-SHA384"))
    #expect(
      try await bench.handshake("-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256").output.contains(
        "Cipher is (NONE)"))
    #expect(try await bench.handshake("-tls1_3").output.contains("TLSv1.3"))
    let renegotiation = try await run([
      "bash", "-c", "(sleep 0.3; echo R; sleep 0.5) | openssl s_client -connect 127.0.0.1:\(bench.port) -tls1_2 2>&1",
    ])
    #expect(renegotiation.output.contains("no renegotiation"), "\(renegotiation.output.suffix(300))")
    #expect(try await bench.curl("/later", "--http1.1").output == "later")
    await bench.server.drain(deadline: .seconds(1))

    let strict = try await Bench.start { tls, _ in tls.minVersion = .tls13 }
    #expect(try await strict.handshake("-tls1_2").output.contains("Cipher is (NONE)"))
    #expect(try await strict.curl("/later").output == "later")
    await strict.server.drain(deadline: .seconds(1))
  }

  @Test func `sessions are resumed by tickets`() async throws {
    let bench = try await Bench.start()
    let session = bench.certificates.file("session")
    for version in ["-tls1_2", "-tls1_3"] {
      _ = try await run([
        "bash", "-c",
        "(printf 'GET /later HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\n\\r\\n') | openssl s_client -ign_eof -connect 127.0.0.1:\(bench.port) \(version) -sess_out \(session) 2>&1",
      ])
      let again = try await bench.handshake(version, "-sess_in", session)
      #expect(again.output.contains("Reused, TLS"), "\(version): \(again.output.suffix(500))")
    }
    await bench.server.drain(deadline: .seconds(1))
  }

  @Test func `a client certificate is verified and told to the handler, also when its session is resumed`() async throws
  {
    let bench = try await Bench.start { tls, certificates in
      try await certificates.issue(
        "client", subject: "/O=system:masters/O=dev/CN=alice",
        alternativeNames: "DNS:a.example,email:a@example.org,URI:spiffe://x/y,IP:10.0.0.1")
      try await certificates.issue("old", subject: "/CN=bob", days: -1)
      tls.clientCAFile = certificates.authority
    }
    let certificates = bench.certificates
    #expect(try await bench.curl("/whoami", "--http1.1").output == "\(ClientIdentity.none)")
    let known = try await bench.curl(
      "/whoami", "--http1.1", "--cert", certificates.file("client.crt"), "--key", certificates.file("client.key")
    ).output
    let fingerprint = try await run([
      "bash", "-c", "openssl x509 -in \(certificates.file("client.crt")) -outform DER | sha256sum | cut -d' ' -f1",
    ]).output.filter { $0 != "\n" }
    for part in [
      "verified", "commonName: \"alice\"", "organizations: [\"system:masters\", \"dev\"]", "dnsNames: [\"a.example\"]",
      "emailAddresses: [\"a@example.org\"]", "uris: [\"spiffe://x/y\"]",
      "ipAddresses: [\"10.0.0.1\"]", fingerprint,
    ] { #expect(known.contains(part), "\(part) in \(known)") }
    // Strangers are served: who they are is for authentication to decide.
    let other = try await Certificates(authority: "another")
    try await other.issue("mallory", subject: "/CN=alice")
    for (certificate, key) in [
      (other.file("mallory.crt"), other.file("mallory.key")),
      (certificates.file("old.crt"), certificates.file("old.key")),
    ] {
      let stranger = try await bench.curl("/whoami", "--http1.1", "--cert", certificate, "--key", key).output
      #expect(stranger.contains("unverified") && !stranger.contains("alice"), "\(stranger)")
    }
    let session = certificates.file("session")
    let request =
      "(printf 'GET /whoami HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\n\\r\\n') | openssl s_client -ign_eof -connect 127.0.0.1:\(bench.port) "
    for version in ["-tls1_2", "-tls1_3"] {
      _ = try await run([
        "bash", "-c",
        request
          + "\(version) -cert \(certificates.file("client.crt")) -key \(certificates.file("client.key")) -sess_out \(session) 2>&1",
      ])
      let again = try await run(["bash", "-c", request + "\(version) -sess_in \(session) 2>&1"]).output
      #expect(again.contains("Reused, TLS") && again.contains("commonName: \"alice\""), "\(again.suffix(400))")
    }
    await bench.server.drain(deadline: .seconds(1))
  }

  @Test func `the certificate is chosen by server name`() async throws {
    let bench = try await Bench.start { tls, certificates in
      for (name, names) in [
        ("foo", "DNS:foo.test,DNS:*.foo.test"), ("bar", "DNS:bar.test"), ("late", "DNS:foo.test,DNS:late.test"),
      ] {
        try await certificates.issue(name, subject: "/CN=\(name)", alternativeNames: names)
      }
      func pair(_ name: String, _ names: String...) -> TLSConfiguration.KeyPair {
        .init(certFile: certificates.file("\(name).crt"), keyFile: certificates.file("\(name).key"), names: names)
      }
      tls.sniKeyPairs = [pair("foo"), pair("bar", "bar.test", "*.wide.test"), pair("late")]
      try await certificates.issue("client", subject: "/CN=alice")
      tls.clientCAFile = certificates.authority
    }
    for (asked, subject) in [
      ("foo.test", "foo"), ("A.foo.test", "foo"), ("a.b.foo.test", "localhost"), ("bar.test", "bar"),
      ("x.wide.test", "bar"), ("late.test", "late"), ("none.test", "localhost"),
    ] {
      let shown = try await bench.handshake("-servername", asked).output
      #expect(shown.contains("subject=CN = \(subject)\n"), "\(asked): \(shown.prefix(300))")
    }
    #expect(try await bench.handshake("-noservername").output.contains("subject=CN = localhost\n"))
    // Clients are verified whatever name they ask for.
    let whoami = try await run([
      "curl", "-sS", "--cacert", bench.certificates.authority, "--resolve", "bar.test:\(bench.port):127.0.0.1",
      "https://bar.test:\(bench.port)/whoami",
      "--cert", bench.certificates.file("client.crt"), "--key", bench.certificates.file("client.key"),
    ]).output
    #expect(whoami.contains("commonName: \"alice\""), "\(whoami)")
    await bench.server.drain(deadline: .seconds(1))
  }

  @Test func `files that change are read again, and connections live on`() async throws {
    let bench = try await Bench.start()
    let certificates = bench.certificates
    let before = try await run(["bash", "-c", "openssl x509 -in \(certificates.file("server.crt")) -noout -serial"])
      .output
    let tally = Tally()
    let authority = certificates.authority
    let url = "https://127.0.0.1:\(bench.port)/later"
    try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<2 {
        group.addTask {
          while !tally.isOver.load(ordering: .relaxed) {
            let result = try await run(["curl", "-sS", "--http1.1", "--cacert", authority, url, url, url])
            if result.output == "laterlaterlater" {
              tally.served.add(3, ordering: .relaxed)
            } else {
              tally.failed.add(result.output)
            }
          }
        }
      }
      for _ in 0..<8 {
        let done = tally.served.load(ordering: .relaxed)
        try await certificates.issue("server", subject: "/CN=localhost")
        // Between the two renames a pair does not match: then the old one stays until the next look.
        try await eventually("a reload") { (try? bench.credentials.reloadIfChanged()) ?? false }
        try await eventually("requests") { tally.served.load(ordering: .relaxed) >= done + 3 }
      }
      tally.isOver.store(true, ordering: .relaxed)
      try await group.waitForAll()
    }
    #expect(tally.failed.all == [])
    #expect(try await bench.handshake().output.contains("subject=CN = localhost\n"))
    let after = try await run([
      "bash", "-c",
      "openssl s_client -connect 127.0.0.1:\(bench.port) </dev/null 2>/dev/null | openssl x509 -noout -serial",
    ]).output
    #expect(after != before)
    #expect(try bench.credentials.reloadIfChanged() == false)
    // What can't be read is told once, and the old stays.
    try "nonsense".write(toFile: certificates.file("server.crt"), atomically: true, encoding: .utf8)
    #expect(throws: TLSError.self) { try bench.credentials.reloadIfChanged() }
    #expect(try bench.credentials.reloadIfChanged() == false)
    #expect(try await bench.curl("/later").output == "later")
    await bench.server.drain(deadline: .seconds(1))
  }

  @Test func `malformed, plain and slow handshakes end, and others are served`() async throws {
    let bench = try await Bench.start(limits: { $0.handshakeTimeout = .milliseconds(500) })
    let port = bench.port
    try await blocking {
      let plain = try Client(port: port, patience: 5)
      try plain.send(Array("GET / HTTP/1.1\r\nHost: x\r\n\r\n".utf8))
      #expect(try plain.receiveHead().status == 400)
      // The start of a hello that claims more than follows, noise, an alert, an oversized record.
      for bytes: [UInt8] in [
        [22, 3, 1, 1, 0, 1, 0, 0, 252, 3, 3], (0..<400).map { _ in UInt8.random(in: 0...255) },
        [21, 3, 3, 0, 2, 2, 40], [22, 3, 1, 255, 255] + [UInt8](repeating: 1, count: 70_000), [],
      ] {
        let client = try Client(port: port, patience: 5)
        try? client.send(bytes)
        var buffer = [UInt8](repeating: 0, count: 4_096)
        while recv(client.descriptor, &buffer, buffer.count, 0) > 0 {}  // until the server ends it
      }
    }
    #expect(try await bench.curl("/later", "--http1.1").output == "later")
    try await eventually("connections to be gone") { bench.server.statistics.openConnections == 0 }
    #expect(bench.server.statistics.failedHandshakes >= 3 && bench.server.statistics.timedOutConnections >= 2)
    #expect(bench.failures.all.contains { $0.contains("http request") }, "\(bench.failures.all)")
    await bench.server.drain(deadline: .seconds(1))
  }

  @Test func `handshakes that go no further take a quarter of the budget, and the oldest make room for others`()
    async throws
  {
    let budget = MemoryBudget(limit: 1 << 20)
    let bench = try await Bench.start(budget: budget)
    let port = bench.port
    // Whoever has used the budget up shuts nobody out.
    let others = budget.holding(1 << 20)
    let begun = Crowd()
    try await blocking {
      // 32 KB each.
      for _ in 0..<40 {
        let client = try Client(port: port, patience: 5)
        try client.send([22, 3, 1, 1, 0])
        begun.clients.append(client)
      }
    }
    let ended = {
      begun.clients.count { client in
        var ready = pollfd(fd: client.descriptor, events: Int16(POLLIN), revents: 0)
        var byte: UInt8 = 0
        return poll(&ready, 1, 0) > 0 && recv(client.descriptor, &byte, 1, 0) <= 0
      }
    }
    try await eventually("the oldest to be ended") { bench.failures.all.count == 32 && ended() == 32 }
    #expect(budget.used == (1 << 20) + 8 * (32 << 10))
    for _ in 0..<3 { #expect(try await bench.curl("/later").output == "later") }
    #expect(bench.failures.all.allSatisfy { $0.contains("pushed out") }, "\(bench.failures.all)")
    withExtendedLifetime((others, begun)) {}
    await bench.server.drain(deadline: .seconds(1))
  }

  /// Asks /whoami again and again over one connection, until it is killed; each answer is a line.
  private func following(_ bench: Bench, by who: String, _ arguments: [String]) throws -> ChildProcess {
    let files = ["--cert", bench.certificates.file("\(who).crt"), "--key", bench.certificates.file("\(who).key")]
    return try ChildProcess(
      ["curl", "-sSN", "--rate", "20/s", "--cacert", bench.certificates.authority, "-w", " (%{num_connects})\n"] + files
        + arguments + ["https://127.0.0.1:\(bench.port)/whoami?[1-1000]"],
      outputFile: bench.certificates.file(who + arguments.joined()))
  }
  private static let ways = [
    ["--http1.1", "--tls-max", "1.2"], ["--http1.1"], ["--http2", "--tls-max", "1.2"],
    ["--http2"],
  ]

  private func last(_ process: ChildProcess) -> String {
    process.output.split(separator: "\n").last.map(String.init) ?? ""
  }

  @Test
  func `a certificate that expires, and one whose authority is replaced, count no more on connections that are open`()
    async throws
  {
    let bench = try await Bench.start { tls, certificates in
      try FileManager.default.copyItem(atPath: certificates.authority, toPath: certificates.file("clients.crt"))
      tls.clientCAFile = certificates.file("clients.crt")
    }
    let certificates = bench.certificates
    try await certificates.issue("alice", subject: "/CN=alice")
    let clients = try Self.ways.map { try following(bench, by: "alice", $0) }
    try await certificates.issue("brief", subject: "/CN=brief", by: .init(seconds: 5))
    let brief = try Self.ways.map { try following(bench, by: "brief", $0) }
    defer { for client in clients + brief { client.signal(SIGKILL) } }
    func all(_ clients: [ChildProcess], _ words: String) async throws {
      do {
        try await eventually(words, within: .seconds(20)) { clients.allSatisfy { last($0).contains(words) } }
      } catch {
        Issue.record("\(error): \(clients.map { $0.output.suffix(300) })")
        throw error
      }
    }
    try await all(clients, "commonName: \"alice\"")
    try await all(brief, "certificate has expired")
    for client in brief { #expect(client.output.contains("commonName: \"brief\""), "\(client.output.suffix(300))") }
    let other = try await Certificates(authority: "another")
    let authority = try String(contentsOfFile: certificates.authority, encoding: .utf8)
    let replaced = try String(contentsOfFile: other.authority, encoding: .utf8)
    try replaced.write(toFile: certificates.file("clients.crt"), atomically: true, encoding: .utf8)
    #expect(try bench.credentials.reloadIfChanged())
    try await all(clients, "unverified(")
    try authority.write(toFile: certificates.file("clients.crt"), atomically: true, encoding: .utf8)
    #expect(try bench.credentials.reloadIfChanged())
    try await all(clients, "commonName: \"alice\"")
    for client in clients {
      #expect(
        client.output.components(separatedBy: "(1)").count == 2
          && !client.output.contains("(2)"), "more than one connection: \(client.output.suffix(300))")
    }
    await bench.server.drain(deadline: .seconds(1))
  }

  @Test
  func
    `certificates that come with a client's own are kept for resumed sessions, and one authority of a chain is enough`()
    async throws
  {
    let others = try await Certificates(authority: "others")
    let bench = try await Bench.start { tls, certificates in
      try await certificates.issue("inter", subject: "/CN=inter", by: .init(makesAuthority: true))
      try await certificates.issue("client", subject: "/CN=proxy", by: .init(name: "inter"))
      tls.proxyCAFile = certificates.authority
      tls.clientCAFile = others.authority
    }
    let certificates = bench.certificates
    let session = certificates.file("session")
    func ask(_ bench: Bench, _ arguments: String) async throws -> String {
      try await run([
        "bash", "-c",
        // Until the server ends the connection.
        "printf 'GET /whoami HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\n\\r\\n' | openssl s_client -ign_eof -connect 127.0.0.1:\(bench.port) \(arguments) 2>&1",
      ]).output
    }
    let own = "-cert \(certificates.file("client.crt")) -key \(certificates.file("client.key"))"
    for version in ["-tls1_2", "-tls1_3"] {
      let first = try await ask(
        bench,
        "\(version) \(own) -cert_chain \(certificates.file("inter.crt")) -sess_out \(session)")
      #expect(first.contains("proxy(name: \"proxy\""), "\(first.suffix(400))")
      // A ticket that comes in a resumed session has them too.
      for _ in 0..<2 {
        let again = try await ask(bench, "\(version) -sess_in \(session) -sess_out \(session)")
        #expect(
          again.contains("Reused, TLS") && again.contains("proxy(name: \"proxy\""),
          "\(version): \(again.suffix(400))")
      }
      // More than is kept: verified in each handshake, and not resumed.
      let many = certificates.file("many.crt")
      let inter = try String(contentsOfFile: certificates.file("inter.crt"), encoding: .utf8)
      try
        (inter
        + String(
          repeating: try String(contentsOfFile: others.authority, encoding: .utf8),
          count: 50)).write(toFile: many, atomically: true, encoding: .utf8)
      #expect(
        try await ask(bench, "\(version) \(own) -cert_chain \(many) -sess_out \(session)").contains(
          "proxy(name: \"proxy\""))
      #expect(try await ask(bench, "\(version) \(own) -cert_chain \(many) -sess_in \(session)").contains("New, TLS"))
    }
    await bench.server.drain(deadline: .seconds(1))

    // Only the intermediate is believed: as Go, without the authority that has signed it.
    let partial = try await Bench.start { tls, theirs in
      try FileManager.default.copyItem(atPath: certificates.file("inter.crt"), toPath: theirs.file("clients.crt"))
      tls.clientCAFile = theirs.file("clients.crt")
    }
    #expect(try await ask(partial, own).contains("commonName: \"proxy\""))
    #expect(
      try await ask(partial, "-cert \(certificates.file("server.crt")) -key \(certificates.file("server.key"))")
        .contains("unverified"))
    await partial.server.drain(deadline: .seconds(1))
  }

  @Test func `who sends a body that nobody reads, and reads only then, finds the answer over TLS`() async throws {
    let bench = try await Bench.start()
    let script = """
      import http.client, ssl
      body = b"a" * (10 << 20)
      def pieces():
        for at in range(0, len(body), 100000): yield body[at:at + 100000]
      for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        for chunked in (False, True):
          context = ssl.create_default_context(cafile="\(bench.certificates.authority)")
          context.maximum_version = version
          client = http.client.HTTPSConnection("127.0.0.1", \(bench.port), context=context, timeout=20)
          client.request("POST", "/echo", pieces() if chunked else body, {"Transfer-Encoding": "chunked"} if chunked else {}, encode_chunked=chunked)
          answer = client.getresponse()
          print(answer.status, answer.read().decode())
      """
    let output = try await run(["python3", "-c", script]).output
    #expect(output == String(repeating: "413 limit is 3145728\n", count: 4), "\(output)")
    let file = bench.certificates.file("body")
    try Data(repeating: 0x61, count: 10 << 20).write(to: URL(filePath: file))
    for version in ["--http1.1", "--http2"] {
      for more in [[], ["-H", "Expect:"], ["-H", "Transfer-Encoding: chunked"]] {
        let command =
          [
            "curl", "-sS", "--max-time", "20", version, "--cacert", bench.certificates.authority,
            "--data-binary", "@\(file)", "-w", " %{http_code}",
          ] + more
        let answer = try await run(command + ["https://127.0.0.1:\(bench.port)/echo"])
        #expect(answer.status == 0 && answer.output == "limit is 3145728 413", "\(version) \(more): \(answer.output)")
      }
    }
    await bench.server.drain(deadline: .seconds(1))
  }

  @Test func `records that are not whole are in the budget as long as they wait`() async throws {
    let budget = MemoryBudget(limit: 1 << 20)
    let bench = try await Bench.start(budget: budget)
    let port = bench.port
    try await blocking {
      let clients = try (0..<20).map { _ in
        try SecureConnection(port: port, saying: Array("GET /later HTTP/1.1\r\nHost: x\r\n\r\n".utf8))
      }
      usleep(300_000)
      #expect(budget.used == 0)
      for client in clients { try client.client.send([23, 3, 3, 0x40, 0x11] + [UInt8](repeating: 7, count: 10_000)) }
      usleep(300_000)
      #expect(budget.used == 20 * 10_005)
    }
    try await eventually("the budget to be free") { budget.used == 0 }
    await bench.server.drain(deadline: .seconds(1))
  }

  @Test func `files that can't be used are named with the reason`() async throws {
    let certificates = try await Certificates()
    try await certificates.issue("server", subject: "/CN=localhost")
    try await certificates.issue("other", subject: "/CN=other")
    try await certificates.issue("old", subject: "/CN=old", days: -1)
    for (name, text) in [
      ("empty", ""), ("noise", "not PEM"), ("broken", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
    ] {
      try text.write(toFile: certificates.file(name), atomically: true, encoding: .utf8)
    }
    _ = try await run([
      "openssl", "ec", "-in", certificates.file("server.key"), "-aes128", "-passout", "pass:x", "-out",
      certificates.file("locked.key"),
    ])
    func reason(_ cert: String, _ key: String, ca: String? = nil) -> String {
      var tls = TLSConfiguration(keyPair: .init(certFile: certificates.file(cert), keyFile: certificates.file(key)))
      tls.clientCAFile = ca.map(certificates.file)
      do throws(TLSError) {
        _ = try TLSCredentials(tls)
        return "fine"
      } catch { return "\(error)" }
    }
    #expect(reason("server.crt", "server.key", ca: "ca.crt") == "fine")
    for (text, file, words) in [
      (reason("none", "server.key"), "none", "No such file"), (reason("empty", "server.key"), "empty", "empty"),
      (reason("noise", "server.key"), "noise", "no certificate"),
      (reason("broken", "server.key"), "broken", "no certificate"),
      (reason("server.crt", "none"), "none", "No such file"),
      (reason("server.crt", "server.crt"), "server.crt", "no private key"),
      (reason("server.crt", "other.key"), "other.key", "does not belong"),
      (reason("server.crt", "locked.key"), "locked.key", "encrypted"),
      (reason("old.crt", "old.key"), "old.crt", "expired"),
      (reason("server.crt", "server.key", ca: "none"), "none", "No such file"),
      (reason("server.crt", "server.key", ca: "empty"), "empty", "empty"),
      (reason("server.crt", "server.key", ca: "old.crt"), "old.crt", "expired"),
      (reason("server.crt", "server.key", ca: "server.key"), "server.key", "no certificate"),
    ] { #expect(text.contains(file) && text.contains(words), "\(text)") }
  }
}
