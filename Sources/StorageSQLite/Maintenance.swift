import Storage
import Synchronization

/// What the maintenance thread is told.
enum MaintenanceMessage: Sendable {
  /// Copy the WAL into the file.
  case checkpoint
  /// Forget history up to here, then say so.
  case compact(through: Int64, done: @Sendable (Result<Void, StorageError>) -> Void)
  /// The writer has answered for one slice.
  case sliceDone(Result<Int64, StorageError>)
  /// See `ReaderMessage.pause`.
  case pause(closed: ThreadSignal, resume: ThreadSignal)
}

/// The thread that copies the WAL into the file and paces compaction. It never waits for the writer, which may be
/// waiting for it.
final class Maintenance {
  private let core: StorageCore
  private var connection: SQLiteConnection?
  /// Compaction goes up to here; 0 for none at work.
  private var target: Int64 = 0
  private var waiters: [(through: Int64, done: @Sendable (Result<Void, StorageError>) -> Void)] = []
  private var sliceBegan: UInt64?
  private var nextSlice: UInt64 = 0
  private var nextTick: UInt64
  private var nextIntervalEnd: UInt64
  /// The newest revision an interval ago: what is younger stays.
  private var newestAtLastTick: Int64 = 0
  private let interval: UInt64

  init(core: StorageCore) {
    self.core = core
    interval = core.config.compactionInterval.clampedNanoseconds
    nextIntervalEnd = Clock.monotonicNanoseconds &+ interval
    nextTick = interval == 0 ? .max : Clock.monotonicNanoseconds &+ min(interval, Self.limitCheck)
  }
  /// How often the upper bound of history is looked at.
  private static let limitCheck: UInt64 = 5_000_000_000

  func run() {
    var batch: [MaintenanceMessage] = []
    while core.maintenance.takeAll(into: &batch, deadline: wakeUpTime()) {
      for message in batch { handle(message) }
      let now = Clock.monotonicNanoseconds
      if now >= nextTick { tick(now) }
      if target > 0 && sliceBegan == nil && now >= nextSlice { askForSlice(now) }
    }
    for waiter in waiters { waiter.done(.failure(.shutDown)) }
    if core.displacement() != nil { connection?.keepWAL() }
  }

  private func wakeUpTime() -> UInt64? {
    let slice = target > 0 && sliceBegan == nil ? nextSlice : .max
    let next = min(nextTick, slice)
    return next == .max ? nil : next
  }

  private func handle(_ message: MaintenanceMessage) {
    switch message {
    case .checkpoint: checkpoint()
    case .compact(let through, let done):
      if core.state.withLock({ $0.compacted }) >= through { return done(.success(())) }
      target = max(target, through)
      waiters.append((through, done))
    case .sliceDone(let result): sliceDone(result)
    case .pause(let closed, let resume):
      connection = nil
      closed.signal()
      resume.wait()
    }
  }

  /// History of one to two intervals stays, and never less than `revisionsKept` revisions, or more than
  /// `revisionsKeptAtMost`.
  private func tick(_ now: UInt64) {
    nextTick = now &+ min(interval, Self.limitCheck)
    let newest = core.newest.load(ordering: .relaxed)
    var oldEnough = newest - core.tuning.revisionsKeptAtMost
    if now >= nextIntervalEnd {
      nextIntervalEnd = now &+ interval
      oldEnough = max(oldEnough, min(newestAtLastTick, newest - core.tuning.revisionsKept))
      newestAtLastTick = newest
    }
    // History of what was removed is what a full disk can do without.
    if core.health.withLock({ $0.full != nil }) || core.space().map(\.isShort) == true { oldEnough = newest }
    if oldEnough > core.state.withLock({ $0.compacted }) { target = max(target, oldEnough) }
  }

  private func askForSlice(_ now: UInt64) {
    sliceBegan = now
    let maintenance = core.maintenance
    let message = WriterMessage.compactSlice(through: target) { result in
      _ = maintenance.push(.sliceDone(result), overLimit: true)
    }
    if core.writes.push(message, overLimit: true) == .closed { sliceDone(.failure(.shutDown)) }
  }

  private func sliceDone(_ result: Result<Int64, StorageError>) {
    let now = Clock.monotonicNanoseconds
    let took = now &- (sliceBegan ?? now)
    sliceBegan = nil
    // As much rest as work (at least 2 ms, at most 100): writers feel compaction as half a batch, not as a wall. Far
    // behind, none.
    let reached = (try? result.get()) ?? target
    nextSlice = target - reached > core.tuning.compactionBacklog ? now : now &+ min(max(took, 2_000_000), 100_000_000)
    switch result {
    case .failure(let error):
      target = 0
      for waiter in waiters { waiter.done(.failure(error)) }
      waiters = []
    case .success(let reached):
      for waiter in waiters where waiter.through <= reached { waiter.done(.success(())) }
      waiters.removeAll { $0.through <= reached }
      if reached >= target { target = 0 }
    }
  }

  private func checkpoint() {
    core.isCheckpointAsked.store(false, ordering: .relaxed)
    do throws(SQLiteError) {
      if connection == nil {
        connection = try core.file.connect(cacheKiB: core.tuning.readerCacheKiB)
        connection?.setBusyTimeout(milliseconds: SQLiteConnection.patience)
      }
      try connection?.checkpointPassively()
      core.health.withLock { if $0.checkpoint != nil { $0.checkpoint = nil } }
    } catch {
      connection = nil
      // A full disk is the writer's to deal with, and no fault of the database.
      core.health.withLock { if error.isFull { $0.full = core.noSpace } else { $0.checkpoint = error.description } }
    }
  }
}
