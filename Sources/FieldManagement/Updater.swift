import JSON

/// A manager whose field an apply would change.
struct FieldConflict: Equatable {
  let manager: ManagerID
  let path: [PathElement]
}

/// The apply has to be refused, or forced.
struct FieldConflicts: Error {
  let conflicts: [FieldConflict]
}

/// Moves ownership as objects change. (structured-merge-diff: `merge.Updater`)
struct Updater {
  let schema: MergeSchema
  let apiVersion: String
  /// What this kind of write can't change, and so nobody owns by it.
  let resetFields: FieldSet

  /// Ownership after `new` has replaced `old`: whoever else owns what changed loses it. With `refusing`, what would be lost to `writer` is thrown instead.
  private func shift(_ managed: inout ManagedFields, _ old: JSONValue, _ new: JSONValue, writer: ManagerID, refusing: Bool) throws(FieldConflicts) -> Comparison {
    let comparison = schema.compare(old, new, ignoring: resetFields)
    let changed = comparison.modified.union(comparison.added)
    var conflicts: [FieldConflict] = []
    for id in managed.sets.keys.sorted(by: ManagerID.precedes) where id != writer {
      guard let owned = managed.sets[id] else { continue }
      // No other version of the type is served, so nobody can say what its fields are.
      guard owned.apiVersion == apiVersion else {
        managed.sets[id] = nil
        continue
      }
      let lost = owned.set.intersection(changed)
      if refusing { lost.forEach { conflicts.append(FieldConflict(manager: id, path: $0)) } }
      if !lost.isEmpty || !owned.set.intersection(comparison.removed).isEmpty {
        managed.sets[id]?.set = owned.set.subtracting(lost).subtracting(comparison.removed)
      }
    }
    if !conflicts.isEmpty { throw FieldConflicts(conflicts: conflicts) }
    managed.sets = managed.sets.filter { !$0.value.set.isEmpty }
    return comparison
  }

  /// An update by any other way than apply. Returns what the writer has come to own by it, beside what it owned.
  func update(_ managed: inout ManagedFields, _ old: JSONValue, _ new: JSONValue) -> FieldSet {
    // The writer takes fields as nobody yet: also those that it owns already, so that its time moves only when something changed.
    let nobody = ManagerID(manager: "", operation: .update, apiVersion: "", subresource: "")
    guard let comparison = try? shift(&managed, old, new, writer: nobody, refusing: false) else { return FieldSet() }
    return comparison.modified.union(comparison.added)
  }

  /// Lays `config` over `live` as `writer`'s whole intent: what it owned alone and leaves out goes. nil: nothing changed.
  func apply(_ managed: inout ManagedFields, live: JSONValue, config: JSONValue, writer: ManagerID, force: Bool) throws(FieldConflicts) -> JSONValue? {
    let last = managed.sets[writer]
    managed.sets[writer] = VersionedSet(set: schema.fieldSet(of: config).subtractingRecursively(resetFields), apiVersion: apiVersion)
    let new = prune(schema.merge(live, config), managed, last)
    _ = try shift(&managed, live, new, writer: writer, refusing: !force)
    return new.isSameValue(as: live) ? nil : new
  }

  /// Takes away what the writer owned at its last apply and nobody owns now.
  private func prune(_ merged: JSONValue, _ managed: ManagedFields, _ last: VersionedSet?) -> JSONValue {
    guard let last, !last.set.isEmpty, last.apiVersion == apiVersion else { return merged }
    let lastSet = schema.withNamedFields(last.set)
    let pruned = schema.removing(lastSet, from: merged)
    // Parts of what was taken away may be owned by others, and come back with all that is above them.
    let owned = managed.sets.values.filter { $0.apiVersion == apiVersion }.reduce(FieldSet()) { $0.union($1.set) }
    let mergedSet = schema.withNamedFields(schema.fieldSet(of: merged))
    let prunedSet = schema.withNamedFields(schema.fieldSet(of: pruned))
    let kept = schema.removing(mergedSet.subtracting(prunedSet.union(schema.withNamedFields(owned))), from: merged)
    // What the writer never owned, but hung below something that it did, stays too.
    let keptSet = schema.withNamedFields(schema.fieldSet(of: kept))
    return schema.removing(mergedSet.subtracting(keptSet).intersection(lastSet), from: merged)
  }
}
