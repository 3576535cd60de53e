import ByteBuffers
import CurlHTTP
import JSON
import Machinery
import Synchronization

/// The keys that an issuer publishes: fetched when the server starts and when a token is signed by one that is not
/// known, so that an issuer may change them. (OpenID Connect Discovery 1.0.)
final class IssuerKeys: Sendable {
  struct Failure: Error, CustomStringConvertible {
    let description: String
  }

  private struct State {
    var keys: [JSONWebKey]?
    var lastFetch: ContinuousClock.Instant?
    var fetch: Task<Result<[JSONWebKey], Failure>, Never>?
  }

  private let issuer: String
  private let discovery: String
  private let http: HTTPClient
  private let metrics: JWTMetrics
  private let state = Mutex(State())

  private static let timeout: Duration = .seconds(10)
  /// Nobody can make us ask an issuer more often.
  private static let pause: Duration = .seconds(1)
  /// More than any issuer publishes.
  private static let keysMax = 256

  /// `authority`: PEM of who signed the issuer's certificate; empty for those that the system trusts. Throws `Failure`.
  init(issuer: String, discovery: String, authority: String, _ metrics: JWTMetrics) throws(Failure) {
    self.issuer = issuer
    self.metrics = metrics
    self.discovery = discovery
    var configuration = HTTPClient.Configuration()
    configuration.threadName = "jwt-keys"
    configuration.maxAnswer = 1 << 20
    configuration.maxInFlight = 4
    configuration.maxWaiting = 16
    if !authority.isEmpty {
      guard let path = MemoryFile.path(named: "issuer", holding: authority.utf8) else {
        throw Failure(description: "certificateAuthority: no memory for it")
      }
      configuration.caFile = path
    }
    do throws(HTTPFailure) { http = try HTTPClient(configuration) } catch {
      throw Failure(description: error.description)
    }
  }

  /// What was fetched last; nil before anything was.
  var known: [JSONWebKey]? { state.withLock { $0.keys } }

  /// Fetches anew, unless that was tried a moment ago: then it waits for what is under way, or takes what there is.
  /// Throws `Failure`.
  func refreshed() async throws(Failure) -> [JSONWebKey] {
    let task = state.withLock { state -> Task<Result<[JSONWebKey], Failure>, Never>? in
      if let fetch = state.fetch { return fetch }
      if let last = state.lastFetch, .now - last < Self.pause { return nil }
      let fetch = Task { await self.fetch() }
      state.fetch = fetch
      return fetch
    }
    guard let task else {
      guard let known else { throw Failure(description: "oidc: authenticator not initialized") }
      return known
    }
    return try await task.value.get()
  }

  private func fetch() async -> Result<[JSONWebKey], Failure> {
    let result: Result<[JSONWebKey], Failure>
    do throws(Failure) {
      let document = try Self.json(try await get(discovery), discovery)
      guard document["issuer"]?.string == issuer else {
        throw Failure(
          description:
            "issuer did not match the issuer returned by provider, expected \(GoText.quoted(issuer)) got \(GoText.quoted(document["issuer"]?.string ?? ""))"
        )
      }
      guard let place = document["jwks_uri"]?.string, place.hasPrefix("https://") else {
        throw Failure(description: "\(discovery): jwks_uri is no https URL")
      }
      let answer = try await get(place)
      guard let list = try Self.json(answer, place)["keys"]?.array else {
        throw Failure(description: "\(place): there are no keys")
      }
      metrics.fetched(issuer, answer.array)
      result = .success(list.prefix(Self.keysMax).compactMap { JSONWebKey($0) })
    } catch {
      metrics.fetched(issuer, nil)
      result = .failure(error)
    }
    state.withLock { state in
      state.fetch = nil
      state.lastFetch = .now
      if case .success(let keys) = result { state.keys = keys }
    }
    return result
  }

  private func get(_ url: String) async throws(Failure) -> SharedBytes {
    let answer: HTTPResponse
    do throws(HTTPFailure) {
      answer = try await http.request(HTTPRequest(.get, url, timeout: Self.timeout, isReplayable: true))
    } catch {
      throw Failure(description: "Get \(GoText.quoted(url)): \(error.description)")
    }
    guard answer.status == 200 else {
      throw Failure(description: "Get \(GoText.quoted(url)): it answered \(answer.status)")
    }
    return answer.body
  }

  private static func json(_ answer: SharedBytes, _ url: String) throws(Failure) -> JSONValue {
    do { return try JSONValue(parsing: ByteSlice(answer)) } catch {
      throw Failure(description: "Get \(GoText.quoted(url)): the answer is no JSON: \(error)")
    }
  }
}
