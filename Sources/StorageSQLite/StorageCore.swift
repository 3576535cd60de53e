import ByteBuffers
import Storage
import Synchronization

/// What the writer, the readers, the maintenance and the callers of one open storage share.
final class StorageCore: Sendable {
  let config: StorageBackend.Config
  let tuning: Tuning
  let file: DatabaseFile
  let state = Mutex(CommittedState())
  /// `CommittedState.published` without the lock.
  let newest = Atomic<Int64>(1)
  let health = Mutex(Health())
  let writes: BlockingQueue<WriterMessage>
  let maintenance = BlockingQueue<MaintenanceMessage>(limit: 1_024)
  let readers: [ReaderQueue]
  let reserve: Reserve
  /// Pages of the file that hold nothing, when last looked at.
  let freePages = Atomic<UInt64>(0)
  /// A checkpoint was asked for and has not begun.
  let isCheckpointAsked = Atomic<Bool>(false)

  /// Why the storage can't serve, for readyz.
  struct Health: Sendable {
    /// The database must be opened again; all writes are refused.
    var broken: String?
    /// The last write found no space.
    var full: String?
    /// The WAL could not be copied into the file.
    var checkpoint: String?
    /// When last looked at, the files at our paths were others.
    var isDisplaced = false
    var problem: String? { broken ?? full ?? checkpoint }
  }

  init(config: StorageBackend.Config, tuning: Tuning, file: DatabaseFile) {
    self.config = config
    self.tuning = tuning
    self.file = file
    reserve = Reserve(
      besides: file.isInMemory ? nil : file.path, setting: config.sqliteReserveBytes, total: file.totalBytes() ?? 0)
    writes = BlockingQueue(limit: tuning.writeQueueLimit)
    readers = (0..<max(tuning.readers, 1)).map { _ in ReaderQueue(limit: tuning.readQueueLimit) }
  }

  /// Why what is written would be lost: the files at our paths are not those that are open. nil when all is well. Two
  /// calls of stat(2).
  func displacement() -> String? {
    let found = file.displacement()
    if found != nil || health.withLock({ $0.isDisplaced }) { health.withLock { $0.isDisplaced = found != nil } }
    return found
  }

  /// Runs `body` on a thread that owns a connection, with the caller suspended.
  func read<T: Sendable>(_ body: @escaping @Sendable (ReadConnection) throws -> T) async throws -> T {
    try await withCheckedThrowingContinuation { continuation in
      post { result in
        continuation.resume(
          with: Result { try body(try result.get()) }.mapError { ($0 as? SQLiteError)?.asStorageError ?? $0 })
      } refused: { error in
        continuation.resume(throwing: error)
      }
    }
  }

  /// As `read`, without waiting for the end.
  func post(_ job: @escaping ReaderMessage.Job, refused: (StorageError) -> Void) {
    // Few readers: looking at each costs less than an unlucky choice.
    let reader = readers.min { $0.count < $1.count } ?? readers[0]
    switch reader.push(.job(job)) {
    case .taken: break
    case .full: refused(.refused("too many reads wait for the disk"))
    case .closed: refused(.shutDown)
    }
  }

  /// Sends a conditional change to the writer and waits until it is durable (or refused).
  func commit(_ change: Change) async -> ChangeResult {
    await withCheckedContinuation { continuation in
      switch writes.push(.change(change, continuation)) {
      case .taken: break
      case .full:
        continuation.resume(returning: .failed(.refused("\(tuning.writeQueueLimit) writes wait for the disk already")))
      case .closed: continuation.resume(returning: .failed(.shutDown))
      }
    }
  }
}
