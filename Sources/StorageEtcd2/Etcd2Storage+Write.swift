public import ByteBuffers
import CurlHTTP
import EtcdTransport
public import Storage

extension Etcd2Storage: ConditionalWrites {
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

  /// The limit of etcd3 by default, so that whatever is stored here can move there. (The v2 API itself takes forms up
  /// to 10 MB.)
  private static let largestValue = 3 << 19

  private func path(_ key: String) throws(StorageError) -> String {
    guard let path = KeyPath.url(ofKey: key) else {
      throw .refused("etcd2 can't hold the key \(key): it must begin with a slash")
    }
    return path
  }

  package func current(_ key: String) async throws -> StoredObject? {
    let node = try await client.read(try path(key)).node()
    if node?.isDirectory == true {
      throw StorageError.refused("etcd2 can't hold the key \(key): there are keys below it")
    }
    return try object(of: node, at: key)
  }

  /// What a read of one key has found; nil for nothing.
  func object(of node: Node?, at key: String) throws(StorageError) -> StoredObject? {
    guard let object = try node?.object(cache) else { return nil }
    guard object.key == key else { throw WireShape.wrong("it holds \(object.key) where \(key) was asked for") }
    return object
  }

  package func put(
    _ key: String, _ value: SharedBytes, ttl: Duration?, expected: Revision
  ) async throws -> ConditionalOutcome {
    guard value.count <= Self.largestValue else { throw StorageError.tooLarge("etcdserver: request is too large") }
    let path = try path(key)
    let isCreate = expected == .zero
    let floor = try client.integrity.newest()
    // The value would come back with the answer. With a TTL the answer is wanted: it tells when the key will go.
    let query =
      (isCreate ? "?prevExist=false" : "?prevIndex=\(expected)") + (ttl == nil ? "&noValueOnSuccess=true" : "")
    func done(at index: Int64, lease: Int64 = 0) -> ConditionalOutcome {
      cache.remember(value, at: index)
      return .done(StoredObject(key: key, value: value, revision: Revision(index), lease: lease))
    }
    let outcome: EtcdTransport.Outcome<Etcd2Answer>
    do {
      // An update's condition names an index that never comes back, so sending it twice can't write twice. "Does not
      // exist" does come back, when somebody deletes what we created: a create is sent once.
      outcome = try await client.write(
        .put, path + query, ValueText.form(value, ttlSeconds: ttl.map { max(1, $0.wholeSeconds) }),
        isCreate ? .ifUnsent : .conditional)
    } catch let unknown as UnknownOutcome {
      guard isCreate else { throw unknown.storageError }
      return try await resolveCreate(key, value, floor: floor, unknown)
    }
    let answer = outcome.answer
    switch answer.code {
    case 0:
      let node = ttl == nil ? try answer.nodeIfAny() : try answer.node()
      return done(at: node?.modified ?? answer.index, lease: node?.expiration ?? 0)
    case Etcd2Answer.Code.keyExists, Etcd2Answer.Code.compareFailed, Etcd2Answer.Code.keyNotFound:
      if outcome.isRepeated, let first = try await firstChange(of: key, after: expected.rawValue),
        first.value?.hasSameBytes(as: value) == true
      {
        return done(at: first.revision.rawValue, lease: first.lease)
      }
      // What a create has met may be a directory, which the look at it refuses in words.
      return .conflict(isCreate ? try await current(key).map { .object($0) } ?? .absent : .unknown)
    default: throw StorageError.refused("etcd: \(answer.text)")
    }
  }

  package func remove(_ object: StoredObject) async throws -> ConditionalOutcome {
    func done(at index: Int64) -> ConditionalOutcome {
      .done(
        StoredObject(
          key: object.key, value: object.value, revision: Revision(index), lease: object.lease, isStale: object.isStale)
      )
    }
    let outcome: EtcdTransport.Outcome<Etcd2Answer>
    do {
      outcome = try await client.write(
        .delete, try path(object.key) + "?prevIndex=\(object.revision)", nil, .conditional)
    } catch let unknown as UnknownOutcome {
      throw unknown.storageError
    }
    let answer = outcome.answer
    switch answer.code {
    case 0: return done(at: try answer.nodeIfAny()?.modified ?? answer.index)
    case Etcd2Answer.Code.compareFailed, Etcd2Answer.Code.keyNotFound:
      if outcome.isRepeated, let first = try await firstChange(of: object.key, after: object.revision.rawValue),
        first.kind == .delete
      {
        return done(at: first.revision.rawValue)
      }
      return .conflict(.unknown)
    default: throw StorageError.refused("etcd: \(answer.text)")
    }
  }

  // MARK: - Unknown outcomes

  /// A create whose answer got lost. If the key now exists, and its present life began behind every index we had seen
  /// before sending, with our bytes, it was ours. If it began otherwise, the key exists, which is what a refused create
  /// is told. If there is no key, the create may never have happened, may have been deleted again, or may still be on
  /// its way: only `.unreachable` is true.
  private func resolveCreate(
    _ key: String, _ value: SharedBytes, floor: Int64, _ unknown: UnknownOutcome
  ) async throws -> ConditionalOutcome {
    guard let node = try? await client.read(try path(key)).node(), let found = try? object(of: node, at: key) else {
      throw unknown.storageError
    }
    if node.created <= floor { return .conflict(.object(found)) }
    if node.modified == node.created {
      return found.value.hasSameBytes(as: value) ? .done(found) : .conflict(.object(found))
    }
    guard let born = try await firstChange(of: key, after: node.created - 1) else { throw unknown.storageError }
    guard let first = born.value, first.hasSameBytes(as: value) else { return .conflict(.object(found)) }
    return .done(StoredObject(key: key, value: value, revision: born.revision, lease: born.lease))
  }

  /// The first change of `key` behind `index`, known to have one. Throws `.unreachable` if etcd's events do not tell
  /// any more.
  private func firstChange(of key: String, after index: Int64) async throws -> StorageEvent? {
    let answer: Etcd2Answer?
    do {
      answer = try await client.poll(from: index + 1, path: try path(key), patience: client.timing.attempt)
    } catch let failure as CallFailure {
      throw UnknownOutcome(text: failure.text).storageError
    }
    guard let answer, answer.code == 0 else { throw UnknownOutcome(text: "the history of \(key) is gone").storageError }
    return try FeedEvent(answer, cache)?.change
  }
}
