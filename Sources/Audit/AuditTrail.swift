public import Access
public import Metrics
import Synchronization

/// Whoever keeps events.
public protocol AuditBackend: Sendable {
  /// `log` or `webhook`.
  var name: String { get }
  /// Takes an event, without waiting; false where there is no room, so that it is lost. Any thread.
  func take(_ event: AuditLine) -> Bool
  /// Events that were taken and then lost.
  var lost: Int { get }
  /// How large events may be; nil for any size.
  var truncation: AuditTruncation? { get }
  /// Returns when what was taken is kept, or can't be.
  func flush() async
}

/// How large events may be for who keeps them. (apiserver `plugin/truncate`.)
public struct AuditTruncation: Sendable, Equatable {
  /// Bytes of an event. A larger one goes without the bodies of request and answer, and is lost where it is too large
  /// even so.
  public var maxEventSize: Int
  /// Bytes of events that a webhook is sent at a time.
  public var maxBatchSize: Int
  public init(maxEventSize: Int = 100 << 10, maxBatchSize: Int = 10 << 20) {
    (self.maxEventSize, self.maxBatchSize) = (maxEventSize, maxBatchSize)
  }

  static let annotation = "audit.k8s.io/truncated"
}

/// The audit of a server: a policy and those who keep what it says. (apiserver `audit`.)
public final class AuditTrail: Sendable {
  private let policy: AuditPolicy
  private let backends: [any AuditBackend]
  private let levels = AuditLevel.allCases.map { _ in Counter() }
  private let events = Counter()
  private let refused: [Counter]
  private let tooLarge = Counter()

  public init(_ policy: AuditPolicy, _ backends: [any AuditBackend]) {
    self.policy = policy
    self.backends = backends
    refused = backends.map { _ in Counter() }
  }

  /// A request has come in, and it is known who it is by (`isKnown`), or that nobody recognizes them. nil: nothing of
  /// it is kept.
  public func begin(
    _ attributes: AccessAttributes, isKnown: Bool = true, _ request: () -> AuditRecord.Request
  ) -> AuditRecord? {
    let decision = policy.decide(attributes, isKnown: isKnown)
    levels[decision.level.place].add()
    guard decision.level != .none else { return nil }
    return AuditRecord(self, request(), attributes, isKnown: isKnown, decision)
  }

  /// `bare` makes the same event without bodies; nil where it has none.
  func keep(_ event: AuditLine, bare: () -> AuditLine?) {
    events.add()
    var small: AuditLine?
    for (backend, counter) in zip(backends, refused) {
      var event = event
      if let limit = backend.truncation?.maxEventSize, event.count > limit {
        if small == nil { small = bare() }
        guard let small, small.count <= limit else {
          tooLarge.add()
          continue
        }
        event = small
      }
      if !backend.take(event) { counter.add() }
    }
  }

  /// Returns when all events are kept, or can't be, or the time is up: also where a backend never returns, as one whose
  /// pipe nobody reads.
  public func flush(within limit: Duration) async {
    let gate = Gate()
    Task { [backends] in
      // Side by side, so that one that hangs keeps no other from it.
      await withTaskGroup(of: Void.self) { group in
        for backend in backends { group.addTask { await backend.flush() } }
      }
      gate.open()
    }
    let timer = Task {
      try? await Task.sleep(for: limit)
      gate.open()
    }
    await gate.wait()
    timer.cancel()
  }

  /// Opened once, by whoever comes first.
  private final class Gate: Sendable {
    private enum State {
      case closed(CheckedContinuation<Void, Never>?)
      case open
    }
    private let state = Mutex(State.closed(nil))

    func open() {
      let waiting = state.withLock { state -> CheckedContinuation<Void, Never>? in
        defer { state = .open }
        if case .closed(let waiting) = state { return waiting }
        return nil
      }
      waiting?.resume()
    }

    /// By one caller.
    func wait() async {
      await withCheckedContinuation { continuation in
        let isOpen = state.withLock { state in
          if case .open = state { return true }
          state = .closed(continuation)
          return false
        }
        if isOpen { continuation.resume() }
      }
    }
  }

  /// Writes the metrics under kube-apiserver's names.
  public func write(_ text: inout MetricsText) {
    text.family(
      "apiserver_audit_event_total", .counter, "Counter of audit events generated and sent to the audit backend.")
    text.sample([], events.value)
    text.family(
      "apiserver_audit_error_total", .counter,
      "Counter of audit events that failed to be audited properly. Plugin identifies the plugin affected by the error.")
    for (backend, counter) in zip(backends, refused) {
      text.sample([("plugin", backend.name)], counter.value + backend.lost)
    }
    if backends.contains(where: { $0.truncation != nil }) { text.sample([("plugin", "truncate")], tooLarge.value) }
    text.family("apiserver_audit_level_total", .counter, "Counter of policy levels for audit events (1 per request).")
    for level in AuditLevel.allCases { text.sample([("level", level.rawValue)], levels[level.place].value) }
    text.family(
      "apiserver_audit_requests_rejected_total", .counter,
      "Counter of apiserver requests rejected due to an error in audit logging backend: none, as what finds no room is dropped and counted."
    )
    text.sample([], 0)
  }
}
