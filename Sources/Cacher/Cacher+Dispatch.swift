import ByteBuffers
import Capacity
import Machinery
import Storage
import Synchronization

/// A storage event, decoded: what the reflector hands over.
struct DecodedEvent: Sendable {
  let key: String
  /// nil for a removal, and for what can't be read.
  let object: CachedObject?
  let revision: Revision
  /// Why the new value can't be read.
  var failure: (any Error)?
}

/// How far the reflector has come. Invariant: `lastEvent` <= `revision`; what lies between was told by progress.
struct Position {
  var revision = Revision.zero
  var lastEvent = Revision.zero
  init() {}
  init(listed revision: Revision) {
    self.revision = revision
    lastEvent = revision
  }
}

/// The cache can't be right any more and must be listed again.
struct CacheIsWrong: Error, CustomStringConvertible {
  let description: String
}

/// What the reflector does to the cache. One task calls these, so the tree it passes has one writer.
extension Cacher {
  /// Events applied under one hold of the locks.
  static let batchMax = 128

  /// Starts over with a listed state; `isReady` waits for `becomeReady`.
  func replace(with tree: ObjectTree, at revision: Revision) {
    let bytes = tree.objects(0..<tree.count).reduce(0) { $0 + $1.cost }
    var change = 0
    let resumptions = watches.withLock { w in
      w.ring = EventRing(
        base: revision, capacityMax: config.capacity, freshness: config.eventFreshness, memory: config.memory)
      w.revision = revision
      return state.withLock { s -> [FreshnessWaiter.Resumption] in
        guard s.phase != .destroyed else { return [] }
        s.tree = tree
        s.revision = revision
        s.lastEvent = revision
        change = bytes - s.bytes
        s.bytes = bytes
        s.shelf = SnapshotShelf()
        s.isTipWanted = false
        s.isFilled = true
        s.statistics.lists += 1
        // Whoever began to wait while there was no list.
        return s.takeSatisfied()
      }
    }
    codec.encodings.changeObjectBytes(by: change)
    recent.withLock { $0.drop(through: revision) }
    for resume in resumptions { resume() }
  }

  /// `list`: the number of the list that was proven up to date; another one since then has to be proven itself.
  func becomeReady(list: Int) {
    watches.withLock { w in
      state.withLock { s in
        guard s.phase != .destroyed && s.isFilled && s.statistics.lists == list else { return }
        s.phase = .ready
        w.isOpen = true
      }
    }
    readiness.open()
  }

  /// Out of service until the next list: reads go to storage or are refused, watches end, waits are given up.
  func becomeUnready() {
    let now = config.clock.now()
    let resumptions = watches.withLock { w in
      w.isOpen = false
      return state.withLock { s -> [FreshnessWaiter.Resumption] in
        s.isFollowing = false
        guard s.phase != .destroyed else { return [] }
        if s.phase == .ready { s.phase = .notReady(since: now) }
        s.isFilled = false
        return s.takeAllWaiters()
      }
    }
    for resume in resumptions { resume() }
    endWatches(.relisted)
  }

  func setFollowing(_ isFollowing: Bool) { state.withLock { $0.isFollowing = isFollowing } }

  /// Everything up to `revision` has been seen: bookmarks and waiting readers move on.
  func advance(to revision: Revision) {
    let resumptions = watches.withLock { w in
      w.revision = max(w.revision, revision)
      return state.withLock { s -> [FreshnessWaiter.Resumption] in
        guard revision > s.revision else { return [] }
        s.revision = revision
        return s.takeSatisfied()
      }
    }
    for resume in resumptions { resume() }
  }

  /// Applies a batch of events in order: the tree, the state that readers see, the ring, the watchers. Throws
  /// `CacheIsWrong` for an event that does not fit the state; what came before it has been applied.
  func apply(_ events: [DecodedEvent], to tree: inout ObjectTree, after position: inout Position) throws {
    let now = config.clock.now()
    var batch: [CacheEvent] = []
    batch.reserveCapacity(events.count)
    var bytes = 0
    var last = position.lastEvent
    var wrong: CacheIsWrong?
    for event in events {
      // A resumed storage watch may show the last revision again; what was applied is not repeated.
      guard event.revision > position.lastEvent else { continue }
      // Bookmarks may have told clients about what progress claimed, so a late event can't be slipped in.
      guard event.revision >= last && event.revision > position.revision else {
        wrong = CacheIsWrong(
          description: "event at \(event.revision) came after \(last) and progress \(position.revision)")
        break
      }
      if let failure = event.failure {
        // Watchers of an object that has become unreadable know a state that nobody can bring up to date: a new list
        // ends their watches.
        guard tree.unreadable[event.key] != nil else {
          wrong = CacheIsWrong(description: "\(event.key) at \(event.revision) can't be read: \(failure)")
          break
        }
        tree.setUnreadable(event.key, .init(revision: event.revision, failure: failure))
        last = event.revision
        continue
      }
      if event.object == nil && tree.unreadable[event.key] != nil {
        tree.remove(event.key)
        last = event.revision
        continue
      }
      let previous = event.object.map { tree.set($0) } ?? tree.remove(event.key)
      guard event.object != nil || previous != nil else {
        wrong = CacheIsWrong(description: "removal of the unknown key \(event.key) at \(event.revision)")
        break
      }
      last = event.revision
      bytes += (event.object?.cost ?? 0) - (previous?.cost ?? 0)
      batch.append(CacheEvent(object: event.object, previous: previous, revision: event.revision, time: now))
    }
    if last > position.lastEvent {
      dispatch(batch, first: batch.first?.revision ?? last, last: last, tree: tree, bytes: bytes)
      position = Position(listed: last)
    }
    if let wrong { throw wrong }
  }

  private struct Prepared {
    let scope: KeyScope
    let triggers: [String]
  }

  private func dispatch(_ batch: [CacheEvent], first: Revision, last: Revision, tree: ObjectTree, bytes: Int) {
    // The scope and trigger functions are foreign closures, so they run before the lock; always, because a watcher may
    // go live meanwhile.
    let prepared = batch.map { event -> Prepared in
      var triggers: [String] = []
      if let trigger = config.trigger {
        if let object = event.object { triggers.append(trigger.value(object)) }
        if let previous = event.previous {
          let value = trigger.value(previous)
          if triggers.first != value { triggers.append(value) }
        }
      }
      return Prepared(scope: config.keyFunc.scope(of: event.key), triggers: triggers)
    }

    var slow: [CacheWatcher] = []
    var isApplied = false
    let (wakes, resumptions) = watches.withLock { w in
      let bytesMax = config.ringBytes.map { max($0, state.withLock { $0.bytes }) } ?? .max
      for event in batch { w.ring.append(event, bytesMax: bytesMax) }
      let base = w.ring.base
      let resumptions = state.withLock { s -> [FreshnessWaiter.Resumption] in
        guard s.phase != .destroyed else { return [] }
        s.keepTip(before: first, events: batch.count)
        s.tree = tree
        s.revision = max(s.revision, last)
        s.lastEvent = last
        s.bytes += bytes
        isApplied = true
        s.shelf.drop(before: base)
        return s.takeSatisfied()
      }
      w.revision = max(w.revision, last)
      w.eventsDispatched += batch.count
      deliver(batch, prepared, to: &w, slow: &slow)
      return (w.homes.takeWakes(), resumptions)
    }
    // Reads find the new objects from now on.
    for event in batch { event.previous?.dropEncodings() }
    if isApplied, bytes != 0 { codec.encodings.changeObjectBytes(by: bytes) }
    // One post a home. The state is already published: whoever hears of an event can also read it.
    for wake in wakes { wake.post() }
    for resume in resumptions { resume() }
    for watcher in slow where watcher.end(.tooSlow, dropQueue: true) { watcher.home.post { watcher.fire() } }
  }

  /// Watchers of everything take the batch under one lock each; the others are looked up event by event.
  private func deliver(
    _ batch: [CacheEvent], _ prepared: [Prepared], to w: inout WatchState, slow: inout [CacheWatcher]
  ) {
    var deliveries = 0
    var visits = 0
    let usedUp = config.memory.isUsedUp ? config.memory : nil
    func note(_ offer: CacheWatcher.Offer, _ watcher: CacheWatcher) {
      switch offer {
      case .nothing: break
      case .wake: w.homes.mark(watcher)
      case .tooSlow:
        slow.append(watcher)
        w.watchersTerminated += 1
      }
    }
    for watcher in w.index.unscoped.all {
      visits += batch.count
      note(watcher.offer(batch[...], usedUp: usedUp, delivered: &deliveries), watcher)
    }
    if w.index.hasScoped {
      let index = w.index
      for (place, event) in batch.enumerated() {
        index.forEachScoped(prepared[place].scope, triggers: prepared[place].triggers) { watcher in
          visits += 1
          guard watcher.covers(event.key) else { return }
          note(watcher.offer(batch[place...place], usedUp: usedUp, delivered: &deliveries), watcher)
        }
      }
    }
    // A watcher that fell behind twice in a batch is ended once.
    for watcher in slow { forget(watcher, in: &w) }
    w.deliveries += deliveries
    w.visits += visits
  }

  func forget(_ watcher: CacheWatcher, in w: inout WatchState) {
    guard w.all.remove(watcher) else { return }
    w.index.remove(watcher)
    w.bookmarkers.remove(watcher)
    w.homes.leave(watcher.homeSlot)
  }

  /// Ends every watch after what it has queued.
  func endWatches(_ end: WatchEnd) {
    let all = watches.withLock { w in
      if end == .shutDown { w.isOpen = false }
      let all = w.all.all
      for watcher in all { forget(watcher, in: &w) }
      return all
    }
    for watcher in all where watcher.end(end, dropQueue: false) { watcher.home.post { watcher.fire() } }
  }
}
