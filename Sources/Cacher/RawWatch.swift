import ByteBuffers
import Capacity
import Storage
import Synchronization

/// One watch on raw storage: a task that follows it and feeds one watcher.
final class RawWatch: Sendable {
  private struct State {
    /// The state that the watch begins with, until `follow` takes it over.
    var tree: ObjectTree
    var task: Task<Void, Never>?
    var isOver = false
    /// Everything up to here has been offered.
    var reached = Revision.zero
  }
  private let state: Mutex<State>
  private let prefix: String
  private let listed: Revision
  private let config: CacherConfig
  private let onEnd: @Sendable (RawWatch) -> Void
  let watcher: CacheWatcher

  /// The watcher wants its feed at birth, and the feed its watcher: this stands between.
  private final class FeedLink: WatchFeed {
    private struct Weak { weak var feed: RawWatch? }
    private let target = Mutex(Weak())
    func set(_ feed: RawWatch) { target.withLock { $0.feed = feed } }
    func catchUp(_ watcher: CacheWatcher, from sequence: Int, max: Int) -> CatchUp { CatchUp(isLost: true) }
    func remove(_ watcher: CacheWatcher) { target.withLock { $0.feed }?.close() }
  }

  init(
    _ request: WatchRequest, home: any WatchHome, prefix: String, tree: ObjectTree, listed: Revision, after: Revision,
    sendsState: Bool,
    config: CacherConfig, onEnd: @escaping @Sendable (RawWatch) -> Void
  ) {
    self.prefix = prefix
    state = Mutex(State(tree: tree))
    self.listed = listed
    self.config = config
    self.onEnd = onEnd
    let link = FeedLink()
    var source = CacheWatcher.Source.queue
    if sendsState {
      let ranks: Range<Int>
      if case .key(let key) = request.target {
        let rank = tree.rank(of: key)
        ranks = rank..<(tree[key] == nil ? rank : rank + 1)
      } else {
        ranks = 0..<tree.count
      }
      source = .state(
        .init(tree: tree, ranks: ranks, revision: listed, announcesEnd: request.allowBookmarks, sequence: nil))
    }
    watcher = CacheWatcher(
      request, home: home, homeSlot: 0, scope: KeyScope(), triggerValue: nil, after: after, source: source, feed: link,
      codec: config.codec, copier: config.copier)
    link.set(self)
  }

  func start() {
    state.withLock { s in
      guard !s.isOver else { return }
      s.task = Task { [self] in await run() }
    }
  }

  func end(_ end: WatchEnd) {
    if watcher.end(end, dropQueue: false) { watcher.home.post { [watcher] in watcher.fire() } }
  }

  func finished() async { await state.withLock { $0.task }?.value }

  /// The watcher is over.
  private func close() {
    let task = state.withLock { s in
      s.isOver = true
      return s.task
    }
    task?.cancel()
    onEnd(self)
  }

  private func run() async {
    await withTaskGroup(of: Void.self) { group in
      group.addTask { await self.follow() }
      if watcher.allowBookmarks { group.addTask { await self.sendBookmarks() } }
      // Whichever ends, ends both.
      await group.next()
      group.cancelAll()
    }
  }

  private func follow() async {
    var state = self.state.withLock { s in
      defer { s.tree = ObjectTree() }
      return s.tree
    }
    var position = listed
    var backoff = Backoff(first: .milliseconds(20), longest: .seconds(2))
    reach(listed)
    while !Task.isCancelled {
      do {
        let proof = try await config.storage.freshnessProof()
        let watch = try await config.storage.watch(prefix: prefix, after: position)
        defer { watch.cancel() }
        while true {
          for item in try await watch.nextBatch() {
            backoff.reset()
            switch item {
            // Untrustworthy progress may overtake events (semantics 1.5).
            case .progress(let revision): if proof != .newestAndCount { reach(revision) }
            case .events(let events):
              try deliver(events, &state, &position)
              reach(position)
            }
          }
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
      guard watcher.covers(event.key) else { continue }
      var object: CachedObject?
      if event.kind == .put, let stored = event.object {
        do {
          object = try config.codec.decode(stored)
        } catch {
          config.report(.undecodable(key: event.key, error: error))
          throw CacheIsWrong(description: "\(event.key) can't be decoded")
        }
      }
      let previous = object.map { state.set($0) } ?? state.remove(event.key)
      guard object != nil || previous != nil else {
        throw CacheIsWrong(description: "removal of the unknown key \(event.key)")
      }
      let made = CacheEvent(object: object, previous: previous, revision: event.revision, time: now)
      made.holdForQueues(config.memory)
      batch.append(made)
    }
    position = max(position, events.last?.revision ?? position)
    var delivered = 0
    // Who has taken all until now is not slow.
    let usedUp = config.memory.isUsedUp && watcher.depth.events > 0 ? config.memory : nil
    switch watcher.offer(batch[...], usedUp: usedUp, delivered: &delivered) {
    case .nothing: break
    case .wake: watcher.home.post { [watcher] in watcher.fire() }
    case .tooSlow: if watcher.end(.tooSlow, dropQueue: true) { watcher.home.post { [watcher] in watcher.fire() } }
    }
  }

  private func reach(_ revision: Revision) { state.withLock { $0.reached = max($0.reached, revision) } }

  private func sendBookmarks() async {
    while !Task.isCancelled {
      let offer = watcher.offerBookmark(
        state.withLock { $0.reached }, now: config.clock.now(), period: config.bookmarkPeriod,
        beforeDeadline: config.bookmarkBeforeDeadline)
      if case .wake = offer { watcher.home.post { [watcher] in watcher.fire() } }
      do { try await config.clock.sleep(.seconds(1) * Double.random(in: 1...1.25)) } catch { return }
    }
  }
}
