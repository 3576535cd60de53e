import Foundation
import TestSupport
import Testing

/// The daemon under a service manager.
@Suite struct `Life as a service` {
  @Test func `over restarts on a socket that was handed over, no connection is refused and no request fails`()
    async throws
  {
    let folder = try TemporaryFolder()
    let port = try Ports.free()
    let script = Repository.root.appending(path: "Tests/Clients/socket_activation.py").path
    let result = try await run(
      [
        "python3", script, String(port), Tools.isFullRun ? "40" : "8", Daemon.program, "serve", "--insecure-port",
        String(port), "--data-dir", folder.file("data"),
      ],
      within: .seconds(240))
    #expect(result.status == 0, "\(result.output)")
  }

  @Test func `a socket that nobody has use for stops the start with one line`() async throws {
    let folder = try TemporaryFolder()
    let port = try Ports.free()
    // Descriptor 3 is a file here, no socket.
    let result = try await run([
      "sh", "-c", "exec 3</dev/null; LISTEN_PID=$$ LISTEN_FDS=1 exec \"$@\"", "sh", Daemon.program, "serve",
      "--insecure-port", String(port), "--data-dir", folder.file("data"),
    ])
    #expect(
      result.status == 1 && result.output.contains("LISTEN_FDS: descriptor 3 is no listening stream socket"),
      "\(result.output)")
  }

  @Test func `SIGHUP reads certificates again, and nothing ends`() async throws {
    let folder = try TemporaryFolder()
    let certificates = try await TestCertificates()
    let (certificate, key) = (folder.file("tls.crt"), folder.file("tls.key"))
    func install(_ pair: TestCertificates.Pair) throws {
      for (from, to) in [(pair.key, key), (pair.certificate, certificate)] {
        try? FileManager.default.removeItem(atPath: to)
        try FileManager.default.copyItem(atPath: from, toPath: to)
      }
    }
    try install(certificates.server)
    let port = try Ports.free()
    let daemon = try await Daemon.start(
      on: .sqlite,
      arguments: ["--secure-port", String(port), "--tls-cert-file", certificate, "--tls-private-key-file", key])
    defer { daemon.stop() }
    func subject() async throws -> String {
      try await run([
        "sh", "-c", "openssl s_client -connect 127.0.0.1:\(port) </dev/null 2>/dev/null | openssl x509 -noout -subject",
      ]).output
    }
    #expect(try await subject().contains("CN = server"))
    try install(try await certificates.pair("renewed", names: "IP:127.0.0.1"))
    Glibc.kill(daemon.pid, SIGHUP)
    try await eventually("the new certificate", within: .seconds(10)) { try await subject().contains("CN = renewed") }
    #expect(daemon.log.contains("reloading"))
    #expect(HTTPProbe.request(port: daemon.port, path: "/readyz", timeoutSeconds: 5)?.status == 200)
  }

  @Test func `the watchdog is told that the reactors work`() async throws {
    let folder = try TemporaryFolder()
    let port = try Ports.free()
    let socket = folder.file("notify")
    let listener = try ChildProcess(
      [
        "python3", "-u", "-c",
        "import socket,sys; s=socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.bind(sys.argv[1])\nwhile True: print(s.recv(4096).decode())",
        socket,
      ],
      outputFile: folder.file("notes"))
    defer { listener.signal(SIGKILL) }
    try await eventually("the socket", within: .seconds(10)) { FileManager.default.fileExists(atPath: socket) }
    let daemon = try ChildProcess(
      [
        "env", "NOTIFY_SOCKET=\(socket)", "WATCHDOG_USEC=400000", Daemon.program, "serve", "--insecure-port",
        String(port), "--data-dir", folder.file("data"),
      ],
      outputFile: folder.file("log"))
    defer { daemon.signal(SIGKILL) }
    try await eventually("a few signs of life", within: .seconds(20)) {
      listener.output.split(separator: "\n").count { $0 == "WATCHDOG=1" } >= 3
    }
    #expect(listener.output.contains("READY=1"))
    daemon.signal(SIGTERM)
    #expect(try await daemon.wait() == 0)
    #expect(listener.output.contains("STOPPING=1"))
  }
}
