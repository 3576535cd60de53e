import ByteBuffers
import Storage

typealias ReaderQueue = BlockingQueue<ReaderMessage>

/// What a reader thread is told.
enum ReaderMessage: Sendable {
  /// Runs on the reader's thread with its connection, or with the reason why it has none.
  typealias Job = @Sendable (Result<ReadConnection, SQLiteError>) -> Void
  case job(Job)
  /// Close the connection, say so, and wait: the writer opens the database anew.
  case pause(closed: ThreadSignal, resume: ThreadSignal)
}

/// The loop of one reader thread. `opened` is signalled when it has its connection, or can't have it now.
func runReader(_ queue: ReaderQueue, core: StorageCore, opened: ThreadSignal) {
  // At once, so that the process holds all its descriptors from the start; what fails here is tried again, and
  // reported, with the first job.
  var connection = try? ReadConnection(core.file, core.tuning)
  opened.signal()
  var batch: [ReaderMessage] = []
  while queue.takeAll(into: &batch, deadline: nil) {
    for message in batch {
      switch message {
      case .job(let job):
        if let connection {
          job(.success(connection))
          continue
        }
        do throws(SQLiteError) {
          let opened = try ReadConnection(core.file, core.tuning)
          connection = opened
          job(.success(opened))
        } catch {
          job(.failure(error))
        }
      case .pause(let closed, let resume):
        connection = nil
        closed.signal()
        resume.wait()
      }
    }
  }
  if core.displacement() != nil { connection?.keepWAL() }
}

/// One row of history.
struct HistoryRow: Sendable {
  let key: String
  let version: KeyVersion
  /// Nil for a removal.
  let value: SharedBytes?
}

/// A connection for reads. Confined to its reader's thread. Each method is one short read transaction.
final class ReadConnection {
  private let connection: SQLiteConnection
  private let valueByRevision: SQLiteStatement
  private let historyAfter: SQLiteStatement
  private let begin: SQLiteStatement
  private let commit: SQLiteStatement

  init(_ file: DatabaseFile, _ tuning: Tuning) throws(SQLiteError) {
    connection = try file.connect(cacheKiB: tuning.readerCacheKiB)
    connection.setBusyTimeout(milliseconds: SQLiteConnection.patience)
    valueByRevision = try connection.prepare("SELECT lease, value FROM history WHERE rev = ?1")
    historyAfter = try connection.prepare(
      "SELECT rev, key, create_rev, version, lease, deleted, value FROM history WHERE rev > ?1 AND rev <= ?2 ORDER BY rev LIMIT ?3"
    )
    begin = try connection.prepare("BEGIN")
    commit = try connection.prepare("COMMIT")
  }

  func keepWAL() { connection.keepWAL() }

  /// Pages of the database.
  func pages() throws(SQLiteError) -> Int64 { try connection.number("PRAGMA page_count") ?? 0 }

  /// The values at these revisions, in the order asked for; nil where compaction was faster.
  func values(at revisions: [Int64]) throws(SQLiteError) -> [(lease: Int64, value: SharedBytes)?] {
    var found: [(lease: Int64, value: SharedBytes)?] = []
    found.reserveCapacity(revisions.count)
    // One transaction spares a lock and an unlock a row.
    try begin.run()
    do throws(SQLiteError) {
      for revision in revisions {
        defer { valueByRevision.reset() }
        valueByRevision.bind(revision, at: 1)
        found.append(try valueByRevision.step() ? (valueByRevision.int(0), valueByRevision.blob(1)) : nil)
      }
      try commit.run()
    } catch {
      connection.rollBack()
      throw error
    }
    return found
  }

  /// Changes in (after, through] whose key begins with `prefix`, from at most `limit` rows (and about 4 MiB); `reached`
  /// says how far the walk came.
  func history(
    prefix: String, after: Int64, through: Int64, limit: Int
  ) throws(SQLiteError) -> (rows: [HistoryRow], reached: Int64) {
    defer { historyAfter.reset() }
    historyAfter.bind(after, at: 1)
    historyAfter.bind(through, at: 2)
    historyAfter.bind(Int64(limit), at: 3)
    var rows: [HistoryRow] = []
    var seen = 0
    var bytes = 0
    var reached = after
    while bytes < 4 << 20 {
      guard try historyAfter.step() else { return (rows, seen == limit ? reached : through) }
      seen += 1
      reached = historyAfter.int(0)
      guard historyAfter.text(1, hasPrefix: prefix) else { continue }
      let isTombstone = historyAfter.int(5) != 0
      let version = KeyVersion(
        revision: reached, created: historyAfter.int(2), version: historyAfter.int(3), lease: historyAfter.int(4),
        isTombstone: isTombstone)
      let value = isTombstone ? nil : historyAfter.blob(6)
      bytes += value?.count ?? 0
      rows.append(HistoryRow(key: historyAfter.text(1), version: version, value: value))
    }
    return (rows, reached)
  }
}
