import Machinery
import Storage
import Synchronization

/// How reads learn that the cache is new enough (docs/internals/cacher.md; semantics 1.4 to 1.6).
extension Cacher {
  /// The cached state, as fresh as asked; nil when the storage itself should answer.
  /// Throws `.resourceVersionTooLarge` and what the storage throws when asked for its revision.
  /// `orStorage: false`: there is no other way for the asker (a watch), so it waits longer, even while the storage
  /// watch is lost.
  func fresh(_ freshness: Freshness, orStorage: Bool = true) async throws -> CacheView? {
    switch freshness {
    case .any: return state.withLock { $0.isReady ? $0.view : nil }
    case .consistent:
      guard let need = try await proof() else { return nil }
      // Where the storage watch is lost, waiting would only cost time.
      let (now, canWait) = state.withLock { s in (s.satisfies(need), s.isFollowing) }
      if let now { return proven(now) }
      guard canWait || !orStorage else { return nil }
      let limit = orStorage ? config.consistentWait : config.freshnessWait
      switch try await wait(for: need, limit: limit) {
      case .reached(let view): return proven(view)
      case .interrupted where !orStorage: throw isDestroyed ? StorageError.shutDown : notReady()
      case .interrupted, .timedOut: return nil
      }
    case .notOlderThan(let revision):
      let (now, kind, current) = state.withLock { s in (s.satisfies(.revision(revision)), s.proof, s.revision) }
      if let now { return now }
      // An idle cache whose storage has no trustworthy progress never gets to another resource's revision by itself.
      if kind == .newestAndCount, let need = try await proof(), case .fence(let fence) = need,
        fence.revision >= revision
      {
        if case .reached(let view) = try await wait(for: need, limit: config.freshnessWait) { return proven(view) }
        throw StorageError.resourceVersionTooLarge(requested: revision, current: current)
      }
      switch try await wait(for: .revision(revision), limit: config.freshnessWait) {
      case .reached(let view): return view
      case .timedOut:
        throw StorageError.resourceVersionTooLarge(requested: revision, current: state.withLock { $0.revision })
      case .interrupted: return nil
      }
    }
  }

  /// What the cache must have reached to miss nothing that was committed before this call; nil when not even the kind
  /// of proof is known.
  func proof() async throws -> FreshnessNeed? {
    if let revision = storage.revisionInProcess { return .revision(revision) }
    switch state.withLock({ $0.proof }) {
    case nil: return nil
    case .inProcess, .progress: return .revision(try await currentRevisionCall.value())
    case .newestAndCount: return .fence(try await fenceCall.value())
    }
  }

  /// A list that is shown as of a fence's revision can be continued there: the state is kept under it.
  private func proven(_ view: CacheView) -> CacheView {
    if view.isProven {
      state.withLock {
        if $0.isConsistent { $0.shelf.keep(.init(tree: view.tree, revision: view.revision, through: view.revision)) }
      }
    }
    return view
  }

  /// Waits until the cache gets there. Does not look at readiness: the start waits here too.
  func wait(for need: FreshnessNeed, limit: Duration) async throws -> FreshnessWaiter.Result {
    let id = waiterIDs.add(1, ordering: .relaxed).newValue
    let deadline = config.clock.now() + limit
    return try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        let now: Result<FreshnessWaiter.Result, any Error>? = state.withLock { s in
          if Task.isCancelled { return .failure(CancellationError()) }
          if s.phase == .destroyed { return .success(.interrupted) }
          if let view = s.satisfies(need) { return .success(.reached(view)) }
          s.statistics.freshnessWaits += 1
          s.hasNewWaiter = true
          s.waiters.append(FreshnessWaiter(id: id, need: need, deadline: deadline, continuation: continuation))
          return nil
        }
        if let now { continuation.resume(with: now) } else { waiting.raise() }
      }
    } onCancel: {
      let waiter = state.withLock { s in
        s.waiters.firstIndex { $0.id == id }.map { s.waiters.remove(at: $0) }
      }
      waiter?.continuation.resume(throwing: CancellationError())
    }
  }

  /// While anyone waits: ends the waits whose time is over, and asks the storage for progress at once for a new waiter
  /// and then each 100 ms.
  func serveWaiters() async {
    while !Task.isCancelled {
      await waiting.wait()
      var lastAsked: ContinuousClock.Instant?
      while !Task.isCancelled {
        let now = config.clock.now()
        let (expired, isOver, hasNew, kind) = state.withLock { s in
          var expired: [FreshnessWaiter.Resumption] = []
          s.waiters.removeAll { waiter in
            guard waiter.deadline <= now else { return false }
            expired.append(.init(waiter: waiter, result: .timedOut))
            return true
          }
          defer { s.hasNewWaiter = false }
          return (expired, s.waiters.isEmpty, s.hasNewWaiter, s.proof)
        }
        for resume in expired { resume() }
        if isOver { break }
        if kind == .progress, hasNew || lastAsked.map({ now - $0 >= .milliseconds(100) }) ?? true {
          progressCall.poke()
          lastAsked = now
        }
        do { try await config.clock.sleep(.milliseconds(10)) } catch { return }
      }
    }
  }
}
