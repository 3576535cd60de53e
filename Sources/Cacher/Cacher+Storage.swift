public import Storage
import Synchronization

/// The raw storage under the Cacher. Writes pass through, starting from the newest object that is known; their result
/// reaches the cache by the watch like everybody else's, so it may not be there yet when a write returns.
extension Cacher {
  public func guaranteedUpdate(
    key: String, ignoreNotFound: Bool, origin: StoredObject?,
    tryUpdate: @Sendable (StoredObject?) async throws -> UpdateDecision
  ) async throws -> UpdateOutcome {
    try await storage.guaranteedUpdate(
      key: key, ignoreNotFound: ignoreNotFound, origin: origin ?? cachedOrigin(key), tryUpdate: tryUpdate)
  }

  public func delete(
    key: String, origin: StoredObject?, validate: @Sendable (StoredObject) async throws -> Void
  ) async throws -> StoredObject {
    try await storage.delete(key: key, origin: origin ?? cachedOrigin(key), validate: validate)
  }

  /// The newest object that this process knows of, written or seen.
  private func cachedOrigin(_ key: String) -> StoredObject? {
    let seen = cached(key: key)
    let written = recent.withLock { $0[key] }
    let newest = if let written, written.revision > seen?.revision ?? .zero { written } else { seen }
    return newest.map { codec.storedObject(of: $0) }
  }

  /// Ready when the cache is filled and the storage can serve.
  public func readinessCheck() async throws {
    if state.withLock({ $0.phase }) != .ready { throw notReady() }
    try await storage.readinessCheck()
  }
}
