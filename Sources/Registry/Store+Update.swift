public import JSON
public import Machinery
import ByteBuffers
import Cacher
import FieldManagement
import Storage
import Synchronization

extension Store {
  /// Replaces an object with a decoded body.
  public func update(
    _ name: String, namespace: String, body: JSONValue, subresource: Subresource = .main, options: WriteOptions,
    warnings: [String] = []
  ) async throws(Status) -> WriteResult {
    try options.validate()
    do throws(Status) { try checkName(body, name) } catch { throw error.after(warnings) }
    var body = body
    let warnings = warnings + OwnerReferences.deduplicate(&body, inPatch: false)
    let uid = body["metadata"]?["uid"]?.string ?? ""
    return try await change(name, namespace: namespace, subresource: subresource, options: options, warnings: warnings)
    { [body] existing throws(Status) in
      let known = existing["metadata"]?["uid"]?.string ?? ""
      if !uid.isEmpty && uid != known {
        throw .conflict(
          self.info.groupResource, name,
          "StorageError: invalid object, Code: 4, Key: \(self.key(name, namespace: namespace)), ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: UID in precondition: \(uid), UID in object meta: \(known)"
        )
      }
      var new = body
      self.fields.update(live: existing, new: &new, writer: self.writer(options, subresource), now: Timestamp.now)
      return new
    }
  }

  /// The name in a body must be the one in the path.
  func checkName(_ body: JSONValue, _ name: String) throws(Status) {
    let given = body["metadata"]?["name"]?.string ?? ""
    guard !given.isEmpty else {
      throw .badRequest("the name of the object (\(name) based on URL) was undeterminable: name must be provided")
    }
    if given != name {
      throw .badRequest("the name of the object (\(given)) does not match the name on the URL (\(name))")
    }
  }

  /// The one loop of all updates: shows `make` what is stored, checks what it makes of it by upstream's `Store.Update`,
  /// and writes it if nothing else was written in between; else all over again. `mayLoseOwners`: field owners may be
  /// left out where the storage finds the whole too large.
  func change(
    _ name: String, namespace: String, subresource: Subresource, options: WriteOptions, warnings: [String],
    mayLoseOwners: Bool = true,
    _ make: @escaping @Sendable (JSONValue) throws(Status) -> JSONValue
  ) async throws(Status) -> WriteResult {
    if !isKnownAsLarge(try requestedKey(name, namespace: namespace)) {
      let here = try await changeHere(
        name, namespace: namespace, subresource: subresource, options: options, warnings: warnings,
        mayLoseOwners: mayLoseOwners, make)
      if let here { return here }
    }
    let apart = try await onWorkThreads { () async throws(Status) in
      try await changeHere(
        name, namespace: namespace, subresource: subresource, options: options, warnings: warnings,
        mayLoseOwners: mayLoseOwners, make)
    }
    guard let apart else { throw .internalError("a write was not made") }
    return apart
  }

  /// Does the cache show that work on an object is too much for this thread? What it doesn't know yet is found out by
  /// `TakesLong`, at the cost of a second look at the storage.
  func isKnownAsLarge(_ key: String) -> Bool {
    guard let known = objects.cached(key: key) else { return false }
    return known.object.count > WorkThreads.inlineBytesMax && !WorkThreads.shared.isCurrent
  }

  /// nil: the object is so large that this must not be done on a reactor; nothing was done.
  private func changeHere(
    _ name: String, namespace: String, subresource: Subresource, options: WriteOptions, warnings: [String],
    mayLoseOwners: Bool,
    _ make: @escaping @Sendable (JSONValue) throws(Status) -> JSONValue
  ) async throws(Status) -> WriteResult? {
    let key = try requestedKey(name, namespace: namespace)
    // What the last round of the loop decided; the closure may run again.
    let made = Mutex<(encoded: EncodedObject, revision: Revision, isRemoved: Bool)?>(nil)
    let extra = Mutex<[String]>([])
    @Sendable func decide(_ stored: StoredObject?, losingOwners: Bool) throws -> UpdateDecision {
      guard let stored else { throw Status.notFound(self.info.groupResource, name) }
      try TakesLong.check(stored)
      let old = try codec.tree(of: stored)
      var new = try make(old)
      if let admit = options.admission {
        try admit(self.admission(.update, name, namespace: namespace, subresource: subresource, new: new, old: old))
      }
      if losingOwners { new["metadata"]?["managedFields"] = nil }
      try matchVersion(&new, old, name)
      try complete(&new, old, subresource: subresource, namespace: namespace, name: name)
      Self.keepTimes(&new, old)
      extra.withLock { $0 = subresource == .main ? strategy.warnings(new) : [] }
      let encoded = codec.encode(new, size: stored.value.count)
      let value = encoded.value
      let isRemoved = Self.losesLastFinalizer(new, old)
      made.withLock { $0 = (encoded, stored.revision, isRemoved) }
      if isRemoved { return .delete }
      codec.underWay.note(key, encoded)
      return value.hasSameBytes(as: stored.value) && !stored.isStale ? .keep : .write(value, ttl: nil)
    }
    do {
      if options.isDryRun {
        let stored = try await objects.get(key: key, isConsistent: true)
        _ = try decide(stored, losingOwners: false)
        guard let encoded = made.withLock({ $0 })?.encoded else { throw StorageError.keyNotFound(key: key) }
        let object = try codec.decode(
          StoredObject(key: key, value: encoded.value, revision: stored.revision), encoded: encoded)
        return WriteResult(object: object, code: 200, warnings: warnings + extra.withLock { $0 })
      }
      defer { codec.underWay.forget(key) }
      let outcome: UpdateOutcome
      do {
        outcome = try await objects.guaranteedUpdate(key: key, ignoreNotFound: false, origin: nil) {
          try decide($0, losingOwners: false)
        }
      } catch StorageError.tooLarge where mayLoseOwners {
        // Once more without the bookkeeping, which may be what is too much (semantics 2.23).
        outcome = try await objects.guaranteedUpdate(key: key, ignoreNotFound: false, origin: nil) {
          try decide($0, losingOwners: true)
        }
      }
      noteWrite(outcome.object.revision)
      let all = warnings + extra.withLock { $0 }
      guard let last = made.withLock({ $0 }) else { throw StorageError.keyNotFound(key: key) }
      if last.isRemoved {
        // Semantics 2.17: the answer is what was submitted, under the revision that it replaced.
        let submitted = StoredObject(key: key, value: last.encoded.value, revision: last.revision)
        return WriteResult(object: try codec.decode(submitted, encoded: last.encoded), code: 200, warnings: all)
      }
      let object = try objects.written(outcome.object) { try codec.decode($0, encoded: last.encoded) }
      return WriteResult(object: object, code: 200, warnings: all)
    } catch is TakesLong { return nil } catch {
      throw status(error, name: name, verb: "update").after(warnings + extra.withLock { $0 })
    }
  }

  /// resourceVersion in the body: unset takes what is there (where that is allowed), else it must be what is there.
  private func matchVersion(_ new: inout JSONValue, _ old: JSONValue, _ name: String) throws(Status) {
    let given = new["metadata"]?["resourceVersion"]?.string ?? ""
    let asked: Revision
    do { asked = try objects.versioner.parseResourceVersion(given) } catch {
      // Upstream lets the parser's error become a 500.
      throw .plain(400, "\(error)")
    }
    let current = old["metadata"]?["resourceVersion"]
    if asked != .zero {
      // They are compared as numbers.
      guard asked == (try? objects.versioner.parseResourceVersion(current?.string ?? "")) else {
        let text = "the object has been modified; please apply your changes to the latest version and try again"
        throw .conflict(info.groupResource, name, text)
      }
    } else {
      guard strategy.allowsUnconditionalUpdate else {
        throw .invalid(
          info.plural, group: info.groupVersion.group, name: name,
          [.invalid("metadata.resourceVersion", bare: "0", "must be specified for an update")])
      }
    }
    new["metadata"]?["resourceVersion"] = current
  }

  /// Upstream's `BeforeUpdate`: restores what no update may change, then validates.
  private func complete(
    _ new: inout JSONValue, _ old: JSONValue, subresource: Subresource, namespace: String, name: String
  ) throws(Status) {
    var meta = new["metadata"]?.object ?? JSONObject()
    let before = old["metadata"]?.object ?? JSONObject()
    if info.isNamespaced {
      if let given = meta["namespace"]?.string, !given.isEmpty, given != namespace {
        throw .badRequest("the namespace of the provided object does not match the namespace sent on the request")
      }
      meta["namespace"] = .string(namespace)
    } else {
      meta["namespace"] = nil
    }
    meta["generation"] = before["generation"]
    if (meta["uid"]?.string ?? "").isEmpty { meta["uid"] = before["uid"] }
    if let created = before["creationTimestamp"] { meta["creationTimestamp"] = created }
    if let going = before["deletionTimestamp"] { meta["deletionTimestamp"] = going }
    if let grace = before["deletionGracePeriodSeconds"], meta["deletionGracePeriodSeconds"] == nil {
      meta["deletionGracePeriodSeconds"] = grace
    }
    meta["selfLink"] = nil
    new["metadata"] = .object(MetadataOrder.sorted(meta))
    strategy.prepareForUpdate(&new, old: old, subresource: subresource)
    meta = new["metadata"]?.object ?? JSONObject()
    var errors = MetaValidation.validate(meta, isNamespaced: info.isNamespaced) { name, _ in
      NameValidation.pathSegmentName(name)
    }
    let isMetaGood = errors.isEmpty
    errors += MetaValidation.validateUpdate(meta, before, isKnownGood: isMetaGood)
    errors += strategy.validateUpdate(new, old: old, subresource: subresource, isMetaGood: isMetaGood)
    if !errors.isEmpty { throw .invalid(info.kind, group: info.groupVersion.group, name: name, errors) }
  }

  /// Where nothing but times of field owners would change, nothing does (semantics 2.10).
  private static func keepTimes(_ new: inout JSONValue, _ old: JSONValue) {
    func timeless(_ entries: JSONValue) -> [JSONValue] {
      (entries.array ?? []).map { entry in
        var entry = entry
        entry["time"] = nil
        return entry
      }
    }
    guard let before = old["metadata"]?["managedFields"], let after = new["metadata"]?["managedFields"],
      before != after, timeless(before) == timeless(after)
    else { return }
    var restored = new
    restored["metadata"]?["managedFields"] = before
    // They name one revision by now, and may have it in different places.
    var (one, other) = (restored, old)
    one["metadata"]?["resourceVersion"] = nil
    other["metadata"]?["resourceVersion"] = nil
    if one == other { new = restored }
  }

  /// An object under deletion goes when its last finalizer does.
  private static func losesLastFinalizer(_ new: JSONValue, _ old: JSONValue) -> Bool {
    (new["metadata"]?["finalizers"]?.array ?? []).isEmpty && old["metadata"]?["deletionTimestamp"] != nil
      && (new["metadata"]?["deletionGracePeriodSeconds"]?.int ?? 0) == 0
  }
}

/// Work on an object is too much for where it was begun.
struct TakesLong: Error {
  static func check(_ stored: StoredObject) throws(TakesLong) {
    if stored.value.count > WorkThreads.inlineBytesMax && !WorkThreads.shared.isCurrent { throw TakesLong() }
  }
}
