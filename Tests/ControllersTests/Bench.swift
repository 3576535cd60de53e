import Admission
import Audit
import Cacher
import JSON
import Logging
import Machinery
import Registry
import Storage
import StorageSQLite
import TestSupport
import Testing

@testable import Controllers
@testable import Resources

/// Stores over one SQLite database, with caches, and controllers at work on them.
struct Bench {
  let stores: [Store]
  let client: SystemClient
  private let destroys: [DestroyFunc]
  private let folder: TemporaryFolder

  /// `kinds`: besides namespaces. What the tests need of a kind is its storage, so they say no more of it.
  static func with(
    _ kinds: [ResourceDefinition] = [], audit: AuditTrail? = nil, _ body: (Bench) async throws -> Void
  ) async throws {
    let bench = try await Bench(kinds, audit)
    do { try await body(bench) } catch {
      await bench.end()
      throw error
    }
    await bench.end()
  }

  private init(_ kinds: [ResourceDefinition], _ audit: AuditTrail?) async throws {
    folder = try TemporaryFolder()
    var config = StorageBackend.Config()
    config.type = StorageBackend.typeSQLite
    config.sqlitePath = folder.file("test.db")
    let (raw, destroy) = try await SQLiteStorage.make(config)
    var stores: [Store] = []
    var destroys: [DestroyFunc] = []
    for definition in [.namespaces] + kinds {
      let codec = ResourceCodec(definition)
      let parameters = StorageDecorator.Parameters(definition, config: config, codec: codec)
      let (objects, destroyCache) = await StorageDecorator.storageWithCacher(parameters, over: raw)
      try await (objects as? Cacher)?.waitUntilReady()
      stores += ResourceStorage(definition, objects: objects, codec: codec, prefix: parameters.keyPrefix).stores
      destroys.append(destroyCache)
    }
    self.stores = stores
    self.destroys = destroys + [destroy]
    client = .controller(
      "test", SystemClient.Surroundings(admission: AdmissionChain([NamespaceLifecycle(stores[0])]), audit: audit))
  }

  private func end() async { for destroy in destroys { await destroy() } }

  var namespaces: Store { stores[0] }
  subscript(_ plural: String) -> Store {
    get throws { try #require(stores.first { $0.info.plural == plural }) }
  }

  /// Runs a controller while `body` looks at what it does.
  func running(_ controllers: any Controller..., body: () async throws -> Void) async throws {
    let set = ControllerSet(controllers, Logger(label: "test"))
    set.start()
    do { try await body() } catch {
      await set.stop()
      throw error
    }
    await set.stop()
  }

  @discardableResult
  func make(
    _ plural: String, _ name: String, in namespace: String = "", _ more: JSONValue = [:]
  ) async throws
    -> JSONValue
  {
    var object = more
    var meta = more["metadata"]?.object ?? JSONObject()
    meta["name"] = .string(name)
    object["metadata"] = .object(meta)
    let store = try self[plural]
    return try store.tree(of: try await client.create(object, in: store, namespace: namespace).object)
  }

  func get(_ plural: String, _ name: String, in namespace: String = "") async throws -> JSONValue? {
    let store = try self[plural]
    return try await client.live(ObjectName(name, namespace: namespace), in: store).map { try store.tree(of: $0) }
  }

  func change(
    _ plural: String, _ name: String, in namespace: String = "", through subresource: Subresource = .main,
    _ change: (inout JSONValue) -> Void
  ) async throws {
    var object = try #require(try await get(plural, name, in: namespace))
    change(&object)
    try await client.update(object, in: try self[plural], subresource: subresource)
  }

  func delete(_ plural: String, _ name: String, in namespace: String = "") async throws {
    try await client.delete(ObjectName(name, namespace: namespace), in: try self[plural], DeleteOptions())
  }

  func isGone(_ plural: String, _ name: String, in namespace: String = "") async throws {
    try await eventually("\(plural) \(name) to be gone", every: .milliseconds(2)) {
      try await get(plural, name, in: namespace) == nil
    }
  }

  /// A kind of which only names and types are known.
  static func kind(_ name: String, _ kind: String, namespaced: Bool = true) -> ResourceDefinition {
    ResourceDefinition(
      name, kind: kind, scope: namespaced ? .namespaced : .cluster, folder: String(name.prefix { $0 != "." }),
      versions: [.v1], subresources: [.status()], rules: [])
  }
}
