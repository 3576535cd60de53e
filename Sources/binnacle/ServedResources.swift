import APIServer
import Admission
import ByteBuffers
import Capacity
import Cacher
import Controllers
import CustomServing
import Logging
import Machinery
import Metrics
import Registry
import Resources
import Storage
import StorageEncryption

/// All resources over the shared storage, each with its Cacher, encryption and figures.
struct ServedResources: Sendable {
  /// A store for each version that is served.
  let stores: [Store]
  private let storages: [ResourceStorage]
  private let meters: [StorageMeter]
  private let destroys: [DestroyFunc]
  /// What all of them stand on.
  private let storage: any Storage
  private let maker: StorageMaker

  /// Begins to fill the caches.
  static func start(
    _ settings: Settings, over storage: any Storage, _ budget: MemoryBudget, _ encodings: EncodingCache,
    _ logger: Logger
  ) async throws -> ServedResources {
    let maker = StorageMaker(settings, storage, budget, encodings, logger)
    var storages: [ResourceStorage] = []
    var meters: [StorageMeter] = []
    var destroys: [DestroyFunc] = []
    for definition in BuiltInResources.all(settings.resources)
    where definition.servedInfos.contains(where: settings.runtimeConfig.serves) || isNeeded(definition) {
      if let problem = definition.problems.first { throw StartFailure("a definition is not whole: \(problem)") }
      let made = await maker.make(definition)
      storages.append(made.storage)
      meters.append(made.meter)
      destroys.append(made.destroy)
    }
    let computed = BuiltInResources.computed(Components.all(storage)).flatMap {
      $0.stores(besides: storage, encodings: encodings)
    }
    let resources = ServedResources(
      stores: storages.flatMap(\.stores) + computed, storages: storages, meters: meters, destroys: destroys,
      storage: storage, maker: maker)
    // What services have to themselves is kept by other resources, and beside all of them.
    settings.resources.services.connect(
      resources.store, storage, prefix: settings.storage.prefix, form: settings.options.storageMediaType)
    return resources
  }

  /// What admission can't do without, served or not.
  private static func isNeeded(_ definition: ResourceDefinition) -> Bool {
    definition.groupResource == NamespaceLifecycle.namespaces
  }

  /// That of a built-in resource in the version that is stored.
  func store(_ resource: GroupResource) -> Store? { stores.first { $0.info.groupResource == resource } }

  /// What clients define; nil where that is not served.
  var definitions: Store? {
    store(GroupResource(group: "apiextensions.k8s.io", resource: "customresourcedefinitions"))
  }

  /// Serves what clients define; nil where definitions are not served.
  func customServing(_ client: SystemClient) -> CustomServing? {
    let services = store(GroupResource(resource: "services"))
    let slices = store(GroupResource(group: "discovery.k8s.io", resource: "endpointslices"))
    let resolver = services.flatMap { services in slices.map { ServiceResolver(services: services, slices: $0) } }
    return definitions.map { definitions in
      CustomServing(definitions, client, services: resolver) { [maker] definition in
        let made = await maker.make(definition)
        return CustomStorage(made.storage, destroy: made.destroy)
      }
    }
  }

  /// All resources, each in the version that is stored.
  var contents: [Store] { storages.compactMap(\.stores.first) }

  /// Who says at which addresses this server and its like are. nil without HTTPS, which is what they speak.
  func serverEndpoints(_ address: IPAddress, _ settings: Settings, _ client: SystemClient) -> ServerEndpoints? {
    guard let port = settings.secure?.port, let endpoints = store(GroupResource(resource: "endpoints")),
      let slices = store(GroupResource(group: "discovery.k8s.io", resource: "endpointslices"))
    else { return nil }
    return ServerEndpoints(
      address, port: port, in: storage, prefix: settings.storage.prefix, endpoints: endpoints, slices: slices, client)
  }

  /// Caches and calls to the storage, by resource.
  func write(_ text: inout MetricsText) {
    for storage in storages { storage.objects.writeMetrics(&text) }
    for meter in meters { meter.write(&text) }
  }

  /// Returns when all caches are filled, or the task is cancelled.
  func filled() async {
    for storage in storages { try? await (storage.objects as? Cacher)?.waitUntilReady() }
  }

  /// Throws while a cache is not filled.
  func readinessCheck() async throws {
    for storage in storages { try await storage.objects.readinessCheck() }
  }

  func destroy() async {
    for destroy in destroys { await destroy() }
  }
}
