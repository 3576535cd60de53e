import CSQLite
import Glibc
import Storage
import Synchronization

/// The database file: who may open it, how it comes to be, what its tables are.
///
/// A value of this type holds this process's claim on the file; `release` gives it up. The `unix-excl` VFS shuts out
/// other processes, but not a second storage in this one, whose memory index would know nothing of the first's writes.
///
/// In memory (`StorageBackend.Config.inMemory`) it is a database of SQLite's `memdb` under a name of its own, which
/// lives as long as `anchor` is open: connections see and lock each other as over a file, with a rollback journal in
/// place of the WAL, and nothing is ever synced.
final class DatabaseFile: Sendable {
  /// "Binn": marks the file as ours (PRAGMA application_id).
  static let applicationID: Int32 = 0x4269_6E6E
  /// Raised when an older program could no longer read the tables (PRAGMA user_version).
  static let schemaVersion: Int32 = 1

  /// `value` stands last, so that a walk over revisions and keys does not read its overflow pages. There is no index:
  /// the index over keys is in memory (`KeyIndex`), which more than doubles the rate of durable writes
  /// (docs/internals/storage.md).
  static func tables(after revision: Int64) -> String {
    """
    CREATE TABLE history(rev INTEGER PRIMARY KEY, key TEXT NOT NULL, prev_rev INTEGER NOT NULL, create_rev INTEGER NOT NULL,
      version INTEGER NOT NULL, lease INTEGER NOT NULL, deleted INTEGER NOT NULL, value BLOB);
    CREATE TABLE meta(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
    INSERT INTO meta VALUES('compacted', \(revision));
    """
  }

  let path: String
  /// nil: there is no file, but a database in memory.
  private let identity: FileIdentity?
  private let anchor: Mutex<SQLiteConnection?>
  /// The name of the database in memory: no other of this process has it.
  private let memoryName: String
  private static let memories = Atomic<Int>(0)
  var isInMemory: Bool { identity == nil }
  /// The WAL that is open; nil before the first connection.
  private let wal = Mutex<FileIdentity?>(nil)
  private static let open = Mutex<Set<FileIdentity>>([])

  private struct FileIdentity: Hashable {
    let device: UInt
    let inode: UInt

    init(_ facts: stat) { (device, inode) = (UInt(facts.st_dev), UInt(facts.st_ino)) }
    /// nil: there is nothing at the path, or nothing that we may see.
    init?(path: String) {
      var facts = stat()
      guard stat(path, &facts) == 0 else { return nil }
      self.init(facts)
    }
  }

  /// Checks and claims the file at `path`, making it (and its folder) where it does not exist. A file that is not ours
  /// stays as it is. A new one begins after `revision`: whatever was before is held to be compacted.
  init(path: String, after revision: Int64 = 0) throws(StorageError) {
    guard !path.isEmpty else { throw .invalidConfiguration("the SQLite storage has no file: set its path") }
    self.path = path
    if path == StorageBackend.Config.inMemory {
      identity = nil
      memoryName = "/binnacle-\(Self.memories.wrappingAdd(1, ordering: .relaxed).newValue)"
      do throws(SQLiteError) {
        let connection = try Self.connectInMemory(memoryName)
        try Self.fill(connection, after: revision)
        anchor = Mutex(connection)
      } catch {
        throw .invalidConfiguration("SQLite storage \(path): \(error)")
      }
      return
    }
    memoryName = ""
    anchor = Mutex(nil)
    var facts = stat()
    if stat(path, &facts) != 0 {
      let code = errno
      guard code == ENOENT else { throw Self.unusable(path, code) }
      try Self.makeFolder(Self.folder(of: path))
      try Self.create(path, after: revision)
      guard stat(path, &facts) == 0 else { throw Self.unusable(path, errno) }
    }
    guard facts.st_mode & S_IFMT == S_IFREG else { throw .invalidConfiguration("SQLite storage \(path): not a file") }
    let identity = FileIdentity(facts)
    self.identity = identity
    // The claim comes before the look inside: closing a descriptor of our own would drop the locks of a storage of this
    // process.
    guard Self.open.withLock({ $0.insert(identity).inserted }) else {
      throw .invalidConfiguration("SQLite storage \(path): this process has it open already")
    }
    do throws(StorageError) {
      try Self.checkHeader(path)
    } catch {
      release()
      throw error
    }
  }

  /// Gives the claim up, after the last connection was closed.
  func release() {
    anchor.withLock { $0 = nil }
    guard let identity else { return }
    Self.open.withLock { _ = $0.remove(identity) }
  }

  /// A connection of our kind. The first of a process to touch the file shuts out all others.
  func connect(cacheKiB: Int) throws(SQLiteError) -> SQLiteConnection {
    if isInMemory { return try Self.connectInMemory(memoryName) }
    let connection = try SQLiteConnection(path: path, access: .readWrite, vfs: "unix-excl")
    // Ours only compete for moments; a foreign process is told off at once by `Writer.open`, which asks first without
    // waiting.
    try connection.execute(
      "PRAGMA synchronous=FULL; PRAGMA cache_size=-\(cacheKiB); PRAGMA secure_delete=OFF; PRAGMA temp_store=MEMORY")
    try connection.execute("PRAGMA wal_autocheckpoint=0; PRAGMA trusted_schema=OFF")
    return connection
  }

  /// How the journal must be kept.
  var journalMode: String { isInMemory ? "memory" : "wal" }

  // MARK: - In memory

  private static func connectInMemory(_ name: String) throws(SQLiteError) -> SQLiteConnection {
    let connection = try SQLiteConnection(path: name, access: .create, vfs: "memdb")
    connection.setBusyTimeout(milliseconds: SQLiteConnection.patience)
    try connection.execute(
      "PRAGMA journal_mode=MEMORY; PRAGMA synchronous=OFF; PRAGMA temp_store=MEMORY; PRAGMA trusted_schema=OFF")
    return connection
  }

  /// Of a database in memory: the most pages for objects. SQLite's own bound is 1 GiB; what lies between is for
  /// removals.
  var pagesMax: Int64? { isInMemory ? ((1 << 30) - (16 << 20)) / 4_096 : nil }

  // MARK: - Is it still there?

  private var walPath: String { path + "-wal" }

  /// Remembers which file the WAL is, once a connection has opened it.
  func noteWAL() {
    if isInMemory { return }
    let found = FileIdentity(path: walPath)
    wal.withLock { $0 = found }
  }

  func forgetWAL() { wal.withLock { $0 = nil } }

  /// Why the files at our paths are not those that are open; nil where they are. What SQLite writes to an open file
  /// that has no name any more, or another one, is gone after a restart.
  func displacement() -> String? {
    if isInMemory { return nil }
    guard let found = FileIdentity(path: path) else {
      return "the database \(path) is gone: it was removed, or its directory was; nothing is written until it is back"
    }
    guard found == identity else {
      return "\(path) is not the database that is open, but another file; nothing is written until it is back"
    }
    guard let wal = wal.withLock({ $0 }), FileIdentity(path: walPath) != wal else { return nil }
    return "\(walPath), a part of the database, was removed or replaced; nothing is written until it is back"
  }

  /// fsync of the WAL as it is.
  func syncWAL() throws(SQLiteError) {
    if isInMemory { return }
    // SQLite has no locks on this file that the closing could drop: they are all on the database.
    let descriptor = Glibc.open(walPath, O_RDONLY | O_CLOEXEC)
    defer { if descriptor >= 0 { close(descriptor) } }
    guard descriptor >= 0, fsync(descriptor) == 0 else {
      throw SQLiteError(code: 0, message: String(cString: strerror(errno)), action: "syncing \(walPath)")
    }
  }

  // MARK: - Making and checking

  static func unusable(_ path: String, _ code: CInt) -> StorageError {
    .invalidConfiguration("SQLite storage \(path): \(String(cString: strerror(code)))")
  }

  private static func folder(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }

  /// As `mkdir -p`, each new folder made durable in its parent.
  private static func makeFolder(_ path: String) throws(StorageError) {
    var facts = stat()
    if stat(path, &facts) == 0 {
      guard facts.st_mode & S_IFMT == S_IFDIR else { throw unusable(path, ENOTDIR) }
      return
    }
    guard errno == ENOENT else { throw unusable(path, errno) }
    let parent = folder(of: path)
    try makeFolder(parent)
    // Objects hold secrets: nobody else reads the folder.
    guard mkdir(path, 0o700) == 0 || errno == EEXIST else { throw unusable(path, errno) }
    try syncFile(parent)
  }

  /// fsync of a file or folder by name.
  private static func syncFile(_ path: String) throws(StorageError) {
    let descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw unusable(path, errno) }
    defer { close(descriptor) }
    guard fsync(descriptor) == 0 else { throw unusable(path, errno) }
  }

  /// Makes an empty database ours.
  private static func fill(_ connection: SQLiteConnection, after revision: Int64) throws(SQLiteError) {
    let marks = "PRAGMA application_id=\(applicationID); PRAGMA user_version=\(schemaVersion);"
    try connection.execute("PRAGMA page_size=4096; BEGIN; \(tables(after: revision)) \(marks) COMMIT")
  }

  /// Makes a complete database beside `path` and gives it that name, so that under `path` there is never half a one,
  /// and so that of two processes that start together one wins and the other opens what the first made.
  private static func create(_ path: String, after revision: Int64) throws(StorageError) {
    let draft = "\(path).new-\(getpid())"
    unlink(draft)
    defer { for suffix in ["", "-wal", "-shm", "-journal"] { unlink(draft + suffix) } }
    // Ask the system first: its "Permission denied" is better than SQLite's "unable to open database file".
    let descriptor = Glibc.open(draft, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw unusable(path, errno) }
    close(descriptor)
    do throws(SQLiteError) {
      let connection = try SQLiteConnection(path: draft, access: .create, vfs: nil)
      try connection.execute("PRAGMA synchronous=FULL")
      try fill(connection, after: revision)
      try connection.execute("PRAGMA journal_mode=WAL")
    } catch {
      if error.isFull {
        throw .invalidConfiguration(
          "SQLite storage \(path): there is no database yet, and no space to make one: the disk is full")
      }
      throw .invalidConfiguration("SQLite storage \(path): \(error)")
    }
    try syncFile(draft)
    if link(draft, path) != 0 {
      let code = errno
      if code == EEXIST { return }
      // File systems without hard links.
      guard code == EPERM || code == EOPNOTSUPP || code == ENOSYS, rename(draft, path) == 0 else {
        throw unusable(path, code)
      }
    }
    try syncFile(folder(of: path))
  }

  /// Reads the first 100 bytes, which hold all marks (they never change after creation, so the WAL has nothing newer).
  private static func checkHeader(_ path: String) throws(StorageError) {
    let descriptor = Glibc.open(path, O_RDWR | O_CLOEXEC)
    guard descriptor >= 0 else { throw unusable(path, errno) }
    defer { close(descriptor) }
    var header = [UInt8](repeating: 0, count: 100)
    let count = header.withUnsafeMutableBytes { pread(descriptor, $0.baseAddress, $0.count, 0) }
    guard count >= 0 else { throw unusable(path, errno) }
    guard count == 100, header.starts(with: Array("SQLite format 3\0".utf8)) else {
      throw .invalidConfiguration("SQLite storage \(path): not a SQLite database (or damaged in its first bytes)")
    }
    func number(at offset: Int) -> Int32 {
      Int32(bitPattern: header[offset..<(offset + 4)].reduce(UInt32(0)) { $0 << 8 | UInt32($1) })
    }
    guard number(at: 68) == applicationID else {
      throw .invalidConfiguration("SQLite storage \(path): the database of another program")
    }
    let version = number(at: 60)
    guard version <= schemaVersion else {
      throw .invalidConfiguration(
        "SQLite storage \(path): written by a newer Binnacle (schema \(version), this one reads up to \(schemaVersion))"
      )
    }
    guard version == schemaVersion else {
      throw .invalidConfiguration("SQLite storage \(path): unknown schema \(version)")
    }
  }

  // MARK: - Space

  /// Bytes that this user may still write where the file is; nil where the system does not say, and in memory.
  func freeBytes() -> UInt64? {
    if isInMemory { return nil }
    var facts = statvfs()
    guard statvfs(path, &facts) == 0 else { return nil }
    let (bytes, overflow) = UInt64(facts.f_bavail).multipliedReportingOverflow(by: UInt64(facts.f_frsize))
    return overflow ? .max : bytes
  }

  /// How large the file system is; nil where the system does not say, and in memory.
  func totalBytes() -> UInt64? {
    if isInMemory { return nil }
    var facts = statvfs()
    guard statvfs(path, &facts) == 0 else { return nil }
    let (bytes, overflow) = UInt64(facts.f_blocks).multipliedReportingOverflow(by: UInt64(facts.f_frsize))
    return overflow ? .max : bytes
  }

  /// How large the WAL's file is, used or not.
  func walBytes() -> UInt64 {
    var facts = stat()
    return stat(walPath, &facts) == 0 ? UInt64(max(facts.st_size, 0)) : 0
  }

  /// How large the file is now, without the WAL.
  func fileBytes() -> UInt64 {
    var facts = stat()
    return stat(path, &facts) == 0 ? UInt64(max(facts.st_size, 0)) : 0
  }
}
