import Capacity
public import JSON
public import Machinery
import ByteBuffers
import Cacher
import FieldManagement
import Storage

extension Store {
  /// Replaces an object with a decoded body, or creates it where the resource allows that. `traces`: see `ReadObject`.
  public func update(
    _ name: String, namespace: String, body: JSONValue, subresource: Subresource = .main, options: WriteOptions,
    warnings: [String] = [], traces: JSONValue? = nil
  ) async throws(Status) -> WriteResult {
    try options.validate()
    do throws(Status) {
      try info.checkNamespace(body["metadata"], namespace)
      try checkName(body, name)
    } catch { throw error.after(warnings) }
    let kind = spoken(at: subresource)
    var body = kind.view == nil ? whole(body) : body
    let warnings = warnings + OwnerReferences.deduplicate(&body, inPatch: false)
    let uid = body["metadata"]?["uid"]?.string ?? ""
    return try await change(
      name, namespace: namespace, subresource: subresource, options: options, warnings: warnings,
      mayCreate: definition.allowsCreateOnUpdate && subresource == .main
    ) { [body] existing throws(Status) in
      let known = existing?["metadata"]?["uid"]?.string ?? ""
      if !uid.isEmpty && uid != known {
        // A dry run does not get to where the prefix is put before the key.
        let key = self.key(name, namespace: namespace)
        let rest = String(key.unicodeScalars.dropFirst(self.prefix.unicodeScalars.count))
        let place = options.isDryRun ? "/\(self.definition.folder)/\(rest)" : key
        throw .conflict(
          self.info.groupResource, name,
          "StorageError: invalid object, Code: 4, Key: \(place), ResourceVersion: 0, "
            + "AdditionalErrorMsg: Precondition failed: UID in precondition: \(uid), UID in object meta: \(known)")
      }
      var new = body
      kind.fields.update(live: existing, new: &new, writer: self.writer(options, subresource), now: Timestamp.now)
      return Made(object: new, traces: traces)
    }
  }

  /// An object of another version than the stored one, with what its way there and back adds: as it will be shown, and
  /// so owned.
  func whole(_ body: JSONValue) -> JSONValue { converter.map { $0.toServed($0.toStored(body)) } ?? body }

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

  /// What a kind of update makes of an object, in the served version.
  struct Made: Sendable {
    var object: JSONValue
    var warnings: [String] = []
    /// See `ReadObject`.
    var traces: JSONValue?
  }

  /// From what is stored, in the served version (nil where there is nothing and `mayCreate`), to what shall be. Where
  /// clients see a view, both are views.
  typealias Maker = @Sendable (JSONValue?) throws(Status) -> Made

  /// The one loop of all updates: shows `make` what is stored, checks what it makes of it by upstream's `Store.Update`,
  /// and writes it if nothing else was written in between; else all over again. `mayLoseOwners`: field owners may be
  /// left out where the storage finds the whole too large.
  func change(
    _ name: String, namespace: String, subresource: Subresource, options: WriteOptions, warnings: [String] = [],
    mayLoseOwners: Bool = true, mayCreate: Bool = false, _ make: @escaping Maker
  ) async throws(Status) -> WriteResult {
    let view = view(at: subresource)
    let part = view == nil ? subresource : .main
    let change = Change(
      name: name, namespace: namespace, subresource: subresource, part: part, view: view, options: options,
      warnings: warnings, mayLoseOwners: mayLoseOwners, mayCreate: mayCreate, make: make,
      held: HeldReservation(definition, part, isDryRun: options.isDryRun))
    if !isKnownAsLarge(try requestedKey(name, namespace: namespace)) {
      if let here = try await perform(change) { return here }
    }
    let apart = try await onWorkThreads { () async throws(Status) in try await perform(change) }
    guard let apart else { throw .internalError("a write was not made") }
    return apart
  }

  /// Does the cache show that work on an object is too much for this thread? What it doesn't know yet is found out by
  /// `TakesLong`, at the cost of a second look at the storage.
  func isKnownAsLarge(_ key: String) -> Bool {
    guard let known = objects.cached(key: key) else { return false }
    return known.object.count > WorkThreads.inlineBytesMax && !WorkThreads.shared.isCurrent
  }

  /// A change that is asked for.
  private struct Change: Sendable {
    let name: String
    let namespace: String
    /// What is asked for.
    let subresource: Subresource
    /// How it is treated.
    let part: Subresource
    let view: SubresourceView?
    let options: WriteOptions
    let warnings: [String]
    let mayLoseOwners: Bool
    let mayCreate: Bool
    let make: Maker
    let held: HeldReservation?
  }

  /// nil: the object is so large that this must not be done on a reactor; nothing was done.
  private func perform(_ change: Change) async throws(Status) -> WriteResult? {
    let name = change.name
    let key = try requestedKey(name, namespace: change.namespace)
    let ttl = definition.timeToLive
    @Sendable func decide(_ stored: StoredObject?, losingOwners: Bool) async throws -> (UpdateDecision, Draft) {
      guard let stored else {
        guard change.mayCreate else { throw Status.notFound(self.info.groupResource, name) }
        let draft = try await draft(of: change, losingOwners: losingOwners)
        if !change.options.isDryRun { codec.underWay.note(key, draft.encoded) }
        change.held?.submit()
        return (.write(draft.encoded.value, ttl: ttl), draft)
      }
      try TakesLong.check(stored)
      let draft = try await draft(of: change, stored, losingOwners: losingOwners)
      change.held?.submit()
      if draft.isRemoved { return (.delete, draft) }
      let isKept = draft.encoded.value.hasSameBytes(as: stored.value) && !stored.isStale
      if !isKept && !change.options.isDryRun { codec.underWay.note(key, draft.encoded) }
      return (isKept ? .keep : .write(draft.encoded.value, ttl: ttl), draft)
    }
    do throws(FailedUpdate<Draft>) {
      if change.options.isDryRun { return try await dryRun(key) { try await decide($0, losingOwners: false) } }
      defer { codec.underWay.forget(key) }
      let (outcome, draft): (UpdateOutcome, Draft)
      do throws(FailedUpdate<Draft>) {
        (outcome, draft) = try await objects.update(key: key, ignoreNotFound: change.mayCreate) {
          try await decide($0, losingOwners: false)
        }
      } catch {
        guard change.mayLoseOwners, case .tooLarge? = error.reason as? StorageError else { throw error }
        // Once more without the bookkeeping, which may be what is too much (semantics 2.23).
        (outcome, draft) = try await objects.update(key: key, ignoreNotFound: change.mayCreate) {
          try await decide($0, losingOwners: true)
        }
      }
      noteWrite(outcome.object.revision)
      await change.held?.commit()
      if draft.isRemoved { await definition.reservations?.release(draft.new) }
      return try result(of: draft, key: key) {
        try objects.written(outcome.object) { try codec.decode($0, encoded: draft.encoded) }
      }
    } catch {
      await change.held?.revert(after: error.reason)
      if error.reason is TakesLong { return nil }
      throw status(error.reason, name: name, verb: "update").after(
        change.warnings + (error.found.map { $0.warnings + $0.notes } ?? []))
    }
  }

  private func dryRun(
    _ key: String, _ decide: (StoredObject?) async throws -> (UpdateDecision, Draft)
  ) async throws(FailedUpdate<Draft>) -> WriteResult {
    let draft: Draft
    do {
      let stored: StoredObject?
      do { stored = try await objects.get(key: key, isConsistent: true) } catch StorageError.keyNotFound {
        stored = nil
      }
      draft = try await decide(stored).1
    } catch { throw FailedUpdate(reason: error, found: nil) }
    return try result(of: draft, key: key) {
      draft.old == nil
        ? try codec.unstored(draft.encoded, key: key, resourceVersion: "")
        : try codec.decode(draft.submitted(key), encoded: draft.encoded)
    }
  }

  /// The answer to a write. `written`: the object as it stands now, where it does.
  private func result(
    of draft: Draft, key: String, written: () throws -> CachedObject
  ) throws(FailedUpdate<Draft>) -> WriteResult {
    do {
      // Semantics 2.17: the answer is what was submitted, under the revision that it replaced.
      let object =
        draft.isRemoved
        ? try codec.decode(draft.submitted(key), encoded: draft.encoded) : try written()
      return WriteResult(object: object, code: draft.old == nil ? 201 : 200, warnings: draft.warnings + draft.notes)
    } catch { throw FailedUpdate(reason: error, found: draft) }
  }

  // MARK: steps

  /// A change of what is there.
  private func draft(of change: Change, _ stored: StoredObject, losingOwners: Bool) async throws -> Draft {
    let old = try await draftTree(of: stored)
    let shown = converter?.toServed(old) ?? old
    let made: Made
    if let view = change.view {
      made = try await self.made(of: change, shown, through: view)
    } else {
      made = try change.make(shown)
    }
    do throws(Status) {
      var draft = Draft(old: old, new: converter?.toStored(made.object) ?? made.object, revision: stored.revision)
      draft.warnings = change.warnings + made.warnings
      draft.traces = made.traces
      if change.view == nil { try await admit(change, .update, &draft) }
      if losingOwners { draft.new["metadata"]?["managedFields"] = nil }
      try matchVersion(&draft.new, old, change.name)
      try await prepareChanged(&draft, old, change)
      try await validate(change, .update, draft)
      Self.keepTimes(&draft.new, old)
      if subresource(change.part)?.warns == true { draft.notes += definition.warnings(draft.new, old) }
      draft.encoded = try await encoded(
        draft.new, size: stored.value.count, keepsLink: change.options.isDryRun)
      draft.isRemoved = losesItsLastHold(draft.new, old)
      return draft
    } catch { throw error.after(made.warnings) }
  }

  /// What a change of what clients see makes of an object.
  private func made(
    of change: Change, _ object: JSONValue, through view: SubresourceView
  ) async throws(Status) -> Made {
    let before = try view.beginning(of: object, fields)
    let made = try change.make(before)
    do throws(Status) {
      // Who has a say in it has it in the view.
      var draft = Draft(old: before, new: made.object)
      var metadata = draft.new["metadata"]?.object ?? JSONObject()
      try view.info.place(&metadata, in: change.namespace)
      draft.new["metadata"] = .object(metadata)
      try await admit(change, .update, &draft)
      return Made(object: try view.written(draft.new, to: object, self, change.subresource), warnings: made.warnings)
    } catch { throw error.after(made.warnings) }
  }

  /// A creation by an update. (`rest.BeforeCreate` in `Store.Update`.)
  private func draft(of change: Change, losingOwners: Bool) async throws -> Draft {
    let made = try change.make(nil)
    do throws(Status) {
      var draft = Draft(new: converter?.toStored(made.object) ?? made.object)
      draft.warnings = change.warnings + made.warnings
      draft.traces = made.traces
      // There is nothing to compare it with; only whether it is one is looked at.
      _ = try namedRevision(draft.new)
      try await admit(change, .create, &draft)
      draft.new["metadata"]?["resourceVersion"] = nil
      if losingOwners { draft.new["metadata"]?["managedFields"] = nil }
      try beginNew(&draft, namespace: change.namespace)
      try await change.held?.reserve(&draft.new, nil)
      _ = try await prepareNew(&draft, by: change.options)
      try await change.options.authorizeCreate?()
      try await validate(change, .create, draft)
      return draft
    } catch { throw error.after(made.warnings) }
  }

  private func admit(
    _ change: Change, _ operation: AdmissionRequest.Operation, _ draft: inout Draft
  ) async throws(Status) {
    guard let admission = change.options.admission else { return }
    var request = request(change, operation, draft)
    try await admission.mutate(&request)
    draft.new = request.new ?? draft.new
  }

  private func validate(
    _ change: Change, _ operation: AdmissionRequest.Operation, _ draft: Draft
  ) async throws(Status) {
    guard let admission = change.options.admission else { return }
    guard let view = change.view else { return try await admission.validate(request(change, operation, draft)) }
    var seen = Draft(new: try view.view(of: converter?.toServed(draft.new) ?? draft.new))
    if let old = draft.old { seen.old = try view.view(of: converter?.toServed(old) ?? old) }
    try await admission.validate(request(change, operation, seen))
  }

  private func request(
    _ change: Change, _ operation: AdmissionRequest.Operation, _ draft: Draft
  ) -> AdmissionRequest {
    admission(
      operation, change.name, namespace: change.namespace, subresource: change.subresource,
      isPatch: change.options.verb == .patch, new: draft.new, old: draft.old)
  }

  /// The revision that a body names; zero for none. Throws 400, where upstream lets the parser's error become a 500.
  func namedRevision(_ object: JSONValue) throws(Status) -> Revision {
    let given = object["metadata"]?["resourceVersion"]?.string ?? ""
    do { return try objects.versioner.parseResourceVersion(given) } catch { throw .plain(400, "\(error)") }
  }

  /// resourceVersion in the body: unset takes what is there (where that is allowed), else it must be what is there.
  private func matchVersion(_ new: inout JSONValue, _ old: JSONValue, _ name: String) throws(Status) {
    let asked = try namedRevision(new)
    let current = old["metadata"]?["resourceVersion"]
    if asked != .zero {
      // They are compared as numbers.
      guard asked == (try? objects.versioner.parseResourceVersion(current?.string ?? "")) else {
        let text = "the object has been modified; please apply your changes to the latest version and try again"
        throw .conflict(info.groupResource, name, text)
      }
    } else {
      guard definition.allowsUnconditionalUpdate else {
        throw .invalid(
          info.plural, group: info.groupVersion.group, name: name,
          [.invalid("metadata.resourceVersion", bare: "0", "must be specified for an update")])
      }
    }
    new["metadata"]?["resourceVersion"] = current
  }

  /// Upstream's `BeforeUpdate`: restores what no update may change, then validates.
  private func prepareChanged(_ draft: inout Draft, _ old: JSONValue, _ change: Change) async throws(Status) {
    guard let part = subresource(change.part) else {
      throw .notFound(info.groupResource, change.name)
    }
    var meta = draft.new["metadata"]?.object ?? JSONObject()
    let before = old["metadata"]?.object ?? JSONObject()
    try info.place(&meta, in: change.namespace)
    meta["generation"] = before["generation"]
    if (meta["uid"]?.string ?? "").isEmpty { meta["uid"] = before["uid"] }
    if let created = before["creationTimestamp"] { meta["creationTimestamp"] = created }
    if let going = before["deletionTimestamp"] { meta["deletionTimestamp"] = going }
    if let grace = before["deletionGracePeriodSeconds"], meta["deletionGracePeriodSeconds"] == nil {
      meta["deletionGracePeriodSeconds"] = grace
    }
    // It is the storage that drops a link, and a dry run does not get there.
    if !change.options.isDryRun { meta["selfLink"] = nil }
    draft.new["metadata"] = .object(MetadataOrder.sorted(meta))
    try await change.held?.reserve(&draft.new, old)
    part.prepareForUpdate(&draft.new, old: old)
    if part.raisesGeneration { generation.follow(&draft.new, old, traces: draft.traces) }
    definition.restoreOrder(&draft.new)
    meta = draft.new["metadata"]?.object ?? JSONObject()
    var errors = MetaValidation.validate(meta, isNamespaced: info.isNamespaced) { name, _ in
      NameValidation.pathSegmentName(name)
    }
    let isMetaGood = errors.isEmpty
    errors += MetaValidation.validateUpdate(meta, before, isKnownGood: isMetaGood)
    errors += definition.rules.check(
      draft.new, old: old, subresource: change.part, options: checkOptions, isMetaGood: isMetaGood,
      traces: draft.traces)
    if let found = await custom?.problems(draft.new, replacing: old, change.part) {
      errors += found.errors
      draft.notes += found.warnings
    }
    if !errors.isEmpty { throw invalid(draft.new, change.name, errors) }
  }

  /// The answer to a write that breaks rules. Custom objects are what they say that they are.
  func invalid(_ object: JSONValue, _ name: String, _ errors: [FieldError]) -> Status {
    guard custom != nil else { return .invalid(info.kind, group: definition.groupResource.group, name: name, errors) }
    let given = GroupVersion(parsing: object["apiVersion"]?.string ?? "")
    return .invalid(object["kind"]?.string ?? "", group: given.group, name: name, errors)
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

  /// An object under deletion goes when nothing holds it any more. (`ShouldDeleteDuringUpdate`)
  private func losesItsLastHold(_ new: JSONValue, _ old: JSONValue) -> Bool {
    (new["metadata"]?["finalizers"]?.array ?? []).isEmpty && old["metadata"]?["deletionTimestamp"] != nil
      && (new["metadata"]?["deletionGracePeriodSeconds"]?.int ?? 0) == 0 && definition.deletion.isHeld?(new) != true
  }
}

/// Work on an object is too much for where it was begun.
struct TakesLong: Error {
  static func check(_ stored: StoredObject) throws(TakesLong) {
    if stored.value.count > WorkThreads.inlineBytesMax && !WorkThreads.shared.isCurrent { throw TakesLong() }
  }
}
