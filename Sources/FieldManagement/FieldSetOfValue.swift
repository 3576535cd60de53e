import JSON

extension MergeSchema {
  /// The paths that whoever wrote `value` owns by it: scalars and atomic values, items of lists, entries of maps, and
  /// what is given empty or null. (structured-merge-diff: `ToFieldSet`)
  func fieldSet(of value: JSONValue) -> FieldSet { below(value, root).children }

  /// What is below a value, and whether the value itself is a leaf.
  private func below(_ value: JSONValue, _ id: ID) -> (isLeaf: Bool, children: FieldSet) {
    switch self[id].kind {
    case .scalar, .opaque, .atomic, .list: return (true, FieldSet())
    case .deduced where value.object == nil: return (true, FieldSet())
    case .structure, .map, .deduced:
      let entries = (value.object?.members ?? []).compactMap { member -> FieldSet.Entry? in
        guard let child = child(member.name, of: id) else { return nil }
        let (isLeaf, children) = below(member.value, child)
        let isEmpty = member.value.isNull || member.value.object?.isEmpty == true
        return FieldSet.Entry(
          element: .field(member.name), isMember: isLeaf || isEmpty || !isNamed(member.name, in: id), children: children
        )
      }
      return (false, FieldSet(unsorted: entries))
    case .set(let item): return (false, items(value, item, []))
    case .keyed(let item, let keys): return (false, items(value, item, keys))
    }
  }

  private func items(_ value: JSONValue, _ item: ID, _ keys: [Key]) -> FieldSet {
    let index = ItemIndex(value.array ?? [], keys)
    return FieldSet(
      unsorted: index.order.map { element in
        let all = index[element] ?? []
        let children = all.count == 1 ? below(all[0], item).children : FieldSet()
        return FieldSet.Entry(element: element, isMember: true, children: children)
      })
  }

  /// `set` and the named members above its paths, which are not in it by themselves. (`EnsureNamedFieldsAreMembers`)
  func withNamedFields(_ set: FieldSet) -> FieldSet { withNamedFields(set, root) }

  private func withNamedFields(_ set: FieldSet, _ id: ID?) -> FieldSet {
    FieldSet(
      sorted: set.entries.map { entry in
        var isMember = entry.isMember
        var child: ID?
        switch (entry.element, id.map { self[$0].kind }) {
        case (.field(let name), .structure?), (.field(let name), .deduced?):
          child = id.flatMap { self.child(name, of: $0) }
          if let id, child != nil, !entry.children.isEmpty, isNamed(name, in: id) { isMember = true }
        case (.field, .map(let item)?): child = item
        case (.key, .keyed(let item, _)?): child = item
        default: break
        }
        return FieldSet.Entry(
          element: entry.element, isMember: isMember, children: withNamedFields(entry.children, child))
      })
  }

  /// Is every item and map entry above a path of `set` in the set itself? So it is in what was applied; named members
  /// need not be.
  func ownsItemsOfItsPaths(_ set: FieldSet) -> Bool { ownsItems(set, root) }

  private func ownsItems(_ set: FieldSet, _ id: ID?) -> Bool {
    set.entries.allSatisfy { entry in
      if entry.children.isEmpty { return true }
      switch (entry.element, id.map { self[$0].kind }) {
      case (.field(let name), .structure?), (.field(let name), .deduced?):
        guard let id, let child = child(name, of: id) else { return false }
        return (entry.isMember || isNamed(name, in: id)) && ownsItems(entry.children, child)
      case (.field, .map(let item)?), (.key, .keyed(let item, _)?):
        return entry.isMember && ownsItems(entry.children, item)
      default: return false
      }
    }
  }

  /// `value` without what is at the paths of `set`. A container that loses its last member by that is left empty, not
  /// null. (`RemoveItems` of structured-merge-diff 6.3.2, which Kubernetes 1.36 has.)
  func removing(_ set: FieldSet, from value: JSONValue) -> JSONValue { removing(set, value, root) ?? .null }

  /// nil: nothing is left, and nothing was taken out of it either.
  private func removing(_ set: FieldSet, _ value: JSONValue, _ id: ID) -> JSONValue? {
    if set.isEmpty { return value }
    switch self[id].kind {
    case .scalar, .opaque: return value
    case .atomic, .list: return nil
    case .deduced where value.object == nil: return value.array == nil ? value : nil
    case .structure, .map, .deduced:
      guard let members = value.object?.members, !members.isEmpty else { return nil }
      var wentInside = false
      var kept: [JSONObject.Member] = []
      kept.reserveCapacity(members.count)
      for member in members {
        guard let entry = set.entry(.field(member.name)) else {
          kept.append(member)
          continue
        }
        if entry.isMember { continue }
        guard let child = child(member.name, of: id) else {
          kept.append(member)
          continue
        }
        wentInside = true
        kept.append(JSONObject.Member(member.name, removingInside(entry.children, member.value, child)))
      }
      return kept.isEmpty && !wentInside ? nil : .object(JSONObject(unchecked: kept))
    case .set(let item): return removingItems(set, value, item, [])
    case .keyed(let item, let keys): return removingItems(set, value, item, keys)
    }
  }

  /// What is gone from a container leaves the container.
  private func removingInside(_ set: FieldSet, _ value: JSONValue, _ id: ID) -> JSONValue {
    if let left = removing(set, value, id) { return left }
    if value.object != nil { return [:] }
    return value.array != nil ? [] : .null
  }

  private func removingItems(_ set: FieldSet, _ value: JSONValue, _ item: ID, _ keys: [Key]) -> JSONValue? {
    let kept = (value.array ?? []).compactMap { value -> JSONValue? in
      guard let element = try? Self.element(of: value, keys), let entry = set.entry(element) else { return value }
      return entry.isMember ? nil : removingInside(entry.children, value, item)
    }
    return kept.isEmpty ? nil : .array(kept)
  }
}
