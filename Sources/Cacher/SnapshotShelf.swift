import Storage

/// Older states, for exact reads and later pages. A snapshot is exact for every revision from its own to `through`;
/// what lies between two snapshots is made from the older one and the ring's events.
///
/// Invariant: ordered by `revision`; revision <= through; at most `snapshotsMax`.
struct SnapshotShelf: Sendable {
  struct Snapshot: Sendable {
    let tree: ObjectTree
    let revision: Revision
    let through: Revision
  }
  /// A snapshot at least every so many events, which bounds the work of making one in between.
  static let eventsBetween = 512
  static let snapshotsMax = 1_024

  private(set) var snapshots: [Snapshot] = []
  /// Events since the last snapshot was kept.
  var eventsSince = 0

  mutating func keep(_ snapshot: Snapshot) {
    eventsSince = 0
    let index = (snapshots.lastIndex { $0.revision <= snapshot.revision }).map { $0 + 1 } ?? 0
    if index > 0, snapshots[index - 1].revision == snapshot.revision {
      if snapshots[index - 1].through < snapshot.through { snapshots[index - 1] = snapshot }
      return
    }
    snapshots.insert(snapshot, at: index)
    if snapshots.count > Self.snapshotsMax { snapshots.removeFirst() }
  }

  /// The newest one that is not newer.
  func newest(notAfter revision: Revision) -> Snapshot? {
    var low = 0
    var high = snapshots.count
    while low < high {
      let middle = (low + high) / 2
      if snapshots[middle].revision <= revision { low = middle + 1 } else { high = middle }
    }
    return low > 0 ? snapshots[low - 1] : nil
  }

  /// Forgets what can't be continued by a ring that begins after `base`.
  mutating func drop(before base: Revision) {
    let keep = snapshots.firstIndex { $0.through >= base } ?? snapshots.count
    if keep > 0 { snapshots.removeFirst(keep) }
  }

  func checkInvariants(report: (String) -> Void) {
    if snapshots.count > Self.snapshotsMax { report("\(snapshots.count) snapshots") }
    for snapshot in snapshots where snapshot.revision > snapshot.through {
      report("snapshot \(snapshot.revision) through \(snapshot.through)")
    }
    for (a, b) in zip(snapshots, snapshots.dropFirst()) where a.revision >= b.revision {
      report("snapshot \(a.revision) stands before \(b.revision)")
    }
  }
}
