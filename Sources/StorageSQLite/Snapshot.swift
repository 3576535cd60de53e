import CSQLite
import Glibc
public import Storage

/// A copy of the whole database in one file, made by SQLite's backup API and checked before it gets its name.
public enum SQLiteSnapshot {
  /// What a snapshot holds.
  public struct Facts: Sendable, Equatable {
    public let revision: Revision
    /// Live keys.
    public let keys: Int
    public let bytes: Int
  }

  /// Pages copied at a time.
  private static let pagesAtATime: CInt = 1_000

  /// Copies the database at `source` to `target`, which must not exist. The database must not be open elsewhere.
  /// `progress` hears of pages done and of all. Throws `.invalidConfiguration` with one line, and then leaves nothing
  /// behind.
  public static func take(of source: String, to target: String, progress: (Int, Int) -> Void) throws -> Facts {
    guard access(source, F_OK) == 0 else {
      throw StorageError.invalidConfiguration("there is no database at \(source)")
    }
    let draft = try DraftFile(of: target, companions: companions)
    let file = try DatabaseFile(path: source)
    defer { file.release() }
    return try fill(draft, from: file, progress)
  }

  /// Of a file that is ours, also while others of ours write to it: what is copied is what it held when the copying
  /// began.
  static func take(from file: DatabaseFile, to target: String, progress: (Int, Int) -> Void) throws -> Facts {
    try fill(try DraftFile(of: target, companions: companions), from: file, progress)
  }

  /// What SQLite leaves beside a database.
  private static let companions = ["-wal", "-shm", "-journal"]

  private static func fill(
    _ draft: borrowing DraftFile, from file: DatabaseFile, _ progress: (Int, Int) -> Void
  ) throws -> Facts {
    do {
      try copy(file, to: draft.path, progress)
      let found = try facts(draft.path)
      try draft.keep()
      var about = stat()
      let size = fstat(draft.descriptor, &about) == 0 ? Int(about.st_size) : found.bytes
      return Facts(revision: found.revision, keys: found.keys, bytes: size)
    } catch let error as SQLiteError { throw StorageError.invalidConfiguration(error.description) }
  }

  private static func copy(_ file: DatabaseFile, to path: String, _ progress: (Int, Int) -> Void) throws(SQLiteError) {
    let from = try file.connect(cacheKiB: 2_048)
    // The first access takes the lock of the file. One that goes on sees no later write, so that the copying need never
    // begin anew.
    try from.execute("BEGIN")
    _ = try from.number("SELECT count(*) FROM meta")
    let to = try SQLiteConnection(path: path, access: .create, vfs: nil)
    try to.copy(from, pagesAtATime: pagesAtATime, progress: progress)
  }

  /// Makes the database at `target`, which must not exist, from a snapshot. Throws as `take`.
  public static func restore(_ snapshot: String, to target: String, progress: (Int, Int) -> Void) throws -> Facts {
    guard access(target, F_OK) != 0 else {
      throw StorageError.invalidConfiguration("\(target) is there already: move it away, or name another --data-dir")
    }
    return try take(of: snapshot, to: target, progress: progress)
  }

  /// Looks through all of a snapshot: that every page is whole, and what it holds.
  private static func facts(_ path: String) throws(SQLiteError) -> Facts {
    let connection = try SQLiteConnection(path: path, access: .readWrite, vfs: nil)
    let verdict = try connection.text("PRAGMA quick_check(1)") ?? "no answer"
    guard verdict == "ok" else { throw SQLiteError(code: SQLITE_CORRUPT, message: verdict, action: "checking \(path)") }
    let newest =
      try connection.number(
        "SELECT max((SELECT coalesce(max(rev), 0) FROM history), (SELECT value FROM meta WHERE name = 'compacted'))")
      ?? 0
    let live = try connection.number(
      "SELECT count(*) FROM (SELECT deleted, max(rev) FROM history GROUP BY key) WHERE deleted = 0")
    return Facts(revision: Revision(newest), keys: Int(live ?? 0), bytes: 0)
  }
}

extension SQLiteConnection {
  /// Makes this database a copy of another.
  fileprivate func copy(
    _ source: SQLiteConnection, pagesAtATime: CInt, progress: (Int, Int) -> Void
  ) throws(SQLiteError) {
    guard let backup = sqlite3_backup_init(handle, "main", source.handle, "main") else {
      throw error(sqlite3_errcode(handle), "copying")
    }
    var status = SQLITE_OK
    repeat {
      status = sqlite3_backup_step(backup, pagesAtATime)
      let all = Int(sqlite3_backup_pagecount(backup))
      progress(all - Int(sqlite3_backup_remaining(backup)), all)
    } while status == SQLITE_OK
    let end = sqlite3_backup_finish(backup)
    guard status == SQLITE_DONE, end == SQLITE_OK else { throw error(status == SQLITE_DONE ? end : status, "copying") }
  }
}
