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
  /// The parameters of Kubernetes' `StorageWithCacher`, with names in place of an order. What `newFunc`, `newListFunc`
  /// and `getAttrsFunc` do there is the codec's here.
  public struct Parameters: Sendable {
    /// Copies an object before it is handed out; nil: nobody gets a copy, as objects never change.
    public var copier: (@Sendable (CachedObject) -> CachedObject)?
    public var config: StorageBackend.Config
    /// Upper bound of remembered events; 0 turns the cache off.
    public var capacity = 102_400
    /// What is stored.
    public var type: GroupResource
    /// The folder under the storage prefix: `minions`.
    public var resourcePrefix: String
    /// Does a namespace stand before the name?
    public var isNamespaced: Bool
    public var codec: any ObjectCodec
    /// Watchers by one field, so that an event visits only those that want its value.
    public var triggerFunc: TriggerPublisher?
    /// What clients may make the server hold; the queues of watches count in it.
    public var memory = MemoryBudget(limit: 0)
    public var report: @Sendable (CacherProblem) -> Void = { _ in }

    public init(
      config: StorageBackend.Config, type: GroupResource, resourcePrefix: String, isNamespaced: Bool,
      codec: any ObjectCodec
    ) {
      self.config = config
      self.type = type
      self.resourcePrefix = resourcePrefix
      self.isNamespaced = isNamespaced
      self.codec = codec
    }

    /// What a resource says of itself.
    public init(_ definition: ResourceDefinition, config: StorageBackend.Config, codec: any ObjectCodec) {
      self.init(
        config: config, type: definition.groupResource, resourcePrefix: definition.folder,
        isNamespaced: definition.isNamespaced, codec: codec)
      triggerFunc = definition.trigger.map { TriggerPublisher(field: $0) }
    }

    /// Where the objects stand among the keys.
    public var keyFunc: KeyFunc { KeyFunc(prefix: keyPrefix, isNamespaced: isNamespaced) }

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
    plain.start()
    return (plain, { await plain.destroy() })
  }

  private static func cacherConfig(_ parameters: Parameters, _ raw: any Storage) -> CacherConfig {
    let storage: any Storage =
      if let transformer = parameters.config.transformer { TransformedStorage(raw, transformer: transformer) } else {
        raw
      }
    var config = CacherConfig(
      storage: storage, resource: parameters.type, keyFunc: parameters.keyFunc, codec: parameters.codec)
    config.copier = parameters.copier
    config.countMetricPollPeriod = parameters.config.countMetricPollPeriod
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
