import Capacity
import Cacher
import Logging
import Machinery
import Registry
import Storage
import StorageEncryption

/// Makes the storage of one resource over that of all: with its Cacher, encryption and figures.
struct StorageMaker: Sendable {
  private let settings: Settings
  private let storage: any Storage
  private let budget: MemoryBudget
  private let encodings: EncodingCache
  private let logger: Logger

  init(
    _ settings: Settings, _ storage: any Storage, _ budget: MemoryBudget, _ encodings: EncodingCache, _ logger: Logger
  ) {
    self.settings = settings
    self.storage = storage
    self.budget = budget
    self.encodings = encodings
    self.logger = logger
  }

  /// Begins to fill the cache.
  func make(
    _ definition: ResourceDefinition
  ) async -> (
    storage: ResourceStorage, meter: StorageMeter, destroy: DestroyFunc
  ) {
    let name = definition.groupResource
    let meter = StorageMeter(group: name.group, resource: name.resource)
    let codec = ResourceCodec(definition, mediaType: settings.options.storageMediaType, encodings: encodings)
    var parameters = StorageDecorator.Parameters(definition, config: settings.storage, codec: codec)
    parameters.config.transformer = settings.encryption?.transformer(for: name)
    parameters.capacity =
      settings.options.watchCache ? settings.watchCacheSizes[name.description] ?? parameters.capacity : 0
    parameters.memory = budget
    parameters.report = { [logger] problem in
      logger.warning("cache", metadata: ["resource": "\(name)", "problem": "\(problem)"])
    }
    let metered = MeteredStorage(storage, meter)
    let (objects, destroy) = await StorageDecorator.storageWithCacher(parameters, over: metered)
    let stored = ResourceStorage(
      definition, objects: objects, codec: codec, prefix: parameters.keyPrefix,
      allowsUnsafeDeletion: settings.options.featureGates.allowUnsafeMalformedObjectDeletion)
    return (stored, meter, destroy)
  }
}
