public import ByteBuffers

/// A storage that stands over another one: whatever it does not do itself, the other one does.
public protocol StorageWrapper: Storage {
  /// What everything is passed on to.
  var storage: any Storage { get }
}

extension StorageWrapper {
  public var versioner: any Versioner { storage.versioner }
  public var revisionInProcess: Revision? { storage.revisionInProcess }

  public func create(key: String, value: SharedBytes, ttl: Duration?) async throws -> StoredObject {
    try await storage.create(key: key, value: value, ttl: ttl)
  }
  public func get(key: String, isConsistent: Bool) async throws -> StoredObject {
    try await storage.get(key: key, isConsistent: isConsistent)
  }
  public func getList(prefix: String, options: StorageListOptions) async throws -> StorageList {
    try await storage.getList(prefix: prefix, options: options)
  }
  public func guaranteedUpdate(
    key: String, ignoreNotFound: Bool, origin: StoredObject?,
    tryUpdate: @Sendable (StoredObject?) async throws -> UpdateDecision
  ) async throws -> UpdateOutcome {
    try await storage.guaranteedUpdate(key: key, ignoreNotFound: ignoreNotFound, origin: origin, tryUpdate: tryUpdate)
  }
  public func delete(
    key: String, origin: StoredObject?, validate: @Sendable (StoredObject) async throws -> Void
  ) async throws -> StoredObject {
    try await storage.delete(key: key, origin: origin, validate: validate)
  }
  public func watch(prefix: String, after: Revision?) async throws -> StorageWatch {
    try await storage.watch(prefix: prefix, after: after)
  }
  public func count(prefix: String) async throws -> Int { try await storage.count(prefix: prefix) }
  public func requestProgress() async throws { try await storage.requestProgress() }
  public func currentRevision() async throws -> Revision { try await storage.currentRevision() }
  public func freshnessProof() async throws -> FreshnessProofKind { try await storage.freshnessProof() }
  public func fence(prefix: String) async throws -> StorageFence { try await storage.fence(prefix: prefix) }
  public func oldestWatchableRevision(atMostBack revisions: Int64) async throws -> Revision {
    try await storage.oldestWatchableRevision(atMostBack: revisions)
  }
  public func compact(through revision: Revision) async throws { try await storage.compact(through: revision) }
  public func databaseBytes() async throws -> Int? { try await storage.databaseBytes() }
  public func readinessCheck() async throws { try await storage.readinessCheck() }
  public func livenessCheck() async throws { try await storage.livenessCheck() }
}
