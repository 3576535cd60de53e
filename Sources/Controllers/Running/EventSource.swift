public import Cacher
import Machinery
public import Registry
public import Storage
import Synchronization

/// What tells a controller that something has changed: the watch of a resource, from memory. It begins with all objects
/// as they are. While nothing changes nothing runs.
public struct EventSource: Sendable {
  public let store: Store
  /// nil for the objects of all namespaces.
  let namespace: String?
  let predicate: SelectionPredicate
  /// The keys that an event makes the controller look at. Events of kinds `added` (also for objects that were there at
  /// the beginning), `modified` and `deleted`, the last with the object as it was; objects are as stored.
  let keys: @Sendable (WatchEvent, CachedObject) -> [ObjectName]

  public init(
    _ store: Store, namespace: String? = nil, where predicate: SelectionPredicate = .everything,
    _ keys: @escaping @Sendable (WatchEvent, CachedObject) -> [ObjectName]
  ) {
    self.store = store
    self.namespace = namespace
    self.predicate = predicate
    self.keys = keys
  }

  /// The objects themselves, whenever they change; with `deleted` also when they go.
  public init(
    objectsOf store: Store, where predicate: SelectionPredicate = .everything, deleted: Bool = false
  ) {
    self.init(store, where: predicate) { event, object in
      event.kind == .deleted && !deleted ? [] : [store.objectName(of: object.key)]
    }
  }

  /// As many events are taken at a time.
  private static let eventsAtATime = 128

  /// Feeds a queue until the watch is lost or the task is cancelled. Throws where no watch can be had now.
  func feed(_ queue: WorkQueue) async throws {
    try await follow(room: { await queue.room() }) { event in
      guard let object = event.object else { return }
      for key in keys(event, object) { queue.add(key) }
    }
  }

  /// Shows all events, each once, until the watch is lost or the task is cancelled: first the objects as they are, then
  /// changes. Throws where no watch can be had now.
  /// `room`: waits until more events are wanted. `caughtUp`: called once, when all that was there has been shown.
  func follow(
    room: () async -> Void = {}, caughtUp: () -> Void = {}, _ take: (WatchEvent) -> Void
  ) async throws {
    let home = EventHome()
    let prefix = store.keyFunc.prefix(namespace: namespace ?? "")
    let request = WatchRequest(
      target: .prefix(prefix), start: .any, sendInitialEvents: true, predicate: predicate)
    let watcher = try await store.objects.watch(request, home: home)
    defer { watcher.stop() }
    watcher.setReady { home.eventsWait() }
    var events: [WatchEvent] = []
    var hasCaughtUp = false
    while await home.waitForEvents() {
      while true {
        await room()
        if Task.isCancelled { return }
        let end = watcher.take(max: Self.eventsAtATime, into: &events)
        let count = events.count
        for event in events { take(event) }
        events.removeAll(keepingCapacity: true)
        if end != nil { return }
        guard count < Self.eventsAtATime else { continue }
        // What is there comes from memory, as much of it at a time as is asked for.
        if !hasCaughtUp { caughtUp() }
        hasCaughtUp = true
        break
      }
    }
  }
}

/// Where the watcher of an `EventSource` lives: jobs run in the task that waits for events.
private final class EventHome: WatchHome {
  private struct State {
    var jobs: [@Sendable () -> Void] = []
    var hasEvents = false
    var isOver = false
    var waiting: CheckedContinuation<Void, Never>?
  }
  private let state = Mutex(State())

  func post(_ job: @escaping @Sendable () -> Void) {
    let waiting = state.withLock { s in
      s.jobs.append(job)
      defer { s.waiting = nil }
      return s.waiting
    }
    waiting?.resume()
  }

  func eventsWait() { state.withLock { $0.hasEvents = true } }

  /// False once the task is cancelled. By one caller.
  func waitForEvents() async -> Bool {
    while !Task.isCancelled {
      let jobs = state.withLock { s in
        defer { s.jobs = [] }
        return s.jobs
      }
      for job in jobs { job() }
      let hasEvents = state.withLock { s in
        defer { s.hasEvents = false }
        return s.hasEvents
      }
      if hasEvents { return true }
      await job()
    }
    return false
  }

  /// Returns when there is a job, or the task is cancelled.
  private func job() async {
    await withTaskCancellationHandler {
      await withCheckedContinuation { (waiting: CheckedContinuation<Void, Never>) in
        let mayGo = state.withLock { s in
          if s.isOver || !s.jobs.isEmpty { return true }
          s.waiting = waiting
          return false
        }
        if mayGo { waiting.resume() }
      }
    } onCancel: {
      let waiting = state.withLock { s in
        s.isOver = true
        defer { s.waiting = nil }
        return s.waiting
      }
      waiting?.resume()
    }
  }
}
