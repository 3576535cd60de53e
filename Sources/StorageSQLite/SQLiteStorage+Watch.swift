public import Storage
import Synchronization

extension SQLiteStorage {
  /// A watch sends `.progress` unasked: when it has caught up, and with every transaction that had nothing for it.
  /// One that starts in the future is silent until then.
  public func watch(prefix: String, after: Revision?) async throws -> StorageWatch {
    try Task.checkCancellation()
    let replay = Replay(core: core, prefix: prefix)
    let watch = StorageWatch(onDrain: { replay.readerDrained() }, onCancel: { replay.cancel() })
    try replay.start(watch, after: after?.rawValue)
    return watch
  }
}

/// Brings a watch from its start revision to the present, page by page on the reader threads, and hands it to the
/// writer.
///
/// It joins the live watches under the lock in which revisions are published, exactly when it has offered all of them:
/// no gap, nothing twice. It stays only a little ahead of the watch's reader.
private final class Replay: Sendable {
  private let core: StorageCore
  private let prefix: String
  private struct State: Sendable {
    weak var watch: StorageWatch?
    /// Everything up to here has been offered.
    var position: Int64 = 0
    /// Waiting for the reader to take what is queued.
    var isParked = false
    /// The number among the live watches.
    var liveID: Int?
    var isCancelled = false
  }
  private let state = Mutex(State())

  init(core: StorageCore, prefix: String) {
    self.core = core
    self.prefix = prefix
  }

  func start(_ watch: StorageWatch, after: Int64?) throws {
    let needsHistory = try core.state.withLock { committed in
      if committed.isClosed { throw StorageError.shutDown }
      let position = after ?? committed.published
      guard position >= committed.compacted else {
        throw StorageError.compacted(requested: Revision(position), compacted: Revision(committed.compacted))
      }
      state.withLock { $0.position = position }
      if position < committed.published { return true }
      join(watch, position, &committed)
      return false
    }
    if needsHistory { next(watch) }
  }

  /// Under the lock of `committed`; the order of the two locks is always this one.
  private func join(_ watch: StorageWatch, _ position: Int64, _ committed: inout CommittedState) {
    let id = committed.join(LiveWatch(watch: watch, prefix: prefix, after: position))
    let isCancelled = state.withLock {
      $0.liveID = id
      return $0.isCancelled
    }
    if isCancelled, let id { committed.leave(id) }
  }

  func cancel() {
    core.state.withLock { committed in
      let id = state.withLock {
        $0.isCancelled = true
        return $0.liveID
      }
      if let id { committed.leave(id) }
    }
  }

  func readerDrained() {
    let watch = state.withLock { state -> StorageWatch? in
      guard state.isParked else { return nil }
      state.isParked = false
      return state.watch
    }
    if let watch { next(watch) }
  }

  private func next(_ watch: StorageWatch) {
    core.post { [self] connection in
      do {
        try page(watch, try connection.get())
      } catch {
        watch.finish((error as? SQLiteError)?.asStorageError ?? error)
      }
    } refused: { error in
      watch.finish(error)
    }
  }

  /// Reader thread.
  private func page(_ watch: StorageWatch, _ connection: ReadConnection) throws {
    let position = state.withLock { $0.position }
    let published = core.state.withLock { $0.published }
    let (rows, reached) = try connection.history(
      prefix: prefix, after: position, through: published, limit: core.tuning.rowsPerRead)
    // Looked at after the rows were read, so that compaction can't have taken one of them unseen.
    let compacted = core.state.withLock { $0.compacted }
    guard position >= compacted else {
      throw StorageError.compacted(requested: Revision(position), compacted: Revision(compacted))
    }
    var events: [StorageEvent] = []
    events.reserveCapacity(rows.count)
    for row in rows {
      events.append(
        StorageEvent(
          kind: row.value == nil ? .delete : .put, key: row.key, value: row.value,
          revision: Revision(row.version.revision),
          lease: row.version.lease))
    }
    if !events.isEmpty && !watch.offer(.events(events)) { return }
    let isLive = try core.state.withLock { committed in
      if committed.isClosed { throw StorageError.shutDown }
      state.withLock { $0.position = reached }
      guard reached == committed.published else { return false }
      join(watch, reached, &committed)
      return true
    }
    if isLive { return }
    guard watch.depth > core.tuning.replayAhead else { return next(watch) }
    state.withLock {
      $0.isParked = true
      $0.watch = watch
    }
    // The reader may have taken everything just before it could see that we wait.
    if watch.depth <= core.tuning.replayAhead { readerDrained() }
  }
}
