import Foundation
import TestSupport

/// `Tests/Clients/access_webhook.py` as a process: a webhook over TLS that asks for a client certificate, and prints
/// what it is asked. `names.yaml` and `data.yaml` in its folder are kubeconfigs for it.
struct TestWebhook {
  let folder: TemporaryFolder
  let certificates: TestCertificates
  let process: ChildProcess
  let port: Int

  static func start() async throws -> TestWebhook {
    let folder = try TemporaryFolder()
    let certificates = try await TestCertificates()
    let port = try Ports.free()
    let script = Repository.root.appending(path: "Tests/Clients/access_webhook.py").path
    let webhook = try ChildProcess(
      [
        "sh", "-c", "cd \"$1\" && shift && exec python3 -u \"$@\"", "sh", folder.path, script, String(port),
        certificates.server.certificate, certificates.server.key,
        certificates.ca,
      ], outputFile: folder.file("reviews"))
    try await eventually("the webhook", within: .seconds(20)) { webhook.output.contains("serving") }
    // One file by names, the other with what is in them.
    let head =
      "apiVersion: v1\nkind: Config\ncurrent-context: hook\ncontexts: [{name: hook, context: {cluster: hook, user: me}}]\n"
    try
      (head + """
        clusters: [{name: hook, cluster: {server: "https://127.0.0.1:\(port)/review", certificate-authority: \(certificates.ca)}}]
        users: [{name: me, user: {client-certificate: \(certificates.client.certificate), client-key: \(certificates.client.key)}}]
        """).write(toFile: folder.file("names.yaml"), atomically: true, encoding: .utf8)
    func data(_ file: String) throws -> String { try Data(contentsOf: URL(filePath: file)).base64EncodedString() }
    try
      (head + """
        clusters: [{name: hook, cluster: {server: "https://127.0.0.1:\(port)/review", certificate-authority-data: \(try data(certificates.ca))}}]
        users: [{name: me, user: {client-certificate-data: \(try data(certificates.client.certificate)), client-key-data: \(try data(certificates.client.key))}}]
        """).write(toFile: folder.file("data.yaml"), atomically: true, encoding: .utf8)
    return TestWebhook(folder: folder, certificates: certificates, process: webhook, port: port)
  }

  var reviews: [String] { process.output.split(separator: "\n").map(String.init) }
}
