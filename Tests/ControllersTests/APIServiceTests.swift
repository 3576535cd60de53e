import Admission
import ByteBuffers
import Cacher
import JSON
import Machinery
import Registry
import Storage
import StorageSQLite
import TestSupport
import Testing

@testable import Controllers
@testable import Resources

/// APIServices over SQLite and a cache.
private struct ServiceBench {
  let store: Store
  let client = SystemClient.server(SystemClient.Surroundings(admission: AdmissionChain([]), audit: nil))
  private let destroy: @Sendable () async -> Void
  private let folder: TemporaryFolder

  static func with(_ body: (ServiceBench) async throws -> Void) async throws {
    let folder = try TemporaryFolder()
    var config = StorageBackend.Config()
    config.type = StorageBackend.typeSQLite
    config.sqlitePath = folder.file("services.db")
    struct Factory: StorageFactory {
      func create(_ config: StorageBackend.Config) async throws -> (any Storage, DestroyFunc) {
        try await SQLiteStorage.make(config)
      }
    }
    let definition = ResourceDefinition.apiServices
    let codec = ResourceCodec(definition)
    let parameters = StorageDecorator.Parameters(definition, config: config, codec: codec)
    let (objects, destroy) = try await StorageWithCacher(parameters, factory: Factory())
    try await #require(objects as? Cacher).waitUntilReady()
    let store = ResourceStorage(definition, objects: objects, codec: codec, prefix: parameters.keyPrefix).stores[0]
    let bench = ServiceBench(store: store, destroy: destroy, folder: folder)
    do { try await body(bench) } catch {
      await destroy()
      throw error
    }
    await destroy()
  }

  /// A server that starts.
  func registration(_ served: [GroupVersion], known: [GroupVersion] = []) -> APIServiceRegistration {
    APIServiceRegistration(store, served: served, known: served + known, client)
  }

  /// One that has looked at all names.
  @discardableResult
  func start(_ served: [GroupVersion], known: [GroupVersion] = []) async throws -> APIServiceRegistration {
    let registration = registration(served, known: known)
    for groupVersion in served + known { try await look(registration, groupVersion) }
    try registration.check()
    return registration
  }

  func look(_ registration: APIServiceRegistration, _ groupVersion: GroupVersion) async throws {
    #expect(try await registration.sync(ObjectName("\(groupVersion.version).\(groupVersion.group)")) == .done)
  }

  func service(_ name: String) async throws -> JSONValue? {
    guard let found = try await client.get(ObjectName(name), in: store) else { return nil }
    return try store.tree(of: found)
  }

  func change(_ name: String, _ change: (inout JSONValue) -> Void) async throws {
    var service = try #require(try await service(name))
    change(&service)
    try await client.update(service, in: store)
  }
}

@Suite struct `APIServices of a server` {
  private let core = GroupVersion(group: "", version: "v1")
  private let leases = GroupVersion(group: "coordination.k8s.io", version: "v1")

  @Test func `each group version that is served gets one, which is available`() async throws {
    try await ServiceBench.with { bench in
      let waiting = bench.registration([core, leases])
      var problem: String?
      do { try waiting.check() } catch { problem = "\(error)" }
      #expect(problem == "missing APIService: [v1. v1.coordination.k8s.io]")
      try await bench.start([core, leases, GroupVersion(group: "example.com", version: "v1")])
      let service = try #require(try await bench.service("v1.coordination.k8s.io"))
      #expect(
        service["spec"] == [
          "group": "coordination.k8s.io", "version": "v1", "groupPriorityMinimum": 16_500, "versionPriority": 15,
        ])
      #expect(service["metadata"]?["labels"] == ["kube-aggregator.kubernetes.io/automanaged": "onstart"])
      let condition = service["status"]?["conditions"]?.array?.first
      #expect(condition?["status"] == "True" && condition?["reason"] == "Local")
      #expect(try await bench.service("v1.")?["spec"]?["groupPriorityMinimum"] == 18_000)
      #expect(try await bench.service("v1.example.com") == nil)
    }
  }

  @Test func `what others do to one stays until the next start`() async throws {
    try await ServiceBench.with { bench in
      let registration = try await bench.start([core, leases])
      try await bench.client.delete(ObjectName("v1."), in: bench.store, DeleteOptions())
      try await bench.change("v1.coordination.k8s.io") { $0["spec"]?["versionPriority"] = 1 }
      for groupVersion in [core, leases] { try await bench.look(registration, groupVersion) }
      #expect(try await bench.service("v1.") == nil)
      #expect(try await bench.service("v1.coordination.k8s.io")?["spec"]?["versionPriority"] == 1)
      try await bench.start([core, leases])
      #expect(try await bench.service("v1.") != nil)
      #expect(try await bench.service("v1.coordination.k8s.io")?["spec"]?["versionPriority"] == 15)
    }
  }

  @Test func `one without the label belongs to whoever made it`() async throws {
    try await ServiceBench.with { bench in
      try await bench.start([leases])
      try await bench.change("v1.coordination.k8s.io") {
        $0["spec"]?["versionPriority"] = 1
        $0["metadata"]?["labels"] = nil
      }
      try await bench.start([leases])
      #expect(try await bench.service("v1.coordination.k8s.io")?["spec"]?["versionPriority"] == 1)
      try await bench.start([], known: [leases])
      #expect(try await bench.service("v1.coordination.k8s.io") != nil)
    }
  }

  @Test func `what is served no more loses its own, what is not known keeps it`() async throws {
    try await ServiceBench.with { bench in
      try await bench.start([core, leases])
      try await bench.start([core], known: [leases])
      #expect(try await bench.service("v1.coordination.k8s.io") == nil)
      #expect(try await bench.service("v1.") != nil)
      let registration = bench.registration([])
      registration.begin()
      #expect(registration.queue.count == 0)
    }
  }

  @Test func `a local one is available whatever was said of it`() async throws {
    try await ServiceBench.with { bench in
      try await bench.start([leases])
      var service = try #require(try await bench.service("v1.coordination.k8s.io"))
      service["status"]?["conditions"] = [
        ["type": "Available", "status": "False", "lastTransitionTime": "2020-01-01T00:00:00Z", "reason": "Gone"]
      ]
      try await bench.client.update(service, in: bench.store, subresource: .status)
      let local = LocalAPIServices(bench.store, bench.client)
      let name = ObjectName("v1.coordination.k8s.io")
      #expect(try await local.sync(name) == .done)
      let after = try #require(try await bench.service(name.name))
      let condition = after["status"]?["conditions"]?.array?.first
      #expect(condition?["status"] == "True" && condition?["message"] == "Local APIServices are always available")
      #expect(condition?["lastTransitionTime"] != "2020-01-01T00:00:00Z")
      // What is right is left alone.
      #expect(try await local.sync(name) == .done)
      #expect(try await bench.service(name.name) == after)
    }
  }
}
