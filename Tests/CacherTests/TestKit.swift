import ByteBuffers
import Machinery
import Storage
import Synchronization
import TestSupport

@testable import Cacher

/// Objects of tests: a value `color=red;node=a;text`, shown as `{"kind":"T",…,"spec":"VALUE"}`.
struct TestCodec: ObjectCodec {
  var encodings = EncodingCache.unbounded
  struct Damaged: Error {}
  static let head = #"{"kind":"T","apiVersion":"v1",""#

  static func attributes(_ value: String) -> [(name: String, value: String)] {
    value.split(separator: ";").compactMap { part in
      let pair = part.split(separator: "=")
      return pair.count == 2 ? (String(pair[0]), String(pair[1])) : nil
    }
  }
  static func matches(_ value: String, _ predicate: SelectionPredicate) -> Bool {
    predicate.matches(labels: StringMap(attributes(value)), fields: StringMap(attributes(value)))
  }

  static func make(
    _ key: String, _ value: String, _ revision: Revision, _ encodings: EncodingCache = .unbounded
  ) -> CachedObject {
    let before = head + #"metadata":{"resourceVersion":""#
    let number = revision.description
    let object = before + number + #""},"spec":""# + value + #""}"#
    let start = before.utf8.count
    return CachedObject(
      key: key, revision: revision, document: SharedBytes(object + ",{"), objectEnd: object.utf8.count,
      itemOffset: head.utf8.count - 1,
      revisionRange: start..<start + number.utf8.count, labels: StringMap(attributes(value)),
      fields: StringMap(attributes(value)), facts: value,
      encodings: encodings)
  }

  func decode(_ stored: StoredObject) throws -> CachedObject {
    let value = stored.value.text
    if value == "damaged" { throw Damaged() }
    return Self.make(stored.key, value, stored.revision, encodings)
  }
  func storedBytes(of object: CachedObject) -> SharedBytes { SharedBytes(object.value) }
  func restamped(_ object: CachedObject, revision: Revision) -> CachedObject {
    Self.make(object.key, object.value, revision, encodings)
  }
}

extension CachedObject {
  var value: String { facts as? String ?? "?" }
  var line: String { "\(key) \(revision) \(value)" }
}

/// A home that runs its jobs when the test says so.
final class ManualHome: WatchHome {
  private let jobs = Mutex<[@Sendable () -> Void]>([])
  private let posted = Mutex(0)
  func post(_ job: @escaping @Sendable () -> Void) {
    jobs.withLock { $0.append(job) }
    posted.withLock { $0 += 1 }
  }
  var posts: Int { posted.withLock { $0 } }
  var waiting: Int { jobs.withLock { $0.count } }
  /// Runs what was posted, and what that posts.
  func run() {
    while true {
      let batch = jobs.withLock { all in
        defer { all = [] }
        return all
      }
      if batch.isEmpty { return }
      for job in batch { job() }
    }
  }
}

/// Reads a watcher whenever its home says so, unless paused.
final class Collector: Sendable {
  struct State {
    var events: [WatchEvent] = []
    var end: WatchEnd?
    var isPaused = false
    var isDue = false
  }
  let watcher: CacheWatcher
  let state = Mutex(State())
  let takeMax: Int

  init(_ watcher: CacheWatcher, takeMax: Int = 7) {
    self.watcher = watcher
    self.takeMax = takeMax
    watcher.setReady { [weak self] in self?.drain() }
  }

  func drain() {
    if state.withLock({ s in
      s.isDue = s.isPaused
      return s.isPaused
    }) {
      return
    }
    while true {
      var events: [WatchEvent] = []
      let end = watcher.take(max: takeMax, into: &events)
      let count = events.count
      state.withLock { [events] s in
        s.events += events
        if let end { s.end = end }
      }
      if end != nil || count < takeMax { return }
    }
  }
  func pause() { state.withLock { $0.isPaused = true } }
  func resume() {
    let isDue = state.withLock { s in
      s.isPaused = false
      return s.isDue
    }
    if isDue { drain() }
  }

  var end: WatchEnd? { state.withLock { $0.end } }
  var events: [WatchEvent] { state.withLock { $0.events } }
  var lines: [String] { events.map(\.line) }
  /// Without bookmarks.
  var changes: [String] { events.filter { $0.kind != .bookmark }.map(\.line) }
}

extension WatchEvent {
  var line: String {
    switch kind {
    case .bookmark: "bookmark \(revision)\(isInitialEventsEnd ? " end" : "")"
    case .error: "error \(status?.code ?? 0) \(status?.reason ?? "") \(status?.message ?? "")"
    default: "\(kind) \(object?.line ?? "-")"
    }
  }
}

/// Time that stands still until the test moves it; sleeps are real and short.
final class TestClock: Sendable {
  private let offset = Mutex(Duration.zero)
  private let origin = ContinuousClock.now
  var now: ContinuousClock.Instant { origin + offset.withLock { $0 } }
  func advance(_ time: Duration) { offset.withLock { $0 += time } }
  var clock: CacherClock { CacherClock(now: { self.now }, sleep: { _ in try await Task.sleep(for: .milliseconds(1)) }) }
}

/// Small, repeatable and good enough for tests (splitmix64).
struct Random: RandomNumberGenerator {
  var state: UInt64
  init(seed: UInt64) { state = seed }
  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }
}

let prefix = "/r/things/"

func makeCacher(_ storage: any Storage, _ change: (inout CacherConfig) -> Void = { _ in }) async throws -> Cacher {
  var config = CacherConfig(
    storage: storage, resource: GroupResource(resource: "things"), resourcePrefix: prefix, codec: TestCodec())
  config.freshnessWait = .milliseconds(200)
  config.consistentWait = .milliseconds(200)
  // The clocks of tests run fast.
  config.consistencyCheckPeriod = nil
  change(&config)
  let cacher = Cacher(config)
  cacher.start()
  try await within(.seconds(20), "the cache is ready") { try await cacher.waitUntilReady() }
  return cacher
}

/// The violations of a Cacher's invariants.
func violations(_ cacher: Cacher) -> [String] {
  var all: [String] = []
  cacher.checkInvariants { all.append($0) }
  return all
}

func label(_ name: String, _ value: String) -> SelectionPredicate {
  SelectionPredicate(label: LabelSelector([.init(key: name, op: .equals, values: [value])]))
}
func field(_ name: String, _ value: String) -> SelectionPredicate {
  SelectionPredicate(field: FieldSelector([.init(field: name, isEqual: true, value: value)]))
}
