public import Cacher
import Capacity
public import Machinery
import ByteBuffers
import JSON
import Storage

/// What a DELETE did.
public enum DeleteResult: Sendable {
  /// The object is gone; the answer is a Status that names it.
  case gone(Status)
  /// The object is gone; the answer is the object as it was.
  case removed(CachedObject)
  /// It stays until its finalizers are removed; the answer is the object.
  case pending(CachedObject)
}

extension Store {
  /// Deletes an object, or marks it where finalizers wait (semantics 2.14 to 2.16).
  public func delete(_ name: String, namespace: String, options: DeleteOptions) async throws(Status) -> DeleteResult {
    try options.validate()
    try await options.admission?.admit(admission(.delete, name, namespace: namespace))
    if let why = definition.deletion.refusal?(name) { throw .forbidden(info.groupResource, name: name, why) }
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
    @Sendable func decide(_ stored: StoredObject?) async throws -> (UpdateDecision, Deletion) {
      guard let stored else { throw Status.notFound(info.groupResource, name) }
      try TakesLong.check(stored)
      var object = try codec.tree(of: stored)
      // Who can't be shown what goes does not get it to go.
      if let custom, custom.isConvertedElsewhere { _ = try await custom.served(object) }
      try check(options, object, name)
      let uid = object["metadata"]?["uid"]?.string ?? ""
      let isGiven = giveTime(&object, options)
      if isGiven == .already { return (.keep, Deletion(uid: uid, object: stored, isMarked: true)) }
      let finalizers = finalizers(object, options)
      guard isGiven != .none || !finalizers.isEmpty || definition.deletion.isHeld?(object) == true else {
        return (.delete, Deletion(uid: uid, object: stored, isMarked: false))
      }
      if isGiven != .none {
        if object["metadata"]?["finalizers"] != nil || !finalizers.isEmpty {
          var meta = object["metadata"]?.object ?? JSONObject()
          meta["finalizers"] = finalizers.isEmpty ? nil : .array(finalizers)
          object["metadata"] = .object(MetadataOrder.sorted(meta))
        }
      } else if definition.deletion.mark?(&object, options) != true {
        Self.markAsDeleting(&object, finalizers)
      }
      definition.restoreOrder(&object)
      let value = codec.encode(object, size: stored.value.count).value
      let marked = StoredObject(key: key, value: value, revision: stored.revision)
      let isKept = value.hasSameBytes(as: stored.value)
      return (
        // What waits for its finalizers waits as long as they take: it does not go by itself any more.
        isKept ? .keep : .write(value, ttl: nil),
        Deletion(uid: uid, object: marked, isMarked: true, isOver: isGiven == .over && finalizers.isEmpty)
      )
    }
    do {
      var deletion: Deletion
      if options.isDryRun {
        deletion = try await decide(try await objects.get(key: key, isConsistent: true)).1
      } else {
        let outcome: UpdateOutcome
        do throws(FailedUpdate<Deletion>) {
          (outcome, deletion) = try await objects.update(key: key, decide)
        } catch { throw error.reason }
        noteWrite(outcome.object.revision)
        deletion.object = outcome.object
        if deletion.isOver { try await remove(key, &deletion) }
        if !deletion.isMarked, let rule = definition.reservations {
          await rule.release(try codec.tree(of: deletion.object))
        }
      }
      if deletion.isMarked { return .pending(try codec.decode(deletion.object)) }
      if definition.deletion.answersObject { return .removed(try codec.decode(deletion.object)) }
      let details = Status.Details(
        name: name, group: info.groupVersion.group, kind: info.plural, uid: deletion.uid)
      return .gone(Status(code: 0, reason: "", message: "", details: details, isSuccess: true))
    } catch is TakesLong { return nil } catch { throw status(error, name: name, verb: "delete") }
  }

  /// What a round of a deletion has come to.
  private struct Deletion: Sendable {
    let uid: String
    var object: StoredObject
    /// It stays for now.
    var isMarked: Bool
    /// It was given no time, and nothing holds it: whoever watches is shown that, and then it goes.
    var isOver = false
  }

  /// Takes away what was marked a moment ago, unless something holds it by now.
  private func remove(_ key: String, _ deletion: inout Deletion) async throws {
    let uid = deletion.uid
    do throws(FailedUpdate<Bool>) {
      let (outcome, isGone) = try await objects.update(key: key, ignoreNotFound: true) { stored in
        guard let stored else { return (.keep, true) }
        let meta = try codec.tree(of: stored)["metadata"]
        let isHeld = meta?["uid"]?.string != uid || meta?["finalizers"]?.array?.isEmpty == false
        return isHeld ? (.keep, false) : (.delete, true)
      }
      guard isGone else { return }
      noteWrite(outcome.object.revision)
      deletion.object = outcome.object
      deletion.isMarked = false
    } catch {
      // Somebody was faster.
      guard case .keyNotFound? = error.reason as? StorageError else { throw error.reason }
      deletion.isMarked = false
    }
  }

  // MARK: objects that are given time to end

  private enum GivenTime {
    /// Not by this kind, or none any more.
    case none
    /// It has as long as it was given before.
    case already
    case some
    /// It is given no time.
    case over
  }

  /// Marks an object that is given time to end. It may be asked again, for less time. (`rest.BeforeDelete`)
  private func giveTime(_ object: inout JSONValue, _ options: DeleteOptions) -> GivenTime {
    guard let grace = definition.deletion.grace else { return .none }
    var meta = object["metadata"]?.object ?? JSONObject()
    let end: Int64
    let period: Int64
    if let going = meta["deletionTimestamp"]?.string {
      let known = meta["deletionGracePeriodSeconds"]?.int ?? 0
      if known == 0 { return .none }
      guard let asked = options.gracePeriodSeconds, asked < known, let time = try? Timestamp.parse(going) else {
        return .already
      }
      period = max(asked, 0)
      end = Self.sum(time.seconds, period &- known)
    } else {
      period = max(0, grace(object, options.gracePeriodSeconds))
      end = Self.sum(Timestamp.now, period)
      if let generation = meta["generation"]?.int, generation > 0, generation < .max {
        meta["generation"] = .int(generation + 1)
      }
    }
    meta["deletionTimestamp"] = .string(Timestamp.text(end))
    meta["deletionGracePeriodSeconds"] = .int(period)
    object["metadata"] = .object(MetadataOrder.sorted(meta))
    return period == 0 ? .over : .some
  }

  /// A time some seconds later, as far as there are texts for it: to the end of the year 9999.
  private static func sum(_ time: Int64, _ seconds: Int64) -> Int64 {
    let (sum, overflows) = time.addingReportingOverflow(seconds)
    return overflows ? 253_402_300_799 : max(0, min(sum, 253_402_300_799))
  }

  private func check(_ options: DeleteOptions, _ object: JSONValue, _ name: String) throws(Status) {
    let meta = object["metadata"]
    try check("UID", options.uid, meta?["uid"], name, "deleted and then recreated")
    try check("ResourceVersion", options.resourceVersion, meta?["resourceVersion"], name, "modified")
  }

  /// Throws 409 where the client asked for another object than there is. `guess`: what may have happened to it.
  private func check(
    _ member: String, _ asked: String?, _ found: JSONValue?, _ name: String, _ guess: String
  ) throws(Status) {
    let found = found?.string ?? ""
    guard let asked, asked != found else { return }
    if definition.deletion.namesFoundInPreconditions {
      throw .conflict(
        info.groupResource, name,
        "Precondition failed: \(member) in precondition: \(asked), \(member) in object meta: \(found)")
    }
    throw .conflict(
      GroupResource(group: definition.groupResource.group, resource: info.kind), name,
      "the \(member) in the precondition (\(asked)) does not match the \(member) in record (\(found)). "
        + "The object might have been \(guess)")
  }

  /// The object's finalizers with what the propagation policy adds or takes away. Nothing here collects garbage:
  /// whoever does removes them.
  private func finalizers(_ object: JSONValue, _ options: DeleteOptions) -> [JSONValue] {
    let present = object["metadata"]?["finalizers"]?.array ?? []
    if definition.deletion.ignoresPropagation {
      let others = present.filter { $0 != "orphan" && $0 != "foregroundDeletion" }
      return others.count == present.count ? present : others
    }
    let orphans: Bool
    let cascades: Bool
    if let explicit = options.orphanDependents {
      (orphans, cascades) = (explicit, false)
    } else if let policy = options.propagationPolicy {
      (orphans, cascades) = (policy == "Orphan", policy == "Foreground")
    } else {
      let first = present.first { $0 == "orphan" || $0 == "foregroundDeletion" }
      let isOrphaning = first.map { $0 == "orphan" } ?? definition.deletion.orphansByDefault
      (orphans, cascades) = (isOrphaning, first == "foregroundDeletion")
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

  /// What a client hears of its wish to delete, whatever comes of it.
  public func warnings(of options: DeleteOptions) -> [String] {
    let isSaid = options.propagationPolicy != nil || options.orphanDependents != nil
    return isSaid ? [] : definition.deletion.warningWithoutPropagation.map { [$0] } ?? []
  }

  /// Deletes what a list selects, one after another or `workers` at a time; returns the list (semantics 2.18).
  public func deleteCollection(
    namespace: String, list options: ListOptions, options deletion: DeleteOptions, workers: Int = 1
  ) async throws(Status) -> ListResult {
    try deletion.validate()
    try await deletion.admission?.admit(admission(.delete, "", namespace: namespace))
    let page = try await list(try prepareList(options, namespace: namespace))
    let failure = await withTaskGroup(of: Status?.self) { group in
      var failure: Status?
      for (place, object) in page.objects.enumerated() {
        // As one ends, the next begins; after a failure none does.
        if place >= workers, let ended = await group.next(), let ended { failure = failure ?? ended }
        if failure != nil { break }
        group.addTask { await self.deleteOne(of: object.key, deletion) }
      }
      for await ended in group { failure = failure ?? ended }
      return failure
    }
    if let failure { throw failure }
    return page
  }

  /// Returns why an object of a collection stays.
  private func deleteOne(of key: String, _ options: DeleteOptions) async -> Status? {
    let scope = keyFunc.scope(of: key)
    do throws(Status) {
      _ = try await delete(scope.name, namespace: scope.namespace, options: options)
      return nil
    } catch { return error.code == 404 ? nil : error }
  }
}
