public import JSON
public import Machinery
import ByteBuffers
import Cacher
import FieldManagement
import Storage

extension Store {
  /// Creates an object from a decoded body. The order of checks is upstream's `BeforeCreate`. `traces`: see
  /// `ReadObject`.
  public func create(
    _ body: JSONValue, namespace: String, options: WriteOptions, warnings: [String] = [], traces: JSONValue? = nil
  ) async throws(Status) -> WriteResult {
    try options.validate()
    do throws(Status) { try info.checkNamespace(body["metadata"], namespace) } catch { throw error.after(warnings) }
    var body = whole(body)
    // Nobody comes to own what the server sets anyway.
    if var given = body["metadata"]?.object {
      for field in ["uid", "creationTimestamp"] + Self.wiped { given[field] = nil }
      body["metadata"] = .object(given)
    }
    let warnings = warnings + OwnerReferences.deduplicate(&body, inPatch: false)
    fields.update(live: nil, new: &body, writer: writer(options, .main), now: Timestamp.now)
    do throws(Status) {
      return try await create(
        tracked: body, namespace: namespace, options: options, warnings: warnings, traces: traces,
        mayLoseOwners: true)
    } catch { throw error.after(warnings) }
  }

  /// Members of metadata that a creation drops. (`WipeObjectMetaSystemFields`)
  private static let wiped = ["deletionTimestamp", "deletionGracePeriodSeconds", "selfLink"]

  /// Creates an object whose field owners are known. `mayLoseOwners`: they may be left out where the storage finds the
  /// whole too large.
  func create(
    tracked body: JSONValue, namespace: String, options: WriteOptions, warnings: [String], traces: JSONValue?,
    mayLoseOwners: Bool = false
  ) async throws(Status) -> WriteResult {
    let base = body["metadata"]?["generateName"]?.string ?? ""
    let isGenerated = (body["metadata"]?["name"]?.string ?? "").isEmpty && !base.isEmpty
    var stored = converter?.toStored(body) ?? body
    try custom?.checkCreation(body)
    if let admission = options.admission {
      var request = self.admission(
        .create, body["metadata"]?["name"]?.string ?? "", namespace: namespace, new: stored)
      try await admission.mutate(&request)
      stored = request.new ?? stored
    }
    let held = HeldReservation(definition, .main, isDryRun: options.isDryRun)
    var attempts = isGenerated ? 8 : 1
    while true {
      attempts -= 1
      var draft = Draft(new: stored, traces: traces, warnings: warnings)
      do throws(Status) {
        try beginNew(&draft, namespace: namespace, generatingFrom: isGenerated ? base : nil)
        try await held?.reserve(&draft.new, nil)
        let name = try await prepareNew(&draft, by: options)
        try await options.authorizeCreate?()
        try await options.admission?.validate(admission(.create, name, namespace: namespace, new: draft.new))
        let result = try await store(
          draft, name: name, namespace: namespace, options: options, mayLoseOwners: mayLoseOwners, held)
        await held?.commit()
        return result
      } catch {
        await held?.revert(after: error)
        guard error.reason == "AlreadyExists", isGenerated else { throw error }
        if attempts == 0 { throw .generateNameConflict(info.groupResource, draft.name) }
      }
    }
  }

  /// Fills in what the server gives to every object.
  func beginNew(_ draft: inout Draft, namespace: String, generatingFrom base: String? = nil) throws(Status) {
    var given = draft.new["metadata"]?.object ?? JSONObject()
    try info.place(&given, in: namespace)
    if let base { given["name"] = .string(definition.completesNames ? Identity.name(from: base) : base) }
    given["uid"] = .string(Identity.uid())
    given["creationTimestamp"] = .string(Timestamp.text(Timestamp.now))
    for field in Self.wiped { given[field] = nil }
    if let generation = generation.first { given["generation"] = .int(generation) }
    draft.new["metadata"] = .object(MetadataOrder.sorted(given))
  }

  /// Fills in what is particular about the kind, and checks the whole; returns the name.
  func prepareNew(_ draft: inout Draft, by options: WriteOptions) async throws(Status) -> String {
    let early = definition.earlyWarnings?(draft.new) ?? []
    definition.prepareForCreate(&draft.new)
    custom?.version.prepareNew(&draft.new)
    definition.stampAuthor?(&draft.new, options.user)
    definition.restoreOrder(&draft.new)
    let meta = draft.new["metadata"]?.object ?? JSONObject()
    let name = meta["name"]?.string ?? ""
    var errors = definition.rules.check(draft.new, options: checkOptions, traces: draft.traces)
    if let found = await custom?.problems(draft.new, isNamespaced: info.isNamespaced) {
      errors += found.errors
      draft.notes += found.warnings
    }
    if errors.isEmpty {
      errors = MetaValidation.validate(meta, isNamespaced: info.isNamespaced) { name, _ in
        NameValidation.pathSegmentName(name)
      }
    }
    if !errors.isEmpty { throw invalid(draft.new, name, errors) }
    draft.notes += early + definition.warnings(draft.new, nil)
    draft.encoded = try await encoded(draft.new)
    return name
  }

  private func store(
    _ draft: Draft, name: String, namespace: String, options: WriteOptions, mayLoseOwners: Bool,
    _ held: HeldReservation?
  ) async throws(Status) -> WriteResult {
    let given = draft.new["metadata"]?["resourceVersion"]?.string ?? ""
    // Upstream finds this only in its storage layer, which a dry run does not reach, and so do its clients: a 500
    // without a reason. Zero is none, however it is written, and so is what is no number.
    if !options.isDryRun, let revision = try? objects.versioner.parseResourceVersion(given), revision != .zero {
      throw .plain(500, "resourceVersion should not be set on objects to be created").after(draft.notes)
    }
    let key = key(name, namespace: namespace)
    var encoded = draft.encoded
    do {
      if options.isDryRun {
        do { _ = try await objects.get(key: key, freshness: .consistent) } catch StorageError.keyNotFound {
          let object = try codec.unstored(encoded, key: key, resourceVersion: given)
          return WriteResult(object: object, code: 201, warnings: draft.warnings + draft.notes)
        }
        throw StorageError.keyExists(key: key)
      }
      codec.underWay.note(key, encoded)
      defer { codec.underWay.forget(key) }
      held?.submit()
      let stored: StoredObject
      let ttl = definition.timeToLive
      do { stored = try await objects.create(key: key, value: encoded.value, ttl: ttl) } catch StorageError.tooLarge
        where mayLoseOwners
      {
        // Once more without the bookkeeping, which may be what is too much (semantics 2.23).
        var smaller = draft.new
        smaller["metadata"]?["managedFields"] = nil
        encoded = try await self.encoded(smaller)
        stored = try await objects.create(key: key, value: encoded.value, ttl: ttl)
      }
      noteWrite(stored.revision)
      let written = try objects.written(stored) { [encoded] in try codec.decode($0, encoded: encoded) }
      return WriteResult(object: written, code: 201, warnings: draft.warnings + draft.notes)
    } catch StorageError.keyExists {
      let existing = try? await objects.get(key: key, isConsistent: true)
      let isGoing = existing.flatMap { try? codec.tree(of: $0)["metadata"]?["deletionTimestamp"] } != nil
      throw .alreadyExists(info.groupResource, name, isBeingDeleted: isGoing).after(draft.notes)
    } catch { throw status(error, name: name, verb: "create").after(draft.notes) }
  }
}
