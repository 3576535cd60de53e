import ByteBuffers
import Cacher
import JSON
import Machinery
@testable import Registry
@testable import Resources
import Storage
import StorageSQLite
import Synchronization
import TestSupport
import Testing

/// Nodes, whose watchers mostly ask for one value of spec.unschedulable.
private let triggered = ResourceDefinition(
  "nodes", kind: "Node", scope: .cluster, folder: "minions", versions: [.v1], rules: [],
  selectableFields: [SelectableField("spec.unschedulable", missing: "false")], trigger: "spec.unschedulable")

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

  @Test func `a definition says where it is stored and what its watchers ask for`() {
    let nodes = StorageDecorator.Parameters(.nodes, config: config, codec: ResourceCodec(.nodes))
    #expect(nodes.keyFunc == KeyFunc(prefix: "/registry/minions/", isNamespaced: false))
    #expect(nodes.type == GroupResource(resource: "nodes") && nodes.triggerFunc == nil)
    let parameters = StorageDecorator.Parameters(triggered, config: config, codec: ResourceCodec(triggered))
    #expect(parameters.triggerFunc?.field == "spec.unschedulable")
  }

  @Test func `an event visits only the watchers that want the value of the resource's trigger`() async throws {
    struct Factory: StorageFactory {
      func create(_ config: StorageBackend.Config) async throws -> (any Storage, DestroyFunc) {
        try await SQLiteStorage.make(config)
      }
    }
    let codec = ResourceCodec(triggered)
    var parameters = StorageDecorator.Parameters(triggered, config: config, codec: codec)
    let counter = Counter()
    parameters.copier = { object in
      counter.count.wrappingAdd(1, ordering: .relaxed)
      return object
    }
    let (objects, destroy) = try await StorageWithCacher(parameters, factory: Factory())
    let cacher = try #require(objects as? Cacher)
    try await cacher.waitUntilReady()
    let store = Store(ResourceStorage(triggered, objects: objects, codec: codec, prefix: parameters.keyPrefix))
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
