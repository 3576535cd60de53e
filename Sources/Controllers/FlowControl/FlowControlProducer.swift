import Cacher
import JSON
import Machinery
public import Registry
import Resources
import Synchronization

/// Keeps the flow schemas and priority levels that a server begins with: makes those that are missing, sets the spec of
/// those right that nobody wants to look after himself, and takes away those that an older version kept so. (Kubernetes:
/// pkg/registry/flowcontrol/rest and ensurer, which look once a minute.)
public final class FlowControlProducer: StartHook, Controller {
  public let name = "priority-and-fairness-config-producer"
  public let queue = WorkQueue("priority_and_fairness_config_producer")
  /// Levels and schemas are each made all at once, so that the storage writes them in few goes.
  public let workers = 12

  private struct Wanted: Sendable {
    let object: JSONValue
    /// Its spec is set right whatever it says itself.
    let isMandatory: Bool
  }
  private typealias WantedByName = [ByteString: Wanted]

  private let schemas: Store
  private let levels: Store
  private let client: SystemClient
  private let wantedSchemas: WantedByName
  private let wantedLevels: WantedByName
  /// What was not looked at yet since the start; schemas are looked at when all levels were.
  private let missing: Mutex<(levels: Set<ObjectName>, schemas: Set<ObjectName>)>

  public init(flowSchemas: Store, priorityLevels: Store, _ client: SystemClient) {
    schemas = flowSchemas
    levels = priorityLevels
    self.client = client.managing(as: "api-priority-and-fairness-config-producer-v1")
    wantedSchemas = Self.wanted(
      BootstrapFlowControl.mandatoryFlowSchemas, BootstrapFlowControl.suggestedFlowSchemas)
    wantedLevels = Self.wanted(
      BootstrapFlowControl.mandatoryPriorityLevels, BootstrapFlowControl.suggestedPriorityLevels)
    missing = Mutex(
      (
        Set(wantedLevels.keys.map { ObjectName($0.text, namespace: Self.level) }),
        Set(wantedSchemas.keys.map { ObjectName($0.text, namespace: Self.schema) })
      ))
  }

  private static func wanted(_ mandatory: [JSONValue], _ suggested: [JSONValue]) -> WantedByName {
    var wanted: WantedByName = [:]
    for (objects, isMandatory) in [(mandatory, true), (suggested, false)] {
      for object in objects {
        wanted[ByteString(object["metadata"]?["name"]?.string ?? "")] = Wanted(object: object, isMandatory: isMandatory)
      }
    }
    return wanted
  }

  // Neither kind has namespaces, so a key says by that which of both it is of.
  private static let level = "level"
  private static let schema = "schema"

  public func check() throws {
    let names = missing.withLock { ($0.levels.map(\.name) + $0.schemas.map(\.name)).sorted() }
    if !names.isEmpty { throw Missing(names: names) }
  }
  private struct Missing: Error, CustomStringConvertible {
    let names: [String]
    var description: String { "not there yet: \(names.joined(separator: ", "))" }
  }

  // MARK: what is looked at

  public func begin() {
    for name in wantedLevels.keys { queue.add(ObjectName(name.text, namespace: Self.level)) }
    if missing.withLock({ $0.levels.isEmpty }) { addSchemas() }
  }

  private func addSchemas() {
    for name in wantedSchemas.keys { queue.add(ObjectName(name.text, namespace: Self.schema)) }
  }

  public var sources: [EventSource] {
    [source(levels, Self.level, wantedLevels), source(schemas, Self.schema, wantedSchemas)]
  }

  /// Those that are wanted, whatever has become of them, and those that say that the server keeps them.
  private func source(_ store: Store, _ kind: String, _ wanted: WantedByName) -> EventSource {
    EventSource(store) { event, object in
      let name = store.objectName(of: object.key).name
      let isWanted = wanted[ByteString(name)] != nil
      if !isWanted && (event.kind == .deleted || !Self.isMarked(object)) { return [] }
      return [ObjectName(name, namespace: kind)]
    }
  }

  private static func isMarked(_ object: CachedObject) -> Bool {
    let annotations = (try? JSONTape.parse(object.object).root)?["metadata"]?["annotations"]
    return annotations?[BootstrapFlowControl.autoUpdate].flatMap { parsed($0.string) } ?? false
  }

  // MARK: looking

  public func sync(_ key: ObjectName) async throws -> SyncOutcome {
    let isLevel = key.namespace == Self.level
    let wanted = (isLevel ? wantedLevels : wantedSchemas)[ByteString(key.name)]
    let store = isLevel ? levels : schemas
    let name = ObjectName(key.name)
    if let wanted {
      try await ensure(wanted, name, in: store)
    } else if let found = try await client.get(name, in: store), Self.isMarked(found) {
      // Only as it was found: somebody may have taken it over.
      var options = DeleteOptions()
      options.uid = try store.tree(of: found)["metadata"]?["uid"]?.string
      do throws(Status) { try await client.delete(name, in: store, options) } catch {
        if error.code != 404 { throw error }
      }
    }
    let areLevelsThere = missing.withLock { missing in
      if !isLevel { missing.schemas.remove(key) }
      return isLevel && missing.levels.remove(key) != nil && missing.levels.isEmpty
    }
    if areLevelsThere { addSchemas() }
    return .done
  }

  /// (`EnsureConfiguration`)
  private func ensure(_ wanted: Wanted, _ name: ObjectName, in store: Store) async throws(Status) {
    guard let found = try await client.get(name, in: store) else {
      return try await client.createIfMissing(wanted.object, in: store)
    }
    let object = try store.tree(of: found)
    guard let revised = Self.revised(object, wanted.object, isMandatory: wanted.isMandatory) else { return }
    try await client.update(revised, in: store)
  }

  /// As the object should be; nil where it is so. (`ReviseIfNeeded`)
  static func revised(_ object: JSONValue, _ wanted: JSONValue, isMandatory: Bool) -> JSONValue? {
    let note = object["metadata"]?["annotations"]?[BootstrapFlowControl.autoUpdate]?.string
    // Where nothing is said, an object that nobody has changed is kept up.
    let isKept = isMandatory || parsed(note) ?? (object["metadata"]?["generation"]?.int == 1)
    var revised = object
    var hasChanged = false
    if isKept && !BootstrapFlowControl.hasSpec(object, of: wanted) {
      revised["spec"] = wanted["spec"]
      hasChanged = true
    }
    if parsed(note) != isKept {
      var annotations = object["metadata"]?["annotations"]?.object ?? JSONObject()
      annotations[BootstrapFlowControl.autoUpdate] = isKept ? "true" : "false"
      revised["metadata"]?["annotations"] = .object(annotations)
      hasChanged = true
    }
    return hasChanged ? revised : nil
  }

  /// A truth as Go reads it; nil for none. (`strconv.ParseBool`)
  private static func parsed(_ text: String?) -> Bool? {
    switch text {
    case "1", "t", "T", "true", "TRUE", "True": true
    case "0", "f", "F", "false", "FALSE", "False": false
    default: nil
    }
  }
}
