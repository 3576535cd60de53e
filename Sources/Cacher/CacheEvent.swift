import ByteBuffers
import Capacity
import Storage
import Synchronization

/// One change as the ring and the queues of all watchers share it.
final class CacheEvent: Sendable {
  /// The object after the change; nil for a removal.
  let object: CachedObject?
  /// The object before; nil for a creation. From the cache's own state.
  let previous: CachedObject?
  let revision: Revision
  /// When the Cacher got it; the ring's length follows it.
  let time: ContinuousClock.Instant

  private let stamped = Mutex<CachedObject?>(nil)
  /// Of the budget for what clients make us hold: taken when the ring has let go of the event and queues have not.
  /// Under the lock of the ring.
  private nonisolated(unsafe) var share: MemoryBudget.Share?

  /// One of `object` and `previous` is not nil.
  init(object: CachedObject?, previous: CachedObject?, revision: Revision, time: ContinuousClock.Instant) {
    precondition(object != nil || previous != nil, "an event at \(revision) about nothing")
    self.object = object
    self.previous = previous
    self.revision = revision
    self.time = time
  }

  var key: String { (object ?? previous)?.key ?? "" }
  /// Bytes that a queue with this event keeps alive.
  var cost: Int { (object ?? previous)?.cost ?? 0 }

  /// Only queues hold it from now on. Under the lock of the ring, or by who has made it and not shared it yet.
  func holdForQueues(_ memory: MemoryBudget) { share = memory.holding(cost) }

  /// Is it held for slow watchers alone? Under the lock of the ring.
  var isHeldForQueues: Bool { share != nil }

  /// What a watcher with this predicate sees: enters → ADDED, stays → MODIFIED, leaves → DELETED.
  func kind(for predicate: SelectionPredicate) -> WatchEvent.Kind? {
    let isIn = object.map { predicate.matches(labels: $0.labels, fields: $0.fields) } ?? false
    let wasIn = previous.map { predicate.matches(labels: $0.labels, fields: $0.fields) } ?? false
    return Self.kind(wasIn: wasIn, isIn: isIn)
  }

  /// The same for a watcher without selectors.
  var plainKind: WatchEvent.Kind { object == nil ? .deleted : previous == nil ? .added : .modified }

  private static func kind(wasIn: Bool, isIn: Bool) -> WatchEvent.Kind? {
    switch (wasIn, isIn) {
    case (false, false): nil
    case (false, true): .added
    case (true, true): .modified
    case (true, false): .deleted
    }
  }

  /// The event as one watcher sees it. A DELETED event shows the previous object with the event's revision, stamped
  /// once for all watchers.
  func watchEvent(_ kind: WatchEvent.Kind, codec: any ObjectCodec) -> WatchEvent? {
    guard kind == .deleted else { return object.map { WatchEvent(kind, $0, revision: revision) } }
    if let known = stamped.withLock({ $0 }) { return WatchEvent(.deleted, known, revision: revision) }
    guard let previous else { return nil }
    let made = codec.restamped(previous, revision: revision)
    let kept = stamped.withLock { state in
      if state == nil { state = made }
      return state ?? made
    }
    return WatchEvent(.deleted, kept, revision: revision)
  }
}
