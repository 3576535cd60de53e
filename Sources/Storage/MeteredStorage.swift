public import ByteBuffers
public import Metrics
import Synchronization

/// A storage whose calls are counted and timed, for one resource. (Kubernetes: the `etcd_request_*` metrics of package
/// `etcd3/metrics`, which keep their names whatever the storage is.)
public struct MeteredStorage: StorageWrapper {
  public let storage: any Storage
  private let meter: StorageMeter

  public init(_ storage: any Storage, _ meter: StorageMeter) {
    self.storage = storage
    self.meter = meter
  }

  public func create(key: String, value: SharedBytes, ttl: Duration?) async throws -> StoredObject {
    try await meter.time(.create) { try await storage.create(key: key, value: value, ttl: ttl) }
  }

  public func get(key: String, isConsistent: Bool) async throws -> StoredObject {
    try await meter.time(.get) { try await storage.get(key: key, isConsistent: isConsistent) }
  }

  public func getList(prefix: String, options: StorageListOptions) async throws -> StorageList {
    try await meter.time(.list) { try await storage.getList(prefix: prefix, options: options) }
  }

  public func guaranteedUpdate(
    key: String, ignoreNotFound: Bool, origin: StoredObject?,
    tryUpdate: @Sendable (StoredObject?) async throws -> UpdateDecision
  ) async throws -> UpdateOutcome {
    try await meter.time(.update) {
      try await storage.guaranteedUpdate(key: key, ignoreNotFound: ignoreNotFound, origin: origin, tryUpdate: tryUpdate)
    }
  }

  public func delete(
    key: String, origin: StoredObject?, validate: @Sendable (StoredObject) async throws -> Void
  ) async throws -> StoredObject {
    try await meter.time(.delete) { try await storage.delete(key: key, origin: origin, validate: validate) }
  }

  public func count(prefix: String) async throws -> Int {
    try await meter.time(.count) { try await storage.count(prefix: prefix) }
  }
  public func currentRevision() async throws -> Revision {
    try await meter.time(.currentRevision) { try await storage.currentRevision() }
  }
  public func fence(prefix: String) async throws -> StorageFence {
    try await meter.time(.fence) { try await storage.fence(prefix: prefix) }
  }
}

/// Counts and times of the storage calls of one resource.
public final class StorageMeter: Sendable {
  /// What is told apart, under the names of Kubernetes' label `operation` where it has one.
  public enum Operation: Int, Sendable, CaseIterable {
    case create, get, list, update, delete, count, currentRevision, fence
  }

  private struct Figures {
    var duration = Histogram(bounds: StorageMeter.bounds)
    var failures = 0
  }

  // Kubernetes' buckets.
  private static let bounds = [
    0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60,
  ]

  private let group: String
  private let resource: String
  private let figures = Mutex([Figures](repeating: Figures(), count: Operation.allCases.count))

  public init(group: String, resource: String) {
    self.group = group
    self.resource = resource
  }

  func time<R>(_ operation: Operation, _ body: () async throws -> R) async throws -> R {
    let start = ContinuousClock.now
    do {
      let result = try await body()
      note(operation, start, hasFailed: false)
      return result
    } catch {
      note(operation, start, hasFailed: Self.isFailure(error))
      throw error
    }
  }

  /// That a key is missing or taken is an answer, and what a caller's closure throws is the caller's.
  private static func isFailure(_ error: any Error) -> Bool {
    switch error as? StorageError {
    case .unreachable, .wrongAnswer, .refused, .outOfSpace, .tooLarge, .corruptObject, .watchClosed,
      .invalidConfiguration, .shutDown:
      true
    case .keyNotFound, .keyExists, .compacted, .futureRevision, .resourceVersionTooLarge, .notReady, .untransformable,
      .unreadableObjects, nil:
      false
    }
  }

  private func note(_ operation: Operation, _ start: ContinuousClock.Instant, hasFailed: Bool) {
    let seconds = (ContinuousClock.now - start).inSeconds
    figures.withLock { figures in
      figures[operation.rawValue].duration.observe(seconds)
      if hasFailed { figures[operation.rawValue].failures += 1 }
    }
  }

  public func write(_ text: inout MetricsText) {
    let figures = figures.withLock { $0 }
    func labels(_ operation: Operation) -> MetricsText.Labels {
      [("operation", "\(operation)"), ("group", group), ("resource", resource)]
    }
    let used = zip(Operation.allCases, figures).filter { $0.1.duration.count > 0 }
    text.family(
      "etcd_request_duration_seconds", .histogram,
      "Time of calls to the storage, whatever it is, by operation and resource.")
    for (operation, figure) in used { text.sample(labels(operation), figure.duration) }
    text.family("etcd_requests_total", .counter, "Calls to the storage, by operation and resource.")
    for (operation, figure) in used { text.sample(labels(operation), figure.duration.count) }
    text.family("etcd_request_errors_total", .counter, "Calls to the storage that failed, by operation and resource.")
    for (operation, figure) in used { text.sample(labels(operation), figure.failures) }
  }
}
