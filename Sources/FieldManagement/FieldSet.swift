/// A set of paths as a tree. (structured-merge-diff: `fieldpath.Set`.)
///
/// Invariants: entries are sorted and their elements differ; every entry is a member or has children, or both.
public struct FieldSet: Sendable, Equatable {
  struct Entry: Sendable, Equatable {
    let element: PathElement
    /// The path that ends here is in the set.
    var isMember: Bool
    var children: FieldSet
  }
  private(set) var entries: [Entry] = []

  public init() {}

  /// Takes entries in any order, with elements that differ; those about nothing are left out.
  init(unsorted entries: [Entry]) {
    self.entries = entries.filter { $0.isMember || !$0.children.isEmpty }
    if self.entries.count > 1 { self.entries.sort { PathElement.compare($0.element, $1.element) < 0 } }
  }

  init(sorted entries: [Entry]) { self.entries = entries }

  public init(_ paths: [[PathElement]]) {
    for path in paths { insert(path[...]) }
  }

  /// A set of paths of members alone.
  public init(fields paths: [[String]]) { self.init(paths.map { $0.map(PathElement.field) }) }

  public var isEmpty: Bool { entries.isEmpty }

  /// Where `element` stands, or where it would.
  private func place(_ element: PathElement) -> (index: Int, isThere: Bool) {
    var low = 0
    var high = entries.count
    while low < high {
      let middle = (low + high) / 2
      let order = PathElement.compare(entries[middle].element, element)
      if order == 0 { return (middle, true) }
      if order < 0 { low = middle + 1 } else { high = middle }
    }
    return (low, false)
  }

  mutating func insert(_ path: ArraySlice<PathElement>) {
    guard let first = path.first else { return }
    let (index, isThere) = place(first)
    if !isThere { entries.insert(Entry(element: first, isMember: false, children: FieldSet()), at: index) }
    if path.count == 1 { entries[index].isMember = true } else { entries[index].children.insert(path.dropFirst()) }
  }

  func entry(_ element: PathElement) -> Entry? {
    let (index, isThere) = place(element)
    return isThere ? entries[index] : nil
  }

  func has(_ path: ArraySlice<PathElement>) -> Bool {
    guard let first = path.first, let entry = entry(first) else { return false }
    return path.count == 1 ? entry.isMember : entry.children.has(path.dropFirst())
  }

  func isSubset(of other: FieldSet) -> Bool {
    var j = 0
    for entry in entries {
      while j < other.entries.count, PathElement.compare(other.entries[j].element, entry.element) < 0 { j += 1 }
      guard j < other.entries.count, other.entries[j].element == entry.element else { return false }
      let match = other.entries[j]
      if entry.isMember && !match.isMember || !entry.children.isSubset(of: match.children) { return false }
      j += 1
    }
    return true
  }

  /// Every path: at each level those that end there, then those that go on.
  func forEach(_ prefix: [PathElement] = [], _ body: ([PathElement]) -> Void) {
    for entry in entries where entry.isMember { body(prefix + [entry.element]) }
    for entry in entries where !entry.children.isEmpty { entry.children.forEach(prefix + [entry.element], body) }
  }

  // MARK: invariants

  /// Reports what of the type's promises does not hold.
  func checkInvariants(report: (String) -> Void) {
    for (place, entry) in entries.enumerated() {
      if place > 0, PathElement.compare(entries[place - 1].element, entry.element) >= 0 {
        report(
          "\(entries[place - 1].element.description) does not come before \(entry.element.description), place \(place)")
      }
      if !entry.isMember && entry.children.isEmpty {
        report("\(entry.element.description) is neither a member nor has it any below it")
      }
      entry.children.checkInvariants(report: report)
    }
  }

  // MARK: algebra

  /// Walks two sets side by side; nil from `body` leaves an entry out.
  private func zipped(_ other: FieldSet, _ body: (Entry?, Entry?) -> Entry?) -> FieldSet {
    var out: [Entry] = []
    out.reserveCapacity(entries.count)
    var i = 0
    var j = 0
    func add(_ entry: Entry?) {
      if let entry, entry.isMember || !entry.children.isEmpty { out.append(entry) }
    }
    while i < entries.count || j < other.entries.count {
      let order =
        i == entries.count
        ? 1 : j == other.entries.count ? -1 : PathElement.compare(entries[i].element, other.entries[j].element)
      if order < 0 {
        add(body(entries[i], nil))
      } else if order > 0 {
        add(body(nil, other.entries[j]))
      } else {
        add(body(entries[i], other.entries[j]))
      }
      if order <= 0 { i += 1 }
      if order >= 0 { j += 1 }
    }
    return FieldSet(sorted: out)
  }

  public func union(_ other: FieldSet) -> FieldSet {
    if isEmpty { return other }
    if other.isEmpty { return self }
    return zipped(other) { a, b in
      guard let a, let b else { return a ?? b }
      return Entry(element: a.element, isMember: a.isMember || b.isMember, children: a.children.union(b.children))
    }
  }

  /// The union of many sets: joined in pairs, so that it costs no more than sorting all their paths.
  static func union(of sets: [FieldSet]) -> FieldSet {
    var sets = sets
    while sets.count > 1 {
      sets = stride(from: 0, to: sets.count, by: 2).map {
        $0 + 1 < sets.count ? sets[$0].union(sets[$0 + 1]) : sets[$0]
      }
    }
    return sets.first ?? FieldSet()
  }

  /// Of two sets so different in size it is faster to look for the elements of the smaller one than to walk both: many
  /// managers, each with little, are compared with what one write has changed.
  private static func isMuchLarger(_ a: FieldSet, _ b: FieldSet) -> Bool { a.entries.count / 8 > b.entries.count }

  public func intersection(_ other: FieldSet) -> FieldSet {
    if isEmpty || other.isEmpty { return FieldSet() }
    if Self.isMuchLarger(other, self) {
      return common(entries.lazy.compactMap { entry in other.entry(entry.element).map { (entry, $0) } })
    }
    if Self.isMuchLarger(self, other) {
      return common(other.entries.lazy.compactMap { entry in self.entry(entry.element).map { ($0, entry) } })
    }
    return zipped(other) { a, b in
      guard let a, let b else { return nil }
      return Entry(
        element: a.element, isMember: a.isMember && b.isMember, children: a.children.intersection(b.children))
    }
  }

  private func common(_ pairs: some Sequence<(Entry, Entry)>) -> FieldSet {
    FieldSet(
      sorted: pairs.compactMap { a, b in
        let entry = Entry(
          element: a.element, isMember: a.isMember && b.isMember, children: a.children.intersection(b.children))
        return entry.isMember || !entry.children.isEmpty ? entry : nil
      })
  }

  /// Paths of this set that are not in `other`. Parents and children are paths of their own: taking away a parent
  /// leaves its children.
  public func subtracting(_ other: FieldSet) -> FieldSet {
    if isEmpty || other.isEmpty { return self }
    func rest(_ a: Entry, _ b: Entry) -> Entry {
      Entry(element: a.element, isMember: a.isMember && !b.isMember, children: a.children.subtracting(b.children))
    }
    if Self.isMuchLarger(other, self) {
      return FieldSet(
        sorted: entries.compactMap { entry in
          let left = other.entry(entry.element).map { rest(entry, $0) } ?? entry
          return left.isMember || !left.children.isEmpty ? left : nil
        })
    }
    return zipped(other) { a, b in
      guard let a else { return nil }
      guard let b else { return a }
      return rest(a, b)
    }
  }

  /// Paths of this set that are neither in `other` nor below one of its paths.
  public func subtractingRecursively(_ other: FieldSet) -> FieldSet {
    if isEmpty || other.isEmpty { return self }
    return zipped(other) { a, b in
      guard let a else { return nil }
      guard let b else { return a }
      if b.isMember { return nil }
      return Entry(element: a.element, isMember: a.isMember, children: a.children.subtractingRecursively(b.children))
    }
  }
}
