public import Cacher
public import Machinery
import ByteBuffers
import JSON
import Storage
import Synchronization

/// What a DELETE did.
public enum DeleteResult: Sendable {
  /// The object is gone; the answer is a Status that names it.
  case gone(Status)
  /// It stays until its finalizers are removed; the answer is the object.
  case pending(CachedObject)
}

extension Store {
  /// Deletes an object, or marks it where finalizers wait (semantics 2.14 to 2.16).
  public func delete(_ name: String, namespace: String, options: DeleteOptions) async throws(Status) -> DeleteResult {
    try options.validate()
    try options.admission?(admission(.delete, name, namespace: namespace))
    if !isKnownAsLarge(try requestedKey(name, namespace: namespace)),
      let here = try await deleteHere(name, namespace: namespace, options: options)
    {
      return here
    }
    let apart = try await onWorkThreads { () async throws(Status) in
      try await deleteHere(name, namespace: namespace, options: options)
    }
    guard let apart else { throw .internalError("a deletion was not made") }
    return apart
  }

  /// nil: the object is so large that this must not be done on a reactor; nothing was done.
  private func deleteHere(
    _ name: String, namespace: String, options: DeleteOptions
  ) async throws(Status) -> DeleteResult? {
    let key = try requestedKey(name, namespace: namespace)
    let info = info
    let last = Mutex<(uid: String, marked: StoredObject?)>(("", nil))
    @Sendable func decide(_ stored: StoredObject?) throws -> UpdateDecision {
      guard let stored else { throw Status.notFound(info.groupResource, name) }
      try TakesLong.check(stored)
      var object = try codec.tree(of: stored)
      try check(options, object, name)
      let uid = object["metadata"]?["uid"]?.string ?? ""
      let finalizers = Self.finalizers(object, options)
      guard !finalizers.isEmpty else {
        last.withLock { $0 = (uid, nil) }
        return .delete
      }
      Self.markAsDeleting(&object, finalizers)
      let value = codec.encode(object, size: stored.value.count).value
      last.withLock { $0 = (uid, StoredObject(key: key, value: value, revision: stored.revision)) }
      return value.hasSameBytes(as: stored.value) ? .keep : .write(value, ttl: nil)
    }
    do {
      let marked: StoredObject?
      if options.isDryRun {
        _ = try decide(try await objects.get(key: key, isConsistent: true))
        marked = last.withLock { $0.marked }
      } else {
        let outcome = try await objects.guaranteedUpdate(
          key: key, ignoreNotFound: false, origin: nil, tryUpdate: decide)
        noteWrite(outcome.object.revision)
        marked = last.withLock { $0.marked } == nil ? nil : outcome.object
      }
      if let marked { return .pending(try codec.decode(marked)) }
      let details = Status.Details(
        name: name, group: info.groupVersion.group, kind: info.plural, uid: last.withLock { $0.uid })
      return .gone(Status(code: 0, reason: "", message: "", details: details, isSuccess: true))
    } catch is TakesLong { return nil } catch { throw status(error, name: name, verb: "delete") }
  }

  private func check(_ options: DeleteOptions, _ object: JSONValue, _ name: String) throws(Status) {
    let subject = GroupResource(group: info.groupVersion.group, resource: info.kind)
    let uid = object["metadata"]?["uid"]?.string ?? ""
    if let asked = options.uid, asked != uid {
      throw .conflict(
        subject, name,
        "the UID in the precondition (\(asked)) does not match the UID in record (\(uid)). The object might have been deleted and then recreated"
      )
    }
    let version = object["metadata"]?["resourceVersion"]?.string ?? ""
    if let asked = options.resourceVersion, asked != version {
      throw .conflict(
        subject, name,
        "the ResourceVersion in the precondition (\(asked)) does not match the ResourceVersion in record (\(version)). The object might have been modified"
      )
    }
  }

  /// The object's finalizers with what the propagation policy adds or takes away. Nothing here collects garbage:
  /// whoever does removes them.
  private static func finalizers(_ object: JSONValue, _ options: DeleteOptions) -> [JSONValue] {
    let present = object["metadata"]?["finalizers"]?.array ?? []
    let orphans: Bool
    let cascades: Bool
    if let explicit = options.orphanDependents {
      (orphans, cascades) = (explicit, false)
    } else if let policy = options.propagationPolicy {
      (orphans, cascades) = (policy == "Orphan", policy == "Foreground")
    } else {
      let first = present.first { $0 == "orphan" || $0 == "foregroundDeletion" }
      (orphans, cascades) = (first == "orphan", first == "foregroundDeletion")
    }
    var wanted = present.filter { $0 != "orphan" && $0 != "foregroundDeletion" }
    if orphans { wanted.append("orphan") }
    if cascades { wanted.append("foregroundDeletion") }
    return Set<ByteString>(wanted.compactMap(\.string)) == Set<ByteString>(present.compactMap(\.string))
      ? present : wanted
  }

  private static func markAsDeleting(_ object: inout JSONValue, _ finalizers: [JSONValue]) {
    var meta = object["metadata"]?.object ?? JSONObject()
    if meta["deletionTimestamp"] == nil {
      if let generation = meta["generation"]?.int, generation > 0, generation < .max {
        meta["generation"] = .int(generation + 1)
      }
      meta["deletionTimestamp"] = .string(Timestamp.text(Timestamp.now))
    }
    meta["deletionGracePeriodSeconds"] = 0
    meta["finalizers"] = .array(finalizers)
    object["metadata"] = .object(MetadataOrder.sorted(meta))
  }

  /// Deletes what a list selects, one after another; returns the list (semantics 2.18).
  public func deleteCollection(
    namespace: String, list options: ListOptions, options deletion: DeleteOptions
  ) async throws(Status) -> ListResult {
    try deletion.validate()
    try deletion.admission?(admission(.delete, "", namespace: namespace))
    let page = try await list(try prepareList(options, namespace: namespace))
    for object in page.objects {
      let rest = object.key.dropFirst(prefix.unicodeScalars.count).split(separator: "/")
      guard let name = rest.last else { continue }
      do throws(Status) {
        _ = try await delete(
          String(name), namespace: info.isNamespaced ? String(rest.first ?? "") : "", options: deletion)
      } catch {
        if error.code != 404 { throw error }
      }
    }
    return page
  }
}
