import ByteBuffers
import Machinery
import Storage

/// The keys of a resource's objects by the value of its trigger field (spec.nodeName of pods), so that a list of one
/// value visits no other objects. (Kubernetes: the watch cache's `Indexers`.)
///
/// A value, which copies share: it changes only when an object comes, goes or changes its value, and then copies one of
/// its shards. Objects without a value are not in it.
struct TriggerIndex: Sendable {
  let publisher: TriggerPublisher
  /// By a hash of the value; in each, keys by value, in the order of their bytes.
  private var shards: ContiguousArray<Shard>

  private final class Shard: Sendable {
    let keys: [ByteString: ContiguousArray<String>]
    init(_ keys: [ByteString: ContiguousArray<String>]) { self.keys = keys }
  }

  private static let shardCount = 64
  private static let empty = Shard([:])

  init(_ publisher: TriggerPublisher) {
    self.publisher = publisher
    shards = ContiguousArray(repeating: Self.empty, count: Self.shardCount)
  }

  /// One object took the place of another under a key, or there was or is none.
  mutating func replace(_ previous: CachedObject?, with object: CachedObject?) {
    let before = previous.map(publisher.value) ?? ""
    let after = object.map(publisher.value) ?? ""
    if previous != nil && object != nil && before == after { return }
    if let previous, !before.isEmpty {
      change(before) { keys in
        let place = Self.place(of: previous.key, in: keys)
        if place < keys.count && keys[place] == previous.key { keys.remove(at: place) }
      }
    }
    if let object, !after.isEmpty {
      change(after) { keys in keys.insert(object.key, at: Self.place(of: object.key, in: keys)) }
    }
  }

  private mutating func change(_ value: String, _ body: (inout ContiguousArray<String>) -> Void) {
    let name = ByteString(value)
    let place = Self.shard(of: name)
    var all = shards[place].keys
    var keys = all.removeValue(forKey: name) ?? []
    body(&keys)
    if !keys.isEmpty { all[name] = keys }
    shards[place] = Shard(all)
  }

  /// All keys of a value, sorted; nil where it does not know them.
  func keys(of value: String) -> ContiguousArray<String>? {
    if value.isEmpty { return nil }
    let name = ByteString(value)
    return shards[Self.shard(of: name)].keys[name] ?? []
  }

  private static func shard(of value: ByteString) -> Int {
    Int(truncatingIfNeeded: UInt(bitPattern: value.hashValue) % UInt(shardCount))
  }

  /// Where a key is or would be.
  static func place(of key: String, in keys: ContiguousArray<String>) -> Int {
    withKeyBytes(key) { key in
      var low = 0
      var high = keys.count
      while low < high {
        let middle = (low + high) / 2
        if compareKeys(key, keys[middle]) > 0 { low = middle + 1 } else { high = middle }
      }
      return low
    }
  }

  /// Holds the index against all objects.
  func checkInvariants(of objects: [CachedObject], report: (String) -> Void) {
    var known = 0
    for shard in shards {
      for (value, keys) in shard.keys {
        known += keys.count
        if keys.isEmpty { report("no keys of \(value.text)") }
        for (a, b) in zip(keys, keys.dropFirst()) where withKeyBytes(a, { compareKeys($0, b) }) >= 0 {
          report("\(a) stands before \(b) in the index")
        }
      }
    }
    for object in objects {
      let value = publisher.value(object)
      guard let keys = keys(of: value) else { continue }
      known -= 1
      let place = Self.place(of: object.key, in: keys)
      if place == keys.count || keys[place] != object.key { report("\(object.key) is not among those of \(value)") }
    }
    if known != 0 { report("\(known) keys in the index are of no object") }
  }
}

extension ObjectTree {
  /// The objects that a list may want, where the index knows them: in key order, within `ranks`.
  func indexed(
    _ predicate: SelectionPredicate, _ ranks: Range<Int>, prefix: String, from start: String?
  )
    -> ContiguousArray<String>.SubSequence?
  {
    guard let index, let value = predicate.field.requiredValue(of: index.publisher.field),
      let keys = index.keys(of: value)
    else { return nil }
    // Whoever wants the few of a small range is as fast without.
    guard keys.count < ranks.count else { return nil }
    let first = TriggerIndex.place(of: start.map { compareBytes($0, prefix) > 0 ? $0 : prefix } ?? prefix, in: keys)
    var end = first
    while end < keys.count && hasKeyPrefix(keys[end], prefix) { end += 1 }
    return keys[first..<end]
  }

  private func compareBytes(_ a: String, _ b: String) -> Int { withKeyBytes(a) { compareKeys($0, b) } }
}
