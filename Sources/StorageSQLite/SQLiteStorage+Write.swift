public import ByteBuffers
public import Storage

extension SQLiteStorage: ConditionalWrites {
  public func create(key: String, value: SharedBytes, ttl: Duration?) async throws -> StoredObject {
    try await createOnce(key, value, ttl: ttl)
  }

  public func guaranteedUpdate(
    key: String, ignoreNotFound: Bool, origin: StoredObject?,
    tryUpdate: @Sendable (StoredObject?) async throws -> UpdateDecision
  ) async throws -> UpdateOutcome {
    try await updateUntilWritten(key, ignoreNotFound: ignoreNotFound, origin: origin, tryUpdate: tryUpdate)
  }

  public func delete(
    key: String, origin: StoredObject?, validate: @Sendable (StoredObject) async throws -> Void
  ) async throws -> StoredObject {
    try await removeOnceAccepted(key, origin: origin, validate: validate)
  }

  // MARK: - Steps

  package func put(
    _ key: String, _ value: SharedBytes, ttl: Duration?, expected: Revision
  ) async throws -> ConditionalOutcome {
    var lease: Int64 = 0
    if let ttl {
      let (deadline, overflow) = Clock.wallMilliseconds.addingReportingOverflow(max(ttl.clampedMilliseconds, 1))
      lease = overflow ? .max : deadline
    }
    let change = Change(key: StorageKey(key), expected: expected.rawValue, action: .put(value: value, lease: lease))
    switch await core.commit(change) {
    case .committed(let revision):
      return .done(StoredObject(key: key, value: value, revision: Revision(revision), lease: lease))
    case .conflict(let standing): return .conflict(standing)
    case .failed(let error): throw error
    }
  }

  package func remove(_ object: StoredObject) async throws -> ConditionalOutcome {
    let change = Change(key: StorageKey(object.key), expected: object.revision.rawValue, action: .remove)
    switch await core.commit(change) {
    case .committed(let revision):
      return .done(
        StoredObject(
          key: object.key, value: object.value, revision: Revision(revision), lease: object.lease,
          isStale: object.isStale))
    case .conflict(let standing): return .conflict(standing)
    case .failed(let error): throw error
    }
  }

  /// What is still the newest needs no look at the disk.
  package func refreshed(_ object: StoredObject?, _ key: String) async throws -> StoredObject? {
    if let object, try newestRevision(of: key) == object.revision.rawValue { return object }
    return try await current(key)
  }
}
