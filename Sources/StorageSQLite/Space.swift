import Synchronization

/// What the disk has left, and what of it is for whom.
///
/// A page that is new is written twice before the WAL can begin anew, once there and once into the file; so half of
/// what is free, beyond what the reserve lacks, is for objects. Checkpoints come often when little is left, so that
/// "half" is all but everything in the end.
struct Space: Sendable, Equatable {
  /// Bytes for pages that are new.
  let room: UInt64
  /// Bytes of the file that hold nothing any more.
  let reusable: UInt64

  init(free: UInt64, missing: UInt64, reusable: UInt64) {
    room = (free - min(free, missing)) / 2
    self.reusable = reusable
  }

  private var usable: UInt64 { room.addingReportingOverflow(reusable).partialValue }
  /// The next write may find no room.
  var isShort: Bool { usable < Reserve.margin }
  /// The WAL is kept small from here on.
  var isLow: Bool { room < 8 * Reserve.margin }
}

extension StorageCore {
  /// As the file system says now; nil where it does not say, or where a test stands in for it.
  func space() -> Space? {
    guard tuning.maxPageCount == nil, let free = file.freeBytes() else { return nil }
    return Space(free: free, missing: reserve.missing, reusable: freePages.load(ordering: .relaxed) &* 4_096)
  }

  var noSpace: String { "no space left for \(file.path)" }
}
