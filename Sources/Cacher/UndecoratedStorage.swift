import Machinery
public import Storage

/// The raw storage without a cache (`--watch-cache=false`): every read and every watch asks it.
public final class UndecoratedStorage: ObjectStorage {
  let config: CacherConfig
  public var codec: any ObjectCodec { config.codec }
  public init(_ config: CacherConfig) { self.config = config }
  /// Ends all watches. Idempotent; the raw storage stays.
  public func destroy() async {}

  public func getNow(key: String, freshness: Freshness) -> NowResult { .mustWait }
  public func get(key: String, freshness: Freshness) async throws -> CachedObject {
    try codec.decode(try await config.storage.get(key: key, isConsistent: freshness != .any))
  }
  public func listNow(_ request: ListRequest) -> ObjectList? { nil }
  public func list(_ request: ListRequest) async throws -> ObjectList { throw StorageError.notReady(retryAfterSeconds: 1) }
  public func watch(_ request: WatchRequest, home: any WatchHome) async throws -> CacheWatcher {
    throw StorageError.notReady(retryAfterSeconds: 1)
  }
  public func cached(key: String) -> CachedObject? { nil }
}
