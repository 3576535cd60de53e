import ByteBuffers
import JSON
import Machinery

/// Who wrote: what makes two entries of managedFields entries of the same manager.
struct ManagerID: Hashable, Sendable {
  enum Operation: String, Sendable { case apply = "Apply", update = "Update" }
  var manager: String
  var operation: Operation
  /// Empty for those who apply: they stay the same manager in another version.
  var apiVersion: String
  var subresource: String

  /// How upstream names managers inside, as JSON.
  var identifier: SharedBytes {
    var members: [JSONObject.Member] = []
    for (name, text) in [
      ("manager", manager), ("operation", operation.rawValue), ("apiVersion", apiVersion), ("subresource", subresource),
    ] where !text.isEmpty {
      members.append(JSONObject.Member(name, .string(text)))
    }
    return JSONValue.object(JSONObject(unchecked: members)).encoded()
  }

  /// The order in which upstream sorts managers among each other, by their identifiers. `m` of a subresource so comes
  /// before `m`.
  static func precedes(_ a: SharedBytes, _ b: SharedBytes) -> Bool {
    a.withUnsafeBytes { x in b.withUnsafeBytes { y in x.lexicographicallyPrecedes(y) } }
  }

  static func sorted(_ managers: some Sequence<ManagerID>) -> [ManagerID] {
    managers.map { (id: $0, name: $0.identifier) }.sorted { precedes($0.name, $1.name) }.map(\.id)
  }

  /// As conflicts name it: `"one"`, `"two" with subresource "status" using v1`.
  var shown: String {
    var text = GoText.quoted(manager)
    if !subresource.isEmpty { text += " with subresource \(GoText.quoted(subresource))" }
    return operation == .update ? "\(text) using \(apiVersion)" : text
  }
}

/// What one manager owns.
struct VersionedSet: Sendable {
  var set: FieldSet { didSet { text = nil } }
  var apiVersion: String
  /// The set as `fieldsV1`, as long as it is what was read.
  private(set) var text: JSONText?

  init(set: FieldSet, apiVersion: String, text: JSONText? = nil) {
    self.set = set
    self.apiVersion = apiVersion
    self.text = text
  }
}

/// `metadata.managedFields`, read.
struct ManagedFields: Sendable {
  var sets: [ManagerID: VersionedSet] = [:]
  /// Seconds since 1970.
  var times: [ManagerID: Int64] = [:]

  init() {}

  /// Throws for what is no list of entries.
  init(_ value: JSONValue?, _ versions: ServedVersions) throws(FieldsError) {
    for (place, entry) in (value?.array ?? []).enumerated() {
      guard let operation = ManagerID.Operation(rawValue: entry["operation"]?.string ?? "") else {
        throw FieldsError("operation must be `Apply` or `Update`")
      }
      let version = entry["apiVersion"]?.string ?? ""
      guard !version.isEmpty else { throw FieldsError("apiVersion must not be empty") }
      switch entry["fieldsType"]?.string ?? "" {
      case "FieldsV1": break
      case "": throw FieldsError("missing fieldsType in managed fields entry \(place)")
      case let other: throw FieldsError("invalid fieldsType \(GoText.quoted(other)) in managed fields entry \(place)")
      }
      let id = ManagerID(
        manager: entry["manager"]?.string ?? "", operation: operation, apiVersion: operation == .apply ? "" : version,
        subresource: entry["subresource"]?.string ?? "")
      let cache = versions.cache(for: version)
      if case .unread(let text)? = entry["fieldsV1"] {
        let known = try cache.read(text)
        sets[id] = VersionedSet(set: known.set, apiVersion: version, text: known.text)
      } else {
        sets[id] = VersionedSet(set: try cache.read(entry["fieldsV1"] ?? .object(JSONObject())), apiVersion: version)
      }
      times[id] = entry["time"]?.string.flatMap { (try? Timestamp.parse($0))?.seconds }
    }
  }

  /// The entries, sorted by operation, time, manager, version and subresource (semantics 2.41); nil for none.
  var entries: JSONValue? {
    if sets.isEmpty { return nil }
    let sorted = sets.sorted { a, b in
      if a.key.operation != b.key.operation { return a.key.operation == .apply }
      let (x, y) = (times[a.key] ?? 0, times[b.key] ?? 0)
      if x != y { return x < y }
      for (p, q) in [
        (a.key.manager, b.key.manager), (a.value.apiVersion, b.value.apiVersion),
        (a.key.subresource, b.key.subresource),
      ] where p != q {
        return p.utf8.lexicographicallyPrecedes(q.utf8)
      }
      return false
    }
    return .array(
      sorted.map { id, owned in
        var entry: [JSONObject.Member] = []
        entry.reserveCapacity(7)
        func add(_ name: String, _ value: JSONValue) { entry.append(JSONObject.Member(name, value)) }
        if !id.manager.isEmpty { add("manager", .string(id.manager)) }
        add("operation", .string(id.operation.rawValue))
        add("apiVersion", .string(owned.apiVersion))
        if let time = times[id] { add("time", .string(Timestamp.text(time))) }
        add("fieldsType", "FieldsV1")
        add("fieldsV1", owned.text.map(JSONValue.unread) ?? owned.set.fieldsV1)
        if !id.subresource.isEmpty { add("subresource", .string(id.subresource)) }
        return .object(JSONObject(unchecked: entry))
      })
  }
}
