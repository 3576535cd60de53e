import CurlHTTP
import EtcdTransport
import JSON
import Storage
import Synchronization

/// etcd's user and password, turned into the token that every call carries; renewed when etcd does not know it any more
/// (a simple token lives five minutes after its last use, and dies with its member).
actor Authenticator {
  private let transport: EtcdTransport
  private let userName: String
  private let password: Secret
  private let timing: Etcd3Timing
  private let count = Atomic<Int>(0)
  private var renewal: Task<Result<Void, any Error>, Never>?

  init(_ transport: EtcdTransport, userName: String, password: Secret, timing: Etcd3Timing) {
    self.transport = transport
    self.userName = userName
    self.password = password
    self.timing = timing
  }

  /// How many tokens there were: to be taken before a call, for `renew`.
  nonisolated var generation: Int { count.load(ordering: .acquiring) }

  /// Gets a new token unless there is one already since `generation`. All who ask at the same time wait for one
  /// renewal.
  func renew(after generation: Int) async throws {
    if self.generation != generation { return }
    let task = renewal ?? Task { await self.outcome() }
    renewal = task
    defer { renewal = nil }
    try await task.value.get()
  }

  private nonisolated func outcome() async -> Result<Void, any Error> {
    do { return .success(try await authenticate()) } catch { return .failure(error) }
  }

  private nonisolated func authenticate() async throws {
    let body = Requests.authenticate(userName, password)
    do {
      let outcome = try await transport.call(attempt: timing.attempt, total: timing.call, .always) {
        index, timeout throws(CallFailure) in
        try await Etcd3Client.send(
          .authenticate, body, to: GatewayURLs(base: transport.endpoints.all[index].base), over: transport.http,
          timeout: timeout, isReplayable: true)
      }
      guard let token = try outcome.answer.root.wireObject("the answer")["token"]?.wireText("token"), !token.isEmpty
      else { throw StorageError.refused("etcd gave no token") }
      // A header must stay one line.
      guard token.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
        throw StorageError.refused("etcd gave a token that no header can carry")
      }
      transport.http.authorize(token)
    } catch let failure as CallFailure where failure.text.contains("authentication is not enabled") {
      // As etcd's own client does: a user may be named before authentication is turned on.
    }
    count.add(1, ordering: .releasing)
  }
}

extension CallFailure {
  /// Would the call go through with a new token?
  var asksForToken: Bool {
    code == 16
      || (kind == .final
        && (text.contains("invalid auth token") || text.contains("auth store is old")
          || text.contains("user name is empty")))
  }
}
