package import ByteBuffers

/// A backend whose writes are conditional on a key's revision: what the three verbs of `Storage` that change something
/// are made of.
///
/// The loops here are the same for every backend: show, decide, write if nobody came between, else show what stands
/// now. The caller's closures run in the caller's task, between calls of the backend: they may wait, nobody waits with
/// them, and one that never suspends costs no change of thread.
package protocol ConditionalWrites: Storage {
  /// The linearizable state of one key; nil when there is none.
  func current(_ key: String) async throws -> StoredObject?
  /// Writes the key if its newest change is `expected`; zero: if it does not exist.
  func put(_ key: String, _ value: SharedBytes, ttl: Duration?, expected: Revision) async throws -> ConditionalOutcome
  /// Removes the key if its newest change is the object's.
  func remove(_ object: StoredObject) async throws -> ConditionalOutcome
  /// What stands at a key whose object was handed in from elsewhere: `object` itself if it is still the newest.
  func refreshed(_ object: StoredObject?, _ key: String) async throws -> StoredObject?
}

/// What came of one conditional write.
package enum ConditionalOutcome: Sendable {
  /// The object as written, or as removed, at the revision of the change.
  case done(StoredObject)
  /// Nothing was written: the key is not as expected.
  case conflict(Standing)

  /// What stands at the key instead.
  package enum Standing: Sendable {
    case absent
    case object(StoredObject)
    /// It has to be read, where anybody wants to know.
    case unknown
  }
}

extension ConditionalWrites {
  package func refreshed(_ object: StoredObject?, _ key: String) async throws -> StoredObject? {
    try await current(key)
  }

  /// `Storage.create`.
  package func createOnce(_ key: String, _ value: SharedBytes, ttl: Duration?) async throws -> StoredObject {
    try Task.checkCancellation()
    switch try await put(key, value, ttl: ttl, expected: .zero) {
    case .done(let object): return object
    case .conflict: throw StorageError.keyExists(key: key)
    }
  }

  /// `Storage.guaranteedUpdate`.
  package func updateUntilWritten(
    _ key: String, ignoreNotFound: Bool, origin: StoredObject?,
    tryUpdate: @Sendable (StoredObject?) async throws -> UpdateDecision
  ) async throws -> UpdateOutcome {
    var shown = try await first(origin, key)
    while true {
      try Task.checkCancellation()
      if shown.object == nil && !ignoreNotFound { throw StorageError.keyNotFound(key: key) }
      let decision: UpdateDecision
      do {
        decision = try await tryUpdate(shown.object)
      } catch {
        try await believe(error, key, &shown)
        continue
      }
      let outcome: ConditionalOutcome
      switch decision {
      case .keep:
        guard let kept = try await keep(key, &shown) else { continue }
        return kept
      case .write(let value, let ttl):
        if ttl == nil, let old = shown.object, old.lease == 0, !old.isStale, old.value.hasSameBytes(as: value) {
          guard let kept = try await keep(key, &shown) else { continue }
          return kept
        }
        outcome = try await put(key, value, ttl: ttl, expected: shown.object?.revision ?? .zero)
      case .delete:
        guard let removed = shown.object else {
          try await believe(StorageError.keyNotFound(key: key), key, &shown)
          continue
        }
        outcome = try await remove(removed)
      }
      switch outcome {
      case .done(let object): return UpdateOutcome(object: object, wasWritten: true)
      case .conflict(let standing): shown = try await next(standing, key)
      }
    }
  }

  /// `Storage.delete`.
  package func removeOnceAccepted(
    _ key: String, origin: StoredObject?, validate: @Sendable (StoredObject) async throws -> Void
  ) async throws -> StoredObject {
    var shown = try await first(origin, key)
    while true {
      try Task.checkCancellation()
      guard let found = shown.object else { throw StorageError.keyNotFound(key: key) }
      do {
        try await validate(found)
      } catch {
        try await believe(error, key, &shown)
        continue
      }
      switch try await remove(found) {
      case .done(let removed): return removed
      case .conflict(let standing): shown = try await next(standing, key)
      }
    }
  }

  private func first(_ origin: StoredObject?, _ key: String) async throws -> Shown {
    if let origin { return Shown(object: origin, isFresh: false) }
    return Shown(object: try await current(key), isFresh: true)
  }

  /// What is shown after a conflict.
  private func next(_ standing: ConditionalOutcome.Standing, _ key: String) async throws -> Shown {
    switch standing {
    case .absent: Shown(object: nil, isFresh: true)
    case .object(let object): Shown(object: object, isFresh: true)
    case .unknown: Shown(object: try await current(key), isFresh: true)
    }
  }

  /// An error about an object that was handed in counts only if that object is still the stored one (semantics 2.11).
  private func believe(_ error: any Error, _ key: String, _ shown: inout Shown) async throws {
    if shown.isFresh { throw error }
    let now = try await refreshed(shown.object, key)
    if now?.revision == shown.object?.revision { throw error }
    shown = Shown(object: now, isFresh: true)
  }

  /// "Nothing to write" counts only about the stored object. Nil: it was another one, which is now shown.
  private func keep(_ key: String, _ shown: inout Shown) async throws -> UpdateOutcome? {
    if !shown.isFresh {
      let now = try await refreshed(shown.object, key)
      let wasStored = now?.revision == shown.object?.revision
      shown = Shown(object: now, isFresh: true)
      guard wasStored else { return nil }
    }
    guard let object = shown.object else { throw StorageError.keyNotFound(key: key) }
    return UpdateOutcome(object: object, wasWritten: false)
  }
}

/// The object that the caller's closure sees.
private struct Shown {
  var object: StoredObject?
  /// Was it read from storage, and not handed in?
  var isFresh: Bool
}
