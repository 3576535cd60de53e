import Glibc
import Storage

/// The objects of a resource in key order: a persistent B-tree. A copy of the value is a snapshot and costs one retain;
/// a mutation copies the nodes on its path that a snapshot still holds and changes the others in place, so building
/// from nothing copies nothing.
///
/// Keys are ordered by their bytes, as storage orders them (Swift's `String` order follows Unicode). A leaf holds
/// references only: the key is the object's own, so an object costs about 8 to 16 bytes here.
///
/// What is stored but can't be read (damaged, or another encryption key) is no object and stands beside the tree.
/// Invariant: no key is in both.
struct ObjectTree: Sendable {
  private(set) var root: TreeNode?
  private(set) var unreadable: [ByteString: Unreadable] = [:]
  /// Where lists of one label find their objects; nil for a tree that is not listed so.
  private var index: SelectionIndex?

  init() {}
  /// `trigger`: the field by whose values objects are found, too.
  init(indexedBy trigger: TriggerPublisher?) { index = SelectionIndex(trigger) }

  /// The keys of all objects at `ranks` that a list may want, sorted; nil where each has to be looked at.
  func indexed(
    _ predicate: SelectionPredicate, _ ranks: Range<Int>, prefix: String, from start: String?
  )
    -> ContiguousArray<String>?
  {
    index?.keys(predicate, among: ranks.count, prefix: prefix, from: start)
  }

  /// Reports where the index is not of the objects.
  func checkIndex(report: (String) -> Void) { index?.checkInvariants(of: objects(0..<count), report: report) }

  /// A stored value that can't be read.
  struct Unreadable: Sendable {
    let revision: Revision
    /// What reading it throws.
    let failure: any Error
  }

  var count: Int { root?.count ?? 0 }
  var isEmpty: Bool { count == 0 }
  /// The newest revision among the objects; zero when there are none.
  var newest: Revision { Revision(root?.newest ?? 0) }

  /// Is this what storage had at the fence, readable or not?
  func equals(_ fence: StorageFence) -> Bool {
    if unreadable.isEmpty { return newest == fence.newest && count == fence.count }
    return max(newest, unreadable.values.map(\.revision).max() ?? .zero) == fence.newest
      && count + unreadable.count == fence.count
  }

  /// Why a read of everything under `prefix` has to fail; nil if it does not.
  func failure(prefix: String) -> (any Error)? {
    unreadable.isEmpty
      ? nil : unreadable.filter { hasKeyPrefix($0.key.text, prefix) }.min { $0.key < $1.key }?.value.failure
  }

  /// `key` holds a value that can't be read.
  mutating func setUnreadable(_ key: String, _ value: Unreadable) {
    remove(key)
    unreadable[key] = value
  }

  /// O(log n).
  subscript(key: String) -> CachedObject? {
    guard let root else { return nil }
    return withKeyBytes(key) { TreeNode.find($0, in: root) }
  }

  /// Puts `object` under its key; returns what stood there. O(log n).
  @discardableResult
  mutating func set(_ object: CachedObject) -> CachedObject? {
    if !unreadable.isEmpty { unreadable[object.key] = nil }
    // Taken out while it changes: a second reference would make every mutation copy.
    guard var node = root.take() else {
      root = TreeNode(leaf: [object])
      index?.replace(nil, with: object)
      return nil
    }
    let (previous, sibling) = withKeyBytes(object.key) { TreeNode.set(object, $0, in: &node, isRightmost: true) }
    root = sibling.map { TreeNode(inner: [node, $0.node], keys: ["", $0.firstKey]) } ?? node
    index?.replace(previous, with: object)
    return previous
  }

  /// Takes `key` out; returns what stood there. O(log n).
  @discardableResult
  mutating func remove(_ key: String) -> CachedObject? {
    if !unreadable.isEmpty { unreadable[key] = nil }
    // Looking first keeps a miss from copying a path.
    guard self[key] != nil, var node = root.take() else { return nil }
    let removed = withKeyBytes(key) { TreeNode.remove($0, from: &node) }
    root = node
    while let top = root, top.count == 0 || top.children.count == 1 { root = top.children.first }
    index?.replace(removed, with: nil)
    return removed
  }

  /// How many keys are smaller. O(log n).
  func rank(of key: String) -> Int { withKeyBytes(key) { rank(ofBytes: $0) } }

  private func rank(ofBytes key: UnsafeBufferPointer<UInt8>) -> Int { root.map { TreeNode.rank(of: key, in: $0) } ?? 0 }

  /// The ranks of the keys that begin with `prefix` and are not smaller than `start`. O(log n).
  func ranks(prefix: String, from start: String? = nil) -> Range<Int> {
    var successor = Array(prefix.utf8)
    while successor.last == .max { successor.removeLast() }
    let end: Int
    if successor.isEmpty {
      end = count
    } else {
      successor[successor.count - 1] &+= 1
      end = successor.withUnsafeBufferPointer { rank(ofBytes: $0) }
    }
    var begin = rank(of: prefix)
    if let start { begin = max(begin, rank(of: start)) }
    return min(begin, end)..<end
  }

  /// Appends the objects at `ranks`. O(log n + k).
  func collect(_ ranks: Range<Int>, into objects: inout [CachedObject]) {
    guard let root, !ranks.isEmpty else { return }
    TreeNode.collect(ranks.clamped(to: 0..<count), of: root, into: &objects)
  }

  func objects(_ ranks: Range<Int>) -> [CachedObject] {
    var all: [CachedObject] = []
    all.reserveCapacity(ranks.count)
    collect(ranks, into: &all)
    return all
  }
}

/// Lends a key's bytes; native strings are lent in place.
@inline(__always)
func withKeyBytes<R>(_ key: String, _ body: (UnsafeBufferPointer<UInt8>) -> R) -> R {
  if let result = key.utf8.withContiguousStorageIfAvailable(body) { return result }
  return Array(key.utf8).withUnsafeBufferPointer(body)
}

/// Negative, zero or positive, as `memcmp`.
@inline(__always)
func compareKeys(_ a: UnsafeBufferPointer<UInt8>, _ b: String) -> Int {
  withKeyBytes(b) { b in
    let common = min(a.count, b.count)
    if common > 0, let x = a.baseAddress, let y = b.baseAddress {
      let order = Int(memcmp(x, y, common))
      if order != 0 { return order }
    }
    return a.count - b.count
  }
}

/// Does `key` begin with `prefix`, byte by byte?
@inline(__always)
func hasKeyPrefix(_ key: String, _ prefix: String) -> Bool {
  withKeyBytes(key) { k in
    withKeyBytes(prefix) { p in
      guard k.count >= p.count else { return false }
      guard p.count > 0, let x = k.baseAddress, let y = p.baseAddress else { return true }
      return memcmp(x, y, p.count) == 0
    }
  }
}
