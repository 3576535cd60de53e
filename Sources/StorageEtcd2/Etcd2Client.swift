import ByteBuffers
import CurlHTTP
import EtcdTransport
import JSON
import Storage

/// Times that calls to etcd2 keep.
struct Etcd2Timing: Sendable {
  /// One attempt at one endpoint.
  var attempt: Duration = .seconds(3)
  /// One attempt at a read of a whole tree.
  var treeAttempt: Duration = .seconds(15)
  /// A whole call, repetitions and waiting included.
  var call: Duration = .seconds(8)
  /// A whole call for a tree.
  var treeCall: Duration = .seconds(30)
  /// How long a poll for events hangs before it is sent anew; etcd ends it by itself after five minutes.
  var poll: Duration = .seconds(30)
  /// Silence after which we knock.
  var knockAfter: Duration = .seconds(3)
  /// How long events that must be there may stay away before another endpoint is asked.
  var giveUpAfter: Duration = .seconds(6)
}

/// Calls to etcd's v2 API.
final class Etcd2Client: Sendable {
  let transport: EtcdTransport
  let timing: Etcd2Timing
  /// False: reads that promise no consistency are answered by one member.
  let quorum: Bool

  var integrity: Integrity { transport.integrity }

  init(transport: EtcdTransport, timing: Etcd2Timing, quorum: Bool) {
    self.transport = transport
    self.timing = timing
    self.quorum = quorum
  }

  static let root = "/v2/keys"

  /// One attempt at one endpoint.
  func send(
    _ method: HTTPRequest.Method, _ path: String, _ body: SharedBytes? = nil, to endpoint: Int, timeout: Duration,
    isReplayable: Bool
  ) async throws(CallFailure) -> Etcd2Answer {
    let url = transport.endpoints.all[endpoint].base + path
    let response: HTTPResponse
    do throws(HTTPFailure) {
      response = try await transport.http.request(
        HTTPRequest(method, url, body: body, timeout: timeout, isReplayable: isReplayable))
    } catch { throw CallFailure(error) }
    return try Etcd2Answer(response, url: url)
  }

  /// A read of `path` (below `root`), linearizable unless configuration and caller both do without.
  func read(
    _ path: String, tree isTree: Bool = false, isConsistent: Bool = true, total: Duration? = nil
  ) async throws -> Etcd2Answer {
    let floor = try integrity.newest()
    let isLinearizable = isConsistent || quorum
    let whole =
      "\(Self.root)\(path)?\(isLinearizable ? "quorum=true" : "quorum=false")\(isTree ? "&recursive=true&sorted=true" : "")"
    do {
      let outcome = try await transport.call(
        attempt: isTree ? timing.treeAttempt : timing.attempt, total: total ?? (isTree ? timing.treeCall : timing.call),
        .always
      ) { endpoint, timeout throws(CallFailure) in
        try await send(.get, whole, to: endpoint, timeout: timeout, isReplayable: true)
      }
      let answer = outcome.answer
      if isLinearizable { try check(answer, floor: floor) } else { try integrity.check(cluster: answer.cluster) }
      guard answer.code == 0 || answer.code == Etcd2Answer.Code.keyNotFound else {
        throw StorageError.refused("etcd: \(answer.text)")
      }
      return answer
    } catch let failure as CallFailure {
      throw failure.storageError
    }
  }

  /// A write. Throws `UnknownOutcome`, or what the storage throws.
  func write(
    _ method: HTTPRequest.Method, _ path: String, _ body: SharedBytes?, _ repetition: EtcdTransport.Repetition
  ) async throws -> EtcdTransport.Outcome<Etcd2Answer> {
    let floor = try integrity.newest()
    do {
      let outcome = try await transport.call(attempt: timing.attempt, total: timing.call, repetition) {
        endpoint, timeout throws(CallFailure) in
        try await send(
          method, Self.root + path, body, to: endpoint, timeout: timeout, isReplayable: repetition == .always)
      }
      try check(outcome.answer, floor: floor)
      return outcome
    } catch let failure as CallFailure {
      throw failure.storageError
    }
  }

  /// Answers about a malformed request carry no index.
  private func check(_ answer: Etcd2Answer, floor: Int64) throws(StorageError) {
    if answer.isAboutKeys && answer.index <= 0 {
      throw WireShape.wrong("\(Etcd2Answer.indexHeader) is missing, or no number")
    }
    if answer.index > 0 { try integrity.check(cluster: answer.cluster, revision: answer.index, floor: floor) }
  }

  /// A key of our own at the root that nobody needs: reading it is the cheapest linearizable call, and writing it makes
  /// an event.
  private static let marker = "/binnacle_progress"

  /// The newest index.
  func currentIndex(total: Duration? = nil) async throws -> Int64 { try await read(Self.marker, total: total).index }

  /// Makes an event, so that whoever waits for one learns how far etcd2 has come.
  func writeMarker() async throws { _ = try await write(.put, Self.marker, SharedBytes("value="), .always) }

  /// The first event at or above `index`: of any key, or of one. Nil when none came in time.
  func poll(from index: Int64, path: String? = nil, patience: Duration) async throws -> Etcd2Answer? {
    let whole = "\(Self.root)\(path ?? "/")?wait=true&waitIndex=\(index)\(path == nil ? "&recursive=true" : "")"
    let outcome = try await transport.call(attempt: patience, total: patience, .always) {
      endpoint, timeout throws(CallFailure) -> Etcd2Answer? in
      do throws(CallFailure) {
        return try await send(.get, whole, to: endpoint, timeout: timeout, isReplayable: true)
      } catch {
        // Patience at its end is what most polls come to, and no fault of the endpoint.
        if error.isTimeout { return nil }
        throw error
      }
    }
    guard let answer = outcome.answer, answer.tape != nil, answer.code != Etcd2Answer.Code.watcherCleared else {
      return nil
    }
    try integrity.check(cluster: answer.cluster)
    return answer
  }
}

extension CallFailure {
  /// The one place where etcd2's errors become the storage's.
  var storageError: any Error {
    switch kind {
    case .endpoint, .busy: StorageError.unreachable("etcd: \(text)")
    case .cancelled: CancellationError()
    case .shutDown: StorageError.shutDown
    case .final: code == 404 ? StorageError.invalidConfiguration(text) : StorageError.refused(text)
    }
  }
}
