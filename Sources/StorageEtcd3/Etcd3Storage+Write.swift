public import ByteBuffers
import EtcdTransport
import JSON
public import Storage

extension Etcd3Storage {
  public func create(key: String, value: SharedBytes, ttl: Duration?) async throws -> StoredObject {
    try await during {
      try Task.checkCancellation()
      switch try await put(key, value, ttl, expected: 0) {
      case .done(let object): return object
      case .conflict: throw StorageError.keyExists(key: key)
      }
    }
  }

  public func guaranteedUpdate(
    key: String, ignoreNotFound: Bool, origin: StoredObject?,
    tryUpdate: @Sendable (StoredObject?) throws -> UpdateDecision
  ) async throws -> UpdateOutcome {
    try await during {
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
          case .conflict(let current): shown = current.map(object)
          }
        case .delete:
          guard let removed = shown else {
            try await believe(StorageError.keyNotFound(key: key), key, &shown, &isFresh)
            continue
          }
          switch try await remove(removed) {
          case .done(let object): return UpdateOutcome(object: object, wasWritten: true)
          case .conflict(let current): shown = current.map(object)
          }
        }
        isFresh = true
      }
    }
  }

  public func delete(
    key: String, origin: StoredObject?, validate: @Sendable (StoredObject) throws -> Void
  ) async throws -> StoredObject {
    try await during {
      var shown = origin
      var isFresh = false
      while true {
        try Task.checkCancellation()
        if shown == nil && !isFresh {
          shown = try await current(key)
          isFresh = true
        }
        guard let found = shown else { throw StorageError.keyNotFound(key: key) }
        do {
          try validate(found)
        } catch {
          try await believe(error, key, &shown, &isFresh)
          continue
        }
        switch try await remove(found) {
        case .done(let removed): return removed
        case .conflict(let current): shown = current.map(object)
        }
        isFresh = true
      }
    }
  }

  // MARK: - Steps

  private enum WriteOutcome {
    case done(StoredObject)
    /// What stands at the key instead.
    case conflict(KeyValue?)
  }

  private func put(_ key: String, _ value: SharedBytes, _ ttl: Duration?, expected: Int64) async throws -> WriteOutcome
  {
    guard let ttl else { return try await put(key, value, lease: 0, expected: expected) }
    let lease = try await leases.lease(for: ttl)
    do { return try await put(key, value, lease: lease, expected: expected) } catch StorageError.refused(let text)
      where text.contains("requested lease not found")
    {
      // Revoked by somebody, or lost with an etcd that was restored. Nothing was written.
      await leases.forget(lease)
      return try await put(key, value, lease: try await leases.lease(for: ttl), expected: expected)
    }
  }

  private func put(_ key: String, _ value: SharedBytes, lease: Int64, expected: Int64) async throws -> WriteOutcome {
    let floor = try client.integrity.newest()
    let body = Requests.put(key, value, lease: lease, ifAt: expected)
    func done(at revision: Int64) -> WriteOutcome {
      .done(StoredObject(key: key, value: value, revision: Revision(revision), lease: lease))
    }
    let (answer, isRepeated): (TransactionAnswer, Bool)
    do {
      // An update's condition names a revision that never comes back, so sending it twice can't write twice. "Does not
      // exist" does come back, when somebody deletes what we created: a create is sent once.
      (answer, isRepeated) = try await transact(body, key, floor: floor, expected == 0 ? .ifUnsent : .conditional)
    } catch let unknown as Etcd3Client.Unknown {
      guard expected == 0 else { throw unknown.asStorageError }
      switch try await resolveCreate(key, value, floor: floor, unknown) {
      case .created(let revision): return done(at: revision)
      case .exists(let found): return .conflict(found)
      }
    }
    if answer.succeeded { return done(at: answer.header.revision) }
    if isRepeated, let first = try await firstChange(of: key, after: expected), first.isPut,
      first.value?.hasSameBytes(as: value) == true
    {
      return done(at: first.revision)
    }
    return .conflict(answer.current)
  }

  private func remove(_ object: StoredObject) async throws -> WriteOutcome {
    func done(at revision: Int64) -> WriteOutcome {
      .done(
        StoredObject(
          key: object.key, value: object.value, revision: Revision(revision), lease: object.lease,
          isStale: object.isStale))
    }
    let floor = try client.integrity.newest()
    let (answer, isRepeated): (TransactionAnswer, Bool)
    do {
      (answer, isRepeated) = try await transact(
        Requests.delete(object.key, ifAt: object.revision.rawValue), object.key, floor: floor, .conditional)
    } catch let unknown as Etcd3Client.Unknown {
      throw unknown.asStorageError
    }
    if answer.succeeded { return done(at: answer.header.revision) }
    if isRepeated, let first = try await firstChange(of: object.key, after: object.revision.rawValue), !first.isPut {
      return done(at: first.revision)
    }
    return .conflict(answer.current)
  }

  /// Throws `Etcd3Client.Unknown` or what the storage throws.
  private func transact(
    _ body: SharedBytes, _ key: String, floor: Int64, _ repetition: EtcdTransport.Repetition
  ) async throws -> (TransactionAnswer, isRepeated: Bool) {
    do {
      let outcome = try await client.call(
        .transaction, body, attempt: client.timing.attempt, total: client.timing.call, repetition)
      let answer = try TransactionAnswer(outcome.tape.root, key: key)
      try client.integrity.check(answer.header, floor: floor)
      return (answer, outcome.isRepeated)
    } catch let failure as CallFailure {
      throw failure.storageError()
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
    if isFresh {
      guard let object = shown else { throw StorageError.keyNotFound(key: key) }
      return UpdateOutcome(object: object, wasWritten: false)
    }
    let now = try await current(key)
    isFresh = true
    if let now, now.revision == shown?.revision { return UpdateOutcome(object: now, wasWritten: false) }
    shown = now
    return nil
  }
}
