public import ByteBuffers
import Synchronization

/// A change of one key.
public struct StorageEvent: Sendable {
  public enum Kind: Sendable, Equatable { case put, delete }
  public let kind: Kind
  public let key: String
  /// The new bytes; nil for a removal.
  public let value: SharedBytes?
  /// The revision of this change (for a removal: of the removal).
  public let revision: Revision
  public let lease: Int64
  /// As in `StoredObject`.
  public let isStale: Bool
  /// As in `StoredObject`.
  public let unreadable: String?
  public init(
    kind: Kind, key: String, value: SharedBytes?, revision: Revision, lease: Int64 = 0, isStale: Bool = false,
    unreadable: String? = nil
  ) {
    self.kind = kind
    self.key = key
    self.value = value
    self.revision = revision
    self.lease = lease
    self.isStale = isStale
    self.unreadable = unreadable
  }

  /// The key as this change left it; nil for a removal, and for a change whose value a backend did not send.
  public var object: StoredObject? {
    value.map {
      StoredObject(key: key, value: $0, revision: revision, lease: lease, isStale: isStale, unreadable: unreadable)
    }
  }
}

/// What a storage watch delivers.
public enum StorageWatchItem: Sendable {
  /// Changes in revision order. A revision's changes are never split over two batches.
  case events([StorageEvent])
  /// Everything up to this revision has been delivered.
  case progress(Revision)
}

/// The receiving end of a storage watch: a bounded queue between a backend and one reader.
///
/// Invariant: queued events <= `limit` after every offer, except that a single batch is taken whole into an empty
/// queue. A backend whose offer is refused ends the stream with `.watchClosed`; the reader resumes after the last
/// revision it saw, so nothing is lost.
public final class StorageWatch: AsyncSequence, Sendable {
  public typealias Element = StorageWatchItem
  public typealias Failure = any Error

  private struct State {
    var items: [StorageWatchItem] = []
    var queuedEvents = 0
    var waiter: CheckedContinuation<[StorageWatchItem], any Error>?
    var end: (any Error)?
    var isCancelled = false
  }
  private let state = Mutex(State())
  private let limit: Int
  private let onCancel: @Sendable () -> Void
  private let onDrain: (@Sendable () -> Void)?
  /// Set where this is a view of another watch.
  private let upstream: (watch: StorageWatch, map: @Sendable (StorageWatchItem) -> StorageWatchItem)?

  /// `limit`: most events queued. `onDrain` runs each time the reader has taken what was queued, so that a backend
  /// which replays a long history can keep just ahead of its reader. `onCancel` runs once, when the reader is done
  /// before the backend is.
  public init(limit: Int = 65_536, onDrain: (@Sendable () -> Void)? = nil, onCancel: @escaping @Sendable () -> Void) {
    self.limit = limit
    self.onDrain = onDrain
    self.onCancel = onCancel
    upstream = nil
  }

  /// Another watch with its items changed, which happens where its reader takes them. The other one belongs to this one
  /// from then on.
  public init(reading watch: StorageWatch, map: @escaping @Sendable (StorageWatchItem) -> StorageWatchItem) {
    limit = 0
    onDrain = nil
    onCancel = { watch.cancel() }
    upstream = (watch, map)
  }

  /// Backend: queues an item. False when the queue is full (the stream has then been ended) or the watch has ended.
  @discardableResult
  public func offer(_ item: StorageWatchItem) -> Bool {
    let size = if case .events(let events) = item { events.count } else { 0 }
    enum Act { case nothing(Bool), wake(CheckedContinuation<[StorageWatchItem], any Error>, [StorageWatchItem]) }
    let act: Act = state.withLock { s in
      if s.end != nil || s.isCancelled { return .nothing(false) }
      if let waiter = s.waiter {
        s.waiter = nil
        return .wake(waiter, [item])
      }
      if s.queuedEvents > 0 && s.queuedEvents + size > limit {
        s.end = StorageError.watchClosed("the reader fell \(s.queuedEvents) events behind")
        return .nothing(false)
      }
      // Progress says nothing beyond the newest one: keep the queue bounded by events alone.
      if case .progress = item, case .progress? = s.items.last { s.items.removeLast() }
      s.items.append(item)
      s.queuedEvents += size
      return .nothing(true)
    }
    switch act {
    case .nothing(let taken): return taken
    case .wake(let waiter, let items):
      waiter.resume(returning: items)
      return true
    }
  }

  /// Backend: ends the stream; what is queued is delivered first.
  public func finish(_ error: any Error) {
    if let upstream { return upstream.watch.finish(error) }
    let waiter = state.withLock { s -> CheckedContinuation<[StorageWatchItem], any Error>? in
      guard s.end == nil else { return nil }
      s.end = error
      defer { s.waiter = nil }
      return s.waiter
    }
    waiter?.resume(throwing: error)
  }

  /// Reader: ends the watch. Idempotent.
  public func cancel() {
    let (first, waiter) = state.withLock { s -> (Bool, CheckedContinuation<[StorageWatchItem], any Error>?) in
      let first = !s.isCancelled
      s.isCancelled = true
      s.items = []
      s.queuedEvents = 0
      if s.end == nil { s.end = CancellationError() }
      defer { s.waiter = nil }
      return (first, s.waiter)
    }
    waiter?.resume(throwing: CancellationError())
    if first { onCancel() }
  }

  /// Events waiting for the reader.
  public var depth: Int { upstream.map(\.watch.depth) ?? state.withLock { $0.queuedEvents } }

  /// Everything queued, in order; waits while there is nothing. One reader at a time.
  public func nextBatch() async throws -> [StorageWatchItem] {
    if let upstream { return try await upstream.watch.nextBatch().map(upstream.map) }
    return try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        let ready: Result<[StorageWatchItem], any Error>? = state.withLock { s in
          if !s.items.isEmpty {
            defer {
              s.items = []
              s.queuedEvents = 0
            }
            return .success(s.items)
          }
          if let end = s.end { return .failure(end) }
          precondition(s.waiter == nil, "a storage watch has one reader")
          s.waiter = continuation
          return nil
        }
        if let ready {
          if case .success = ready { onDrain?() }
          continuation.resume(with: ready)
        }
      }
    } onCancel: {
      cancel()
    }
  }

  /// Iterates item by item; the Cacher prefers `nextBatch`.
  public struct AsyncIterator: AsyncIteratorProtocol {
    let watch: StorageWatch
    var batch: ArraySlice<StorageWatchItem> = []
    public mutating func next() async throws -> StorageWatchItem? {
      while batch.isEmpty { batch = try await watch.nextBatch()[...] }
      return batch.removeFirst()
    }
  }
  public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(watch: self) }
}
