import Storage

/// A node of an `ObjectTree`: a leaf with objects, or an inner node with children.
///
/// Invariants: keys(children[i - 1]) < keys[i] <= keys(children[i]), with `keys[0]` never looked at; at most `itemsMax`
/// items; no empty node but an empty root; `count` and `newest` are the sum and the maximum over everything below; all
/// leaves are equally deep.
// Sendable: changed only while the tree that is being mutated holds the one reference.
final class TreeNode: @unchecked Sendable {
  static let itemsMax = 32
  static let itemsMin = itemsMax / 4

  fileprivate(set) var count: Int
  fileprivate(set) var newest: Int64
  fileprivate(set) var objects: ContiguousArray<CachedObject>
  fileprivate(set) var children: ContiguousArray<TreeNode>
  fileprivate(set) var keys: ContiguousArray<String>

  init(leaf objects: ContiguousArray<CachedObject>) {
    self.objects = objects
    children = []
    keys = []
    count = 0
    newest = 0
    recount()
  }

  init(inner children: ContiguousArray<TreeNode>, keys: ContiguousArray<String>) {
    objects = []
    self.children = children
    self.keys = keys
    count = 0
    newest = 0
    recount()
  }

  private init(copying other: TreeNode) {
    count = other.count
    newest = other.newest
    objects = other.objects
    children = other.children
    keys = other.keys
  }

  var isLeaf: Bool { children.isEmpty }
  private var items: Int { isLeaf ? objects.count : children.count }

  private func recount() {
    if isLeaf {
      count = objects.count
      newest = objects.reduce(0) { max($0, $1.revision.rawValue) }
    } else {
      count = children.reduce(0) { $0 + $1.count }
      newest = children.reduce(0) { max($0, $1.newest) }
    }
  }

  private static func makeUnique(_ node: inout TreeNode) {
    if !isKnownUniquelyReferenced(&node) { node = TreeNode(copying: node) }
  }

  // MARK: Looking

  /// The child that `key` belongs to.
  private func childIndex(_ key: UnsafeBufferPointer<UInt8>) -> Int {
    var low = 1
    var high = keys.count
    while low < high {
      let middle = (low + high) / 2
      if compareKeys(key, keys[middle]) >= 0 { low = middle + 1 } else { high = middle }
    }
    return low - 1
  }

  /// The first object whose key is not smaller, and whether it is the one.
  private func objectIndex(_ key: UnsafeBufferPointer<UInt8>) -> (index: Int, isEqual: Bool) {
    var low = 0
    var high = objects.count
    while low < high {
      let middle = (low + high) / 2
      let order = compareKeys(key, objects[middle].key)
      if order == 0 { return (middle, true) }
      if order > 0 { low = middle + 1 } else { high = middle }
    }
    return (low, false)
  }

  static func find(_ key: UnsafeBufferPointer<UInt8>, in root: TreeNode) -> CachedObject? {
    var node = root
    while !node.isLeaf { node = node.children[node.childIndex(key)] }
    let (index, isEqual) = node.objectIndex(key)
    return isEqual ? node.objects[index] : nil
  }

  static func rank(of key: UnsafeBufferPointer<UInt8>, in root: TreeNode) -> Int {
    var node = root
    var rank = 0
    while !node.isLeaf {
      let index = node.childIndex(key)
      for i in 0..<index { rank += node.children[i].count }
      node = node.children[index]
    }
    return rank + node.objectIndex(key).index
  }

  static func collect(_ ranks: Range<Int>, of node: TreeNode, into objects: inout [CachedObject]) {
    if node.isLeaf {
      objects.append(contentsOf: node.objects[ranks])
      return
    }
    var first = 0
    for child in node.children {
      if first >= ranks.upperBound { return }
      let end = first + child.count
      if end > ranks.lowerBound {
        let below = max(ranks.lowerBound, first) - first..<min(ranks.upperBound, end) - first
        collect(below, of: child, into: &objects)
      }
      first = end
    }
  }

  // MARK: Changing

  struct Sibling {
    let firstKey: String
    let node: TreeNode
  }

  /// `isRightmost`: nothing in the tree is to the right of `node`; then an append splits off an empty right half, so
  /// that keys that arrive in order (a list) fill their leaves.
  static func set(
    _ object: CachedObject, _ key: UnsafeBufferPointer<UInt8>, in node: inout TreeNode, isRightmost: Bool
  ) -> (previous: CachedObject?, sibling: Sibling?) {
    makeUnique(&node)
    let revision = object.revision.rawValue
    let previous: CachedObject?
    var isAppend = false
    if node.isLeaf {
      let (index, isEqual) = node.objectIndex(key)
      if isEqual {
        previous = node.objects[index]
        node.objects[index] = object
      } else {
        previous = nil
        isAppend = index == node.objects.count
        node.objects.insert(object, at: index)
      }
    } else {
      let index = node.childIndex(key)
      let isLast = index == node.children.count - 1
      let (found, sibling) = set(object, key, in: &node.children[index], isRightmost: isRightmost && isLast)
      previous = found
      if let sibling {
        isAppend = isLast
        node.children.insert(sibling.node, at: index + 1)
        node.keys.insert(sibling.firstKey, at: index + 1)
      }
    }
    if previous == nil { node.count += 1 }
    if let previous, previous.revision.rawValue == node.newest, revision < node.newest {
      node.recount()
    } else {
      node.newest = max(node.newest, revision)
    }
    guard node.items > itemsMax else { return (previous, nil) }
    return (previous, node.split(at: isAppend && isRightmost ? node.items - 1 : node.items / 2))
  }

  private func split(at index: Int) -> Sibling {
    let right: TreeNode
    let firstKey: String
    if isLeaf {
      right = TreeNode(leaf: ContiguousArray(objects[index...]))
      firstKey = right.objects[0].key
      objects.removeSubrange(index...)
    } else {
      right = TreeNode(inner: ContiguousArray(children[index...]), keys: ContiguousArray(keys[index...]))
      firstKey = keys[index]
      children.removeSubrange(index...)
      keys.removeSubrange(index...)
    }
    recount()
    return Sibling(firstKey: firstKey, node: right)
  }

  /// The key is known to be there.
  static func remove(_ key: UnsafeBufferPointer<UInt8>, from node: inout TreeNode) -> CachedObject? {
    makeUnique(&node)
    let removed: CachedObject?
    if node.isLeaf {
      let (index, isEqual) = node.objectIndex(key)
      guard isEqual else { return nil }
      removed = node.objects.remove(at: index)
    } else {
      let index = node.childIndex(key)
      removed = remove(key, from: &node.children[index])
      if node.children[index].items < itemsMin { node.repair(index) }
    }
    node.count -= 1
    if removed?.revision.rawValue == node.newest { node.recount() }
    return removed
  }

  /// Child `index` has become small: it is joined with a neighbour, and the two are divided evenly if that is too much
  /// for one.
  private func repair(_ index: Int) {
    if children[index].items == 0 {
      children.remove(at: index)
      keys.remove(at: index)
      return
    }
    guard children.count > 1 else { return }
    let left = index > 0 ? index - 1 : index
    let right = children.remove(at: left + 1)
    let boundary = keys.remove(at: left + 1)
    Self.makeUnique(&children[left])
    let joined = children[left]
    if joined.isLeaf && right.isLeaf {
      joined.objects.append(contentsOf: right.objects)
    } else {
      joined.children.append(contentsOf: right.children)
      joined.keys.append(boundary)
      joined.keys.append(contentsOf: right.keys.dropFirst())
    }
    joined.recount()
    guard joined.items > Self.itemsMax else { return }
    let sibling = joined.split(at: joined.items / 2)
    children.insert(sibling.node, at: left + 1)
    keys.insert(sibling.firstKey, at: left + 1)
  }
}

extension ObjectTree {
  /// Reports every violation of the invariants, with its numbers.
  func checkInvariants(report: (String) -> Void) {
    checkIndex(report: report)
    guard let root else { return }
    var depths: Set<Int> = []
    root.check(depth: 0, low: nil, high: nil, isRoot: true, depths: &depths, report: report)
    if depths.count > 1 { report("leaves at depths \(depths.sorted())") }
  }
}

extension TreeNode {
  fileprivate func check(
    depth: Int, low: String?, high: String?, isRoot: Bool, depths: inout Set<Int>, report: (String) -> Void
  ) {
    let items = isLeaf ? objects.count : children.count
    if items > Self.itemsMax { report("\(items) items in a node of \(Self.itemsMax)") }
    if items == 0 { report("an empty node at depth \(depth)") }
    if isLeaf {
      depths.insert(depth)
      if count != objects.count { report("leaf counts \(count), has \(objects.count)") }
      let real = objects.map(\.revision.rawValue).max() ?? 0
      if newest != real { report("leaf's newest is \(newest), should be \(real)") }
      for (a, b) in zip(objects, objects.dropFirst()) where withKeyBytes(a.key, { compareKeys($0, b.key) }) >= 0 {
        report("\(a.key) stands before \(b.key)")
      }
      for object in objects {
        if let low, withKeyBytes(object.key, { compareKeys($0, low) }) < 0 { report("\(object.key) is below \(low)") }
        if let high, withKeyBytes(object.key, { compareKeys($0, high) }) >= 0 {
          report("\(object.key) is not below \(high)")
        }
      }
      return
    }
    if keys.count != children.count { report("\(keys.count) keys for \(children.count) children") }
    let sum = children.reduce(0) { $0 + $1.count }
    if count != sum { report("inner node counts \(count), has \(sum)") }
    let real = children.map(\.newest).max() ?? 0
    if newest != real { report("inner node's newest is \(newest), should be \(real)") }
    for (i, child) in children.enumerated() {
      let childLow = i == 0 ? low : keys[i]
      let childHigh = i + 1 < keys.count ? keys[i + 1] : high
      child.check(depth: depth + 1, low: childLow, high: childHigh, isRoot: false, depths: &depths, report: report)
    }
  }
}
