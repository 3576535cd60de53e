import ByteBuffers
import Cacher
import JSON
import Machinery
import Registry
import Storage
import StorageSQLite
import Synchronization
import TestSupport
import Testing

/// Nodes, whose watchers mostly ask for one value of spec.unschedulable.
private struct TriggeredNodes: RESTStrategy {
  let nodes = NodeStrategy()
  var info: ResourceInfo { nodes.info }
  var allowsCreateOnUpdate: Bool { nodes.allowsCreateOnUpdate }
  var allowsUnconditionalUpdate: Bool { nodes.allowsUnconditionalUpdate }
  func applyDefaults(_ object: inout JSONValue) { nodes.applyDefaults(&object) }
  func prepareForCreate(_ object: inout JSONValue) { nodes.prepareForCreate(&object) }
  func prepareForUpdate(_ object: inout JSONValue, old: JSONValue, subresource: Subresource) {
    nodes.prepareForUpdate(&object, old: old, subresource: subresource)
  }
  func resetFields(_ subresource: Subresource) -> [[String]] { nodes.resetFields(subresource) }
  func validate(_ object: JSONValue) -> [FieldError] { nodes.validate(object) }
  func validateUpdate(
    _ object: JSONValue, old: JSONValue, subresource: Subresource, isMetaGood: Bool
  ) -> [FieldError] {
    nodes.validateUpdate(object, old: old, subresource: subresource, isMetaGood: isMetaGood)
  }
  func warnings(_ object: JSONValue) -> [String] { nodes.warnings(object) }
  func selectableFields(_ root: JSONNode) -> [(name: String, value: String)] { nodes.selectableFields(root) }
  var selectableFieldNames: [String] { nodes.selectableFieldNames }
  var triggerField: String? { "spec.unschedulable" }
  var columns: [TableColumn] { nodes.columns }
  func cells(_ root: JSONNode, now: Int64) -> [JSONValue] { nodes.cells(root, now: now) }
}

private final class HereAndNow: WatchHome {
  func post(_ job: @escaping @Sendable () -> Void) { job() }
}

@Suite struct `Parameters of a resource's storage` {
  private var config: StorageBackend.Config {
    var config = StorageBackend.Config()
    config.type = StorageBackend.typeSQLite
    config.sqlitePath = StorageBackend.Config.inMemory
    return config
  }

  @Test func `a strategy says where it is stored and what its watchers ask for`() {
    let nodes = StorageDecorator.Parameters(NodeStrategy(), config: config, codec: ResourceCodec(NodeStrategy()))
    #expect(nodes.keyFunc == KeyFunc(prefix: "/registry/minions/", isNamespaced: false))
    #expect(nodes.type == GroupResource(resource: "nodes") && nodes.triggerFunc == nil)
    let strategy = TriggeredNodes()
    let triggered = StorageDecorator.Parameters(strategy, config: config, codec: ResourceCodec(strategy))
    #expect(triggered.triggerFunc?.field == "spec.unschedulable")
  }

  @Test func `an event visits only the watchers that want the value of the resource's trigger`() async throws {
    struct Factory: StorageFactory {
      func create(_ config: StorageBackend.Config) async throws -> (any Storage, DestroyFunc) {
        try await SQLiteStorage.make(config)
      }
    }
    let strategy = TriggeredNodes()
    let codec = ResourceCodec(strategy)
    var parameters = StorageDecorator.Parameters(strategy, config: config, codec: codec)
    let counter = Counter()
    parameters.copier = { object in
      counter.count.wrappingAdd(1, ordering: .relaxed)
      return object
    }
    let (objects, destroy) = try await StorageWithCacher(parameters, factory: Factory())
    let cacher = try #require(objects as? Cacher)
    try await cacher.waitUntilReady()
    let store = Store(strategy, objects: objects, codec: codec, prefix: parameters.keyPrefix)
    func watch(_ value: String) async throws -> CacheWatcher {
      var options = ListOptions()
      options.resourceVersion = "1"
      options.fieldSelector = "spec.unschedulable=\(value)"
      return try await store.watch(
        options, namespace: "", deadline: .now + .seconds(600), home: HereAndNow())
    }
    var idle: [CacheWatcher] = []
    for _ in 0..<20 { idle.append(try await watch("true")) }
    let wanted = try await watch("false")
    for watcher in idle + [wanted] {
      watcher.setReady {}
      var events: [WatchEvent] = []
      _ = watcher.take(max: 10, into: &events)
    }
    let body = try store.decodeBody(ByteSlice(SharedBytes(#"{"metadata":{"name":"a"}}"#)), validation: .strict).object
    _ = try await store.create(body, namespace: "", options: WriteOptions(.create))
    var seen: [WatchEvent] = []
    try await eventually("the event") {
      _ = wanted.take(max: 10, into: &seen)
      return !seen.isEmpty
    }
    #expect(seen.map(\.kind) == [.added] && cacher.statistics.visits == 1)
    // The answer of the write, and the event.
    #expect(counter.count.load(ordering: .relaxed) == 2)
    for watcher in idle + [wanted] { watcher.stop() }
    await destroy()
  }

  private final class Counter: Sendable { let count = Atomic<Int>(0) }
}
