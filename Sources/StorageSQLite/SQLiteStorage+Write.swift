public import ByteBuffers
public import Storage

extension SQLiteStorage {
  public func create(key: String, value: SharedBytes, ttl: Duration?) async throws -> StoredObject {
    try Task.checkCancellation()
    switch try await put(key, value, ttl, expected: 0) {
    case .done(let object): return object
    case .conflict: throw StorageError.keyExists(key: key)
    }
  }

  public func guaranteedUpdate(
    key: String, ignoreNotFound: Bool, origin: StoredObject?,
    tryUpdate: @Sendable (StoredObject?) throws -> UpdateDecision
  ) async throws -> UpdateOutcome {
    var shown = origin
    /// Was `shown` read from storage, and not handed in?
    var isFresh = false
    if origin == nil {
      shown = try await current(key)
      isFresh = true
    }
    while true {
      try Task.checkCancellation()
      if shown == nil && !ignoreNotFound { throw StorageError.keyNotFound(key: key) }
      let decision: UpdateDecision
      do {
        decision = try tryUpdate(shown)
      } catch {
        try await believe(error, key, &shown, &isFresh)
        continue
      }
      switch decision {
      case .keep:
        guard let kept = try await keep(key, &shown, &isFresh) else { continue }
        return kept
      case .write(let value, let ttl):
        if ttl == nil, let old = shown, old.lease == 0, !old.isStale, old.value.hasSameBytes(as: value) {
          guard let kept = try await keep(key, &shown, &isFresh) else { continue }
          return kept
        }
        switch try await put(key, value, ttl, expected: shown?.revision.rawValue ?? 0) {
        case .done(let object): return UpdateOutcome(object: object, wasWritten: true)
        case .conflict(let current): shown = try await resolve(current, key)
        }
      case .delete:
        guard let removed = shown else {
          try await believe(StorageError.keyNotFound(key: key), key, &shown, &isFresh)
          continue
        }
        switch try await remove(removed) {
        case .done(let object): return UpdateOutcome(object: object, wasWritten: true)
        case .conflict(let current): shown = try await resolve(current, key)
        }
      }
      isFresh = true
    }
  }

  public func delete(
    key: String, origin: StoredObject?, validate: @Sendable (StoredObject) throws -> Void
  ) async throws -> StoredObject {
    var shown = origin
    var isFresh = false
    while true {
      try Task.checkCancellation()
      if shown == nil {
        shown = try await current(key)
        isFresh = true
      }
      guard let object = shown else { throw StorageError.keyNotFound(key: key) }
      do {
        try validate(object)
      } catch {
        try await believe(error, key, &shown, &isFresh)
        continue
      }
      switch try await remove(object) {
      case .done(let removed): return removed
      case .conflict(let current): shown = try await resolve(current, key)
      }
      isFresh = true
      if shown == nil { throw StorageError.keyNotFound(key: key) }
    }
  }

  // MARK: - Steps

  private enum WriteOutcome {
    case done(StoredObject)
    case conflict(ChangeResult.Current)
  }

  private func put(_ key: String, _ value: SharedBytes, _ ttl: Duration?, expected: Int64) async throws -> WriteOutcome
  {
    var lease: Int64 = 0
    if let ttl {
      let (deadline, overflow) = Clock.wallMilliseconds.addingReportingOverflow(max(ttl.clampedMilliseconds, 1))
      lease = overflow ? .max : deadline
    }
    let change = Change(key: StorageKey(key), expected: expected, action: .put(value: value, lease: lease))
    switch await core.commit(change) {
    case .committed(let revision):
      return .done(StoredObject(key: key, value: value, revision: Revision(revision), lease: lease))
    case .conflict(let current): return .conflict(current)
    case .failed(let error): throw error
    }
  }

  private func remove(_ object: StoredObject) async throws -> WriteOutcome {
    let change = Change(key: StorageKey(object.key), expected: object.revision.rawValue, action: .remove)
    switch await core.commit(change) {
    case .committed(let revision):
      return .done(
        StoredObject(
          key: object.key, value: object.value, revision: Revision(revision), lease: object.lease,
          isStale: object.isStale))
    case .conflict(let current): return .conflict(current)
    case .failed(let error): throw error
    }
  }

  private func resolve(_ current: ChangeResult.Current, _ key: String) async throws -> StoredObject? {
    switch current {
    case .absent: nil
    case .object(let object): object
    case .unknown: try await self.current(key)
    }
  }

  /// An error about an object that was handed in counts only if that object is still the stored one (semantics 2.11).
  private func believe(
    _ error: any Error, _ key: String, _ shown: inout StoredObject?, _ isFresh: inout Bool
  ) async throws {
    if isFresh { throw error }
    let now = try await current(key)
    if now?.revision == shown?.revision { throw error }
    shown = now
    isFresh = true
  }

  /// "Nothing to write" counts only about the stored object. Nil: it was another one, which is now shown.
  private func keep(_ key: String, _ shown: inout StoredObject?, _ isFresh: inout Bool) async throws -> UpdateOutcome? {
    if let object = shown, try isFresh || newestRevision(of: key) == object.revision.rawValue {
      return UpdateOutcome(object: object, wasWritten: false)
    }
    if isFresh { throw StorageError.keyNotFound(key: key) }
    shown = try await current(key)
    isFresh = true
    return nil
  }
}
