public import ByteBuffers
import Synchronization

/// Raw storage whose values pass through a transformer: what is above sees values as they were written, what is below
/// only what is stored.
///
/// It stands over the raw storage of a resource that an EncryptionConfiguration names, whatever the backend; other
/// resources do without it. A value that can't be undone is no error here: it comes out as stored, with the reason in
/// `unreadable`, so that one bad value does not hide its neighbours. Whoever decodes it fails.
///
/// A ciphertext is different every time, so the rule that equal bytes write nothing is applied here, on the values
/// themselves.
public struct TransformedStorage: StorageWrapper {
  /// The values as they are stored.
  public let storage: any Storage
  private let transformer: any Transformer

  public init(_ raw: any Storage, transformer: any Transformer) {
    storage = raw
    self.transformer = transformer
  }

  private func opened(_ stored: StoredObject) -> StoredObject {
    do throws(TransformFailure) {
      let (value, isStale) = try transformer.fromStorage(stored.value, context: stored.key)
      if value === stored.value && !isStale { return stored }
      return StoredObject(
        key: stored.key, value: value, revision: stored.revision, lease: stored.lease, isStale: isStale)
    } catch {
      return StoredObject(
        key: stored.key, value: stored.value, revision: stored.revision, lease: stored.lease,
        unreadable: error.description)
    }
  }

  private func opened(_ event: StorageEvent) -> StorageEvent {
    guard let stored = event.value else { return event }
    do throws(TransformFailure) {
      let (value, isStale) = try transformer.fromStorage(stored, context: event.key)
      if value === stored && !isStale { return event }
      return StorageEvent(
        kind: event.kind, key: event.key, value: value, revision: event.revision, lease: event.lease, isStale: isStale)
    } catch {
      return StorageEvent(
        kind: event.kind, key: event.key, value: stored, revision: event.revision, lease: event.lease,
        unreadable: error.description)
    }
  }

  private func sealed(_ value: SharedBytes, _ key: String) throws -> SharedBytes {
    do { return try transformer.toStorage(value, context: key) } catch {
      throw StorageError.untransformable(key: key, reason: error.description)
    }
  }

  // MARK: Reads

  public func get(key: String, isConsistent: Bool) async throws -> StoredObject {
    opened(try await storage.get(key: key, isConsistent: isConsistent))
  }

  public func getList(prefix: String, options: StorageListOptions) async throws -> StorageList {
    let page = try await storage.getList(prefix: prefix, options: options)
    return StorageList(
      objects: page.objects.map { opened($0) }, revision: page.revision, hasMore: page.hasMore,
      remaining: page.remaining)
  }

  /// Values are opened by the reader, when it takes them.
  public func watch(prefix: String, after: Revision?) async throws -> StorageWatch {
    StorageWatch(reading: try await storage.watch(prefix: prefix, after: after)) { item in
      guard case .events(let events) = item else { return item }
      return .events(events.map { opened($0) })
    }
  }

  // MARK: Writes

  public func create(key: String, value: SharedBytes, ttl: Duration?) async throws -> StoredObject {
    let made = try await storage.create(key: key, value: try sealed(value, key), ttl: ttl)
    return StoredObject(key: key, value: value, revision: made.revision, lease: made.lease)
  }

  /// What the last round of an update showed and decided.
  private enum Round: Sendable {
    case none, kept(StoredObject?), wrote(SharedBytes), removed(StoredObject?)
  }

  public func guaranteedUpdate(
    key: String, ignoreNotFound: Bool, origin: StoredObject?,
    tryUpdate: @Sendable (StoredObject?) async throws -> UpdateDecision
  ) async throws -> UpdateOutcome {
    var origin = origin
    while true {
      let given = origin
      let last = Mutex(Round.none)
      let outcome = try await storage.guaranteedUpdate(key: key, ignoreNotFound: ignoreNotFound, origin: given) {
        stored in
        // The origin comes from above, as it was written; everything else comes from storage.
        let shown = stored.map { $0.value === given?.value ? $0 : opened($0) }
        switch try await tryUpdate(shown) {
        case .keep:
          last.withLock { $0 = .kept(shown) }
          return .keep
        case .write(let value, let ttl):
          if ttl == nil, let shown, shown.lease == 0, !shown.isStale, shown.unreadable == nil,
            shown.value.hasSameBytes(as: value)
          {
            last.withLock { $0 = .kept(shown) }
            return .keep
          }
          let stored = try sealed(value, key)
          last.withLock { $0 = .wrote(value) }
          return .write(stored, ttl: ttl)
        case .delete:
          last.withLock { $0 = .removed(shown) }
          return .delete
        }
      }
      let found = outcome.object
      switch last.withLock({ $0 }) {
      case .wrote(let value):
        return UpdateOutcome(
          object: StoredObject(key: key, value: value, revision: found.revision, lease: found.lease),
          wasWritten: outcome.wasWritten)
      case .removed(let shown?):
        let removed = StoredObject(
          key: key, value: shown.value, revision: found.revision, lease: shown.lease, unreadable: shown.unreadable)
        return UpdateOutcome(object: removed, wasWritten: outcome.wasWritten)
      case .kept, .removed, .none:
        // A backend may return the origin without having read what is stored.
        let isOrigin = found.value === given?.value
        let kept = isOrigin ? found : opened(found)
        // An object that was handed in does not know whether its stored form has become stale since (a new key was put
        // first).
        if let given, !given.isStale {
          let stored = isOrigin ? try? await get(key: key, isConsistent: true) : kept
          if stored?.isStale == true {
            origin = nil
            continue
          }
        }
        return UpdateOutcome(object: kept, wasWritten: outcome.wasWritten)
      }
    }
  }

  public func delete(
    key: String, origin: StoredObject?, validate: @Sendable (StoredObject) async throws -> Void
  ) async throws -> StoredObject {
    let last = Mutex<StoredObject?>(nil)
    let removed = try await storage.delete(key: key, origin: origin) { stored in
      let shown = stored.value === origin?.value ? stored : opened(stored)
      try await validate(shown)
      last.withLock { $0 = shown }
    }
    guard let shown = last.withLock({ $0 }) else { return opened(removed) }
    return StoredObject(
      key: key, value: shown.value, revision: removed.revision, lease: removed.lease, isStale: shown.isStale,
      unreadable: shown.unreadable)
  }
}
