import Machinery
public import Metrics
public import Storage
import Synchronization

/// The raw storage without a cache (`--watch-cache=false`): every read and every watch asks it. A watch keeps the state
/// that it covers, for the previous objects that selector transitions need; simple and dear, for resources with few
/// watchers.
public final class UndecoratedStorage: ObjectStorage, StorageWrapper {
  let config: CacherConfig
  public let codec: any ObjectCodec
  /// Everything about bytes is its.
  public var storage: any Storage { config.storage }

  private struct Watches {
    var isDestroyed = false
    var all: [ObjectIdentifier: RawWatch] = [:]
  }
  private let watches = Mutex(Watches())
  private let count: PolledNumber

  public init(_ config: CacherConfig) {
    self.config = config
    codec = config.codec
    let (storage, prefix) = (config.storage, config.resourcePrefix)
    count = PolledNumber(every: config.countMetricPollPeriod, sleep: config.clock.sleep) {
      try await storage.count(prefix: prefix)
    }
  }

  /// Begins to count the objects now and then. Idempotent.
  public func start() { count.start() }

  public func writeMetrics(_ text: inout MetricsText) {
    if let count = count.value { config.resource.writeCount(count, &text) }
  }

  /// Ends all watches and waits for them. Idempotent; the raw storage stays.
  public func destroy() async {
    let all = watches.withLock { w in
      w.isDestroyed = true
      return Array(w.all.values)
    }
    for watch in all { watch.end(.shutDown) }
    for watch in all { await watch.finished() }
    await count.stop()
  }

  // MARK: Reads

  public func cached(key: String) -> CachedObject? { nil }
  public func written(
    _ stored: StoredObject, decode: (StoredObject) throws -> CachedObject
  ) throws -> CachedObject { config.handedOut(try reporting(stored, decode)) }
  public func getNow(key: String, freshness: Freshness) -> NowResult { .mustWait }
  public func listNow(_ request: ListRequest) -> ObjectList? { nil }

  public func get(key: String, freshness: Freshness) async throws -> CachedObject {
    guard case .notOlderThan(let wanted) = freshness else {
      return config.handedOut(try decode(try await storage.get(key: key, isConsistent: freshness != .any)))
    }
    do {
      let stored = try await storage.get(key: key, isConsistent: true)
      if stored.revision < wanted { try await require(wanted) }
      return config.handedOut(try decode(stored))
    } catch StorageError.keyNotFound {
      // The future is no place where a key can be missing.
      try await require(wanted)
      throw StorageError.keyNotFound(key: key)
    }
  }

  /// A consistent read shows the storage's current revision; what is beyond it has not happened.
  private func require(_ wanted: Revision) async throws {
    let current = try await storage.currentRevision()
    if current < wanted { throw StorageError.resourceVersionTooLarge(requested: wanted, current: current) }
  }

  public func list(_ request: ListRequest) async throws -> ObjectList { config.handedOut(try await read(request)) }

  private func read(_ request: ListRequest) async throws -> ObjectList {
    try await StorageLister(storage: storage) { try self.decode($0) }.list(request)
  }

  func decode(_ stored: StoredObject) throws -> CachedObject { try reporting(stored) { try codec.decode($0) } }

  private func reporting(
    _ stored: StoredObject, _ decode: (StoredObject) throws -> CachedObject
  ) throws -> CachedObject {
    do { return try decode(stored) } catch {
      config.report(.undecodable(key: stored.key, error: error))
      throw error
    }
  }

  // MARK: Watches

  public func watch(_ request: WatchRequest, home: any WatchHome) async throws -> CacheWatcher {
    if watches.withLock({ $0.isDestroyed }) { throw StorageError.shutDown }
    let prefix: String
    switch request.target {
    case .prefix(let wanted): prefix = wanted
    case .key(let key): prefix = key
    }
    let sendsState = request.sendInitialEvents ?? !request.start.isRevision
    var list = ListRequest(prefix: prefix)
    var after: Revision?
    switch request.start {
    case .unset: break
    case .any: list.freshness = .any
    case .after(let revision) where sendsState: list.freshness = .notOlderThan(revision)
    case .after(let revision):
      // The state at the start, for the previous objects of the first events.
      list.exactRevision = revision
      after = revision
    }
    var state: ObjectList
    do {
      do {
        state = try await read(list)
      } catch StorageError.futureRevision {
        list.exactRevision = nil
        state = try await read(list)
      }
    } catch StorageError.compacted {
      return CacheWatcher(
        failed: .expired("The resourceVersion for the provided watch is too old."), request, home: home, codec: codec)
    } catch StorageError.resourceVersionTooLarge(let requested, let current) {
      let versioner = storage.versioner
      let status = Status.resourceVersionTooLarge(
        requested: versioner.resourceVersion(of: requested), current: versioner.resourceVersion(of: current))
      return CacheWatcher(failed: status, request, home: home, codec: codec)
    }
    var tree = ObjectTree()
    for object in state.objects { tree.set(object) }
    let raw = RawWatch(
      request, home: home, prefix: prefix, tree: tree, listed: state.revision,
      after: max(after ?? state.revision, .zero),
      sendsState: sendsState, config: config
    ) { [weak self] raw in self?.watches.withLock { $0.all[ObjectIdentifier(raw)] = nil } }
    let isOpen = watches.withLock { w in
      if !w.isDestroyed { w.all[ObjectIdentifier(raw)] = raw }
      return !w.isDestroyed
    }
    guard isOpen else { throw StorageError.shutDown }
    raw.start()
    return raw.watcher
  }
}
