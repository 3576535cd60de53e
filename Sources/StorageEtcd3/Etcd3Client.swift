import ByteBuffers
import CurlHTTP
import EtcdTransport
import JSON
import Storage

/// Times that calls to etcd keep.
struct Etcd3Timing: Sendable {
  /// One attempt at one endpoint.
  var attempt: Duration = .seconds(3)
  /// One attempt at a range that may be large.
  var rangeAttempt: Duration = .seconds(10)
  /// A whole call, repetitions and waiting included.
  var call: Duration = .seconds(8)
  /// A whole call for a range.
  var rangeCall: Duration = .seconds(30)
  /// Silence on the watch stream after which we knock.
  var knockAfter: Duration = .seconds(3)
  /// Silence after a knock that ends the stream.
  var giveUpAfter: Duration = .seconds(6)
}

/// Calls to etcd's JSON gateway.
final class Etcd3Client: Sendable {
  let transport: EtcdTransport
  let timing: Etcd3Timing
  /// Nil: without user and password.
  let authenticator: Authenticator?
  private let urls: [GatewayURLs]

  var http: HTTPClient { transport.http }
  var endpoints: Endpoints { transport.endpoints }
  var integrity: Integrity { transport.integrity }
  var gate: Gate { transport.gate }

  init(transport: EtcdTransport, timing: Etcd3Timing, userName: String = "", password: Secret = Secret("")) {
    authenticator =
      userName.isEmpty ? nil : Authenticator(transport, userName: userName, password: password, timing: timing)
    self.transport = transport
    self.timing = timing
    urls = transport.endpoints.all.map { GatewayURLs(base: $0.base) }
  }

  typealias Unknown = UnknownOutcome

  /// What came of a call.
  struct Outcome: Sendable {
    let tape: JSONTape
    /// An earlier attempt of this call may have been carried out too.
    let isRepeated: Bool
  }

  /// Sends `body` to the chosen endpoint, and again as `EtcdTransport.call` does.
  /// Throws `CallFailure` for a definite failure, `Unknown` if the call may have been carried out.
  func call(
    _ path: GatewayURLs.Path, _ body: SharedBytes, attempt: Duration, total: Duration,
    _ repetition: EtcdTransport.Repetition
  ) async throws -> Outcome {
    func attemptAll() async throws -> EtcdTransport.Outcome<JSONTape> {
      try await transport.call(attempt: attempt, total: total, repetition) { index, timeout throws(CallFailure) in
        try await send(path, body, to: index, timeout: timeout, isReplayable: repetition == .always)
      }
    }
    let generation = authenticator?.generation ?? 0
    do {
      if let authenticator, generation == 0 { try await authenticator.renew(after: 0) }
      let outcome = try await attemptAll()
      return Outcome(tape: outcome.answer, isRepeated: outcome.isRepeated)
    } catch let failure as CallFailure where failure.asksForToken {
      guard let authenticator else { throw failure }
      try await authenticator.renew(after: generation)
      // An attempt before the one that was refused may have been carried out.
      return Outcome(tape: try await attemptAll().answer, isRepeated: true)
    }
  }

  /// One attempt at one endpoint.
  func send(
    _ path: GatewayURLs.Path, _ body: SharedBytes?, to index: Int, timeout: Duration, isReplayable: Bool
  ) async throws(CallFailure) -> JSONTape {
    try await Self.send(path, body, to: urls[index], over: http, timeout: timeout, isReplayable: isReplayable)
  }

  static func send(
    _ path: GatewayURLs.Path, _ body: SharedBytes?, to urls: GatewayURLs, over http: HTTPClient, timeout: Duration,
    isReplayable: Bool
  ) async throws(CallFailure) -> JSONTape {
    let url = urls.url(path)
    let response: HTTPResponse
    do throws(HTTPFailure) {
      var request = HTTPRequest(
        body == nil ? .get : .post, url, body: body, timeout: timeout, isReplayable: isReplayable)
      // 3.4 refuses to give a new token to who shows an outworn one.
      request.isAuthorized = path != .authenticate
      response = try await http.request(request)
    } catch { throw CallFailure(error) }
    guard response.status == 200 else { throw CallFailure(status: response.status, body: response.body) }
    guard let tape = try? JSONTape.parse(response.body) else {
      throw CallFailure(code: 13, text: "\(url) answered with something that is not JSON")
    }
    return tape
  }

  /// Where an endpoint sends all that it has.
  func snapshotURL(_ index: Int) -> String { urls[index].url(.snapshot) }

  /// Where the watch stream of an endpoint is opened.
  func watchURL(_ index: Int) -> String { urls[index].url(.watch) }

  /// A linearizable (or with `isSerializable` local) range, checked for signs of lost data.
  func range(_ request: Requests.Range, isLarge: Bool = false, total: Duration? = nil) async throws -> RangeAnswer {
    let floor = try integrity.newest()
    do {
      let outcome = try await call(
        .range, Requests.range(request), attempt: isLarge ? timing.rangeAttempt : timing.attempt,
        total: total ?? (isLarge ? timing.rangeCall : timing.call), .always)
      let answer = try RangeAnswer(outcome.tape.root)
      try answer.check(against: request.keys)
      if request.isSerializable {
        try integrity.check(cluster: answer.header.cluster)
      } else {
        try integrity.check(answer.header, floor: floor)
      }
      return answer
    } catch let failure as CallFailure {
      throw failure.storageError(requested: request.revision, current: floor)
    }
  }
}
