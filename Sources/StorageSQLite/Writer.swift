import ByteBuffers
import CSQLite
import Storage
import Synchronization

/// The one thread that writes: takes everything that waits, does it in one transaction, and after COMMIT publishes,
/// feeds the watches and answers, in this order. Durability so costs one fsync a batch, however many writers there are.
///
/// Confined to its thread. Invariant between batches: the file, `StorageCore.state` and `leases` agree.
final class Writer {
  let core: StorageCore
  /// nil: the database must be opened again before anything is written.
  var open: OpenDatabase?
  var leases = LeaseQueue()
  private var nextReopen: UInt64 = 0
  /// See `Writer+Space.swift`.
  var spaceCheck = SpaceCheck()

  /// The connection with its statements, prepared once.
  struct OpenDatabase {
    let connection: SQLiteConnection
    let begin, commit, insert, deleteRow, sliceOfHistory, setCompacted, freePages: SQLiteStatement

    init(_ connection: SQLiteConnection) throws(SQLiteError) {
      self.connection = connection
      begin = try connection.prepare("BEGIN IMMEDIATE")
      commit = try connection.prepare("COMMIT")
      insert = try connection.prepare("INSERT INTO history VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")
      deleteRow = try connection.prepare("DELETE FROM history WHERE rev = ?1")
      sliceOfHistory = try connection.prepare(
        "SELECT rev, key, prev_rev, deleted FROM history WHERE rev > ?1 AND rev <= ?2 ORDER BY rev LIMIT ?3")
      setCompacted = try connection.prepare("UPDATE meta SET value = ?1 WHERE name = 'compacted'")
      freePages = try connection.prepare("PRAGMA freelist_count")
    }
  }

  init(core: StorageCore) { self.core = core }

  /// Works until the queue is closed and empty.
  func run() {
    var batch: [WriterMessage] = []
    while core.writes.takeAll(into: &batch, deadline: wakeUpTime()) {
      if open == nil { reopenIfDue() }
      if open != nil, let displacement = core.displacement() {
        // Nothing is written to a file that nobody will find again. The connection stays: it is the only way to what it
        // holds.
        spaceCheck.next = Clock.monotonicNanoseconds &+ SpaceCheck.interval
        refuseAll(batch, .refused(displacement))
      } else if open == nil {
        refuseAll(
          batch, .refused("the database is out of order: \(core.health.withLock { $0.problem ?? "reopening" })"))
      } else if let error = process(batch) {
        // Here, where no statement is in use: the old connection must really close.
        recover(from: error, batch)
      }
    }
    if core.displacement() != nil { open?.connection.keepWAL() }
  }

  /// When to look at leases, or to try again.
  func wakeUpTime() -> UInt64? {
    if open == nil { return nextReopen }
    let space = isShortOfSpace ? spaceCheck.next : nil
    guard let lease = leases.nextDeadline else { return space }
    // At most a minute at a time, as the wall clock may be set while we sleep.
    let milliseconds = min(max(lease - Clock.wallMilliseconds, 0), 60_000)
    let due = Clock.monotonicNanoseconds &+ UInt64(milliseconds) &* 1_000_000
    // Leases that are due and can't be removed must not make us spin.
    return space.map { milliseconds == 0 ? $0 : min($0, due) } ?? due
  }

  // MARK: - One batch

  /// Does and answers a batch; or, with an error from which one must recover, answers nobody.
  func process(_ messages: [WriterMessage]) -> SQLiteError? {
    guard let open else { return nil }
    lookAfterSpace(open)
    do throws(SQLiteError) {
      finish(try write(messages, open, removalsOnly: false), open)
      return nil
    } catch {
      open.connection.rollBack()
      return error.isFull ? processWithoutSpace(messages, open) : error
    }
  }

  /// On a full disk puts are refused, but removals may use the reserve: they are what frees space.
  private func processWithoutSpace(_ messages: [WriterMessage], _ open: OpenDatabase) -> SQLiteError? {
    // What is full may be the WAL only, and it can begin anew.
    open.connection.checkpointUrgently()
    lookAfterSpace(open, isUrgent: true)
    var removalsOnly = false
    while true {
      do throws(SQLiteError) {
        finish(try write(messages, open, removalsOnly: removalsOnly), open)
        // At once, as the page limit is to be set again.
        spaceCheck.next = 0
        return nil
      } catch {
        open.connection.rollBack()
        guard error.isFull else { return error }
      }
      if !removalsOnly {
        removalsOnly = true
        core.health.withLock { $0.full = core.noSpace }
        liftPageLimit(open)
      } else if core.reserve.giveUp() {
        open.connection.checkpointUrgently()
      } else {
        refuseAll(messages, .outOfSpace(core.noSpace))
        // The limit holds for puts again, and a lease that is due is tried again with the next look, not at once.
        lookAfterSpace(open, isUrgent: true)
        return nil
      }
    }
  }

  /// Does a batch in one transaction. When it throws, nothing of it counts and nobody has been answered.
  private func write(_ messages: [WriterMessage], _ open: OpenDatabase, removalsOnly: Bool) throws(SQLiteError) -> Batch
  {
    var batch = Batch(firstRevision: core.newest.load(ordering: .relaxed) + 1)
    var expired: [LeaseQueue.Entry] = []
    let now = Clock.wallMilliseconds
    while let entry = leases.popDue(at: now) { expired.append(entry) }
    do throws(SQLiteError) {
      for entry in expired {
        // A conflict says that the key was written again or removed: then this lease no longer matters.
        _ = try stage(
          Change(key: entry.key, expected: entry.revision, action: .remove), &batch, open, removalsOnly: removalsOnly)
      }
      for message in messages {
        switch message {
        case .change(let change, let continuation):
          batch.replies.append((continuation, try stage(change, &batch, open, removalsOnly: removalsOnly)))
        case .compactSlice(let through, let done):
          guard batch.slice == nil else {
            batch.laterSlices.append(done)
            continue
          }
          batch.slice = try stageSlice(through: through, &batch, open)
          batch.sliceDone = done
        }
      }
      if batch.isInTransaction { try commit(open) }
    } catch {
      for entry in expired {
        leases.add(
          entry.key,
          KeyVersion(revision: entry.revision, created: 0, version: 0, lease: entry.deadline, isTombstone: false))
      }
      throw error
    }
    return batch
  }

  private func commit(_ open: OpenDatabase) throws(SQLiteError) {
    switch core.tuning.commitFault?() {
    case nil: try open.commit.run()
    case .lost: throw SQLiteError(code: SQLITE_IOERR, message: "a test's failure before COMMIT", action: "committing")
    case .writtenAnyway:
      try open.commit.run()
      throw SQLiteError(code: SQLITE_IOERR, message: "a test's failure after COMMIT", action: "committing")
    }
  }

  /// Checks one change against what is committed and what this batch has done before it, and writes its row.
  private func stage(
    _ change: Change, _ batch: inout Batch, _ open: OpenDatabase, removalsOnly: Bool
  ) throws(SQLiteError) -> ChangeResult {
    let before: KeyVersion?
    let inBatch = batch.newest[change.key]
    if let inBatch {
      before = batch.changes[inBatch].version
    } else {
      before = core.state.withLock { $0.index.find(change.key.text)?.newest }
    }
    let live = before.flatMap { $0.isTombstone ? nil : $0 }
    guard (live?.revision ?? 0) == change.expected else {
      guard let live else { return .conflict(.absent) }
      guard let inBatch, let value = batch.changes[inBatch].value else { return .conflict(.unknown) }
      return .conflict(
        .object(StoredObject(key: change.key.text, value: value, revision: Revision(live.revision), lease: live.lease)))
    }
    let revision = batch.nextRevision
    var version = KeyVersion(
      revision: revision, created: live?.created ?? revision, version: (live?.version ?? 0) + 1, lease: 0,
      isTombstone: false)
    let insert = open.insert
    var value: SharedBytes?
    switch change.action {
    case .put(let bytes, let lease):
      if removalsOnly { return .failed(.outOfSpace(core.noSpace)) }
      version.lease = lease
      value = bytes
      do throws(SQLiteError) {
        try insert.bind(bytes, at: 8)
      } catch {
        // This value alone is too much for SQLite; the others of the batch go on.
        if error.isTooBig { return .failed(.tooLarge(error.message)) }
        throw error
      }
    case .remove:
      guard live != nil else { return .conflict(.absent) }
      version.isTombstone = true
      insert.bindNull(at: 8)
    }
    if !batch.isInTransaction {
      try open.begin.run()
      batch.isInTransaction = true
    }
    insert.bind(revision, at: 1)
    insert.bind(live?.revision ?? 0, at: 3)
    insert.bind(version.created, at: 4)
    insert.bind(version.version, at: 5)
    insert.bind(version.lease, at: 6)
    insert.bind(version.isTombstone ? 1 : 0, at: 7)
    do throws(SQLiteError) {
      try insert.withText(change.key.text, at: 2) { () throws(SQLiteError) in try insert.run() }
    } catch {
      if error.isTooBig { return .failed(.tooLarge(error.message)) }
      throw error
    }
    batch.nextRevision += 1
    batch.newest[change.key] = batch.changes.count
    batch.changes.append(CommittedChange(key: change.key, version: version, value: value))
    return .committed(revision)
  }

  /// After COMMIT: publish, feed, answer.
  private func finish(_ batch: Batch, _ open: OpenDatabase) {
    if !batch.changes.isEmpty || batch.slice != nil {
      core.state.withLock { state in
        if let slice = batch.slice { state.forget(slice) }
        state.publish(batch.changes)
        core.newest.store(state.published, ordering: .releasing)
      }
      for change in batch.changes { leases.add(change.key, change.version) }
      if batch.changes.contains(where: { !$0.version.isTombstone }) {
        core.health.withLock { if $0.full != nil { $0.full = nil } }
      }
    }
    // What went into a file that has just lost its name is no more than a hope: the state follows the open file, but
    // nobody is told success.
    let displacement = batch.changes.isEmpty ? nil : core.displacement()
    batch.answer(doubt: displacement.map { .unreachable("the outcome of the write is unknown: \($0)") })
    if batch.isInTransaction { lookAfterWAL(open.connection) }
  }

  private func refuseAll(_ messages: [WriterMessage], _ error: StorageError) {
    for message in messages {
      switch message {
      case .change(_, let continuation): continuation.resume(returning: .failed(error))
      case .compactSlice(_, let done): done(.failure(error))
      }
    }
  }

  // MARK: - Compaction

  /// Deletes what the next changes of history, in their order, have made superfluous: the row before each, and removals
  /// themselves.
  private func stageSlice(through: Int64, _ batch: inout Batch, _ open: OpenDatabase) throws(SQLiteError) -> Slice {
    let (compacted, published) = core.state.withLock { ($0.compacted, $0.published) }
    let target = min(through, published)
    guard target > compacted else { return Slice(rows: [], reached: compacted) }
    if !batch.isInTransaction {
      try open.begin.run()
      batch.isInTransaction = true
    }
    let limit = core.tuning.compactionSlice
    var rows: [Slice.Row] = []
    do {
      let select = open.sliceOfHistory
      defer { select.reset() }
      select.bind(compacted, at: 1)
      select.bind(target, at: 2)
      select.bind(limit, at: 3)
      while try select.step() {
        rows.append(
          Slice.Row(
            revision: select.int(0), key: StorageKey(select.text(1)), previous: select.int(2),
            isTombstone: select.int(3) != 0))
      }
    }
    for row in rows {
      if row.previous != 0 {
        open.deleteRow.bind(row.previous, at: 1)
        try open.deleteRow.run()
      }
      if row.isTombstone {
        open.deleteRow.bind(row.revision, at: 1)
        try open.deleteRow.run()
      }
    }
    let reached = rows.count < Int(limit) ? target : (rows.last?.revision ?? target)
    open.setCompacted.bind(reached, at: 1)
    try open.setCompacted.run()
    return Slice(rows: rows, reached: reached)
  }

  // MARK: - Failure

  /// An error of COMMIT, of fsync, of the disk: what of the batch reached the file is unknown, and the kernel may have
  /// dropped pages it could not write. So nobody is answered; the file is opened anew, copied out of the WAL, and
  /// asked.
  private func recover(from error: SQLiteError, _ messages: [WriterMessage]) {
    core.health.withLock { $0.broken = error.description }
    let first = core.newest.load(ordering: .relaxed) + 1
    open = nil
    nextReopen = 0
    reopenIfDue()
    guard open != nil else {
      refuseAll(messages, .unreachable("the outcome of the write is unknown: \(error)"))
      return
    }
    let last = core.newest.load(ordering: .relaxed)
    for message in messages {
      switch message {
      case .change(let change, let continuation):
        // The transaction is there as a whole or not at all, and nobody else writes.
        let done = last >= first ? core.state.withLock { $0.index.outcome(of: change, notBefore: first) } : nil
        continuation.resume(returning: done.map { .committed($0) } ?? .failed(.refused(error.description)))
      case .compactSlice(_, let done): done(.failure(error.asStorageError))
      }
    }
  }

  private func reopenIfDue() {
    let now = Clock.monotonicNanoseconds
    guard now >= nextReopen else { return }
    nextReopen = now &+ 1_000_000_000
    let resume = ThreadSignal()
    let paused = pauseOthers(resume)
    defer { for _ in 0..<paused { resume.signal() } }
    // Whoever closed last has removed the WAL: the next one is another file.
    core.file.forgetWAL()
    do throws(SQLiteError) {
      try openDatabase()
      core.health.withLock { $0.broken = nil }
    } catch {
      open = nil
      core.health.withLock { $0.broken = error.description }
    }
  }

  /// Lets the other threads close their connections, so that ours is the only one. They go on when `resume` is
  /// signalled once each.
  private func pauseOthers(_ resume: ThreadSignal) -> Int {
    let closed = ThreadSignal()
    var count = 0
    for reader in core.readers where reader.push(.pause(closed: closed, resume: resume), overLimit: true) == .taken {
      count += 1
    }
    if core.maintenance.push(.pause(closed: closed, resume: resume), overLimit: true) == .taken { count += 1 }
    for _ in 0..<count { closed.wait() }
    return count
  }
}
