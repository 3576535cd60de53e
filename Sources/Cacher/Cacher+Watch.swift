import Machinery
import Storage
import Synchronization

extension Cacher: WatchFeed {
  /// Events visited for one `take` (docs/internals/cacher.md: slices of about 1,000 that yield to others).
  static let catchUpMax = 1_024

  public func watch(_ request: WatchRequest, home: any WatchHome) async throws -> CacheWatcher {
    try checkOpen()
    let sendsState = request.sendInitialEvents ?? (request.start.isRevision ? false : true)
    do {
      switch request.start {
      case .unset where sendsState:
        guard let view = try await fresh(.consistent, orStorage: false) else {
          try checkOpen()
          let revision = try await storage.currentRevision()
          throw StorageError.resourceVersionTooLarge(requested: revision, current: state.withLock { $0.revision })
        }
        return try open(request, home, state: view)
      case .unset:
        return try open(request, home, after: try await newestRevision())
      case .any where sendsState: return try open(request, home, state: state.withLock { $0.view })
      case .any: return try open(request, home, after: state.withLock { $0.revision })
      case .after(let revision) where sendsState:
        guard let view = try await fresh(.notOlderThan(revision)) else { throw notReady() }
        return try open(request, home, state: view)
      case .after(let revision):
        return try open(request, home, after: revision)
      }
    } catch StorageError.resourceVersionTooLarge(let requested, let current) {
      // The stream has begun as far as HTTP is concerned (semantics 1.1, 2.38).
      let versioner = storage.versioner
      let status = Status.resourceVersionTooLarge(
        requested: versioner.resourceVersion(of: requested), current: versioner.resourceVersion(of: current))
      return CacheWatcher(failed: status, request, home: home, codec: codec)
    }
  }

  private func checkOpen() throws {
    switch state.withLock({ $0.phase }) {
    case .ready: return
    case .destroyed: throw StorageError.shutDown
    case .notReady: throw notReady()
    }
  }

  private func newestRevision() async throws -> Revision {
    if let revision = storage.revisionInProcess { return revision }
    return try await currentRevisionCall.value()
  }

  /// A watch that begins with a state.
  private func open(_ request: WatchRequest, _ home: any WatchHome, state view: CacheView) throws -> CacheWatcher {
    let ranks: Range<Int>
    switch request.target {
    case .prefix(let prefix):
      // A state with something missing would look as if it had been deleted.
      if let failure = view.tree.failure(prefix: prefix) { throw failure }
      ranks = view.tree.ranks(prefix: prefix)
    case .key(let key):
      if let unreadable = view.tree.unreadable[key] { throw unreadable.failure }
      let rank = view.tree.rank(of: key)
      ranks = rank..<(view.tree[key] == nil ? rank : rank + 1)
    }
    return try register(request, home, after: view.revision) { sequence in
      .state(
        .init(
          tree: view.tree, ranks: ranks, revision: view.revision, announcesEnd: request.allowBookmarks,
          sequence: sequence))
    }
  }

  /// A watch of changes only.
  private func open(_ request: WatchRequest, _ home: any WatchHome, after revision: Revision) throws -> CacheWatcher {
    try register(request, home, after: revision) { .ring($0) }
  }

  private func register(
    _ request: WatchRequest, _ home: any WatchHome, after: Revision, _ source: (_ sequence: Int) -> CacheWatcher.Source
  ) throws -> CacheWatcher {
    let scope = scope(of: request)
    let trigger = config.trigger.flatMap { request.predicate.field.requiredValue(of: $0.field) }
    enum Opened { case watcher(CacheWatcher), closed, tooOld(Revision) }
    let opened: Opened = watches.withLock { w in
      guard w.isOpen else { return .closed }
      guard after >= w.ring.base else { return .tooOld(w.ring.oldestStart) }
      let watcher = CacheWatcher(
        request, home: home, homeSlot: w.homes.enter(home), scope: scope, triggerValue: trigger, after: after,
        source: source(w.ring.firstSequence(after: after)), feed: self, codec: codec, copier: config.copier)
      w.all.insert(watcher)
      return .watcher(watcher)
    }
    switch opened {
    case .watcher(let watcher): return watcher
    case .closed: throw isDestroyed ? StorageError.shutDown : notReady()
    case .tooOld(let oldest):
      let versioner = storage.versioner
      let text =
        "too old resource version: \(versioner.resourceVersion(of: after)) (\(versioner.resourceVersion(of: oldest)))"
      return CacheWatcher(failed: .expired(text), request, home: home, codec: codec)
    }
  }

  /// Where a watcher can stand in the index: by its target, and by what its field selector says about name and
  /// namespace.
  private func scope(of request: WatchRequest) -> KeyScope {
    var scope: KeyScope
    switch request.target {
    case .key(let key): return config.keyFunc.scope(of: key)
    case .prefix(let prefix):
      scope = KeyScope()
      if prefix.utf8.count > config.resourcePrefix.utf8.count {
        scope.namespace = config.keyFunc.scope(of: prefix + "x").namespace
      }
    }
    if scope.namespace.isEmpty, let namespace = request.predicate.field.requiredValue(of: "metadata.namespace") {
      scope.namespace = namespace
    }
    scope.name = request.predicate.field.requiredValue(of: "metadata.name") ?? ""
    return scope
  }

  // MARK: WatchFeed

  func catchUp(_ watcher: CacheWatcher, from sequence: Int, max: Int) -> CatchUp {
    let (result, isFirst): (CatchUp, Bool) = watches.withLock { w in
      // Not there: the watch has just ended, and its own state says why.
      guard w.all.contains(watcher) else { return (CatchUp(next: sequence), false) }
      guard sequence >= w.ring.start else {
        w.watchersTerminated += 1
        forget(watcher, in: &w)
        return (CatchUp(isLost: true), false)
      }
      var result = CatchUp()
      var isFirst = false
      var next = sequence
      let end = min(w.ring.end, sequence + Self.catchUpMax)
      while next < end && result.events.count < max {
        if let event = w.ring[next], watcher.covers(event.key), let kind = watcher.kind(of: event) {
          result.events.append(.event(event, kind))
        }
        next += 1
      }
      w.deliveries += result.events.count
      if next < w.ring.end {
        result.next = next
      } else {
        w.index.insert(watcher)
        if watcher.allowBookmarks {
          isFirst = w.bookmarkers.isEmpty
          w.bookmarkers.insert(watcher)
        }
        watcher.goLive(
          now: config.clock.now(), period: config.bookmarkPeriod, beforeDeadline: config.bookmarkBeforeDeadline)
      }
      return (result, isFirst)
    }
    if isFirst { bookmarksWanted.raise() }
    return result
  }

  func remove(_ watcher: CacheWatcher) {
    watches.withLock { w in forget(watcher, in: &w) }
  }

  // MARK: Bookmarks

  /// A tick about each second; each watcher hears a bookmark about once a minute and shortly before its deadline
  /// (semantics 2.33). Nothing ticks while no watcher wants bookmarks: most of sixty resources have none.
  func sendBookmarks() async {
    var lastAsked = config.clock.now()
    while !Task.isCancelled {
      if watches.withLock({ $0.bookmarkers.isEmpty }) {
        await bookmarksWanted.wait()
        continue
      }
      do { try await config.clock.sleep(.seconds(1) * Double.random(in: 1...1.25)) } catch { return }
      let now = config.clock.now()
      let hasAny = offerBookmarks(now: now)
      // So that bookmarks of an idle resource move. Without effect on SQLite, which tells unasked.
      if hasAny && now - lastAsked >= .seconds(10) && state.withLock({ $0.proof == .progress && $0.isFollowing }) {
        progressCall.poke()
        lastAsked = now
      }
    }
  }

  /// One tick. True when any watcher wants bookmarks.
  @discardableResult
  func offerBookmarks(now: ContinuousClock.Instant) -> Bool {
    let (wakes, hasAny) = watches.withLock { w in
      for watcher in w.bookmarkers.all {
        let offer = watcher.offerBookmark(
          w.revision, now: now, period: config.bookmarkPeriod, beforeDeadline: config.bookmarkBeforeDeadline)
        if case .wake = offer { w.homes.mark(watcher) }
      }
      return (w.homes.takeWakes(), !w.bookmarkers.isEmpty)
    }
    for wake in wakes { wake.post() }
    return hasAny
  }
}

extension WatchStart {
  var isRevision: Bool { if case .after = self { true } else { false } }
}
