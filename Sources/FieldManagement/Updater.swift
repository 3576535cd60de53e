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
  let versions: ServedVersions
  /// What this kind of write can't change, and so nobody owns by it.
  let resetFields: FieldSet

  private var apiVersion: String { versions.current }
  private var schema: MergeSchema { versions.schema }

  /// Ownership after `new` has replaced `old`: whoever else owns what changed loses it. With `refusing`, what would be
  /// lost to `writer` is thrown instead.
  private func shift(
    _ managed: inout ManagedFields, _ old: JSONValue, _ new: JSONValue, writer: ManagerID, refusing: Bool
  ) throws(FieldConflicts) -> Comparison {
    let comparison = schema.compare(old, new, ignoring: resetFields)
    var comparisons = [apiVersion: comparison]
    /// In a manager's own version; nil where that is not served.
    func compared(in version: String) -> Comparison? {
      if let known = comparisons[version] { return known }
      guard let schema = versions[version], let old = versions.object(old, in: version),
        let new = versions.object(new, in: version)
      else { return nil }
      let comparison = schema.compare(old, new, ignoring: resetFields)
      comparisons[version] = comparison
      return comparison
    }
    var conflicts: [FieldConflict] = []
    for id in Array(managed.sets.keys) where id != writer {
      guard let owned = managed.sets[id] else { continue }
      guard let comparison = compared(in: owned.apiVersion) else {
        managed.sets[id] = nil
        continue
      }
      if comparison.isEmpty { continue }
      let lost = owned.set.intersection(comparison.modified).union(owned.set.intersection(comparison.added))
      if refusing { lost.forEach { conflicts.append(FieldConflict(manager: id, path: $0)) } }
      if !lost.isEmpty || !owned.set.intersection(comparison.removed).isEmpty {
        managed.sets[id]?.set = owned.set.subtracting(lost).subtracting(comparison.removed)
      }
    }
    if !conflicts.isEmpty {
      // Paths of one manager are in order already, and stay so.
      let places = Dictionary(
        uniqueKeysWithValues: ManagerID.sorted(Set(conflicts.map(\.manager))).enumerated().map { ($1, $0) })
      let sorted = conflicts.enumerated().sorted { a, b in
        let (x, y) = (places[a.element.manager] ?? 0, places[b.element.manager] ?? 0)
        return (x, a.offset) < (y, b.offset)
      }
      throw FieldConflicts(conflicts: sorted.map(\.element))
    }
    managed.sets = managed.sets.filter { !$0.value.set.isEmpty }
    return comparison
  }

  /// An update by any other way than apply. Returns what the writer has come to own by it, beside what it owned.
  func update(_ managed: inout ManagedFields, _ old: JSONValue, _ new: JSONValue) -> FieldSet {
    // The writer takes fields as nobody yet: also those that it owns already, so that its time moves only when
    // something changed.
    let nobody = ManagerID(manager: "", operation: .update, apiVersion: "", subresource: "")
    guard let comparison = try? shift(&managed, old, new, writer: nobody, refusing: false) else { return FieldSet() }
    return comparison.modified.union(comparison.added)
  }

  /// Lays `config` over `live` as `writer`'s whole intent: what it owned alone and leaves out goes. nil: nothing
  /// changed.
  func apply(
    _ managed: inout ManagedFields, live: JSONValue, config: JSONValue, writer: ManagerID, force: Bool
  ) throws(FieldConflicts) -> JSONValue? {
    let last = managed.sets[writer]
    managed.sets[writer] = VersionedSet(
      set: schema.fieldSet(of: config).subtractingRecursively(resetFields), apiVersion: apiVersion)
    let new = prune(schema.merge(live, config), managed, writer, last)
    let comparison = try shift(&managed, live, new, writer: writer, refusing: !force)
    // The comparison knows no order, nor what this write can't change.
    return comparison.isEmpty && new.isSameValue(as: live) ? nil : new
  }

  /// Takes away what the writer owned at its last apply and nobody owns now.
  private func prune(
    _ merged: JSONValue, _ managed: ManagedFields, _ writer: ManagerID, _ last: VersionedSet?
  ) -> JSONValue {
    guard let last, !last.set.isEmpty else { return merged }
    // All that was owned is owned again, as mostly: then whatever is taken away comes back below. (Why just so: an item
    // that is not owned itself could be taken away with its parts.)
    if last.apiVersion == apiVersion, let own = managed.sets[writer]?.set, last.set.isSubset(of: own),
      schema.ownsItemsOfItsPaths(last.set)
    {
      return merged
    }
    guard let schema = versions[last.apiVersion], let start = versions.object(merged, in: last.apiVersion) else {
      return merged
    }
    let lastSet = schema.withNamedFields(last.set)
    var pruned = schema.removing(lastSet, from: start)
    // Parts of what was taken away may be owned by others, and come back with all that is above them; in the version of
    // the last apply first, since what is missing there could keep the object from being converted.
    let owned = Dictionary(grouping: managed.sets.values) { ByteString($0.apiVersion) }
      .mapValues { FieldSet.union(of: $0.map(\.set)) }
    var whole = start
    for version in [last.apiVersion] + owned.keys.map(\.text).sorted().filter({ $0 != last.apiVersion }) {
      guard let set = owned[version], let schema = versions[version], let all = versions.object(whole, in: version),
        let left = versions.object(pruned, in: version)
      else { continue }
      let allSet = schema.withNamedFields(schema.fieldSet(of: all))
      let leftSet = schema.withNamedFields(schema.fieldSet(of: left))
      pruned = schema.removing(allSet.subtracting(leftSet.union(schema.withNamedFields(set))), from: all)
      whole = all
    }
    // What the writer never owned, but hung below something that it did, stays too.
    guard let kept = versions.object(pruned, in: last.apiVersion) else { return merged }
    let startSet = schema.withNamedFields(schema.fieldSet(of: start))
    let keptSet = schema.withNamedFields(schema.fieldSet(of: kept))
    let result = schema.removing(startSet.subtracting(keptSet).intersection(lastSet), from: start)
    return versions.object(result, in: apiVersion) ?? merged
  }
}
