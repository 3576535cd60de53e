public import ByteBuffers
import CurlHTTP
import Machinery
import Synchronization

/// Posts documents to a webhook that an object of the API names: by a URL, or by a service. (apiserver
/// `util/webhook.ClientManager`)
public final class HookClient: Sendable {
  /// Where a webhook is, as its object says.
  public enum Place: Sendable, Equatable {
    case url(String)
    /// `path`: with its slash, or empty.
    case service(namespace: String, name: String, port: Int64, path: String)
  }

  /// Why there is no answer, in Go's words where they are known.
  public struct Failure: Error, CustomStringConvertible {
    public let description: String
    public init(_ description: String) { self.description = description }
  }

  /// Finds a ready endpoint of a service: `ADDRESS:PORT`. Throws why there is none.
  public typealias Resolver =
    @Sendable (_ namespace: String, _ name: String, _ port: Int64) async throws(Failure) -> String

  private let place: Place
  private let caBundle: [UInt8]
  private let resolve: Resolver
  private let state = Mutex(State())

  private struct State {
    var client: HTTPClient?
    var file = ""
    var isOver = false
  }

  /// `caBundle`: PEM; empty for the system's.
  public init(_ place: Place, caBundle: [UInt8], resolve: @escaping Resolver) {
    self.place = place
    self.caBundle = caBundle
    self.resolve = resolve
  }

  /// Nobody asks any more.
  public func shutDown() async {
    let (client, file) = state.withLock { state in
      state.isOver = true
      defer { state.client = nil }
      return (state.client, state.file)
    }
    await client?.shutDown()
    if client != nil { MemoryFile.remove(file) }
  }

  /// The client; made when it is first needed.
  private func client() throws(Failure) -> HTTPClient {
    let made = state.withLock { state -> Result<HTTPClient, Failure> in
      if let client = state.client { return .success(client) }
      if state.isOver { return .failure(Failure("the webhook is asked no more")) }
      var configuration = HTTPClient.Configuration()
      configuration.threadName = "hook"
      configuration.maxAnswer = 64 << 20
      configuration.connectTimeout = .seconds(10)
      if !caBundle.isEmpty {
        guard let file = MemoryFile.path(named: "hook", holding: caBundle) else {
          return .failure(Failure("no memory for the certificates"))
        }
        configuration.caFile = file
        state.file = file
      }
      do throws(HTTPFailure) {
        let client = try HTTPClient(configuration)
        state.client = client
        return .success(client)
      } catch { return .failure(Failure(error.description)) }
    }
    return try made.get()
  }

  /// Sends a document and waits for the answer, whatever its status. `timeout` is told to the webhook.
  public func post(_ body: SharedBytes, timeout: Duration) async throws(Failure) -> (status: Int, body: SharedBytes) {
    let (url, connectsTo) = try await target(timeout)
    var request = HTTPRequest(.post, url, body: body, timeout: timeout, isReplayable: true)
    request.connectsTo = connectsTo
    let client = try client()
    do throws(HTTPFailure) {
      let answer = try await client.request(request)
      return (answer.status, answer.body)
    } catch {
      throw Failure("Post \(GoText.quoted(url)): \(Self.why(error, url, connectsTo))")
    }
  }

  private func target(_ timeout: Duration) async throws(Failure) -> (url: String, connectsTo: String) {
    let seconds = timeout.components.seconds
    switch place {
    case .url(let url):
      return (url + (url.contains("?") ? "&" : "?") + "timeout=\(seconds)s", "")
    case .service(let namespace, let name, let port, let path):
      let address = try await resolve(namespace, name, port)
      let path = path.isEmpty || path.hasPrefix("/") ? path : "/" + path
      return ("https://\(name).\(namespace).svc:\(port)\(path)?timeout=\(seconds)s", address)
    }
  }

  private static func why(_ failure: HTTPFailure, _ url: String, _ connectsTo: String) -> String {
    switch failure.reason {
    case .untrusted:
      return "tls: failed to verify certificate: x509: certificate signed by unknown authority"
    case .timeout: return "context deadline exceeded"
    case .connection where !failure.mayHaveBeenSent:
      let host = url.split(separator: "/").dropFirst().first.map(String.init) ?? url
      return "dial tcp \(connectsTo.isEmpty ? host : connectsTo): connect: connection refused"
    default: return failure.description
    }
  }
}
