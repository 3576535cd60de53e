import Storage
import Synchronization

extension Writer {
  /// Opens the database, checks that its history is whole, and makes the state from it. The other connections must be
  /// closed.
  ///
  /// After a failure it publishes what the file has beyond what was known.
  func openDatabase() throws(SQLiteError) {
    if let displacement = core.displacement() {
      throw SQLiteError(code: 0, message: displacement, action: "opening \(core.file.path)")
    }
    let connection = try core.file.connect(cacheKiB: core.tuning.writerCacheKiB)
    // The first access takes the lock of the file; another process that holds it does not go away by waiting.
    let wanted = core.file.journalMode
    let mode = try connection.text("PRAGMA journal_mode=\(wanted)")
    guard mode == wanted else {
      throw SQLiteError(
        code: 0, message: "the journal is \(mode ?? "unknown") and not \(wanted)", action: "opening \(core.file.path)")
    }
    connection.setBusyTimeout(milliseconds: SQLiteConnection.patience)
    connection.followWAL()
    // Whatever an earlier life left in the WAL is made durable before anything is read from it and told to anybody.
    do throws(SQLiteError) {
      try connection.checkpointCompletely()
    } catch {
      // On a full disk it stays where it is, durable there.
      guard error.isFull else { throw error }
      try core.file.syncWAL()
      core.health.withLock { $0.full = core.noSpace }
    }
    let contents = try Contents(reading: connection)
    let known = core.newest.load(ordering: .relaxed)
    guard contents.newest >= known else {
      throw SQLiteError(
        code: 0, message: "damaged: it ends at revision \(contents.newest), but \(known) was written",
        action: "reading the history")
    }
    let missed = try Self.rows(after: known, in: connection)
    leases = LeaseQueue()
    for key in contents.keys { leases.add(key.key, key.newest) }
    let database = try OpenDatabase(connection)
    core.file.noteWAL()
    core.reserve.open()
    // What is known of the space belongs to the connection: its page limit, its WAL.
    spaceCheck = SpaceCheck()
    lookAfterSpace(database, isUrgent: true)
    open = database
    core.state.withLock { state in
      state.index = KeyIndex(sorted: contents.keys)
      state.compacted = contents.compacted
      state.published = max(state.published, contents.newest)
      state.offer(missed)
      core.newest.store(state.published, ordering: .releasing)
    }
  }

  /// Changes that nobody was told of: none at the start, when nobody watches yet.
  private static func rows(after known: Int64, in connection: SQLiteConnection) throws(SQLiteError) -> [CommittedChange]
  {
    guard known > 1 else { return [] }
    let select = try connection.prepare(
      "SELECT rev, key, create_rev, version, lease, deleted, value FROM history WHERE rev > ?1 ORDER BY rev")
    select.bind(known, at: 1)
    var changes: [CommittedChange] = []
    while try select.step() {
      let isTombstone = select.int(5) != 0
      let key = select.text(1)
      let version = KeyVersion(
        revision: select.int(0), created: select.int(2), version: select.int(3), lease: select.int(4),
        isTombstone: isTombstone)
      changes.append(CommittedChange(key: StorageKey(key), version: version, value: isTombstone ? nil : select.blob(6)))
    }
    return changes
  }
}

/// What the history table says.
private struct Contents {
  let keys: [KeyHistory]
  let newest: Int64
  let compacted: Int64

  /// Walks all of history in revision order and checks that nothing is missing.
  init(reading connection: SQLiteConnection) throws(SQLiteError) {
    func damaged(_ what: String) -> SQLiteError {
      SQLiteError(code: 0, message: "damaged: \(what)", action: "reading the history")
    }
    guard let compacted = try connection.number("SELECT value FROM meta WHERE name = 'compacted'") else {
      throw damaged("the compacted revision is missing")
    }
    let select = try connection.prepare(
      "SELECT rev, key, prev_rev, create_rev, version, lease, deleted FROM history ORDER BY rev")
    var known: [StorageKey: KeyHistory] = [:]
    var newest = max(compacted, 1)
    while try select.step() {
      let revision = select.int(0)
      let key = StorageKey(select.text(1))
      let previous = select.int(2)
      let version = KeyVersion(
        revision: revision, created: select.int(3), version: select.int(4), lease: select.int(5),
        isTombstone: select.int(6) != 0)
      guard revision > 0 && version.created > 0 && version.created <= revision else {
        throw damaged("revision \(revision) makes no sense")
      }
      if revision > newest {
        guard revision == newest + 1 else { throw damaged("revision \(newest + 1) is missing") }
        newest = revision
        if previous != 0 && known[key]?.newest.revision != previous {
          throw damaged("revision \(previous) of \(key.text) is missing")
        }
      } else if known[key] != nil {
        throw damaged("revision \(revision) is out of place")
      }
      if let history = known[key] { history.push(version) } else { known[key] = KeyHistory(key: key, newest: version) }
    }
    keys = known.values.sorted { $0.key < $1.key }
    self.newest = newest
    self.compacted = compacted
  }
}
