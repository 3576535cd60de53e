import Foundation
import TestSupport
import Testing

/// Who may come in and what they may do, asked by real clients of the real daemon.
@Suite struct `Access over HTTPS` {
  private struct Bench {
    let folder: TemporaryFolder
    let daemon: Daemon
    let port: Int
    var certs: String { folder.file("certs") }

    static func start(_ arguments: [String]) async throws -> Bench {
      let folder = try TemporaryFolder()
      let port = try Ports.free()
      let tokens = folder.file("tokens.csv")
      try """
      alice-token,alice,u1
      bob-token,bob,u2,"readers"
      root-token,root,u3,"system:masters"
      n1-token,system:node:n1,u4,"system:nodes"
      """.write(toFile: tokens, atomically: true, encoding: .utf8)
      try """
      {"apiVersion":"abac.authorization.kubernetes.io/v1beta1","kind":"Policy","spec":{"user":"alice","namespace":"*","resource":"*","apiGroup":"*"}}
      {"apiVersion":"abac.authorization.kubernetes.io/v1beta1","kind":"Policy","spec":{"group":"readers","readonly":true,"namespace":"*","resource":"nodes"}}
      """.write(toFile: folder.file("policy.jsonl"), atomically: true, encoding: .utf8)
      let daemon = try await Daemon.start(
        on: .sqlite,
        arguments: ["--secure-port", String(port), "--cert-dir", folder.file("certs"), "--token-auth-file", tokens]
          + arguments.map {
            $0.replacingOccurrences(of: "POLICY", with: folder.file("policy.jsonl"))
          })
      return Bench(folder: folder, daemon: daemon, port: port)
    }

    /// The status and body of one request by curl.
    func call(
      _ method: String, _ path: String, token: String? = nil, headers: [String] = [], body: String? = nil,
      more: [String] = []
    ) async throws -> (code: Int, body: String) {
      var command =
        ["curl", "-sS", "--cacert", certs + "/ca.crt", "-X", method, "-w", "\n%{http_code}", "-A", "test"] + more
      if let token { command += ["-H", "Authorization: Bearer \(token)"] }
      for header in headers { command += ["-H", header] }
      if let body { command += ["-H", "Content-Type: application/json", "-d", body] }
      let output = try await run(command + ["https://127.0.0.1:\(port)\(path)"]).output
      let lines = output.split(separator: "\n", omittingEmptySubsequences: false)
      return (Int(lines.last ?? "") ?? 0, lines.dropLast().joined(separator: "\n"))
    }
  }

  @Test func `tokens and certificates say who a request is by, and policies what it may do`() async throws {
    let bench = try await Bench.start([
      "--anonymous-auth=false", "--authorization-mode", "Node,ABAC", "--authorization-policy-file", "POLICY",
    ])
    defer { bench.daemon.stop() }
    let node = #"{"kind":"Node","apiVersion":"v1","metadata":{"name":"a"}}"#

    let nobody = try await bench.call("GET", "/api/v1/nodes")
    #expect(nobody.code == 401)
    #expect(
      nobody.body.contains(#""reason":"Unauthorized""#) && nobody.body.contains(#""message":"Unauthorized""#),
      "\(nobody.body)")
    #expect(try await bench.call("GET", "/api/v1/nodes", token: "wrong").code == 401)
    #expect(try await bench.call("GET", "/version").code == 401)
    // A blank too many makes it no token, and the client is told, whatever the answer.
    let warning =
      #"warning: 299 - "the provided Authorization header contains extra space before the bearer token, and is ignored""#
    for path in ["/api/v1/nodes", "/version", "/api/v1/nodes?watch=1"] {
      let spaced = try await bench.call("GET", path, headers: ["Authorization: Bearer  alice-token"], more: ["-i"])
      #expect(
        spaced.code == 401 && spaced.body.replacing("Warning:", with: "warning:").contains(warning), "\(spaced.body)")
    }
    #expect(try await !bench.call("GET", "/version", token: "alice-token", more: ["-i"]).body.contains("299 -"))

    #expect(try await bench.call("POST", "/api/v1/nodes", token: "alice-token", body: node).code == 201)
    #expect(try await bench.call("GET", "/api/v1/nodes/a", token: "bob-token").code == 200)
    #expect(try await bench.call("GET", "/api/v1/nodes", token: "bob-token").code == 200)
    let refused = try await bench.call("DELETE", "/api/v1/nodes/a", token: "bob-token")
    #expect(refused.code == 403)
    #expect(
      refused.body.contains(
        #"nodes \"a\" is forbidden: User \"bob\" cannot delete resource \"nodes\" in API group \"\" at the cluster scope: No policy matched."#
      ), "\(refused.body)")
    // A request that may not be made is refused before anybody looks what would serve it.
    #expect(try await bench.call("GET", "/api/v1/nothings", token: "bob-token").code == 403)
    #expect(try await bench.call("GET", "/api/v1/nothings", token: "alice-token").code == 404)
    #expect(try await bench.call("GET", "/metrics", token: "alice-token").code == 403)
    #expect(try await bench.call("GET", "/metrics", token: "root-token").code == 200)
    // The administrator's certificate, made at the first start.
    let admin = ["--cert", bench.certs + "/admin.crt", "--key", bench.certs + "/admin.key"]
    #expect(try await bench.call("GET", "/metrics", more: admin).code == 200)
    let metrics = try await bench.call("GET", "/metrics", token: "root-token").body
    for line in [
      #"authentication_attempts{result="failure"} 5"#, #"authentication_attempts{result="error"} 1"#,
      #"authorization_attempts_total{result="no-opinion"} 4"#,
      #"authenticated_user_requests{username="other"} "#, #"authorization_attempts_total{result="denied"} 0"#,
    ] { #expect(metrics.contains(line), "\(line)") }
    // Plain HTTP, which only this machine reaches, asks nothing.
    #expect(HTTPProbe.request(port: bench.daemon.port, path: "/api/v1/nodes/a")?.status == 200)
  }

  @Test(arguments: ["--http1.1", "--http2"])
  func `each request of a connection is by whom it says itself`(version: String) async throws {
    let bench = try await Bench.start([
      "--anonymous-auth=false", "--authorization-mode", "ABAC", "--authorization-policy-file", "POLICY",
    ])
    defer { bench.daemon.stop() }
    #expect(
      try await bench.call(
        "POST", "/api/v1/nodes", token: "root-token",
        body: #"{"kind":"Node","apiVersion":"v1","metadata":{"name":"a"}}"#
      ).code == 201)
    let nobody = "Impersonate-User: nobody"
    // What each brings, and what comes of it. `n1` is known and may do nothing here.
    let steps: [([String], Int)] = [
      (["Bearer root-token"], 200), (["Bearer root-token"], 200), (["Bearer root-tokem"], 401),
      (["Bearer root-token"], 200), ([], 401), (["Bearer n1-token"], 403), (["Bearer n1-token"], 403),
      (["bearer root-token"], 200), (["Bearer bob-token"], 200), (["Bearer root-token-"], 401),
      (["Bearer alice-token"], 200), (["Basic root-token"], 401),
      // And as somebody else.
      (["Bearer root-token", nobody], 403), (["Bearer bob-token", nobody], 403),
    ].map { (words, code) in (words.map { $0 == nobody ? $0 : "Authorization: \($0)" }, code) }
    var command = ["curl", "-sS"]
    for (place, step) in steps.enumerated() {
      command +=
        (place > 0 ? ["--next"] : []) + [
          "--cacert", bench.certs + "/ca.crt", version, "-A", "test", "-o", "/dev/null", "-w",
          "%{http_code} %{num_connects}\n",
        ]
      command += step.0.flatMap { ["-H", $0] } + ["https://127.0.0.1:\(bench.port)/api/v1/nodes/a"]
    }
    let lines = try await run(command).output.split(separator: "\n").map(String.init)
    let expected = steps.enumerated().map { "\($0.element.1) \($0.offset == 0 ? 1 : 0)" }
    #expect(lines == expected)
  }

  /// A browser can't send headers with a WebSocket.
  @Test func `a token may come as a subprotocol of a WebSocket, and counts for that request alone`() async throws {
    let bench = try await Bench.start([
      "--anonymous-auth=false", "--authorization-mode", "ABAC", "--authorization-policy-file", "POLICY",
    ])
    defer { bench.daemon.stop() }
    let script = """
      import base64, socket, ssl, sys
      port, authorities = int(sys.argv[1]), sys.argv[2]
      context = ssl.create_default_context(cafile=authorities)
      def ask(connection, token, protocols, path="/api/v1/nodes?watch=true&timeoutSeconds=1", headers=""):
          if token: protocols = protocols + ["base64url.bearer.authorization.k8s.io." + base64.urlsafe_b64encode(token.encode()).decode().rstrip("=")]
          connection.sendall(("GET %s HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: Upgrade\\r\\nUpgrade: websocket\\r\\nOrigin: https://page.example\\r\\n"
              "Sec-WebSocket-Version: 13\\r\\nSec-WebSocket-Key: AAECAwQFBgcICQoLDA0ODw==\\r\\nSec-WebSocket-Protocol: %s\\r\\n%s\\r\\n"
              % (path, ", ".join(protocols), headers)).encode())
          answer = b""
          while b"\\r\\n\\r\\n" not in answer: answer += connection.recv(4096)
          head = answer.split(b"\\r\\n\\r\\n")[0].decode()
          chosen = [line.split(": ")[1] for line in head.split("\\r\\n") if line.lower().startswith("sec-websocket-protocol")]
          return head.split(" ")[1] + "".join(" " + name for name in chosen)
      def fresh(): return context.wrap_socket(socket.create_connection(("127.0.0.1", port)), server_hostname="localhost")
      print(ask(fresh(), "root-token", ["v4.channel.k8s.io"]))
      print(ask(fresh(), "root-token", []))
      print(ask(fresh(), "wrong", ["a"]))
      print(ask(fresh(), None, ["a"]))
      print(ask(fresh(), "n1-token", ["a"]))
      print(ask(fresh(), "n1-token", ["a"], headers="Authorization: Bearer root-token\\r\\n"))
      kept = fresh()
      print(ask(kept, "root-token", ["a"], path="/api/v1/nodes"))
      print(ask(kept, None, ["a"], path="/api/v1/nodes"))
      """
    let result = try await run(["python3", "-c", script, String(bench.port), bench.certs + "/ca.crt"])
    #expect(
      result.output.split(separator: "\n") == [
        "101 v4.channel.k8s.io", "401", "401", "401", "403", "101 a", "200", "401",
      ], "\(result.output)")
  }

  @Test func `a node touches its own object and nobody else's`() async throws {
    let bench = try await Bench.start(["--authorization-mode", "Node"])
    defer { bench.daemon.stop() }
    func node(_ name: String, _ rest: String = "") -> String {
      #"{"kind":"Node","apiVersion":"v1","metadata":{"name":"\#(name)"\#(rest)}}"#
    }
    #expect(try await bench.call("POST", "/api/v1/nodes", token: "root-token", body: node("n2")).code == 201)

    #expect(try await bench.call("POST", "/api/v1/nodes", token: "n1-token", body: node("n1")).code == 201)
    let other = try await bench.call("POST", "/api/v1/nodes", token: "n1-token", body: node("n3"))
    #expect(
      other.code == 403 && other.body.contains(#"node \"n1\" is not allowed to modify node \"n3\""#), "\(other.body)")
    #expect(try await bench.call("GET", "/api/v1/nodes/n1", token: "n1-token").code == 200)
    #expect(try await bench.call("GET", "/api/v1/nodes/n2", token: "n1-token").code == 403)
    #expect(try await bench.call("GET", "/api/v1/nodes", token: "n1-token").code == 403)
    #expect(
      try await bench.call("GET", "/api/v1/nodes?fieldSelector=metadata.name%3Dn1", token: "n1-token").code == 200)
    let merge = ["Content-Type: application/merge-patch+json"]
    func patch(_ path: String, _ body: String) async throws -> (code: Int, body: String) {
      try await bench.call("PATCH", path, token: "n1-token", headers: merge, more: ["-d", body])
    }
    #expect(try await patch("/api/v1/nodes/n1/status", #"{"status":{"phase":"Running"}}"#).code == 200)
    #expect(try await patch("/api/v1/nodes/n2/status", #"{"status":{"phase":"Running"}}"#).code == 403)
    #expect(try await patch("/api/v1/nodes/n1", #"{"metadata":{"labels":{"zone":"a"}}}"#).code == 200)
    let label = try await patch("/api/v1/nodes/n1", #"{"metadata":{"labels":{"node-role.kubernetes.io/master":""}}}"#)
    #expect(
      label.code == 403 && label.body.contains("is not allowed to modify labels: node-role.kubernetes.io/master"),
      "\(label.body)")
    #expect(
      try await patch("/api/v1/nodes/n1", #"{"spec":{"taints":[{"key":"k","effect":"NoSchedule"}]}}"#).body.contains(
        "is not allowed to modify taints"))
    #expect(try await bench.call("DELETE", "/api/v1/nodes/n1", token: "n1-token").code == 403)
    #expect(try await bench.call("GET", "/api/v1/nodes/n1", token: "alice-token").code == 403)
  }

  @Test func `who may impersonate acts as somebody else, and nobody else does`() async throws {
    let bench = try await Bench.start(["--authorization-mode", "ABAC", "--authorization-policy-file", "POLICY"])
    defer { bench.daemon.stop() }
    // alice may do everything to every resource, impersonation of users among it.
    #expect(
      try await bench.call(
        "GET", "/api/v1/nodes", token: "alice-token", headers: ["Impersonate-User: carl", "Impersonate-Group: readers"]
      ).code == 200)
    let carl = try await bench.call("GET", "/api/v1/nodes", token: "alice-token", headers: ["Impersonate-User: carl"])
    #expect(carl.code == 403 && carl.body.contains(#"User \"carl\" cannot list resource"#), "\(carl.body)")
    let bob = try await bench.call("GET", "/api/v1/nodes", token: "bob-token", headers: ["Impersonate-User: alice"])
    #expect(
      bob.code == 403
        && bob.body.contains(
          #"nodes is forbidden: User \"bob\" cannot impersonate-on:user-info:list resource \"nodes\" in API group"#),
      "\(bob.body)")
    let group = try await bench.call(
      "GET", "/api/v1/nodes", token: "alice-token", headers: ["Impersonate-Group: readers"])
    #expect(
      group.code == 400
        && group.body.contains(
          #"requested \u0026user.DefaultInfo{Name:\"\", UID:\"\", Groups:[]string{\"readers\"}, Extra:map[string][]string(nil)} without impersonating a user name"#
        ), "\(group.body)")
    let kubectl = try Tools.path("kubectl-1.37/kubectl")
    let asReader = try await run(
      [
        kubectl, "--server", "https://127.0.0.1:\(bench.port)", "--certificate-authority", bench.certs + "/ca.crt",
        "--token", "alice-token", "--as", "x", "--as-group", "readers", "get", "--raw", "/api/v1/nodes/missing",
      ],
      environment: ["HOME": bench.folder.path, "KUBECONFIG": "/dev/null"])
    #expect(asReader.output.contains("NotFound"), "\(asReader.output)")
  }

  @Test func `anonymous is somebody too, and a wrong setting stops the start`() async throws {
    let bench = try await Bench.start([
      "--authorization-mode", "AlwaysDeny", "--authorization-always-allow-paths", "/livez,/readyz",
    ])
    defer { bench.daemon.stop() }
    let refused = try await bench.call("GET", "/api/v1/nodes")
    #expect(
      refused.code == 403 && refused.body.contains(#"User \"system:anonymous\" cannot list resource"#),
      "\(refused.body)")
    #expect(try await bench.call("GET", "/livez").code == 200)
    let broken = bench.folder.file("broken")
    try "a,b".write(toFile: broken, atomically: true, encoding: .utf8)
    for (arguments, words) in [
      (["--token-auth-file", "/nowhere"], ["--token-auth-file", "/nowhere"]),
      (["--token-auth-file", broken], ["--token-auth-file", "line 1", "3 columns"]),
      (["--authorization-mode", "ABAC"], ["--authorization-policy-file"]),
      (["--authorization-mode", "Maybe"], ["--authorization-mode", "Maybe"]),
      (["--authorization-mode", "Node,Node"], ["twice"]),
      (["--authorization-mode", "ABAC", "--authorization-policy-file", broken], ["line 1"]),
      (["--authorization-policy-file", broken], ["of no use"]),
      (["--disable-admission-plugins", "X"], ["NodeRestriction"]),
    ] as [([String], [String])] {
      let result = try await run([Daemon.program, "check-config", "--secure-port", "6444"] + arguments)
      #expect(
        result.status != 0 && result.output.split(separator: "\n").count == 1
          && words.allSatisfy(result.output.contains), "\(arguments): \(result.output)")
    }
    // Where everyone is asked, HTTPS may be reached from elsewhere.
    let open = ["--secure-port", "6444", "--bind-address", "0.0.0.0", "--insecure-port", "0"]
    #expect(try await run([Daemon.program, "check-config"] + open).status != 0)
    #expect(try await run([Daemon.program, "check-config", "--anonymous-auth=false"] + open).status == 0)
  }

  @Test func `requests without credentials are let in on the paths that the configuration names, and nowhere else`()
    async throws
  {
    let folder = try TemporaryFolder()
    let file = folder.file("authentication.yaml")
    func write(_ rest: String) throws {
      try "apiVersion: apiserver.config.k8s.io/v1\nkind: AuthenticationConfiguration\n\(rest)\n".write(
        toFile: file, atomically: true, encoding: .utf8)
    }
    try write("anonymous: {enabled: true, conditions: [{path: /livez}, {path: /readyz}]}")
    let bench = try await Bench.start(["--authentication-config", file])
    defer { bench.daemon.stop() }
    #expect(try await bench.call("GET", "/livez").code == 200)
    #expect(try await bench.call("GET", "/readyz").code == 200)
    #expect(try await bench.call("GET", "/readyz/ping").code == 401)
    #expect(try await bench.call("GET", "/version").code == 401)
    #expect(try await bench.call("GET", "/api/v1/nodes").code == 401)
    #expect(try await bench.call("GET", "/api/v1/nodes", token: "alice-token").code == 200)
    #expect(try await bench.call("GET", "/livez", token: "wrong").code == 401)

    for (rest, more, words) in [
      (
        "anonymous: {enabled: false, conditions: [{path: /livez}]}", [],
        "anonymous.conditions: Invalid value: [{\"path\":\"/livez\"}]: enabled should be set to true when conditions are defined"
      ),
      ("anonymous: {enabled: true, colour: red}", [], "strict decoding error: unknown field \"anonymous.colour\""),
      (
        "anonymous: {enabled: true}", ["--anonymous-auth=false"],
        "--anonymous-auth flag cannot be set when anonymous field is configured"
      ),
      ("anonymous: {enabled: true, enabled: false}", [], "strict decoding error: "),
      ("jwt: [{issuer: {url: https://example.com}}]", [], "jwt[0].issuer.audiences: Required value"),
      ("anonymous: {}", [], "anonymous.enabled"),
    ] as [(String, [String], String)] {
      try write(rest)
      let result = try await run(
        [Daemon.program, "check-config", "--secure-port", "6444", "--authentication-config", file] + more)
      #expect(
        result.status != 0 && result.output.split(separator: "\n").count == 1 && result.output.contains(words),
        "\(rest): \(result.output)")
    }
    // Where only some paths are open, HTTPS may be reached from elsewhere.
    try write("anonymous: {enabled: true, conditions: [{path: /livez}]}")
    #expect(
      try await run([
        Daemon.program, "check-config", "--secure-port", "6444", "--bind-address", "0.0.0.0", "--insecure-port", "0",
        "--authentication-config", file,
      ]).status == 0)
  }
}
