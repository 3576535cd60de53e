import JSON

extension MergeSchema {
  /// `old` with what `new` says laid over it. (structured-merge-diff: `Merge`) Both have been checked.
  func merge(_ old: JSONValue, _ new: JSONValue) -> JSONValue { merge(old, new, root) ?? .null }

  /// nil: nothing there.
  private func merge(_ old: JSONValue?, _ new: JSONValue?, _ id: ID) -> JSONValue? {
    switch self[id].kind {
    case .scalar, .opaque, .atomic, .list: return new ?? old
    case .structure, .map:
      let (a, b) = (old?.object?.members ?? [], new?.object?.members ?? [])
      // Nothing on both sides: empty and null stay what they are.
      if a.isEmpty && b.isEmpty { return new ?? old }
      return mergeMembers(a, b, id)
    case .deduced:
      let (a, b) = (old?.object?.members ?? [], new?.object?.members ?? [])
      // Of two kinds that differ the new one counts; null is of any kind.
      let isOfOneKind = [old, new].allSatisfy { $0 == nil || $0?.isNull == true || $0?.object != nil }
      if !isOfOneKind || a.isEmpty && b.isEmpty { return new ?? old }
      return mergeMembers(a, b, id)
    case .set(let item): return mergeLists(old, new, item, [])
    case .keyed(let item, let keys): return mergeLists(old, new, item, keys)
    }
  }

  private func mergeMembers(_ old: [JSONObject.Member], _ new: [JSONObject.Member], _ id: ID) -> JSONValue? {
    var members = old
    members.reserveCapacity(old.count + new.count)
    // Looking through few members is faster than a table of them.
    var places: [ByteString: Int]?
    if old.count * new.count > 256 {
      places = Dictionary(old.enumerated().map { (ByteString($1.name), $0) }, uniquingKeysWith: { first, _ in first })
    }
    for member in new {
      guard let child = child(member.name, of: id) else { continue }
      let known = places.map { $0[member.name] } ?? old.firstIndex { $0.name == member.name }
      if let place = known {
        guard let merged = merge(members[place].value, member.value, child) else { continue }
        members[place].value = merged
      } else if let merged = merge(nil, member.value, child) {
        members.append(JSONObject.Member(member.name, merged))
      }
    }
    return members.isEmpty ? nil : .object(JSONObject(unchecked: members))
  }

  private func mergeLists(_ old: JSONValue?, _ new: JSONValue?, _ item: ID, _ keys: [Key]) -> JSONValue? {
    let (a, b) = (old?.array ?? [], new?.array ?? [])
    if a.isEmpty && b.isEmpty { return new ?? old }
    let merged = ListMerge(self, a, b, item, keys).run { x, y in merge(x, y, item) }
    return merged.isEmpty ? nil : .array(merged)
  }
}

/// Merges two lists whose items can be told apart. Items of the new list keep its order; items that only the old list
/// has stay behind the item that they stood behind.
private struct ListMerge {
  private let old: [JSONValue]
  private let oldElements: [PathElement]
  private let newElements: [PathElement]
  private let oldIndex: ItemIndex
  private let newIndex: ItemIndex

  init(_ schema: MergeSchema, _ old: [JSONValue], _ new: [JSONValue], _ item: MergeSchema.ID, _ keys: [MergeSchema.Key])
  {
    // An item without an element can't be placed; it is not lost, but checked before: new ones were refused.
    let known = old.compactMap { item in (try? MergeSchema.element(of: item, keys)).map { ($0, item) } }
    self.old = known.map(\.1)
    oldElements = known.map(\.0)
    oldIndex = ItemIndex(self.old, keys)
    newIndex = ItemIndex(new, keys)
    newElements = newIndex.order
  }

  /// Of an old item that is there more than once none can be merged with: it counts as null.
  private func oldItem(_ element: PathElement) -> JSONValue? {
    guard let all = oldIndex[element] else { return nil }
    return all.count == 1 ? all[0] : .null
  }

  func run(_ merge: (JSONValue?, JSONValue?) -> JSONValue?) -> [JSONValue] {
    var out: [JSONValue] = []
    out.reserveCapacity(old.count + newElements.count)
    func add(_ a: JSONValue?, _ b: JSONValue?) {
      if let merged = merge(a, b) { out.append(merged) }
    }
    /// Items of both lists in the order of the new one: each is waited for in the old list before what stands behind it
    /// there is taken.
    var shared = newElements.filter { oldIndex[$0] != nil }[...]
    var done: Set<PathElement> = []
    var i = 0
    var j = 0
    func takeNew() {
      let element = newElements[j]
      done.insert(element)
      add(oldItem(element), newIndex[element]?.first)
      j += 1
      if shared.first == element { shared = shared.dropFirst() }
    }
    while i < oldElements.count || j < newElements.count {
      if i < oldElements.count && j < newElements.count {
        if oldElements[i] == newElements[j] {
          i += 1
          takeNew()
          continue
        }
        if newIndex[oldElements[i]] != nil, let next = shared.first, next != oldElements[i] {
          i += 1  // in both lists, but not its turn
          continue
        }
      }
      if i < oldElements.count {
        if newIndex[oldElements[i]] == nil {
          add(old[i], nil)
          i += 1
          continue
        }
        if done.contains(oldElements[i]) { i += 1 }
      }
      if j < newElements.count { takeNew() }
    }
    return out
  }
}
