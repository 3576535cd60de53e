import Storage
import Synchronization

/// When the writer looks at the disk, and what it knows from the last time.
struct SpaceCheck {
  /// When to look again, in monotonic nanoseconds.
  var next: UInt64 = 0
  /// Pages in the WAL at the last look: many more mean that much less is free.
  var pagesInWAL = 0
  var pageLimit: Int64 = 0
  var isLow = false
  /// So little is free that somebody could fill the disk before the next look.
  var isTight = false
  var pagesAtLastCheckpoint = 0

  static let interval: UInt64 = 1_000_000_000
  static let walGrowth = 256
  /// What the WAL's file may keep where little is free.
  static let walBytesWhenLow: UInt64 = 2 << 20
  static let pageLimitMax: Int64 = 4_294_967_294
}

extension Writer {
  /// Something is to be looked at without a write: a disk that was full, a reserve that is not whole.
  var isShortOfSpace: Bool {
    spaceCheck.isLow || core.reserve.missing > 0 || core.health.withLock { $0.full != nil || $0.isDisplaced }
  }

  /// Tells SQLite how far the file may grow, so that it says "full" while there is room for the WAL and for removals;
  /// fills the reserve; notices when space has come back. Once a second, and more often under load.
  func lookAfterSpace(_ open: OpenDatabase, isUrgent: Bool = false) {
    let now = Clock.monotonicNanoseconds
    let pages = open.connection.pagesInWAL
    guard isUrgent || now >= spaceCheck.next || pages >= spaceCheck.pagesInWAL + SpaceCheck.walGrowth else { return }
    spaceCheck.next = now &+ SpaceCheck.interval
    spaceCheck.pagesInWAL = pages
    if let fixed = core.tuning.maxPageCount ?? core.file.pagesMax { return setPageLimit(fixed, open) }
    guard var free = core.file.freeBytes() else { return setPageLimit(SpaceCheck.pageLimitMax, open) }
    core.freePages.store(countFreePages(open), ordering: .relaxed)
    core.reserve.refill(free: free)
    spaceCheck.isLow = core.space()?.isLow ?? false
    spaceCheck.isTight = core.space().map { $0.room < core.tuning.roomWhenTight } ?? false
    if spaceCheck.isLow && core.file.walBytes() > SpaceCheck.walBytesWhenLow { open.connection.truncateWAL() }
    free = core.file.freeBytes() ?? free
    guard let space = core.space() else { return }
    let limit = (core.file.fileBytes().addingReportingOverflow(space.room).partialValue) / 4_096
    setPageLimit(min(Int64(clamping: limit), SpaceCheck.pageLimitMax), open)
    if !isUrgent, !space.isShort, core.health.withLock({ $0.full != nil }),
      space.room < Reserve.margin || core.reserve.canGrow()
    {
      core.health.withLock { $0.full = nil }
    }
  }

  /// For removals: they may use all there is.
  func liftPageLimit(_ open: OpenDatabase) {
    setPageLimit(core.tuning.maxPageCount.map { $0 + 1_024 } ?? SpaceCheck.pageLimitMax, open)
  }

  private func setPageLimit(_ pages: Int64, _ open: OpenDatabase) {
    guard pages != spaceCheck.pageLimit else { return }
    spaceCheck.pageLimit = pages
    // An error shows again at the next write, where it is handled.
    try? open.connection.execute("PRAGMA max_page_count=\(max(pages, 1))")
  }

  private func countFreePages(_ open: OpenDatabase) -> UInt64 {
    defer { open.freePages.reset() }
    return (try? open.freePages.step()) == true ? UInt64(max(open.freePages.int(0), 0)) : 0
  }

  /// Where little is free, what is in the WAL only must fit into the reserve, should somebody fill the disk in the
  /// meantime.
  private var coveredPages: Int {
    let wanted = core.reserve.wanted
    // Far beyond the WAL's bounds, and no sum of it overflows.
    guard spaceCheck.isTight, wanted > 0 else { return Int(Int32.max) }
    return max(core.tuning.checkpointPagesWhenLow, Int(clamping: wanted / 2 / 4_096))
  }

  /// After a commit: has the WAL copied into the file now and then.
  func lookAfterWAL(_ connection: SQLiteConnection) {
    let pages = connection.pagesInWAL
    if pages < spaceCheck.pagesAtLastCheckpoint { spaceCheck.pagesAtLastCheckpoint = 0 }
    if pages < spaceCheck.pagesInWAL { spaceCheck.pagesInWAL = pages }
    let covered = coveredPages
    let interval = spaceCheck.isLow ? core.tuning.checkpointPagesWhenLow : min(core.tuning.checkpointPages, covered)
    guard pages >= spaceCheck.pagesAtLastCheckpoint + interval else { return }
    spaceCheck.pagesAtLastCheckpoint = pages
    if spaceCheck.isLow || pages >= min(core.tuning.checkpointPagesInWriter, 2 * covered) {
      do throws(SQLiteError) {
        try connection.checkpointPassively()
        core.health.withLock { $0.checkpoint = nil }
      } catch {
        // The next write will see what can be done about a full disk.
        core.health.withLock { if error.isFull { $0.full = core.noSpace } else { $0.checkpoint = error.description } }
      }
    } else if core.isCheckpointAsked.compareExchange(expected: false, desired: true, ordering: .relaxed).exchanged {
      _ = core.maintenance.push(.checkpoint, overLimit: true)
    }
  }
}
