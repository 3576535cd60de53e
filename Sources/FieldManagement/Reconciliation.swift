extension MergeSchema {
  /// A set that was written when the type may have been another: what a manager owned inside of something that is owned
  /// as a whole now, it owns as that whole. What was a whole and no longer is stays as it is. nil: nothing to change.
  /// (structured-merge-diff: `ReconcileFieldSetWithSchema`)
  func reconciled(_ set: FieldSet) -> FieldSet? { reconciled(set, root) }

  private func reconciled(_ set: FieldSet, _ id: ID) -> FieldSet? {
    var entries = set.entries
    var isChanged = false
    for (place, entry) in entries.enumerated() where !entry.children.isEmpty {
      guard let child = child(entry.element, of: id) else { continue }
      if isWhole(child) {
        entries[place] = FieldSet.Entry(element: entry.element, isMember: true, children: FieldSet())
        isChanged = true
      } else if let children = reconciled(entry.children, child) {
        entries[place].children = children
        isChanged = true
      }
    }
    return isChanged ? FieldSet(sorted: entries) : nil
  }

  private func isWhole(_ id: ID) -> Bool {
    switch self[id].kind {
    case .atomic, .list: true
    case .scalar, .opaque, .structure, .deduced, .map, .set, .keyed: false
    }
  }

  private func child(_ element: PathElement, of id: ID) -> ID? {
    switch (self[id].kind, element) {
    case (.structure, .field(let name)), (.deduced, .field(let name)): child(name, of: id)
    case (.map(let item), _): item
    case (.set(let item), _), (.keyed(let item, _), _): item
    default: nil
    }
  }
}
