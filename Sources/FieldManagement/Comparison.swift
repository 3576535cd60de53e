import JSON

/// What one object has that another has not. (structured-merge-diff: `typed.Comparison`.)
struct Comparison {
  var added = FieldSet()
  var modified = FieldSet()
  var removed = FieldSet()

  var isEmpty: Bool { added.isEmpty && modified.isEmpty && removed.isEmpty }
}

extension MergeSchema {
  /// Compares two objects of the type; what is at the paths of `ignored`, and below them, is not looked at.
  func compare(_ old: JSONValue, _ new: JSONValue, ignoring ignored: FieldSet = FieldSet()) -> Comparison {
    compare(old, new, root, ignored).inside
  }

  private static let nothing = FieldSet()

  /// What is different at a place and below it.
  private struct Difference {
    enum Here { case same, added, modified, removed }
    var here = Here.same
    var inside = Comparison()
  }

  /// Collects the differences of members.
  private struct Collector {
    var added: [FieldSet.Entry] = []
    var modified: [FieldSet.Entry] = []
    var removed: [FieldSet.Entry] = []

    mutating func add(_ element: PathElement, _ difference: Difference) {
      if difference.here == .same && difference.inside.isEmpty { return }
      func note(_ list: inout [FieldSet.Entry], _ here: Difference.Here, _ inside: FieldSet) {
        if difference.here == here || !inside.isEmpty {
          list.append(FieldSet.Entry(element: element, isMember: difference.here == here, children: inside))
        }
      }
      note(&added, .added, difference.inside.added)
      note(&modified, .modified, difference.inside.modified)
      note(&removed, .removed, difference.inside.removed)
    }

    var comparison: Comparison {
      Comparison(
        added: FieldSet(unsorted: added), modified: FieldSet(unsorted: modified), removed: FieldSet(unsorted: removed))
    }
  }

  /// One of `old` and `new` is not nil.
  private func compare(_ old: JSONValue?, _ new: JSONValue?, _ id: ID, _ ignored: FieldSet) -> Difference {
    let inside: Comparison
    switch self[id].kind {
    case .scalar, .opaque, .atomic, .list: return leaf(old, new)
    case .structure, .map:
      let (a, b) = (old?.object, new?.object)
      if a?.isEmpty ?? true, b?.isEmpty ?? true { return leaf(old, new) }
      // Mostly nothing changed, and after a merge both are even the same storage.
      inside = a == b ? Comparison() : compareMembers(a?.members ?? [], b?.members ?? [], id, ignored)
    case .deduced:
      let (a, b) = (old?.object, new?.object)
      if a?.isEmpty ?? true, b?.isEmpty ?? true { return leaf(old, new) }
      inside = a == b ? Comparison() : compareMembers(a?.members ?? [], b?.members ?? [], id, ignored)
      // An object in the place of something else, or the other way round.
      if let old, let new, !old.isNull, !new.isNull, (a == nil) != (b == nil) {
        return Difference(here: .modified, inside: inside)
      }
    case .set(let item):
      let (a, b) = (old?.array ?? [], new?.array ?? [])
      if a.isEmpty && b.isEmpty { return leaf(old, new) }
      inside = a == b ? Comparison() : compareItems(a, b, item, [])
    case .keyed(let item, let keys):
      let (a, b) = (old?.array ?? [], new?.array ?? [])
      if a.isEmpty && b.isEmpty { return leaf(old, new) }
      inside = a == b ? Comparison() : compareItems(a, b, item, keys)
    }
    return Difference(here: old == nil ? .added : new == nil ? .removed : .same, inside: inside)
  }

  private func leaf(_ old: JSONValue?, _ new: JSONValue?) -> Difference {
    guard let old else { return Difference(here: .added) }
    guard let new else { return Difference(here: .removed) }
    return Difference(here: old.isSameValue(as: new) ? .same : .modified)
  }

  private func compareMembers(
    _ old: [JSONObject.Member], _ new: [JSONObject.Member], _ id: ID, _ ignored: FieldSet
  ) -> Comparison {
    var all = Collector()
    func note(_ name: String, _ a: JSONValue?, _ b: JSONValue?) {
      guard let child = child(name, of: id) else { return }
      if ignored.isEmpty { return all.add(.field(name), compare(a, b, child, ignored)) }
      let entry = ignored.entry(.field(name))
      if entry?.isMember != true { all.add(.field(name), compare(a, b, child, entry?.children ?? Self.nothing)) }
    }
    // Both mostly have the same members in the same order, but for one here and there.
    var (i, j) = (0, 0)
    /// Looking for a member elsewhere costs a walk, so a few are looked for so; then a table is made.
    var odd = 0
    while i < old.count && j < new.count {
      let (a, b) = (old[i], new[j])
      if a.name == b.name {
        note(a.name, a.value, b.value)
        i += 1
        j += 1
        continue
      }
      odd += 1
      guard odd <= 4 else { break }
      if !new[j...].contains(where: { $0.name == a.name }) {
        note(a.name, a.value, nil)
        i += 1
      } else if !old[i...].contains(where: { $0.name == b.name }) {
        note(b.name, nil, b.value)
        j += 1
      } else {
        break
      }
    }
    if i == old.count || j == new.count {
      for member in old[i...] { note(member.name, member.value, nil) }
      for member in new[j...] { note(member.name, nil, member.value) }
      return all.comparison
    }
    var rest: [ByteString: JSONValue] = [:]
    for member in new[j...] { rest[member.name] = member.value }
    for member in old[i...] { note(member.name, member.value, rest.removeValue(forKey: member.name)) }
    for member in new[j...] where rest[member.name] != nil { note(member.name, nil, member.value) }
    return all.comparison
  }

  /// Items that stand there more than once can't be told apart, so they are one leaf.
  private func compareItems(_ old: [JSONValue], _ new: [JSONValue], _ item: ID, _ keys: [Key]) -> Comparison {
    var all = Collector()
    let a = ItemIndex(old, keys)
    let b = ItemIndex(new, keys)
    for element in a.order + b.order.filter({ a[$0] == nil }) {
      let before = a[element] ?? []
      let after = b[element] ?? []
      switch (before.count, after.count) {
      case (...1, ...1): all.add(element, compare(before.first, after.first, item, Self.nothing))
      case (2..., 2...): all.add(element, Difference(here: before == after ? .same : .modified))
      case (2..., _):
        // The marker of several goes, the one that is left comes with its parts.
        if let first = after.first { all.add(element, compare(nil, first, item, Self.nothing)) }
        all.add(element, Difference(here: .removed))
      default:
        if let first = before.first { all.add(element, compare(first, nil, item, Self.nothing)) }
        all.add(element, Difference(here: .added))
      }
    }
    return all.comparison
  }
}

/// The items of a list by what tells them apart, in the order of their first appearance. Items that nothing can tell
/// apart are left out: they were refused, or reported, before.
struct ItemIndex {
  private(set) var order: [PathElement] = []
  /// The items of `order[place]`.
  private(set) var items: [[JSONValue]] = []
  /// Only of long lists; a short one is scanned.
  private var places: [PathElement: Int]?
  private static let scanMax = 8

  init(_ list: [JSONValue], _ keys: [MergeSchema.Key]) {
    order.reserveCapacity(list.count)
    items.reserveCapacity(list.count)
    if list.count > Self.scanMax { places = Dictionary(minimumCapacity: list.count) }
    for item in list {
      guard let element = try? MergeSchema.element(of: item, keys) else { continue }
      if let place = place(of: element) {
        items[place].append(item)
      } else {
        places?[element] = order.count
        order.append(element)
        items.append([item])
      }
    }
  }

  func place(of element: PathElement) -> Int? {
    if let places { return places[element] }
    return order.firstIndex(of: element)
  }

  subscript(element: PathElement) -> [JSONValue]? { place(of: element).map { items[$0] } }
}

extension MergeSchema {
  /// What tells an item of a list apart from the others: its keys, or itself in a set (`keys` empty). Throws for one
  /// that has no such thing.
  static func element(of item: JSONValue, _ keys: [Key]) throws(FieldsError) -> PathElement {
    guard !keys.isEmpty else {
      switch item {
      case .object: throw FieldsError("associative list without keys has an element that's a map type")
      case .array: throw FieldsError("not supported: associative list with lists as elements")
      case .null: throw FieldsError("associative list without keys has an element that's an explicit null")
      default: return .value(item)
      }
    }
    if item.isNull { throw FieldsError("associative list with keys may not have a null element") }
    guard let members = item.object else {
      throw FieldsError("associative list with keys may not have non-map elements")
    }
    let found = keys.compactMap { key in (members[key.name] ?? key.defaultValue).map { PathElement.Key(key.name, $0) } }
    if found.isEmpty {
      let names = "[" + keys.map { "\"\($0.name)\"" }.joined(separator: " ") + "]"
      throw FieldsError(
        "associative list with keys has an element that omits all key fields \(names) (and doesn't have default values for any key fields)"
      )
    }
    return .key(PathElement.sorted(found))
  }
}
