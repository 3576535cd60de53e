public import Storage
import Synchronization

/// The embedded storage: one SQLite file, opened by one process.
///
/// One thread writes (`Writer`), a few read (`Reader.swift`), one looks after the file (`Maintenance`); callers are
/// suspended meanwhile and no SQLite call ever runs on the cooperative pool or on a reactor. Every write is one
/// revision and is on disk (WAL, fsync) before it is answered; watches have been fed before that, so that whoever got
/// the answer finds the event on its way.
public final class SQLiteStorage: Storage {
  public let versioner: any Versioner = APIObjectVersioner()
  let core: StorageCore
  private let life: Mutex<Life>

  /// open → closing → closed.
  private enum Life {
    case open(Threads)
    case closing([CheckedContinuation<Void, Never>])
    case closed
  }
  private struct Threads {
    let writer: WorkerThread
    let others: [WorkerThread]
  }

  /// Copies the database to `target`, which must not exist, while it goes on being used. Blocks: call it on a thread
  /// that may. Throws `.invalidConfiguration` with one line, and then leaves nothing behind.
  public func snapshot(to target: String, progress: (Int, Int) -> Void) throws -> SQLiteSnapshot.Facts {
    try SQLiteSnapshot.take(from: core.file, to: target, progress: progress)
  }

  /// Opens (or creates, with its folder) the file that `config.sqlitePath` names, and loads its keys. The file is ours
  /// until the second value was called; with `StorageBackend.Config.inMemory` there is none, and all is gone then.
  /// Throws `StorageError.invalidConfiguration` with one clear line, and then has changed nothing.
  public static func make(_ config: StorageBackend.Config) async throws -> (any Storage, DestroyFunc) {
    let storage = try await open(config, Tuning())
    return (storage, { await storage.destroy() })
  }

  static func open(_ config: StorageBackend.Config, _ tuning: Tuning) async throws -> SQLiteStorage {
    // Opening reads and fsyncs: on a thread of its own, not on the pool.
    try await withCheckedThrowingContinuation { continuation in
      do throws(SQLiteError) {
        try WorkerThread(name: "sqlite-open") {
          continuation.resume(with: Result { try SQLiteStorage(config, tuning) })
        }.detach()
      } catch {
        continuation.resume(throwing: error.asStorageError)
      }
    }
  }

  /// Blocks until the database is open.
  private init(_ config: StorageBackend.Config, _ tuning: Tuning) throws {
    let file = try DatabaseFile(path: config.sqlitePath, after: config.firstRevision.rawValue)
    let core = StorageCore(config: config, tuning: tuning, file: file)
    self.core = core
    var started: [WorkerThread] = []
    do {
      let opened = ThreadSignal()
      let box = OpenOutcome()
      let writer = try WorkerThread(name: "sqlite-writer") {
        let writer = Writer(core: core)
        do throws(SQLiteError) {
          try writer.openDatabase()
        } catch {
          box.error.withLock { $0 = error }
          writer.open = nil
        }
        let isOpen = box.error.withLock { $0 == nil }
        opened.signal()
        if isOpen { writer.run() }
      }
      opened.wait()
      if let error = box.error.withLock({ $0 }) {
        writer.join()
        throw error
      }
      started.append(writer)
      let isReading = ThreadSignal()
      for queue in core.readers {
        started.append(try WorkerThread(name: "sqlite-reader") { runReader(queue, core: core, opened: isReading) })
      }
      // Whatever happens to the files from here on, what they hold can be read.
      for _ in core.readers { isReading.wait() }
      started.append(try WorkerThread(name: "sqlite-upkeep") { Maintenance(core: core).run() })
    } catch let error as SQLiteError {
      core.closeQueues()
      for thread in started { thread.join() }
      file.release()
      throw Self.explain(error, file.path)
    }
    life = Mutex(.open(Threads(writer: started[0], others: Array(started[1...]))))
  }

  private final class OpenOutcome: Sendable {
    let error = Mutex<SQLiteError?>(nil)
  }

  private static func explain(_ error: SQLiteError, _ path: String) -> StorageError {
    if error.isBusy { return .invalidConfiguration("SQLite storage \(path): another process has it open") }
    if error.isDamage { return .invalidConfiguration("SQLite storage \(path): damaged: \(error.message)") }
    return .invalidConfiguration("SQLite storage \(path): \(error)")
  }

  /// Sees through what was submitted, ends the watches, closes the file. Idempotent: every caller returns when all is
  /// closed.
  func destroy() async {
    await withCheckedContinuation { continuation in
      let threads: Threads? = life.withLock { life in
        switch life {
        case .open(let threads):
          life = .closing([continuation])
          return threads
        case .closing(let waiting):
          life = .closing(waiting + [continuation])
          return nil
        case .closed:
          continuation.resume()
          return nil
        }
      }
      guard let threads else { return }
      let close: @Sendable () -> Void = { [self] in
        let watches = core.state.withLock { $0.close() }
        for watch in watches { watch.finish(StorageError.shutDown) }
        // The writer first: in trouble it talks to the others.
        core.writes.close()
        threads.writer.join()
        // One after the other: of two connections that close at once neither is the last, which removes the WAL.
        for (index, thread) in threads.others.enumerated() {
          if index < core.readers.count { core.readers[index].close() } else { core.maintenance.close() }
          thread.join()
        }
        core.file.release()
        let waiting = life.withLock { life -> [CheckedContinuation<Void, Never>] in
          defer { life = .closed }
          if case .closing(let waiting) = life { return waiting }
          return []
        }
        for continuation in waiting { continuation.resume() }
      }
      do throws(SQLiteError) {
        try WorkerThread(name: "sqlite-close", body: close).detach()
      } catch {
        // No thread to be had: then this one waits, which is better than never closing.
        close()
      }
    }
  }

  // MARK: - Small answers

  public var revisionInProcess: Revision? { Revision(core.newest.load(ordering: .acquiring)) }

  public func currentRevision() async throws -> Revision {
    try core.state.withLock { state in
      if state.isClosed { throw StorageError.shutDown }
      return Revision(state.published)
    }
  }

  public func freshnessProof() async throws -> FreshnessProofKind { .inProcess }

  public func oldestWatchableRevision(atMostBack revisions: Int64) async throws -> Revision {
    try core.state.withLock { state in
      if state.isClosed { throw StorageError.shutDown }
      return Revision(max(state.compacted, state.published - min(max(revisions, 0), state.published)))
    }
  }

  public func requestProgress() async throws {
    try core.state.withLock { state in
      if state.isClosed { throw StorageError.shutDown }
      state.offerProgress()
    }
  }

  /// Returns when history up to `revision` is gone; at once where it is gone already. Throws `.futureRevision`.
  public func compact(through revision: Revision) async throws {
    let current = try await currentRevision()
    guard revision <= current else { throw StorageError.futureRevision(requested: revision, current: current) }
    try await withCheckedThrowingContinuation { continuation in
      let done: @Sendable (Result<Void, StorageError>) -> Void = {
        continuation.resume(with: $0.mapError { $0 as any Error })
      }
      switch core.maintenance.push(.compact(through: revision.rawValue, done: done)) {
      case .taken: break
      case .full: done(.failure(.refused("too many compactions wait")))
      case .closed: done(.failure(.shutDown))
      }
    }
  }

  /// The file and its WAL, which comes and goes.
  public func databaseBytes() async throws -> Int? {
    if core.state.withLock({ $0.isClosed }) { throw StorageError.shutDown }
    if core.file.isInMemory {
      // At most SQLite's bound of a database in memory.
      return Int(clamping: try await core.read { try $0.pages() }) &* 4_096
    }
    return Int(clamping: core.file.fileBytes().addingReportingOverflow(core.file.walBytes()).partialValue)
  }

  /// `.outOfSpace` before the first write is refused for it.
  public func readinessCheck() async throws {
    if core.state.withLock({ $0.isClosed }) { throw StorageError.shutDown }
    if let displacement = core.displacement() { throw StorageError.refused(displacement) }
    let health = core.health.withLock { $0 }
    if let problem = health.broken ?? health.checkpoint { throw StorageError.refused(problem) }
    if let full = health.full ?? (core.space().map(\.isShort) == true ? core.noSpace : nil) {
      throw StorageError.outOfSpace(full)
    }
  }

  /// Reads and removals work without space, and where the file lost its name a restart would only make the loss
  /// complete.
  public func livenessCheck() async throws {
    if core.state.withLock({ $0.isClosed }) { throw StorageError.shutDown }
    if core.displacement() != nil { return }
    if let problem = core.health.withLock({ $0.broken ?? $0.checkpoint }) { throw StorageError.refused(problem) }
  }

  /// Bytes of disk that are kept for removals: asked for (by the setting, else by the size of the file system), kept
  /// as far as there is room, and held already.
  public var reserve: (asked: Int, wanted: Int, held: Int) {
    let reserve = core.reserve
    return (Int(clamping: reserve.goal), Int(clamping: reserve.wanted), Int(clamping: reserve.held))
  }
}

extension StorageCore {
  /// Lets every thread end after what is queued.
  func closeQueues() {
    writes.close()
    for reader in readers { reader.close() }
    maintenance.close()
  }
}
