import Foundation
import TestSupport
import Testing

/// A proxy in front of the daemon that says by headers who a request is by.
@Suite struct `Front proxy` {
  @Test
  func
    `headers are believed from a proxy that its authorities vouch for, under the names it may have, and from nobody else`()
    async throws
  {
    let folder = try TemporaryFolder()
    // Two houses: the proxies' and somebody else's.
    let proxies = try await TestCertificates()
    let strangers = try await TestCertificates()
    let port = try Ports.free()
    func serve(allowing names: String) async throws -> Daemon {
      try await Daemon.start(
        on: .sqlite,
        arguments: [
          "--secure-port", String(port), "--cert-dir", folder.file("certs"), "--requestheader-client-ca-file",
          proxies.ca, "--requestheader-allowed-names", names,
          "--requestheader-username-headers", "X-Remote-User,X-User", "--requestheader-uid-headers", "X-Remote-Uid",
          "--requestheader-group-headers", "X-Remote-Group",
          "--requestheader-extra-headers-prefix", "X-Remote-Extra-", "--anonymous-auth=false",
        ])
    }
    func whoami(_ certificate: [String], _ headers: [String] = [], http: String = "--http1.1") async throws -> String {
      var command =
        [
          "curl", "-sS", http, "--cacert", folder.file("certs/ca.crt"), "-H", "Content-Type: application/json", "-d",
          "{}", "-A", "test",
        ] + certificate
      for header in headers { command += ["-H", header] }
      return try await run(command + ["https://127.0.0.1:\(port)/apis/authentication.k8s.io/v1/selfsubjectreviews"])
        .output
    }
    func files(_ pair: TestCertificates.Pair) -> [String] { ["--cert", pair.certificate, "--key", pair.key] }
    let headers = [
      "X-Remote-User: ada", "X-Remote-Uid: 7", "X-Remote-Group: a", "X-Remote-Group: b",
      "X-Remote-Extra-Acme.com%2Fproject: p",
    ]

    let daemon = try await serve(allowing: "client")
    for http in ["--http1.1", "--http2"] {
      let ada = try await whoami(files(proxies.client), headers, http: http)
      #expect(
        ada.contains(
          #""username":"ada","uid":"7","groups":["a","b","system:authenticated"],"extra":{"acme.com/project":["p"]}"#),
        "\(ada)")
      #expect(try await whoami(files(proxies.client), ["X-User: bea"], http: http).contains(#""username":"bea""#))
      // A proxy that names nobody is nobody itself: its certificate is no client's.
      #expect(try await whoami(files(proxies.client), http: http).contains("Unauthorized"))
      #expect(try await whoami(files(strangers.client), headers, http: http).contains("Unauthorized"))
      #expect(try await whoami([], headers, http: http).contains("Unauthorized"))
      // The administrator is a client, and not a proxy, whatever its headers say.
      let admin = ["--cert", folder.file("certs/admin.crt"), "--key", folder.file("certs/admin.key")]
      let own = try await whoami(admin, headers, http: http)
      #expect(own.contains("system:masters") && !own.contains(#""ada""#), "\(own)")
    }
    daemon.stop()

    let strict = try await serve(allowing: "another")
    defer { strict.stop() }
    #expect(try await whoami(files(proxies.client), headers).contains("Unauthorized"))
  }

  @Test(arguments: [
    (["--requestheader-username-headers", "X-Remote-User"], "of no use without --requestheader-client-ca-file"),
    (
      ["--requestheader-client-ca-file", "/etc/ssl/certs/ca-certificates.crt"], "needs --requestheader-username-headers"
    ),
    (
      [
        "--requestheader-client-ca-file", "/etc/ssl/certs/ca-certificates.crt", "--requestheader-username-headers",
        "A,,B",
      ], "--requestheader-username-headers: an entry is empty"
    ),
  ])
  func `settings that would believe nobody, or everybody, stop the start`(
    arguments: [String], words: String
  ) async throws {
    let result = try await run([Daemon.program, "check-config", "--secure-port", "6444"] + arguments)
    #expect(
      result.status != 0 && result.output.split(separator: "\n").count == 1 && result.output.contains(words),
      "\(result.output)")
  }
}
