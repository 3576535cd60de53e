import ByteBuffers
public import JSON
public import Machinery
public import Schema

/// Field ownership of one resource: keeps `metadata.managedFields` with every write, and applies configurations.
/// (Kubernetes: `managedfields.FieldManager`; semantics 2.41 to 2.43)
public struct FieldManager: Sendable {
  let versions: ServedVersions
  private var schema: MergeSchema { versions.schema }
  let kind: GroupVersionKind
  /// An object of the type with nothing in it: what a creation starts from.
  private let empty: JSONValue

  /// More Update managers than this are merged, oldest first.
  private static let updateManagersMax = 10
  private static let lastApplied = "kubectl.kubernetes.io/last-applied-configuration"

  /// Whoever writes.
  public struct Writer: Sendable {
    /// The field manager by name; empty for a client that has none.
    public let name: String
    /// `status`, or empty.
    public let subresource: String
    /// Paths of members that this kind of write can't change.
    public let resetFields: FieldSet
    public init(name: String, subresource: String, resetFields: FieldSet) {
      self.name = name
      self.subresource = subresource
      self.resetFields = resetFields
    }
  }

  /// `empty`: an object of the type as it is decoded from nothing. `others`: the other versions of the kind that are
  /// served, by apiVersion; `convert` gives an object in one of them, or from one of them, and nil where it can't. By
  /// default only apiVersion differs.
  public init(
    _ model: TypeModel, type: TypeModel.TypeID, kind: GroupVersionKind, empty: JSONValue,
    others: [ByteString: MergeSchema] = [:],
    convert: @escaping @Sendable (JSONValue, String) -> JSONValue? = Self.renamed
  ) {
    versions = ServedVersions(
      current: kind.groupVersion.description, MergeSchema(model, root: type), others: others, convert: convert)
    self.kind = kind
    self.empty = empty
  }

  /// The same of a kind whose types no model has. `schema`: what may be owned.
  public init(
    _ schema: MergeSchema, kind: GroupVersionKind, empty: JSONValue, others: [ByteString: MergeSchema],
    convert: @escaping @Sendable (JSONValue, String) -> JSONValue?
  ) {
    versions = ServedVersions(current: kind.groupVersion.description, schema, others: others, convert: convert)
    self.kind = kind
    self.empty = empty
  }

  /// An object with another apiVersion, and nothing else changed.
  @Sendable public static func renamed(_ object: JSONValue, _ apiVersion: String) -> JSONValue? {
    var object = object
    object["apiVersion"] = .string(apiVersion)
    return object
  }

  /// The name of a client that gave no field manager: the first part of its User-Agent, made printable and short
  /// enough.
  public static func manager(named name: String, userAgent: String) -> String {
    if !name.isEmpty { return name }
    var found = ""
    for scalar in userAgent.unicodeScalars.prefix(while: { $0 != "/" }) where GoText.isPrintable(scalar) {
      if found.utf8.count + scalar.utf8.count > 128 { break }
      found.unicodeScalars.append(scalar)
    }
    return found
  }

  private func id(_ writer: Writer, _ operation: ManagerID.Operation) -> ManagerID {
    ManagerID(
      manager: writer.name.isEmpty ? "unknown" : writer.name, operation: operation,
      apiVersion: operation == .apply ? "" : kind.groupVersion.description, subresource: writer.subresource)
  }

  private func updater(_ writer: Writer) -> Updater {
    Updater(versions: versions, resetFields: writer.resetFields)
  }

  // MARK: update

  /// Sets the managedFields of `new`, which is to replace `live` (nil: to be created). Never fails: what can't be read
  /// counts as nothing. `now`: seconds since 1970.
  public func update(live: JSONValue?, new: inout JSONValue, writer: Writer, now: Int64) {
    var managed = self.managed(live, new, isSubresource: !writer.subresource.isEmpty)
    new["metadata"]?["managedFields"] = nil
    // Whoever clears managedFields is left alone until somebody applies again.
    if !managed.sets.isEmpty || live == nil {
      track(&managed, live ?? empty, new, writer, now)
      cap(&managed)
    }
    Self.set(managed, in: &new)
  }

  /// managedFields that a client sends count, so that it can change them, but not through a subresource. An empty list,
  /// or one of nothing, clears them; none at all leaves them, as clients may not know them.
  private func managed(_ live: JSONValue?, _ new: JSONValue, isSubresource: Bool) -> ManagedFields {
    let old = live?["metadata"]?["managedFields"]
    if !isSubresource {
      let given = new["metadata"]?["managedFields"]
      if let list = given?.array, list.isEmpty || list.count == 1 && list[0].object?.isEmpty == true {
        return ManagedFields()
      }
      if let sent = try? ManagedFields(given, versions), !sent.sets.isEmpty { return sent }
    }
    return (try? ManagedFields(old, versions)) ?? ManagedFields()
  }

  private func track(
    _ managed: inout ManagedFields, _ live: JSONValue, _ new: JSONValue, _ writer: Writer, _ now: Int64
  ) {
    let taken = updater(writer).update(&managed, live, new).subtracting(Self.neverOwned)
    guard !taken.isEmpty else { return }
    let id = id(writer, .update)
    managed.times[id] = now
    let owned = managed.sets[id]?.set ?? FieldSet()
    if !taken.subtracting(owned).isEmpty {
      managed.sets[id] = VersionedSet(set: taken.union(owned), apiVersion: kind.groupVersion.description)
    }
  }

  private static let neverOwned = FieldSet(fields: [
    ["apiVersion"], ["kind"], ["metadata"], ["metadata", "name"], ["metadata", "namespace"],
    ["metadata", "creationTimestamp"], ["metadata", "selfLink"],
    ["metadata", "uid"], ["metadata", "clusterName"], ["metadata", "generation"], ["metadata", "managedFields"],
    ["metadata", "resourceVersion"],
  ])

  /// Merges the oldest Update managers of a version into one, "ancient-changes", until there are few enough.
  private func cap(_ managed: inout ManagedFields) {
    let updaters = managed.sets.keys.filter { $0.operation == .update }
    var count = updaters.count
    guard count > Self.updateManagersMax else { return }
    let named = updaters.map { (id: $0, time: managed.times[$0] ?? 0, name: $0.identifier) }
    let oldest = named.sorted { $0.time != $1.time ? $0.time < $1.time : ManagerID.precedes($0.name, $1.name) }
    var first: [ByteString: ManagerID] = [:]
    // What each bucket gets beside what it has.
    var parts: [ManagerID: [FieldSet]] = [:]
    for (id, _, _) in oldest {
      guard count > Self.updateManagersMax else { break }
      guard let owned = managed.sets[id] else { continue }
      guard let start = first[owned.apiVersion] else {
        first[owned.apiVersion] = id
        continue
      }
      let bucket = ManagerID(
        manager: "ancient-changes", operation: .update, apiVersion: owned.apiVersion, subresource: "")
      if managed.sets[bucket] == nil {
        managed.sets[bucket] = managed.sets[start]
        managed.sets[start] = nil
      }
      guard id != bucket else { continue }
      parts[bucket, default: []].append(owned.set)
      managed.times[bucket] = managed.times[id]
      managed.sets[id] = nil
      count -= 1
    }
    for (bucket, sets) in parts {
      let whole = FieldSet.union(of: [managed.sets[bucket]?.set ?? FieldSet()] + sets)
      managed.sets[bucket] = VersionedSet(set: whole, apiVersion: bucket.apiVersion)
    }
  }

  private static func set(_ managed: ManagedFields, in object: inout JSONValue) {
    guard var meta = object["metadata"]?.object else { return }
    meta["managedFields"] = managed.entries
    object["metadata"] = .object(meta)
  }

  // MARK: apply

  /// What comes of applying `config` to `live` (nil: to be created), with its managedFields; neither decoded nor
  /// defaulted yet. Throws 400 for a configuration of another type or with managedFields, 500 for one with fields that
  /// the type does not have (semantics 2.52), and 409 with every conflict.
  public func apply(
    live: JSONValue?, config: JSONValue, writer: Writer, force: Bool, now: Int64
  ) throws(Status) -> JSONValue {
    var managed: ManagedFields
    do { managed = try ManagedFields(live?["metadata"]?["managedFields"], versions) } catch {
      throw .plain(500, "failed to decode managed fields: \(error)")
    }
    let given = GroupVersionKind(
      GroupVersion(parsing: config["apiVersion"]?.string ?? ""), kind: config["kind"]?.string ?? "")
    guard given == kind else { throw .badRequest("invalid object type: \(Self.text(given))") }
    let start = live ?? empty
    if managed.sets.isEmpty {
      let before = Writer(name: "before-first-apply", subresource: writer.subresource, resetFields: writer.resetFields)
      var bare = start
      bare["metadata"]?["managedFields"] = nil
      track(&managed, empty, bare, before, now)
      cap(&managed)
    }
    // An empty list is one too; what is no list of entries is found with the rest of the type.
    if let list = config["metadata"]?["managedFields"]?.array, list.allSatisfy({ $0.object != nil }) {
      throw .badRequest("metadata.managedFields must be nil")
    }
    if let problems = schema.problems(config) {
      let (namespace, name) = (
        config["metadata"]?["namespace"]?.string ?? "", config["metadata"]?["name"]?.string ?? ""
      )
      throw .plain(500, "failed to create typed patch object (\(namespace)/\(name); \(Self.text(kind))): \(problems)")
    }
    let writerID = id(writer, .apply)
    var after = managed
    var changed: JSONValue?
    do {
      changed = try updater(writer).apply(&after, live: start, config: config, writer: writerID, force: force)
    } catch {
      // kubectl may take over what it owned by the annotation of its client-side apply.
      guard writer.name == "kubectl", let allowed = clientSideFields(start) else { throw Self.status(error.conflicts) }
      let rest = error.conflicts.filter { !allowed.has($0.path[...]) }
      guard rest.isEmpty else { throw Self.status(rest) }
      after = managed
      do {
        changed = try updater(writer).apply(&after, live: start, config: config, writer: writerID, force: true)
      } catch { throw Self.status(error.conflicts) }
    }
    if let own = after.sets[writerID] {
      let kept = own.set.subtracting(Self.neverOwned)
      after.sets[writerID] = kept.isEmpty ? nil : VersionedSet(set: kept, apiVersion: own.apiVersion)
    }
    if changed != nil { after.times[writerID] = now }
    var result = changed ?? start
    if writer.name == "kubectl" { Self.refreshLastApplied(&result, config) }
    Self.set(after, in: &result)
    return result
  }

  /// What the annotation of a client-side apply says and is still so; nil without one that can be read.
  private func clientSideFields(_ live: JSONValue) -> FieldSet? {
    guard let text = live["metadata"]?["annotations"]?[Self.lastApplied]?.string,
      let last = try? JSONValue(parsing: text),
      last["apiVersion"]?.string == kind.groupVersion.description, last["kind"]?.string == kind.kind,
      schema.problems(last) == nil,
      schema.problems(live) == nil
    else { return nil }
    let difference = schema.compare(last, live)
    return schema.fieldSet(of: last).subtracting(difference.modified).subtracting(difference.added).subtracting(
      difference.removed)
  }

  /// Keeps the annotation true for a kubectl that goes back to client-side apply.
  private static func refreshLastApplied(_ object: inout JSONValue, _ config: JSONValue) {
    guard object["metadata"]?["annotations"]?[lastApplied]?.string?.isEmpty == false else { return }
    var config = config
    if let annotations = config["metadata"]?["annotations"] {
      if annotations.object != nil {
        config["metadata"]?["annotations"]?[lastApplied] = nil
      } else {
        config["metadata"]?["annotations"] = nil
      }
    }
    object["metadata"]?["annotations"]?[lastApplied] = .string(config.sortedByName.encoded().text + "\n")
    let size = (object["metadata"]?["annotations"]?.object?.members ?? []).reduce(0) {
      $0 + $1.name.utf8.count + ($1.value.string?.utf8.count ?? 0)
    }
    if size > 256 << 10 { object["metadata"]?["annotations"]?[lastApplied] = nil }
  }

  private static func text(_ kind: GroupVersionKind) -> String {
    "\(kind.groupVersion.group)/\(kind.groupVersion.version), Kind=\(kind.kind)"
  }

  private static func status(_ conflicts: [FieldConflict]) -> Status {
    func text(_ path: [PathElement]) -> String { path.map(\.description).joined() }
    let message: String
    if let only = conflicts.first, conflicts.count == 1 {
      message = "Apply failed with 1 conflict: conflict with \(only.manager.shown): \(text(only.path))"
    } else {
      var lines: [String] = []
      var last: ManagerID?
      for conflict in conflicts {
        if conflict.manager != last { lines.append("conflicts with \(conflict.manager.shown):") }
        last = conflict.manager
        lines.append("- \(text(conflict.path))")
      }
      message = "Apply failed with \(conflicts.count) conflicts: \(lines.joined(separator: "\n"))"
    }
    let causes = conflicts.map {
      Status.Cause(reason: "FieldManagerConflict", message: "conflict with \($0.manager.shown)", field: text($0.path))
    }
    return Status(code: 409, reason: "Conflict", message: message, details: Status.Details(causes: causes))
  }
}
