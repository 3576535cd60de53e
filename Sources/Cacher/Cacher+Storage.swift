public import ByteBuffers
public import Storage
import Synchronization

/// The raw storage under the Cacher. Writes pass through, starting from the newest object that is known; their result
/// reaches the cache by the watch like everybody else's, so it may not be there yet when a write returns.
extension Cacher {
  public var versioner: any Versioner { config.storage.versioner }

  public func create(key: String, value: SharedBytes, ttl: Duration?) async throws -> StoredObject {
    try await config.storage.create(key: key, value: value, ttl: ttl)
  }
  public func get(key: String, isConsistent: Bool) async throws -> StoredObject {
    try await config.storage.get(key: key, isConsistent: isConsistent)
  }
  public func getList(prefix: String, options: StorageListOptions) async throws -> StorageList {
    try await config.storage.getList(prefix: prefix, options: options)
  }
  public func guaranteedUpdate(
    key: String, ignoreNotFound: Bool, origin: StoredObject?,
    tryUpdate: @Sendable (StoredObject?) throws -> UpdateDecision
  ) async throws -> UpdateOutcome {
    try await config.storage.guaranteedUpdate(
      key: key, ignoreNotFound: ignoreNotFound, origin: origin ?? cachedOrigin(key), tryUpdate: tryUpdate)
  }
  public func delete(
    key: String, origin: StoredObject?, validate: @Sendable (StoredObject) throws -> Void
  ) async throws -> StoredObject {
    try await config.storage.delete(key: key, origin: origin ?? cachedOrigin(key), validate: validate)
  }
  /// The newest object that this process knows of, written or seen.
  private func cachedOrigin(_ key: String) -> StoredObject? {
    let seen = cached(key: key)
    let written = recent.withLock { $0[key] }
    let newest = if let written, written.revision > seen?.revision ?? .zero { written } else { seen }
    return newest.map { codec.storedObject(of: $0) }
  }

  public func watch(prefix: String, after: Revision?) async throws -> StorageWatch {
    try await config.storage.watch(prefix: prefix, after: after)
  }
  public func count(prefix: String) async throws -> Int { try await config.storage.count(prefix: prefix) }
  public func requestProgress() async throws { try await config.storage.requestProgress() }
  public func currentRevision() async throws -> Revision { try await config.storage.currentRevision() }
  public var revisionInProcess: Revision? { config.storage.revisionInProcess }
  public func freshnessProof() async throws -> FreshnessProofKind { try await config.storage.freshnessProof() }
  public func fence(prefix: String) async throws -> StorageFence { try await config.storage.fence(prefix: prefix) }
  public func oldestWatchableRevision(atMostBack revisions: Int64) async throws -> Revision {
    try await config.storage.oldestWatchableRevision(atMostBack: revisions)
  }
  public func compact(through revision: Revision) async throws { try await config.storage.compact(through: revision) }
  /// Ready when the cache is filled and the storage can serve.
  public func readinessCheck() async throws {
    if state.withLock({ $0.phase }) != .ready { throw notReady() }
    try await config.storage.readinessCheck()
  }
}
