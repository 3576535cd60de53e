import Foundation
import TestSupport
import Testing

/// The questions that `kubectl auth` asks, answered over HTTPS for users that tokens name.
@Suite struct `Reviews` {
  private static let tokens = """
    alice-token,alice,u1,"devs,ops"
    root-token,root,u3,"system:masters"
    n1-token,system:node:n1,u4,"system:nodes"
    """
  private static let policies = """
    {"apiVersion":"abac.authorization.kubernetes.io/v1beta1","kind":"Policy","spec":{"user":"alice","namespace":"*","resource":"nodes","apiGroup":"*","readonly":true}}
    {"apiVersion":"abac.authorization.kubernetes.io/v1beta1","kind":"Policy","spec":{"group":"*","namespace":"*","resource":"*","apiGroup":"authorization.k8s.io"}}
    {"apiVersion":"abac.authorization.kubernetes.io/v1beta1","kind":"Policy","spec":{"group":"*","namespace":"*","resource":"*","apiGroup":"authentication.k8s.io"}}
    {"apiVersion":"abac.authorization.kubernetes.io/v1beta1","kind":"Policy","spec":{"group":"*","nonResourcePath":"*","readonly":true}}
    """

  @Test(arguments: ["1.31", "1.36", "1.37"])
  func `kubectl auth says who one is and what one may do`(version: String) async throws {
    let folder = try TemporaryFolder()
    try Self.tokens.write(toFile: folder.file("tokens.csv"), atomically: true, encoding: .utf8)
    try Self.policies.write(toFile: folder.file("policy.jsonl"), atomically: true, encoding: .utf8)
    let port = try Ports.free()
    let daemon = try await Daemon.start(
      on: .sqlite,
      arguments: [
        "--secure-port", String(port), "--cert-dir", folder.file("certs"), "--token-auth-file",
        folder.file("tokens.csv"), "--authorization-mode", "Node,ABAC",
        "--authorization-policy-file", folder.file("policy.jsonl"),
      ])
    defer { daemon.stop() }
    let program = try Tools.path("kubectl-\(version)/kubectl")
    func kubectl(_ token: String, _ arguments: [String]) async throws -> (status: Int32, output: String) {
      let result = try await run(
        [
          "env", "HOME=\(folder.path)", program, "--server", "https://127.0.0.1:\(port)", "--certificate-authority",
          folder.file("certs/ca.crt"), "--token", token,
        ] + arguments)
      return (result.status, result.output)
    }
    let me = try await kubectl("alice-token", ["auth", "whoami"]).output
    #expect(me.contains("alice") && me.contains("u1") && me.contains("[devs ops system:authenticated]"), "\(me)")
    let asGroup = try await kubectl("root-token", ["auth", "whoami", "--as", "zoe", "--as-group", "night"]).output
    #expect(asGroup.contains("zoe") && asGroup.contains("[night system:authenticated]"), "\(asGroup)")

    let cases: [(token: String, question: [String], answer: String)] = [
      ("alice-token", ["get", "nodes"], "yes"), ("alice-token", ["watch", "nodes"], "yes"),
      ("alice-token", ["delete", "nodes"], "no - No policy matched."),
      ("alice-token", ["get", "/version"], "yes"), ("alice-token", ["post", "/version"], "no - No policy matched."),
      ("alice-token", ["update", "nodes", "--subresource=status"], "no - No policy matched."),
      ("root-token", ["*", "*"], "yes"), ("root-token", ["delete", "/anything"], "yes"),
      ("n1-token", ["patch", "nodes/n1", "--subresource=status"], "yes"),
    ]
    for (token, question, answer) in cases {
      let (status, output) = try await kubectl(token, ["auth", "can-i"] + question)
      #expect(
        output.split(separator: "\n").last.map(String.init) == answer && (status == 0) == (answer == "yes"),
        "\(token) \(question): \(output)")
    }
    let list = try await kubectl("alice-token", ["auth", "can-i", "--list"]).output
    #expect(list.contains(#/nodes\.\*\s+\[\]\s+\[\]\s+\[get list watch\]/#), "\(list)")
    // Who lets the privileged group through is not asked for rules, as upstream.
    let listed = try await kubectl("root-token", ["auth", "can-i", "--list"])
    #expect(listed.status == 0 && !listed.output.contains("*.*"), "\(listed.output)")
  }
}
