import ByteBuffers
import CSQLite
import Glibc
import Storage

/// What the library (or the system under it) reported.
struct SQLiteError: Error, CustomStringConvertible {
  /// The extended result code, 0 when the system and not SQLite failed.
  let code: CInt
  let message: String
  /// What was being done, as a gerund.
  let action: String
  /// What the system under SQLite said, where that is known: an `errno`.
  var system: CInt = 0

  private var primary: CInt { code & 0xff }
  /// No space: on the disk, in a quota, or under a limit of the process. SQLite itself knows only the first.
  var isFull: Bool { primary == SQLITE_FULL || (code == Self.writeFailed && [ENOSPC, EDQUOT, EFBIG].contains(system)) }
  /// SQLITE_IOERR_WRITE: the disk did not take a page, so the transaction did not happen. (Of an fsync that failed one
  /// can't say so.)
  private static let writeFailed = SQLITE_IOERR | (3 << 8)
  var isBusy: Bool { primary == SQLITE_BUSY || primary == SQLITE_LOCKED }
  var isTooBig: Bool { primary == SQLITE_TOOBIG }
  var isDamage: Bool { primary == SQLITE_CORRUPT || primary == SQLITE_NOTADB }
  var description: String { code == 0 ? "\(action): \(message)" : "\(action): \(message) (SQLite code \(code))" }

  /// The one translation into what the layers above speak.
  var asStorageError: StorageError {
    if isTooBig { return .tooLarge(message) }
    return .refused(description)
  }
}

/// An open database. Confined to the thread that opened it (SQLite is told so: NOMUTEX).
final class SQLiteConnection {
  let handle: OpaquePointer
  private let walPages: UnsafeMutablePointer<Int>

  enum Access { case readWrite, create }

  /// Opens `path`. `vfs` nil is the system's default one.
  init(path: String, access: Access, vfs: String?) throws(SQLiteError) {
    var opened: OpaquePointer?
    let flags =
      SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE | (access == .create ? SQLITE_OPEN_CREATE : 0)
    let status = sqlite3_open_v2(path, &opened, flags, vfs)
    guard status == SQLITE_OK, let opened else {
      // Even a failed open may leave a handle that has the message and must be closed.
      let message = opened.map { String(cString: sqlite3_errmsg($0)) } ?? String(cString: sqlite3_errstr(status))
      if let opened { sqlite3_close_v2(opened) }
      throw SQLiteError(code: status, message: message, action: "opening \(path)")
    }
    handle = opened
    walPages = .allocate(capacity: 1)
    walPages.initialize(to: 0)
  }

  // v2: waits for statements that are released after the connection, in whatever order Swift drops them.
  deinit {
    sqlite3_close_v2(handle)
    walPages.deallocate()
  }

  func error(_ code: CInt, _ action: String) -> SQLiteError {
    SQLiteError(
      code: code, message: String(cString: sqlite3_errmsg(handle)), action: action, system: sqlite3_system_errno(handle)
    )
  }

  /// Runs statements that return nothing of interest.
  func execute(_ sql: String) throws(SQLiteError) {
    let status = sqlite3_exec(handle, sql, nil, nil, nil)
    guard status == SQLITE_OK else { throw error(status, "running \(sql.prefix(60))") }
  }

  func prepare(_ sql: String) throws(SQLiteError) -> SQLiteStatement { try SQLiteStatement(self, sql) }

  /// The first column of the first row, as a number; nil when there is no row or it is NULL.
  func number(_ sql: String) throws(SQLiteError) -> Int64? {
    let statement = try prepare(sql)
    return try statement.step() && !statement.isNull(0) ? statement.int(0) : nil
  }

  /// The first column of the first row, as text.
  func text(_ sql: String) throws(SQLiteError) -> String? {
    let statement = try prepare(sql)
    return try statement.step() ? statement.text(0) : nil
  }

  func setBusyTimeout(milliseconds: CInt) { sqlite3_busy_timeout(handle, milliseconds) }

  /// From now on `pagesInWAL` is right after each commit of this connection. Replaces SQLite's own checkpointing.
  func followWAL() {
    sqlite3_wal_hook(
      handle,
      { context, _, _, pages in
        context?.assumingMemoryBound(to: Int.self).pointee = Int(pages)
        return SQLITE_OK
      }, walPages)
  }
  var pagesInWAL: Int { walPages.pointee }

  /// Copies what it can of the WAL into the file, waiting for nobody.
  func checkpointPassively() throws(SQLiteError) {
    let status = sqlite3_wal_checkpoint_v2(handle, nil, SQLITE_CHECKPOINT_PASSIVE, nil, nil)
    // BUSY: another connection is at it, which is as good.
    guard status == SQLITE_OK || status & 0xff == SQLITE_BUSY else { throw error(status, "checkpointing") }
  }

  /// Copies all of the WAL, waiting a moment for readers and for another connection that is at it. Whether it went well
  /// shows at the next write.
  func checkpointUrgently() {
    setBusyTimeout(milliseconds: 200)
    defer { setBusyTimeout(milliseconds: Self.patience) }
    let deadline = Clock.monotonicNanoseconds &+ 1_000_000_000
    while Clock.monotonicNanoseconds < deadline {
      // SQLite does not wait by itself for another checkpoint to end.
      guard sqlite3_wal_checkpoint_v2(handle, nil, SQLITE_CHECKPOINT_FULL, nil, nil) & 0xff == SQLITE_BUSY else {
        return
      }
      usleep(2_000)
    }
  }

  /// As `checkpointCompletely` where no reader is in the way at this moment; gives the WAL's space back.
  func truncateWAL() {
    setBusyTimeout(milliseconds: 0)
    _ = sqlite3_wal_checkpoint_v2(handle, nil, SQLITE_CHECKPOINT_TRUNCATE, nil, nil)
    setBusyTimeout(milliseconds: Self.patience)
  }

  /// Should this connection be the last to close, the WAL stays: where the files were replaced, the one of that name is
  /// not ours to remove.
  func keepWAL() {
    var isKept: CInt = 1
    sqlite3_file_control(handle, "main", SQLITE_FCNTL_PERSIST_WAL, &isKept)
  }

  /// How long our own connections, which only compete for moments, wait for each other.
  static let patience: CInt = 5_000

  /// Copies all of the WAL, fsyncs the file and starts the WAL anew. No other connection may be open.
  func checkpointCompletely() throws(SQLiteError) {
    let status = sqlite3_wal_checkpoint_v2(handle, nil, SQLITE_CHECKPOINT_TRUNCATE, nil, nil)
    guard status == SQLITE_OK else { throw error(status, "checkpointing") }
  }

  var isInTransaction: Bool { sqlite3_get_autocommit(handle) == 0 }

  /// Ends a transaction that failed. SQLite may have ended it already.
  func rollBack() { if isInTransaction { _ = sqlite3_exec(handle, "ROLLBACK", nil, nil, nil) } }
}

/// A prepared statement. Confined to its connection's thread. Parameters are numbered from 1, columns from 0.
final class SQLiteStatement {
  private let handle: OpaquePointer
  private let connection: SQLiteConnection

  fileprivate init(_ connection: SQLiteConnection, _ sql: String) throws(SQLiteError) {
    var prepared: OpaquePointer?
    let status = sqlite3_prepare_v3(connection.handle, sql, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &prepared, nil)
    guard status == SQLITE_OK, let prepared else { throw connection.error(status, "preparing \(sql.prefix(60))") }
    handle = prepared
    self.connection = connection
  }

  deinit { sqlite3_finalize(handle) }

  func bind(_ value: Int64, at index: CInt) { sqlite3_bind_int64(handle, index, value) }

  /// `text` must outlive the step: callers bind, step and reset inside `body`.
  func withText<R>(_ text: String, at index: CInt, _ body: () throws(SQLiteError) -> R) throws(SQLiteError) -> R {
    var text = text
    do {
      return try text.withUTF8 { bytes in
        // A nil pointer would bind NULL; an empty text has a pointer nobody reads through.
        let status =
          bytes.isEmpty
          ? sqlite3_bind_text64(handle, index, "", 0, nil, UInt8(SQLITE_UTF8))
          : bytes.withMemoryRebound(to: CChar.self) {
            sqlite3_bind_text64(handle, index, $0.baseAddress, UInt64($0.count), nil, UInt8(SQLITE_UTF8))
          }
        guard status == SQLITE_OK else { throw connection.error(status, "binding a key") }
        return try body()
      }
    } catch let error as SQLiteError {
      throw error
    } catch {
      throw SQLiteError(code: SQLITE_MISUSE, message: "\(error)", action: "binding a key")
    }
  }

  /// The bytes are lent: `bytes` must live until the statement is reset.
  func bind(_ bytes: SharedBytes, at index: CInt) throws(SQLiteError) {
    let status = bytes.withUnsafeBytes { sqlite3_bind_blob64(handle, index, $0.baseAddress, UInt64($0.count), nil) }
    guard status == SQLITE_OK else { throw connection.error(status, "binding a value") }
  }

  func bindNull(at index: CInt) { sqlite3_bind_null(handle, index) }

  /// True: there is a row.
  func step() throws(SQLiteError) -> Bool {
    let status = sqlite3_step(handle)
    if status == SQLITE_ROW { return true }
    if status == SQLITE_DONE { return false }
    throw connection.error(status, "running a statement")
  }

  /// Runs a statement without rows and makes it ready for the next time, whatever happens.
  func run() throws(SQLiteError) {
    defer { reset() }
    _ = try step()
  }

  func reset() { sqlite3_reset(handle) }

  func int(_ column: CInt) -> Int64 { sqlite3_column_int64(handle, column) }
  func isNull(_ column: CInt) -> Bool { sqlite3_column_type(handle, column) == SQLITE_NULL }

  func text(_ column: CInt) -> String {
    guard let start = sqlite3_column_text(handle, column) else { return "" }
    let count = Int(sqlite3_column_bytes(handle, column))
    return String(decoding: UnsafeBufferPointer(start: start, count: count), as: UTF8.self)
  }

  /// Does the text of the column begin with these bytes? Reads no more of the row than that.
  func text(_ column: CInt, hasPrefix prefix: String) -> Bool {
    guard let start = sqlite3_column_text(handle, column) else { return prefix.isEmpty }
    let bytes = UnsafeBufferPointer(start: start, count: Int(sqlite3_column_bytes(handle, column)))
    return bytes.count >= prefix.utf8.count && bytes.prefix(prefix.utf8.count).elementsEqual(prefix.utf8)
  }

  func blob(_ column: CInt) -> SharedBytes {
    guard let start = sqlite3_column_blob(handle, column) else { return .empty }
    return SharedBytes(UnsafeRawBufferPointer(start: start, count: Int(sqlite3_column_bytes(handle, column))))
  }
}
