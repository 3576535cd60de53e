import Machinery
public import Storage
import Synchronization

/// The raw storage without a cache (`--watch-cache=false`): every read and every watch asks it. A watch keeps the state that it covers, for
/// the previous objects that selector transitions need; simple and dear, for resources with few watchers.
public final class UndecoratedStorage: ObjectStorage {
  let config: CacherConfig
  public let codec: any ObjectCodec
  var storage: any Storage { config.storage }

  private struct Watches {
    var isDestroyed = false
    var all: [ObjectIdentifier: RawWatch] = [:]
  }
  private let watches = Mutex(Watches())

  public init(_ config: CacherConfig) {
    self.config = config
    codec = config.codec
  }

  /// Ends all watches and waits for them. Idempotent; the raw storage stays.
  public func destroy() async {
    let all = watches.withLock { w in
      w.isDestroyed = true
      return Array(w.all.values)
    }
    for watch in all { watch.end(.shutDown) }
    for watch in all { await watch.finished() }
  }

  // MARK: Reads

  public func cached(key: String) -> CachedObject? { nil }
  public func getNow(key: String, freshness: Freshness) -> NowResult { .mustWait }
  public func listNow(_ request: ListRequest) -> ObjectList? { nil }

  public func get(key: String, freshness: Freshness) async throws -> CachedObject {
    try decode(try await storage.get(key: key, isConsistent: freshness != .any))
  }

  public func list(_ request: ListRequest) async throws -> ObjectList {
    try await StorageLister(storage: storage) { try self.decode($0) }.list(request)
  }

  func decode(_ stored: StoredObject) throws -> CachedObject {
    do { return try codec.decode(stored) } catch {
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
        state = try await self.list(list)
      } catch StorageError.futureRevision {
        list.exactRevision = nil
        state = try await self.list(list)
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
      request, home: home, prefix: prefix, tree: tree, listed: state.revision, after: max(after ?? state.revision, .zero),
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

/// One watch on raw storage: a task that follows it and feeds one watcher.
final class RawWatch: WatchFeed {
  private struct State {
    var watcher: CacheWatcher?
    var task: Task<Void, Never>?
    var isOver = false
  }
  private let state = Mutex(State())
  private let prefix: String
  private let tree: ObjectTree
  private let listed: Revision
  private let config: CacherConfig
  private let onEnd: @Sendable (RawWatch) -> Void
  /// Owned by the reader; this end is held until the watch is over.
  var watcher: CacheWatcher { made }
  private let made: CacheWatcher
  private let link: FeedLink

  /// The watcher wants its feed at birth, and the feed its watcher: this stands between.
  private final class FeedLink: WatchFeed {
    private struct Weak { weak var feed: RawWatch? }
    private let target = Mutex(Weak())
    func set(_ feed: RawWatch) { target.withLock { $0.feed = feed } }
    func catchUp(_ watcher: CacheWatcher, from sequence: Int, max: Int) -> CatchUp { CatchUp(isLost: true) }
    func remove(_ watcher: CacheWatcher) { target.withLock { $0.feed }?.remove(watcher) }
  }

  init(
    _ request: WatchRequest, home: any WatchHome, prefix: String, tree: ObjectTree, listed: Revision, after: Revision, sendsState: Bool,
    config: CacherConfig, onEnd: @escaping @Sendable (RawWatch) -> Void
  ) {
    self.prefix = prefix
    self.tree = tree
    self.listed = listed
    self.config = config
    self.onEnd = onEnd
    link = FeedLink()
    var source = CacheWatcher.Source.queue
    if sendsState {
      let ranks: Range<Int>
      if case .key(let key) = request.target {
        let rank = tree.rank(of: key)
        ranks = rank..<(tree[key] == nil ? rank : rank + 1)
      } else {
        ranks = 0..<tree.count
      }
      source = .state(.init(tree: tree, ranks: ranks, revision: listed, announcesEnd: request.allowBookmarks, sequence: nil))
    }
    made = CacheWatcher(
      request, home: home, homeSlot: 0, scope: KeyScope(), triggerValue: nil, after: after, source: source, feed: link, codec: config.codec)
    link.set(self)
  }

  func start() {
    state.withLock { s in
      guard !s.isOver else { return }
      s.task = Task { [self] in await run() }
    }
  }

  func end(_ end: WatchEnd) {
    if made.end(end, dropQueue: false) { made.home.post { [made] in made.fire() } }
  }

  func finished() async { await state.withLock { $0.task }?.value }

  func catchUp(_ watcher: CacheWatcher, from sequence: Int, max: Int) -> CatchUp { CatchUp(isLost: true) }

  func remove(_ watcher: CacheWatcher) {
    let task = state.withLock { s in
      s.isOver = true
      return s.task
    }
    task?.cancel()
    onEnd(self)
  }

  private func run() async {
    var state = tree
    var position = listed
    var backoff = Backoff(first: .milliseconds(20), longest: .seconds(2))
    var bookmark = listed
    while !Task.isCancelled {
      do {
        let watch = try await config.storage.watch(prefix: prefix, after: position)
        defer { watch.cancel() }
        while true {
          for item in try await watch.nextBatch() {
            backoff.reset()
            switch item {
            case .progress(let revision): bookmark = max(bookmark, revision)
            case .events(let events):
              try deliver(events, &state, &position)
              bookmark = max(bookmark, position)
            }
          }
          offerBookmark(bookmark)
        }
      } catch StorageError.compacted {
        return end(.relisted)
      } catch is CacheIsWrong {
        return end(.relisted)
      } catch {
        if Task.isCancelled { return }
        config.report(.watchLost(after: position, error))
        do { try await config.clock.sleep(backoff.step()) } catch { return }
      }
    }
  }

  private func deliver(_ events: [StorageEvent], _ state: inout ObjectTree, _ position: inout Revision) throws {
    let now = config.clock.now()
    var batch: [CacheEvent] = []
    for event in events where event.revision > position {
      // A watch on one key is a watch on a prefix, which longer names share.
      guard made.covers(event.key) else { continue }
      var object: CachedObject?
      if event.kind == .put, let value = event.value {
        do {
          object = try config.codec.decode(StoredObject(key: event.key, value: value, revision: event.revision, lease: event.lease))
        } catch {
          config.report(.undecodable(key: event.key, error: error))
          throw CacheIsWrong(description: "\(event.key) can't be decoded")
        }
      }
      let previous = object.map { state.set($0) } ?? state.remove(event.key)
      guard object != nil || previous != nil else { throw CacheIsWrong(description: "removal of the unknown key \(event.key)") }
      batch.append(CacheEvent(object: object, previous: previous, revision: event.revision, time: now))
    }
    position = max(position, events.last?.revision ?? position)
    var delivered = 0
    switch made.offer(batch[...], delivered: &delivered) {
    case .nothing: break
    case .wake: made.home.post { [made] in made.fire() }
    case .tooSlow: if made.end(.tooSlow, dropQueue: true) { made.home.post { [made] in made.fire() } }
    }
  }

  private func offerBookmark(_ revision: Revision) {
    guard made.allowBookmarks else { return }
    let offer = made.offerBookmark(
      revision, now: config.clock.now(), period: config.bookmarkPeriod, beforeDeadline: config.bookmarkBeforeDeadline)
    if case .wake = offer { made.home.post { [made] in made.fire() } }
  }
}
