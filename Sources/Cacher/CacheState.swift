import Machinery
public import Storage

/// What readers look at, behind one short lock.
///
/// Invariants: `lastEvent` <= `revision`; `tree` is the state at every revision from `lastEvent` to `revision`;
/// `revision` never goes back but by a new list.
struct CacheState {
  enum Phase: Equatable {
    /// Nothing listed yet, or listed and not yet up to date. `since` is when service was lost.
    case notReady(since: ContinuousClock.Instant)
    case ready
    case destroyed
  }
  var phase: Phase
  var tree = ObjectTree()
  /// Up to where the tree is complete, progress included.
  var revision = Revision.zero
  var lastEvent = Revision.zero
  var bytes = 0
  /// Has a list been put in? Before, no waiter can be satisfied.
  var isFilled = false
  /// False while the storage watch is lost: then waiting helps nobody.
  var isFollowing = false
  var proof: FreshnessProofKind?
  var shelf = SnapshotShelf()
  /// False after a failed consistency check: older states are left to the storage.
  var isConsistent = true
  /// Pages of the current state are out; keep it when it changes.
  var isTipWanted = false
  var waiters: [FreshnessWaiter] = []
  var hasNewWaiter = false
  var statistics = CacherStatistics()

  var view: CacheView { CacheView(tree: tree, revision: revision) }
  var isReady: Bool { phase == .ready }

  /// The state as the asker needs it, if it is there.
  func satisfies(_ need: FreshnessNeed) -> CacheView? {
    guard isFilled else { return nil }
    switch need {
    case .revision(let wanted): return revision >= wanted ? view : nil
    case .fence(let fence):
      if revision >= fence.revision { return view }
      // docs/internals/cacher.md: a later put that is still live would have raised the newest revision; what is left is
      // deletions, which lower the count. The tree then *is* the storage at the fence's revision, and is shown as such.
      guard tree.equals(fence) else { return nil }
      return CacheView(tree: tree, revision: fence.revision, isProven: true)
    }
  }

  /// Takes out the waiters that can go on.
  mutating func takeSatisfied() -> [FreshnessWaiter.Resumption] {
    guard !waiters.isEmpty else { return [] }
    var resumptions: [FreshnessWaiter.Resumption] = []
    var rest: [FreshnessWaiter] = []
    for waiter in waiters {
      if let view = satisfies(waiter.need) {
        resumptions.append(.init(waiter: waiter, result: .reached(view)))
      } else {
        rest.append(waiter)
      }
    }
    waiters = rest
    return resumptions
  }

  mutating func takeAllWaiters() -> [FreshnessWaiter.Resumption] {
    defer { waiters = [] }
    return waiters.map { .init(waiter: $0, result: .interrupted) }
  }

  /// The tip is about to change with an event at `next`.
  mutating func keepTip(before next: Revision, events: Int) {
    guard isConsistent else { return }
    shelf.eventsSince += events
    guard isTipWanted || shelf.eventsSince >= SnapshotShelf.eventsBetween || shelf.snapshots.isEmpty else { return }
    isTipWanted = false
    let through = Revision(max(lastEvent.rawValue, next.rawValue - 1))
    shelf.keep(.init(tree: tree, revision: lastEvent, through: through))
  }
}

/// A state and what revision it is shown as.
struct CacheView: Sendable {
  let tree: ObjectTree
  let revision: Revision
  /// The revision comes from a fence, ahead of the events.
  var isProven = false
}

/// What a reader waits for.
enum FreshnessNeed: Sendable {
  case revision(Revision)
  case fence(StorageFence)
}

struct FreshnessWaiter {
  enum Result: Sendable { case reached(CacheView), timedOut, interrupted }
  struct Resumption {
    let waiter: FreshnessWaiter
    let result: Result
    func callAsFunction() { waiter.continuation.resume(returning: result) }
  }
  let id: Int
  let need: FreshnessNeed
  let deadline: ContinuousClock.Instant
  let continuation: CheckedContinuation<Result, any Error>
}

/// What watchers live on, behind the lock that the dispatch holds. Lock order: this, then `CacheState`, then a watcher.
struct WatchState {
  var ring: EventRing
  var index = WatcherIndex()
  /// Every watcher that has not ended, live or not.
  var all = WatcherSet()
  var bookmarkers = WatcherSet()
  var homes = HomeTable()
  /// Up to where all live watchers have been given everything.
  var revision = Revision.zero
  var isOpen = false
  /// Counted here and not in the ring: a new list starts another ring.
  var eventsDispatched = 0
  var deliveries = 0
  var visits = 0
  var watchersTerminated = 0
}

/// Counters for metrics.
public struct CacherStatistics: Sendable, Equatable {
  public var isReady = false
  public var revision = Revision.zero
  public var objects = 0
  /// Of the objects' documents.
  public var bytes = 0
  public var snapshots = 0
  public var ringLength = 0
  public var ringCapacity = 0
  /// Most events ever found waiting between storage and cache.
  public var incomingHighWaterMark = 0
  public var watchers = 0
  /// Ended because they could not keep up.
  public var watchersTerminated = 0
  public var eventsDispatched = 0
  /// Events times the watchers that got them.
  public var deliveries = 0
  /// Watchers that an event was shown to, whether they wanted it or not.
  public var visits = 0
  public var getsFromCache = 0
  public var listsFromCache = 0
  public var readsFromStorage = 0
  /// Reads that had to wait for the cache to get somewhere.
  public var freshnessWaits = 0
  public var lists = 0
  public var watchResumptions = 0
  /// Checks of the cache against the storage, by what came of them; impossible ones had nothing to compare with.
  public var consistencyChecksPassed = 0
  public var consistencyChecksFailed = 0
  public var consistencyChecksImpossible = 0
  public init() {}
}
