import ByteBuffers
public import Cacher
public import Capacity
public import Machinery
public import Storage

/// Makes the storage that a configuration asks for; what the daemon calls at start. Throws an error that names the
/// configuration.
public func newRawStorage(
  _ config: StorageBackend.Config, factory: any StorageFactory
) async throws -> (any Storage, DestroyFunc) {
  do {
    return try await factory.create(config)
  } catch StorageError.invalidConfiguration(let why) {
    throw StorageError.invalidConfiguration(why)
  } catch {
    let place = config.serverList.isEmpty ? config.sqlitePath : config.serverList.joined(separator: ",")
    throw StorageError.invalidConfiguration(
      "storage \(config.type.isEmpty ? StorageBackend.typeETCD3 : config.type) at \(place) can't be used: \(error)")
  }
}

/// A resource's storage with a Cacher above it, or without one. (Kubernetes: `StorageWithCacher` and
/// `UndecoratedStorage`.)
public struct StorageDecorator: Sendable {
  /// The parameters of Kubernetes' `StorageWithCacher`, with names in place of an order.
  public struct Parameters: Sendable {
    /// Copies an object before it is handed out: the identity, as bytes never change.
    public var copier: @Sendable (CachedObject) -> CachedObject = { $0 }
    public var config: StorageBackend.Config
    /// Upper bound of remembered events; 0 turns the cache off.
    public var capacity = 102_400
    /// What is stored.
    public var type: GroupResource
    /// The folder under the storage prefix: `minions`.
    public var resourcePrefix: String
    public var codec: any ObjectCodec
    /// Watchers by one field, so that an event visits only those that want its value.
    public var triggerFunc: TriggerPublisher?
    /// What clients may make the server hold; the queues of watches count in it.
    public var memory = MemoryBudget(limit: 0)
    public var report: @Sendable (CacherProblem) -> Void = { _ in }

    public init(config: StorageBackend.Config, type: GroupResource, resourcePrefix: String, codec: any ObjectCodec) {
      self.config = config
      self.type = type
      self.resourcePrefix = resourcePrefix
      self.codec = codec
    }

    /// The whole key prefix, ending in "/".
    public var keyPrefix: String { "\(config.prefix)/\(resourcePrefix)/" }
  }

  /// A Cacher over raw storage. Destroying stops the Cacher; the raw storage, which many resources share, is its
  /// maker's.
  public static func storageWithCacher(
    _ parameters: Parameters, over storage: any Storage
  ) async -> (any ObjectStorage, DestroyFunc) {
    if parameters.capacity == 0 { return undecoratedStorage(parameters, over: storage) }
    let cacher = Cacher(cacherConfig(parameters, storage))
    cacher.start()
    return (cacher, { await cacher.destroy() })
  }

  /// The same without a cache.
  public static func undecoratedStorage(
    _ parameters: Parameters, over storage: any Storage
  ) -> (any ObjectStorage, DestroyFunc) {
    let plain = UndecoratedStorage(cacherConfig(parameters, storage))
    return (plain, { await plain.destroy() })
  }

  private static func cacherConfig(_ parameters: Parameters, _ raw: any Storage) -> CacherConfig {
    let storage: any Storage =
      if let transformer = parameters.config.transformer { TransformedStorage(raw, transformer: transformer) } else {
        raw
      }
    var config = CacherConfig(
      storage: storage, resource: parameters.type, resourcePrefix: parameters.keyPrefix, codec: parameters.codec)
    config.capacity = max(1, parameters.capacity)
    config.trigger = parameters.triggerFunc
    config.memory = parameters.memory
    config.report = parameters.report
    return config
  }
}

/// The configuration value and the call under Kubernetes' own name: raw storage and Cacher together. Destroying stops
/// the Cacher first.
public func StorageWithCacher(
  _ parameters: StorageDecorator.Parameters, factory: any StorageFactory
) async throws -> (any ObjectStorage, DestroyFunc) {
  let (raw, destroyRaw) = try await newRawStorage(parameters.config, factory: factory)
  let (objects, destroyCache) = await StorageDecorator.storageWithCacher(parameters, over: raw)
  return (
    objects,
    {
      await destroyCache()
      await destroyRaw()
    }
  )
}
