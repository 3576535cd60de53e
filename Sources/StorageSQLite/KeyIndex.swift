import Glibc

/// A key, compared and hashed by its bytes. (Swift's own string order follows Unicode equivalence, storage must not.)
struct StorageKey: Hashable, Comparable, Sendable {
  let text: String
  init(_ text: String) { self.text = text }

  static func == (a: StorageKey, b: StorageKey) -> Bool { a.compare(b.text) == 0 }
  static func < (a: StorageKey, b: StorageKey) -> Bool { a.compare(b.text) < 0 }
  func hash(into hasher: inout Hasher) { withBytes(text) { hasher.combine(bytes: $0) } }

  /// Negative, zero or positive, as memcmp.
  @inline(__always)
  func compare(_ other: String) -> Int {
    withBytes(text) { a in
      withBytes(other) { b in
        let order = compareBytes(a, b, min(a.count, b.count))
        return order != 0 ? Int(order) : a.count - b.count
      }
    }
  }

  @inline(__always)
  func hasPrefix(_ prefix: String) -> Bool {
    withBytes(text) { a in
      withBytes(prefix) { b in a.count >= b.count && compareBytes(a, b, b.count) == 0 }
    }
  }
}

/// memcmp of the first `count` bytes.
@inline(__always)
private func compareBytes(_ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer, _ count: Int) -> CInt {
  guard let a = a.baseAddress, let b = b.baseAddress else { return 0 }
  return memcmp(a, b, count)
}

/// Lends a string's UTF-8; native strings are not copied.
@inline(__always)
private func withBytes<R>(_ text: String, _ body: (UnsafeRawBufferPointer) -> R) -> R {
  if let result = text.utf8.withContiguousStorageIfAvailable({ body(UnsafeRawBufferPointer($0)) }) { return result }
  return Array(text.utf8).withUnsafeBytes { body($0) }
}

/// The newest change of a key.
struct KeyVersion: Sendable {
  var revision: Int64
  /// The revision that created the key (etcd: create_revision).
  var created: Int64
  /// 1 when created, then one more a write.
  var version: Int64
  /// When the key goes away by itself, in milliseconds since 1970; 0 for never.
  var lease: Int64
  var isTombstone: Bool
}

/// What the index knows of one key.
// Sendable: changed only inside the index that holds it, which lives inside the storage's lock.
final class KeyHistory: @unchecked Sendable {
  let key: StorageKey
  fileprivate(set) var newest: KeyVersion
  /// Revisions before the newest, ascending, that compaction has left; a removal is stored negative.
  fileprivate(set) var older: [Int64] = []

  init(key: StorageKey, newest: KeyVersion) {
    self.key = key
    self.newest = newest
  }

  /// The revision of the row that shows the key as it was at `revision`; nil if it did not exist then.
  func revision(at revision: Int64) -> Int64? {
    if newest.revision <= revision { return newest.isTombstone ? nil : newest.revision }
    for candidate in older.reversed() where abs(candidate) <= revision { return candidate > 0 ? candidate : nil }
    return nil
  }

  func push(_ next: KeyVersion) {
    older.append(newest.isTombstone ? -newest.revision : newest.revision)
    newest = next
  }

  /// Drops what was no longer newest when `revision` was. True: nothing is left.
  fileprivate func forget(supersededAt revision: Int64, isTombstone: Bool) -> Bool {
    var gone = 0
    while gone < older.count && (abs(older[gone]) < revision || (isTombstone && abs(older[gone]) == revision)) {
      gone += 1
    }
    if gone > 0 { older.removeFirst(gone) }
    return isTombstone && newest.revision == revision
  }
}

/// All keys in byte order with their revisions: where each version's row stands, without a query. (etcd: treeIndex.)
///
/// Two levels: leaves of 1 to `leafLimit` keys in an array. Invariant: keys ascend within and across leaves, no leaf is
/// empty. A lookup costs two binary searches, an insertion moves at most one leaf. Not thread-safe: lives inside the
/// storage's lock.
struct KeyIndex: Sendable {
  private static let leafLimit = 512

  private final class Leaf: @unchecked Sendable {  // Sendable: as `KeyHistory`.
    var entries: ContiguousArray<KeyHistory>
    init(_ entries: ContiguousArray<KeyHistory>) { self.entries = entries }
  }
  private struct Position {
    var leaf: Int
    var slot: Int
  }
  private var leaves: ContiguousArray<Leaf> = []

  init() {}

  /// An index of keys that stand in order already.
  init(sorted: [KeyHistory]) {
    for start in stride(from: 0, to: sorted.count, by: Self.leafLimit / 2) {
      leaves.append(Leaf(ContiguousArray(sorted[start..<min(start + Self.leafLimit / 2, sorted.count)])))
    }
  }

  func find(_ key: String) -> KeyHistory? {
    let at = lowerBound(key)
    guard at.leaf < leaves.count, at.slot < leaves[at.leaf].entries.count else { return nil }
    let entry = leaves[at.leaf].entries[at.slot]
    return entry.key.compare(key) == 0 ? entry : nil
  }

  /// Records a committed change.
  mutating func record(_ key: StorageKey, _ version: KeyVersion) {
    let at = lowerBound(key.text)
    guard at.leaf < leaves.count else {
      leaves.append(Leaf([KeyHistory(key: key, newest: version)]))
      return
    }
    let leaf = leaves[at.leaf]
    if at.slot < leaf.entries.count, leaf.entries[at.slot].key == key {
      leaf.entries[at.slot].push(version)
      return
    }
    leaf.entries.insert(KeyHistory(key: key, newest: version), at: at.slot)
    if leaf.entries.count > Self.leafLimit {
      let half = leaf.entries.count / 2
      leaves.insert(Leaf(ContiguousArray(leaf.entries[half...])), at: at.leaf + 1)
      leaf.entries.removeLast(leaf.entries.count - half)
    }
  }

  /// Forgets the versions before the change at `revision`, and the key itself if that change removed it and is still
  /// the newest.
  mutating func compact(_ key: StorageKey, at revision: Int64, isTombstone: Bool) {
    let at = lowerBound(key.text)
    guard at.leaf < leaves.count, at.slot < leaves[at.leaf].entries.count else { return }
    let leaf = leaves[at.leaf]
    guard leaf.entries[at.slot].key == key,
      leaf.entries[at.slot].forget(supersededAt: revision, isTombstone: isTombstone)
    else { return }
    leaf.entries.remove(at: at.slot)
    if leaf.entries.isEmpty { leaves.remove(at: at.leaf) }
  }

  /// Visits the keys under `prefix` in order, from `start` (inclusive) on, until `body` says false.
  func visit(prefix: String, from start: String?, _ body: (KeyHistory) -> Bool) {
    var first = prefix
    if let start, StorageKey(start).compare(prefix) > 0 { first = start }
    var at = lowerBound(first)
    while at.leaf < leaves.count {
      let entries = leaves[at.leaf].entries
      while at.slot < entries.count {
        let entry = entries[at.slot]
        guard entry.key.hasPrefix(prefix), body(entry) else { return }
        at.slot += 1
      }
      at = Position(leaf: at.leaf + 1, slot: 0)
    }
  }

  /// Keys that are known, tombstones included.
  var count: Int { leaves.reduce(0) { $0 + $1.entries.count } }

  /// The first place whose key is not below `key`.
  private func lowerBound(_ key: String) -> Position {
    var low = 0
    var high = leaves.count
    // The last leaf whose first key is <= key.
    while low < high {
      let middle = (low + high) / 2
      if leaves[middle].entries[0].key.compare(key) <= 0 { low = middle + 1 } else { high = middle }
    }
    let leaf = max(low - 1, 0)
    guard leaf < leaves.count else { return Position(leaf: 0, slot: 0) }
    let entries = leaves[leaf].entries
    low = 0
    high = entries.count
    while low < high {
      let middle = (low + high) / 2
      if entries[middle].key.compare(key) < 0 { low = middle + 1 } else { high = middle }
    }
    // Past the end of a leaf that has a successor, the answer is the successor's first key; for an insertion the end of
    // this leaf is as good.
    return Position(leaf: leaf, slot: low)
  }

  /// Tells every breach of the invariant.
  func checkInvariants(report: (String) -> Void) {
    var last: StorageKey?
    for (number, leaf) in leaves.enumerated() {
      if leaf.entries.isEmpty { report("leaf \(number) is empty") }
      if leaf.entries.count > Self.leafLimit { report("leaf \(number) has \(leaf.entries.count) keys") }
      for entry in leaf.entries {
        if let last, !(last < entry.key) { report("\(last.text) stands before \(entry.key.text)") }
        last = entry.key
        let revisions = entry.older.map { abs($0) } + [entry.newest.revision]
        if revisions != Array(Set(revisions)).sorted() { report("\(entry.key.text) has revisions \(revisions)") }
      }
    }
  }
}

extension KeyHistory {
  /// The revision, from `first` on, of the change that directly follows the state `expected` (0: no key) and is a
  /// removal or not.
  func change(after expected: Int64, notBefore first: Int64, isTombstone: Bool) -> Int64? {
    let all = older + [newest.isTombstone ? -newest.revision : newest.revision]
    for (place, revision) in all.enumerated() where abs(revision) >= first && (revision < 0) == isTombstone {
      let before = place == 0 ? 0 : max(all[place - 1], 0)
      if before == expected { return abs(revision) }
    }
    return nil
  }
}
