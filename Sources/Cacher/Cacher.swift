import Machinery
public import Storage

/// The cache of one resource above a raw storage.
public final class Cacher: ObjectStorage {
  let config: CacherConfig
  public var codec: any ObjectCodec { config.codec }
  public init(_ config: CacherConfig) { self.config = config }

  /// Begins to list and watch. Idempotent.
  public func start() {}
  /// Returns when the first list and its history are in; throws `.shutDown`, or `CancellationError`.
  public func waitUntilReady() async throws {}
  /// Ends the reflector and all watches. Idempotent; the raw storage stays.
  public func destroy() async {}

  public func getNow(key: String, freshness: Freshness) -> NowResult { .mustWait }
  public func get(key: String, freshness: Freshness) async throws -> CachedObject {
    try codec.decode(try await config.storage.get(key: key, isConsistent: true))
  }
  public func listNow(_ request: ListRequest) -> ObjectList? { nil }
  public func list(_ request: ListRequest) async throws -> ObjectList { throw StorageError.notReady(retryAfterSeconds: 1) }
  public func watch(_ request: WatchRequest, home: any WatchHome) async throws -> CacheWatcher {
    throw StorageError.notReady(retryAfterSeconds: 1)
  }
  public func cached(key: String) -> CachedObject? { nil }
}
