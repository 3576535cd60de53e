import Glibc
import Synchronization

/// Disk space that is held for removals: a file beside the database, given up piece by piece when nothing else is left,
/// as removals are what frees space, and they must be written down themselves.
///
/// Its size is what is wanted, its blocks are what is held, so that a start knows what an earlier life gave up.
/// `refill`, `giveUp` and `canGrow` belong to the writer's thread; the numbers are anybody's.
final class Reserve: Sendable {
  /// Empty where there is no disk to hold anything of.
  let path: String
  /// Bytes to hold where there is room: by a setting, else in proportion to the file system.
  let goal: UInt64
  /// So much is left to what others free, however little there is now.
  private let floor: UInt64
  /// `posix_fallocate` of the first bytes of a file; a test stands in for it.
  private let allocate: @Sendable (CInt, off_t) -> CInt
  /// The file system does not count what it allocates: what is held can't be known.
  private let isUncounted = Atomic<Bool>(false)
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

  /// `database`: nil for one in memory, which has none. `setting`: bytes, 0 for no reserve; nil: in proportion to
  /// `total`.
  init(
    besides database: String?, setting: UInt64?, total: UInt64,
    allocate: @escaping @Sendable (CInt, off_t) -> CInt = { posix_fallocate($0, 0, $1) }
  ) {
    path = database.map { $0 + "-reserve" } ?? ""
    goal = database == nil ? 0 : setting ?? Self.size(ofFileSystem: total)
    floor = min(goal, Self.size(ofFileSystem: total))
    self.allocate = allocate
  }

  /// Takes stock of what an earlier life left, and lets go of what is too much. Nothing is made yet.
  func open() {
    if goal == 0 {
      if !path.isEmpty { unlink(path) }
      return
    }
    wantedBytes.store(0, ordering: .relaxed)
    guard let descriptor = descriptor(creating: false) else { return }
    defer { close(descriptor) }
    var facts = stat()
    guard fstat(descriptor, &facts) == 0 else { return }
    let size = UInt64(max(facts.st_size, 0))
    if size > goal { _ = ftruncate(descriptor, off_t(clamping: goal)) }
    wantedBytes.store(min(size, goal), ordering: .relaxed)
    takeStock(descriptor)
    if isUncounted.load(ordering: .relaxed) { wantedBytes.store(held, ordering: .relaxed) }
  }

  /// Takes what is missing where `free` bytes leave room for objects too.
  func refill(free: UInt64) {
    if goal == 0 || isUncounted.load(ordering: .relaxed) { return }
    // Of little that is free the most is for objects. What was wanted once, and is more, would refuse them for ever;
    // but the least that is reasonable waits for the space to come back.
    let share = min(goal, held / 4 + free / 4)
    wantedBytes.store(max(share, held, min(wanted, floor)), ordering: .relaxed)
    guard missing > 0, free >= missing + 2 * Self.margin, let descriptor = descriptor(creating: true) else { return }
    defer { close(descriptor) }
    // On failure the blocks it got are kept all the same.
    let status = allocate(descriptor, off_t(clamping: wanted))
    _ = ftruncate(descriptor, off_t(clamping: wanted))
    takeStock(descriptor)
    if status == 0, missing > 0 {
      // Asking again each second would change nothing.
      isUncounted.store(true, ordering: .relaxed)
      wantedBytes.store(held, ordering: .relaxed)
      _ = ftruncate(descriptor, off_t(clamping: wanted))
    }
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
