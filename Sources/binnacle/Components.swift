import CurlHTTP
import Resources
import Storage

/// The parts of a control plane that stand where Kubernetes has them, and the storage.
enum Components {
  /// As long as upstream waits.
  private static let patience: Duration = .seconds(20)

  static func all(_ storage: any Storage) -> [Component] {
    [
      Component("controller-manager") { await ask("https://127.0.0.1:10257/healthz") },
      Component("etcd-0") {
        do { try await storage.livenessCheck() } catch { return .failed("\(error)") }
        return .well("ok")
      },
      Component("scheduler") { await ask("https://127.0.0.1:10259/healthz") },
    ]
  }

  /// Asked so seldom that nothing is kept for it. Whose certificate answers does not matter.
  private static func ask(_ url: String) async -> Component.Health {
    var configuration = HTTPClient.Configuration()
    configuration.threadName = "components"
    configuration.maxInFlight = 1
    configuration.maxAnswer = 10 << 10
    configuration.verifiesPeer = false
    let client: HTTPClient
    do { client = try HTTPClient(configuration) } catch { return .failed(error.description) }
    let health: Component.Health
    do throws(HTTPFailure) {
      let answer = try await client.request(HTTPRequest(.get, url, timeout: patience, isReplayable: true))
      health =
        (200..<400).contains(answer.status)
        ? .well(answer.body.text) : .unwell("HTTP probe failed with statuscode: \(answer.status)")
    } catch { health = .unwell(message(error, url)) }
    await client.shutDown()
    return health
  }

  /// What Go says where nobody listens; other failures have words of their own.
  private static func message(_ failure: HTTPFailure, _ url: String) -> String {
    let address = url.split(separator: "/").dropFirst().first.map(String.init) ?? url
    let why = failure.reason == .connection ? "dial tcp \(address): connect: connection refused" : failure.description
    return "Get \"\(url)\": \(why)"
  }
}
