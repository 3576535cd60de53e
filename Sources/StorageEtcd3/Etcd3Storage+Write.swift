public import ByteBuffers
import EtcdTransport
import JSON
public import Storage

extension Etcd3Storage: ConditionalWrites {
  public func create(key: String, value: SharedBytes, ttl: Duration?) async throws -> StoredObject {
    try await during { try await createOnce(key, value, ttl: ttl) }
  }

  public func guaranteedUpdate(
    key: String, ignoreNotFound: Bool, origin: StoredObject?,
    tryUpdate: @Sendable (StoredObject?) async throws -> UpdateDecision
  ) async throws -> UpdateOutcome {
    try await during {
      try await updateUntilWritten(key, ignoreNotFound: ignoreNotFound, origin: origin, tryUpdate: tryUpdate)
    }
  }

  public func delete(
    key: String, origin: StoredObject?, validate: @Sendable (StoredObject) async throws -> Void
  ) async throws -> StoredObject {
    try await during { try await removeOnceAccepted(key, origin: origin, validate: validate) }
  }

  // MARK: - Steps

  package func put(
    _ key: String, _ value: SharedBytes, ttl: Duration?, expected: Revision
  ) async throws -> ConditionalOutcome {
    let expected = expected.rawValue
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

  private func put(
    _ key: String, _ value: SharedBytes, lease: Int64, expected: Int64
  ) async throws -> ConditionalOutcome {
    let floor = try client.integrity.newest()
    let body = Requests.put(key, value, lease: lease, ifAt: expected)
    func done(at revision: Int64) -> ConditionalOutcome {
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
      case .exists(let found): return .conflict(.object(object(found)))
      }
    }
    if answer.succeeded { return done(at: answer.header.revision) }
    if isRepeated, let first = try await firstChange(of: key, after: expected), first.isPut,
      first.value?.hasSameBytes(as: value) == true
    {
      return done(at: first.revision)
    }
    return .conflict(standing(answer))
  }

  package func remove(_ object: StoredObject) async throws -> ConditionalOutcome {
    func done(at revision: Int64) -> ConditionalOutcome {
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
    return .conflict(standing(answer))
  }

  /// What a transaction that failed has shown.
  private func standing(_ answer: TransactionAnswer) -> ConditionalOutcome.Standing {
    answer.current.map { .object(object($0)) } ?? .absent
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
}
