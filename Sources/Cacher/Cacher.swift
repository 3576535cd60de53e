import Machinery
public import Storage
import Synchronization

/// The cache of one resource above a raw storage: reads and watches from memory, writes passed through. (Kubernetes:
/// `cacher.Cacher`.)
///
/// One task writes (the reflector: list, then watch). It owns the tree that it works on and publishes copies. Readers
/// take a lock only to retain the published tree; watchers are fed under a second lock. `destroy` ends the task and all
/// watches.
public final class Cacher: ObjectStorage, StorageWrapper {
  let config: CacherConfig
  public let codec: any ObjectCodec
  public var storage: any Storage { config.storage }

  let state: Mutex<CacheState>
  let watches: Mutex<WatchState>
  /// A leaf among the locks: nothing else is locked under it.
  let recent = Mutex(RecentWrites())
  let incoming = HighWaterMark()
  /// Somebody waits for freshness.
  let waiting = Signal()
  /// A first watcher wants bookmarks.
  let bookmarksWanted = Signal()
  /// It may have become ready, or come to its end.
  let readiness = Gate()
  let waiterIDs = Atomic<Int>(0)

  let currentRevisionCall: SharedCall<Revision>
  let fenceCall: SharedCall<StorageFence>
  let progressCall: SharedCall<Void>

  private enum Life {
    case idle
    case running(Task<Void, Never>)
    case destroyed(Task<Void, Never>?)
  }
  private let life = Mutex(Life.idle)

  public init(_ config: CacherConfig) {
    self.config = config
    codec = config.codec
    state = Mutex(CacheState(phase: .notReady(since: config.clock.now())))
    watches = Mutex(
      WatchState(
        ring: EventRing(
          base: .zero, capacityMax: config.capacity, freshness: config.eventFreshness, memory: config.memory)))
    let storage = config.storage
    let prefix = config.resourcePrefix
    currentRevisionCall = SharedCall { try await storage.currentRevision() }
    fenceCall = SharedCall { try await storage.fence(prefix: prefix) }
    progressCall = SharedCall { try await storage.requestProgress() }
  }

  // MARK: Life

  /// Begins to list and watch. Idempotent.
  public func start() {
    life.withLock { life in
      guard case .idle = life else { return }
      // The root of everything that this Cacher does by itself; `destroy` cancels and awaits it.
      life = .running(
        Task { [self] in
          await withTaskGroup(of: Void.self) { group in
            group.addTask { await Reflector(cacher: self).run() }
            group.addTask { await self.serveWaiters() }
            group.addTask { await self.sendBookmarks() }
            group.addTask { await self.checkConsistencyRepeatedly() }
          }
        })
    }
  }

  /// Returns when the first list and its history are in; throws `.shutDown`, or `CancellationError`.
  public func waitUntilReady() async throws {
    while true {
      switch state.withLock({ $0.phase }) {
      case .ready: return
      case .destroyed: throw StorageError.shutDown
      case .notReady: break
      }
      try Task.checkCancellation()
      await readiness.wait { self.state.withLock { $0.isReady || $0.phase == .destroyed } }
    }
  }

  /// Ends the reflector and all watches, and waits for the reflector. Idempotent; the raw storage stays.
  public func destroy() async {
    let task = life.withLock { life -> Task<Void, Never>? in
      switch life {
      case .idle:
        life = .destroyed(nil)
        return nil
      case .running(let task):
        life = .destroyed(task)
        return task
      case .destroyed(let task): return task
      }
    }
    let resumptions = state.withLock { s in
      s.phase = .destroyed
      return s.takeAllWaiters()
    }
    for resume in resumptions { resume() }
    readiness.open()
    endWatches(.shutDown)
    task?.cancel()
    await task?.value
    // Whatever was registered while the task was ending.
    endWatches(.shutDown)
    let bytes = state.withLock { s in
      defer { s.bytes = 0 }
      s.tree = ObjectTree()
      s.shelf = SnapshotShelf()
      return s.bytes
    }
    codec.encodings.changeObjectBytes(by: -bytes)
  }

  var isDestroyed: Bool { state.withLock { $0.phase == .destroyed } }

  // MARK: What an operator sees

  public var statistics: CacherStatistics {
    var all = state.withLock { s in
      var all = s.statistics
      all.isReady = s.isReady
      all.revision = s.revision
      all.objects = s.tree.count
      all.bytes = s.bytes
      all.snapshots = s.shelf.snapshots.count
      return all
    }
    watches.withLock { w in
      all.ringLength = w.ring.count
      all.ringCapacity = w.ring.capacity
      all.watchers = w.all.count
      all.watchersTerminated = w.watchersTerminated
      all.eventsDispatched = w.eventsDispatched
      all.deliveries = w.deliveries
      all.visits = w.visits
    }
    all.incomingHighWaterMark = incoming.value
    return all
  }

  /// Reports every violation of an invariant, with its numbers; for tests.
  func checkInvariants(report: (String) -> Void) {
    state.withLock { s in
      s.tree.checkInvariants(report: report)
      s.shelf.checkInvariants(report: report)
      if s.lastEvent > s.revision { report("last event \(s.lastEvent) above revision \(s.revision)") }
      if s.tree.newest > s.lastEvent { report("object at \(s.tree.newest), last event \(s.lastEvent)") }
    }
    watches.withLock { w in
      w.ring.checkInvariants(report: report)
      w.index.checkInvariants(report: report)
      w.all.checkInvariants(report: report)
      w.bookmarkers.checkInvariants(report: report)
      if w.index.count > w.all.count { report("\(w.index.count) live watchers of \(w.all.count)") }
    }
  }
}
