import ByteBuffers
import CurlHTTP
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

/// Calls to etcd's JSON gateway with deadlines, fail-over and the rule when a call may be repeated.
final class Etcd3Client: Sendable {
  let http: HTTPClient
  let endpoints: Endpoints
  let integrity = Integrity()
  let gate = Gate()
  let timing: Etcd3Timing

  init(http: HTTPClient, endpoints: Endpoints, timing: Etcd3Timing) {
    self.http = http
    self.endpoints = endpoints
    self.timing = timing
  }

  /// May a call be sent again when nobody knows whether etcd has carried it out?
  enum Repetition: Sendable {
    /// It changes nothing, or doing it twice is the same as once.
    case always
    /// Its condition (a mod revision, which never comes back) makes it succeed at most once.
    case conditional
    /// Only when it is certain that etcd has not seen it.
    case ifUnsent
  }

  /// What came of a call.
  struct Outcome: Sendable {
    let tape: JSONTape
    /// An earlier attempt of this call may have been carried out too.
    let isRepeated: Bool
  }

  /// A call whose result nobody knows: `ifUnsent` forbids asking again, or time is up.
  struct Unknown: Error, Sendable {
    let text: String
  }

  /// Sends `body` to the chosen endpoint, and again elsewhere or later where the rule allows it, until the deadline.
  /// Throws `CallFailure` for a definite failure, `Unknown` if the call may have been carried out.
  func call(
    _ path: Endpoint.Path, _ body: SharedBytes, attempt: Duration, total: Duration, _ repetition: Repetition
  ) async throws -> Outcome {
    let deadline = ContinuousClock.now + total
    var mayHaveApplied = false
    var last: CallFailure?
    var isFirst = true
    while true {
      let (index, wait) = endpoints.choose()
      let left = deadline - .now
      if gate.isClosed && !isFirst { last = CallFailure(code: 0, text: "the storage is closing") }
      if (left <= .zero || wait >= left || gate.isClosed) && !isFirst {
        let text = last?.text ?? "no answer in time"
        if mayHaveApplied && repetition != .always { throw Unknown(text: text) }
        throw CallFailure(code: 14, text: text)
      }
      if wait > .zero {
        if repetition == .always { try await Task.sleep(for: wait) } else { await pause(for: wait) }
      }
      isFirst = false
      do {
        let answer = try await send(path, body, to: index, timeout: max(min(attempt, deadline - .now), .milliseconds(50)), isReplayable: repetition == .always)
        return Outcome(tape: answer, isRepeated: mayHaveApplied)
      } catch {
        last = error
        if error.mayHaveApplied { mayHaveApplied = true }
        switch error.kind {
        case .final, .cancelled: throw error
        case .shutDown:
          if mayHaveApplied && repetition != .always { throw Unknown(text: error.text) }
          throw error
        case .busy: await pause(for: .milliseconds(Int.random(in: 20...80)))
        case .endpoint: break
        }
        if mayHaveApplied && repetition == .ifUnsent { throw Unknown(text: error.text) }
      }
    }
  }

  /// One attempt at one endpoint.
  func send(
    _ path: Endpoint.Path, _ body: SharedBytes?, to index: Int, timeout: Duration, isReplayable: Bool
  ) async throws(CallFailure) -> JSONTape {
    let url = endpoints.all[index].url(path)
    let failure: CallFailure
    do {
      let response = try await http.request(
        HTTPRequest(body == nil ? .get : .post, url, body: body, timeout: timeout, isReplayable: isReplayable))
      if response.status == 200 {
        if let tape = try? JSONTape.parse(response.body) {
          endpoints.succeeded(index)
          return tape
        }
        failure = CallFailure(code: 13, text: "\(url) answered with something that is not JSON")
      } else {
        failure = CallFailure(status: response.status, body: response.body)
      }
    } catch {
      failure = CallFailure(error)
    }
    if failure.kind == .endpoint { endpoints.failed(index) }
    throw failure
  }

  /// A wait that cancellation does not shorten: a write that was sent is seen through.
  func pause(for time: Duration) async {
    await withUnsafeContinuation { (continuation: UnsafeContinuation<Void, Never>) in
      let isTaken = http.post { [http] in http.schedule(after: time) { continuation.resume() } }
      if !isTaken { continuation.resume() }
    }
  }

  /// A linearizable (or with `isSerializable` local) range, checked for signs of lost data.
  func range(_ request: Requests.Range, isLarge: Bool = false, total: Duration? = nil) async throws -> RangeAnswer {
    let floor = try integrity.newest()
    do {
      let outcome = try await call(
        .range, Requests.range(request), attempt: isLarge ? timing.rangeAttempt : timing.attempt,
        total: total ?? (isLarge ? timing.rangeCall : timing.call), .always)
      let answer = try RangeAnswer(outcome.tape.root)
      if request.isSerializable { try integrity.checkCluster(answer.header) } else { try integrity.check(answer.header, floor: floor) }
      return answer
    } catch let failure as CallFailure {
      throw failure.storageError(requested: request.revision, current: floor)
    }
  }
}
