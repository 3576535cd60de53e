import Glibc
import Synchronization

/// Disk space that is held for removals: a file beside the database, given up piece by piece when nothing else is left, as removals are
/// what frees space, and they must be written down themselves.
///
/// Its size is what is wanted, its blocks are what is held, so that a start knows what an earlier life gave up. `refill`, `giveUp` and
/// `canGrow` belong to the writer's thread; the numbers are anybody's.
final class Reserve: Sendable {
  let path: String
  /// Bytes to hold where there is room; fixed by a setting, else in proportion to the file system.
  private let goal: UInt64
  private let isFixed: Bool
  private let wantedBytes = Atomic<UInt64>(0)
  private let heldBytes = Atomic<UInt64>(0)

  /// Bytes that shall be held: less than the goal where so much was never free.
  var wanted: UInt64 { wantedBytes.load(ordering: .relaxed) }
  /// Bytes that are held.
  var held: UInt64 { heldBytes.load(ordering: .relaxed) }
  var missing: UInt64 { wanted - min(held, wanted) }

  /// Below this much room a write may fail: the storage says that it is not ready.
  static let margin: UInt64 = 512 << 10
  private static let pieces: UInt64 = 4
  private static let permissions: mode_t = 0o600

  /// What is held of a file system of `total` bytes when nobody says otherwise: a 64th, at least 1 MiB and at most 16.
  static func size(ofFileSystem total: UInt64) -> UInt64 { min(max(total / 64, 1 << 20), 16 << 20) }

  /// `setting`: bytes, 0 for no reserve; nil: in proportion to `total`.
  init(besides database: String, setting: UInt64?, total: UInt64) {
    path = database + "-reserve"
    isFixed = setting != nil
    goal = setting ?? Self.size(ofFileSystem: total)
  }

  /// Takes stock of what an earlier life left, and lets go of what is too much. Nothing is made yet.
  func open() {
    if goal == 0 {
      unlink(path)
      return
    }
    wantedBytes.store(isFixed ? goal : 0, ordering: .relaxed)
    guard let descriptor = descriptor(creating: false) else { return }
    defer { close(descriptor) }
    var facts = stat()
    guard fstat(descriptor, &facts) == 0 else { return }
    let size = UInt64(max(facts.st_size, 0))
    if size > goal { _ = ftruncate(descriptor, off_t(clamping: goal)) }
    if !isFixed { wantedBytes.store(min(size, goal), ordering: .relaxed) }
    takeStock(descriptor)
  }

  /// Takes what is missing where `free` bytes leave room for objects too.
  func refill(free: UInt64) {
    // Of little that is free the most is for objects.
    if !isFixed, wanted < goal {
      let better = min(goal, held + free / 4)
      if better > wanted { wantedBytes.store(better, ordering: .relaxed) }
    }
    guard missing > 0, free >= missing + 2 * Self.margin, let descriptor = descriptor(creating: true) else { return }
    defer { close(descriptor) }
    // On failure the blocks it got are kept all the same.
    _ = posix_fallocate(descriptor, 0, off_t(clamping: wanted))
    _ = ftruncate(descriptor, off_t(clamping: wanted))
    takeStock(descriptor)
  }

  /// Gives a piece back to the disk; false when nothing is left.
  func giveUp() -> Bool {
    let before = held
    guard before > 0, let descriptor = descriptor(creating: false) else { return false }
    defer { close(descriptor) }
    let piece = max(wanted / Self.pieces, 256 << 10)
    guard ftruncate(descriptor, off_t(clamping: before - min(before, piece))) == 0 else { return false }
    // The size tells the next life how much there should be.
    _ = ftruncate(descriptor, off_t(clamping: wanted))
    takeStock(descriptor)
    return held < before
  }

  /// Asks the file system for `margin` bytes and gives them back: quotas show in nothing else.
  func canGrow() -> Bool {
    guard goal > 0 else { return true }
    guard let descriptor = descriptor(creating: true) else { return false }
    defer { close(descriptor) }
    let status = posix_fallocate(descriptor, off_t(clamping: wanted), off_t(clamping: Self.margin))
    _ = ftruncate(descriptor, off_t(clamping: wanted))
    return status == 0 || status == EOPNOTSUPP || status == EINVAL
  }

  private func descriptor(creating: Bool) -> CInt? {
    let descriptor = Glibc.open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | (creating ? O_CREAT : 0), Self.permissions)
    return descriptor >= 0 ? descriptor : nil
  }

  private func takeStock(_ descriptor: CInt) {
    var facts = stat()
    guard fstat(descriptor, &facts) == 0 else { return }
    heldBytes.store(min(UInt64(max(facts.st_blocks, 0)) * 512, UInt64(max(facts.st_size, 0))), ordering: .relaxed)
  }
}
