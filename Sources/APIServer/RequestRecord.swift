import Synchronization

/// One request, for whoever keeps the log.
public struct RequestRecord: Sendable {
  /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, `deletecollection`; for other paths the method in small letters.
  public let verb: String
  /// Path and query as the client sent them; empty when nobody listens.
  public let target: String
  public let userAgent: String
  public let peer: String
  public let auditID: String
  public let started: ContinuousClock.Instant
  /// The answer's HTTP status; 0 while there is none.
  public var code = 0
  public var duration: Duration = .zero
}

/// Counters that `/metrics` will show. All are read and written without a lock.
public final class ServerMetrics: Sendable {
  /// Answers by class of status: 1xx at 1, …, 5xx at 5.
  private let answers: [Counter] = (0..<6).map { _ in Counter() }
  public let watches = Counter()
  public let watchEvents = Counter()
  public let deadlinesPassed = Counter()

  /// A number that only its owner changes.
  public final class Counter: Sendable {
    private let value = Atomic<Int>(0)
    public var current: Int { value.load(ordering: .relaxed) }
    func add(_ n: Int = 1) { value.wrappingAdd(n, ordering: .relaxed) }
  }

  /// Answers whose status begins with this digit.
  public func answers(ofClass digit: Int) -> Int { (0..<6).contains(digit) ? answers[digit].current : 0 }
  func answered(_ code: Int) { answers[min(max(code / 100, 0), 5)].add() }
}
