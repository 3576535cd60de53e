import ByteBuffers
import Machinery
import Storage

/// The keys of a resource's objects by their labels, and by the value of the trigger field (spec.nodeName of pods), so
/// that a list of one label or one node visits no other objects. (Kubernetes: the watch cache's `Indexers`, which know
/// fields only.)
///
/// A value, which copies share: it changes only when an object comes, goes or changes what it is found by, and copies
/// then what is on the way to that.
struct SelectionIndex: Sendable {
  /// A label with its value; the trigger field has no name.
  private struct Term: Hashable {
    let name: ByteString
    let value: ByteString

    init(_ name: String, _ value: String) {
      self.name = ByteString(name)
      self.value = ByteString(value)
    }
  }

  // Sendable: changed only while the index that is being mutated holds the one reference.
  private final class Leaf: @unchecked Sendable {
    var keys: [Term: SortedKeys]
    init(_ keys: [Term: SortedKeys] = [:]) { self.keys = keys }
  }
  // As `Leaf`.
  private final class Branch: @unchecked Sendable {
    var leaves: ContiguousArray<Leaf?>
    init(_ leaves: ContiguousArray<Leaf?> = ContiguousArray(repeating: nil, count: SelectionIndex.width)) {
      self.leaves = leaves
    }
  }

  private static let width = 64
  /// Whoever finds more than this part of a range is as fast without.
  private static let worthwhile = 4

  private let trigger: TriggerPublisher?
  /// By hash: `width` of them once there is something.
  private var branches: ContiguousArray<Branch?> = []

  init(_ trigger: TriggerPublisher?) { self.trigger = trigger }

  // MARK: changes

  /// One object took the place of another under a key, or there was or is none.
  mutating func replace(_ previous: CachedObject?, with object: CachedObject?) {
    if let trigger {
      let before = previous.map(trigger.value) ?? ""
      let after = object.map(trigger.value) ?? ""
      if before != after {
        if let previous, !before.isEmpty { remove(previous.key, Term("", before)) }
        if let object, !after.isEmpty { insert(object.key, Term("", after)) }
      }
    }
    guard let previous, let object else {
      for (name, value) in previous?.labels.pairs ?? [] { remove(previous?.key ?? "", Term(name, value)) }
      for (name, value) in object?.labels.pairs ?? [] { insert(object?.key ?? "", Term(name, value)) }
      return
    }
    if previous.labels == object.labels { return }
    for (name, value) in previous.labels.pairs where object.labels[name] != value {
      remove(previous.key, Term(name, value))
    }
    for (name, value) in object.labels.pairs where previous.labels[name] != value {
      insert(object.key, Term(name, value))
    }
  }

  private mutating func insert(_ key: String, _ term: Term) {
    change(term) { keys in
      guard var some = keys else {
        keys = .one(key)
        return
      }
      keys = nil
      some.insert(key)
      keys = some
    }
  }

  private mutating func remove(_ key: String, _ term: Term) {
    change(term) { keys in
      guard var some = keys else { return }
      keys = nil
      if some.remove(key) { keys = some }
    }
  }

  private mutating func change(_ term: Term, _ body: (inout SortedKeys?) -> Void) {
    if branches.isEmpty { branches = ContiguousArray(repeating: nil, count: Self.width) }
    let (first, second) = Self.place(of: term)
    if !isKnownUniquelyReferenced(&branches[first]) {
      branches[first] = Branch(branches[first]?.leaves ?? Branch().leaves)
    }
    guard let branch = branches[first] else { return }
    if !isKnownUniquelyReferenced(&branch.leaves[second]) {
      branch.leaves[second] = Leaf(branch.leaves[second]?.keys ?? [:])
    }
    guard let leaf = branch.leaves[second] else { return }
    body(&leaf.keys[term])
    if leaf.keys.isEmpty { branch.leaves[second] = nil }
  }

  private static func place(of term: Term) -> (Int, Int) {
    let hash = UInt(bitPattern: term.hashValue)
    return (Int(hash >> 16 & 63), Int(hash >> 24 & 63))
  }

  // MARK: lists

  /// The keys of all objects that a list may want among `count` under `prefix`, sorted; nil where it is as well to look
  /// at each.
  func keys(
    _ predicate: SelectionPredicate, among count: Int, prefix: String, from start: String?
  )
    -> ContiguousArray<String>?
  {
    var best: SortedKeys?
    func consider(_ term: Term) -> Bool {
      guard let keys = find(term) else { return false }
      if best.map({ keys.count < $0.count }) ?? true { best = keys }
      return true
    }
    if let trigger, let value = predicate.field.requiredValue(of: trigger.field), !value.isEmpty {
      guard consider(Term("", value)) else { return [] }
    }
    for requirement in predicate.label.requirements.prefix(Self.width) {
      switch requirement.op {
      case .equals, .doubleEquals, .in:
        guard requirement.values.count == 1, let value = requirement.values.first else { continue }
        guard consider(Term(requirement.key, value)) else { return [] }
      default: continue
      }
    }
    guard let best, best.count * Self.worthwhile <= count else { return nil }
    return best.keys(prefix: prefix, from: start.map { prefix < $0 ? $0 : prefix } ?? prefix)
  }

  private func find(_ term: Term) -> SortedKeys? {
    if branches.isEmpty { return nil }
    let (first, second) = Self.place(of: term)
    return branches[first]?.leaves[second]?.keys[term]
  }

  /// Holds the index against all objects.
  func checkInvariants(of objects: [CachedObject], report: (String) -> Void) {
    var known = 0
    for branch in branches {
      for leaf in branch?.leaves ?? [] {
        for (_, keys) in leaf?.keys ?? [:] {
          known += keys.count
          keys.checkInvariants(report: report)
        }
      }
    }
    for object in objects {
      let value = trigger?.value(object) ?? ""
      let terms = (value.isEmpty ? [] : [Term("", value)]) + object.labels.pairs.map { Term($0.name, $0.value) }
      known -= terms.count
      for term in terms where find(term)?.keys(prefix: object.key, from: object.key).contains(object.key) != true {
        report("\(object.key) is not among those of \(term.name.text)=\(term.value.text)")
      }
    }
    if known != 0 { report("\(known) keys in the index are of no object") }
  }
}
