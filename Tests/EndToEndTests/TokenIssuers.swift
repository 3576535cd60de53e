import ByteBuffers
import Foundation
import JSON
import TestSupport
import Testing

/// Tokens of an OpenID Connect issuer: a real one over TLS, whose keys change.
@Suite struct `Token issuers` {
  private struct Issuer {
    let folder: TemporaryFolder
    let certificates: TestCertificates
    let process: ChildProcess
    let port: Int
    var url: String { "https://127.0.0.1:\(port)" }
    private static var script: String { Repository.root.appending(path: "Tests/Clients/token_issuer.py").path }

    static func start() async throws -> Issuer {
      let folder = try TemporaryFolder()
      let certificates = try await TestCertificates()
      let port = try Ports.free()
      let process = try ChildProcess(
        [
          "python3", "-u", script, "serve", String(port), certificates.server.certificate, certificates.server.key,
          folder.path,
        ], outputFile: folder.file("requests"))
      try await eventually("the issuer", within: .seconds(20)) { process.output.contains("serving") }
      return Issuer(folder: folder, certificates: certificates, process: process, port: port)
    }

    func publish(_ keys: String...) throws {
      try keys.joined(separator: "\n").write(toFile: folder.file("published"), atomically: true, encoding: .utf8)
    }

    /// An AuthenticationConfiguration that believes this issuer, and nobody without a token.
    func configuration(_ username: String) throws -> String {
      let authority = try String(contentsOfFile: certificates.ca, encoding: .utf8).split(separator: "\n").map {
        "        \($0)"
      }.joined(separator: "\n")
      return """
        apiVersion: apiserver.config.k8s.io/v1
        kind: AuthenticationConfiguration
        jwt:
        - issuer:
            url: \(url)
            audiences: [us]
            certificateAuthority: |
        \(authority)
          claimMappings:
            username: \(username)
            groups: {claim: groups, prefix: ""}
        anonymous: {enabled: false}
        """
    }

    /// Good for an hour, for `us`, but for what `more` says.
    func token(_ key: String, _ algorithm: String = "RS256", _ more: [String: JSONValue] = [:]) async throws -> String {
      var claims: JSONObject = [
        "iss": .string(url), "aud": "us", "sub": "me", "groups": ["devs"],
        "exp": .int(Int64(Date().timeIntervalSince1970) + 3_600),
      ]
      for (name, value) in more { claims[name] = value }
      let output = try await run([
        "python3", Self.script, "sign", folder.path, key, algorithm, JSONValue.object(claims).encoded().text,
      ]).output
      return output.trimmingCharacters(in: .whitespacesAndNewlines)
    }
  }

  private func whoami(
    _ daemon: Daemon, _ port: Int, _ folder: TemporaryFolder, _ token: String
  ) async throws -> (code: Int, user: JSONValue?) {
    let output = try await run([
      "curl", "-sS", "--cacert", folder.file("certs/ca.crt"), "-w", "\n%{http_code}", "-H",
      "Authorization: Bearer \(token)", "-H", "Content-Type: application/json",
      "-d", #"{"kind":"SelfSubjectReview","apiVersion":"authentication.k8s.io/v1"}"#,
      "https://127.0.0.1:\(port)/apis/authentication.k8s.io/v1/selfsubjectreviews",
    ]).output
    let lines = output.split(separator: "\n")
    return (
      Int(lines.last ?? "") ?? 0,
      try? JSONValue(parsing: lines.dropLast().joined(separator: "\n"))["status"]?["userInfo"]
    )
  }

  @Test func `a token that an issuer has signed for us says who it is by, and its keys may change`() async throws {
    let issuer = try await Issuer.start()
    defer { issuer.process.signal(SIGKILL) }
    let good = try await issuer.token("one")
    let elliptic = try await issuer.token("two", "ES256", ["sub": "elliptic"])
    try issuer.publish("one", "two")
    let folder = try TemporaryFolder()
    try issuer.configuration(#"{expression: "'oidc:' + claims.sub"}"#).write(
      toFile: folder.file("auth.yaml"), atomically: true, encoding: .utf8)
    let port = try Ports.free()
    let daemon = try await Daemon.start(
      on: .sqlite,
      arguments: [
        "--secure-port", String(port), "--cert-dir", folder.file("certs"), "--authentication-config",
        folder.file("auth.yaml"),
      ])
    defer { daemon.stop() }
    func ask(_ token: String) async throws -> (code: Int, user: JSONValue?) {
      try await whoami(daemon, port, folder, token)
    }

    for _ in 0..<3 {
      let answer = try await ask(good)
      #expect(
        answer.code == 201 && answer.user == ["username": "oidc:me", "groups": ["devs", "system:authenticated"]])
    }
    #expect(try await ask(elliptic).user?["username"] == "oidc:elliptic")
    #expect(issuer.process.output.split(separator: "\n").count { $0 == "/keys" } == 1)
    // Not for us, over, not yet, by somebody else, changed.
    let now = Int64(Date().timeIntervalSince1970)
    for bad in [
      ["aud": "them"], ["exp": .int(now - 10)], ["nbf": .int(now + 1_000)], ["iss": "https://other.example"],
      ["sub": 7],
    ] as [[String: JSONValue]] {
      #expect(try await ask(issuer.token("one", "RS256", bad)).code == 401, "\(bad)")
    }
    #expect(try await ask(good.dropLast(8) + "AAAAAAAA").code == 401)
    // A key that is not published is believed once it is, without a restart, and one that is no longer is not.
    let later = try await issuer.token("three", "PS256", ["sub": "later"])
    #expect(try await ask(later).code == 401)
    try issuer.publish("three")
    try await eventually("the new key", within: .seconds(20)) { try await ask(later).code == 201 }
    #expect(try await ask(issuer.token("one", "RS256", ["sub": "again"])).code == 401)

    // Under kube-apiserver's names, and by digests.
    let metrics = try #require(HTTPProbe.request(port: daemon.port, path: "/metrics")?.body)
    let hash = try await run(["bash", "-c", "printf %s '\(issuer.url)' | sha256sum | cut -d' ' -f1"]).output
      .trimmingCharacters(in: .whitespacesAndNewlines)
    let prefix = "apiserver_authentication_jwt_authenticator_"
    // Good: remembered tokens are not counted anew, and the third was asked for at least once.
    for line in [
      prefix + #"latency_seconds_count{result="success",jwt_issuer_hash="sha256:\#(hash)"} 3"#,
      prefix + #"latency_seconds_count{result="failure",jwt_issuer_hash="sha256:\#(hash)"}"#,
      prefix
        + #"jwks_fetch_last_timestamp_seconds{result="success",jwt_issuer_hash="sha256:\#(hash)",apiserver_id_hash=""} 1"#,
      prefix + #"jwks_fetch_last_key_set_info{jwt_issuer_hash="sha256:\#(hash)",apiserver_id_hash="",hash="sha256:"#,
    ] { #expect(metrics.contains(line), "\(line)") }
  }

  @Test func `the file may change: what it says then is taken over, and what makes no sense is not`() async throws {
    let issuer = try await Issuer.start()
    defer { issuer.process.signal(SIGKILL) }
    let token = try await issuer.token("one")
    try issuer.publish("one")
    let folder = try TemporaryFolder()
    let port = try Ports.free()
    func write(_ text: String) throws {
      try text.write(toFile: folder.file("auth.yaml"), atomically: true, encoding: .utf8)
    }
    try write(try issuer.configuration(#"{claim: sub, prefix: "old:"}"#))
    let daemon = try await Daemon.start(
      on: .sqlite,
      arguments: [
        "--secure-port", String(port), "--bind-address", "0.0.0.0", "--cert-dir", folder.file("certs"),
        "--authentication-config", folder.file("auth.yaml"),
      ])
    defer { daemon.stop() }
    func name() async throws -> JSONValue? { try await whoami(daemon, port, folder, token).user?["username"] }
    func reloads() -> (good: Int, bad: Int) {
      let lines =
        HTTPProbe.request(port: daemon.port, path: "/metrics")?.body.split(separator: "\n").filter {
          $0.hasPrefix("apiserver_authentication_config_controller_automatic_reloads_total")
        } ?? []
      func count(_ status: String) -> Int {
        lines.first { $0.contains("\"\(status)\"") }.flatMap { Int($0.split(separator: " ").last ?? "") } ?? 0
      }
      return (count("success"), count("failure"))
    }
    #expect(try await name() == "old:me")
    #expect(reloads() == (0, 0))
    try write(try issuer.configuration(#"{claim: sub, prefix: "new:"}"#))
    kill(daemon.pid, SIGHUP)
    try await eventually("the new prefix", within: .seconds(20)) { try await name() == "new:me" }
    #expect(reloads() == (1, 0))
    let before = reloads()
    let head = "apiVersion: apiserver.config.k8s.io/v1\nkind: AuthenticationConfiguration\n"
    // The last would let everybody do everything from every machine, as the start would not have.
    for broken in ["kind: {", head + "jwt: [{issuer: {url: http://a.example}}]", head + "anonymous: {enabled: true}"] {
      let bad = reloads().bad
      try write(broken)
      kill(daemon.pid, SIGHUP)
      try await eventually("the refusal of \(broken)", within: .seconds(20)) { reloads().bad > bad }
      #expect(try await name() == "new:me")
    }
    #expect(reloads().good == before.good)
    try write(head + "jwt: []\nanonymous: {enabled: true, conditions: [{path: /livez}]}\n")
    // Without a signal, too.
    try await eventually("that nobody is believed", within: .seconds(30)) {
      try await whoami(daemon, port, folder, token).code == 401
    }
    #expect(reloads().good == before.good + 1)
  }

  @Test func `one issuer may be named by flags, whose keys are had when it comes up`() async throws {
    let issuer = try await Issuer.start()
    defer { issuer.process.signal(SIGKILL) }
    let token = try await issuer.token(
      "one", "RS256", ["email": "a@b.example", "email_verified": true, "hd": "example"])
    let other = try await issuer.token("two", "ES256", ["email": "a@b.example", "hd": "example"])
    try issuer.publish("one", "two")
    let folder = try TemporaryFolder()
    let port = try Ports.free()
    let daemon = try await Daemon.start(
      on: .sqlite,
      arguments: [
        "--secure-port", String(port), "--cert-dir", folder.file("certs"), "--oidc-issuer-url", issuer.url,
        "--oidc-client-id", "us", "--oidc-username-claim", "email",
        "--oidc-groups-claim", "groups", "--oidc-groups-prefix", "g:", "--oidc-required-claim", "hd=example",
        "--oidc-ca-file", issuer.certificates.ca,
      ])
    defer { daemon.stop() }
    let answer = try await whoami(daemon, port, folder, token)
    #expect(answer.user == ["username": "a@b.example", "groups": ["g:devs", "system:authenticated"]], "\(answer)")
    // Only RS256, unless told otherwise.
    #expect(try await whoami(daemon, port, folder, other).code == 401)
  }

  @Test(arguments: [
    (["--oidc-client-id", "us"], "name --oidc-issuer-url"),
    (["--oidc-issuer-url", "https://a.example"], "needs --oidc-client-id"),
    (["--oidc-issuer-url", "http://a.example", "--oidc-client-id", "us"], "URL scheme must be https"),
    (
      ["--oidc-issuer-url", "https://a.example", "--oidc-client-id", "us", "--oidc-signing-algs", "HS256"],
      "--oidc-signing-algs: HS256 is not served"
    ),
    (
      ["--oidc-issuer-url", "https://a.example", "--oidc-client-id", "us", "--oidc-required-claim", "x"],
      "is not key=value"
    ),
  ])
  func `settings that can't be used stop the start with one line`(arguments: [String], words: String) async throws {
    let result = try await run([Daemon.program, "check-config", "--secure-port", "6444"] + arguments)
    #expect(
      result.status != 0 && result.output.split(separator: "\n").count == 1 && result.output.contains(words),
      "\(result.output)")
  }
}
