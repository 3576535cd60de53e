import Cacher
import FieldManagement
public import JSON
public import Machinery
import Storage

extension Store {
  /// Creates an object from a decoded body. The order of checks is upstream's `BeforeCreate`.
  public func create(
    _ body: JSONValue, namespace: String, options: WriteOptions, warnings: [String] = []
  ) async throws(Status) -> WriteResult {
    try options.validate()
    var body = body
    // Nobody comes to own what the server sets anyway.
    if var given = body["metadata"]?.object {
      for field in ["uid", "creationTimestamp"] + Self.wiped { given[field] = nil }
      body["metadata"] = .object(given)
    }
    let warnings = warnings + OwnerReferences.deduplicate(&body, inPatch: false)
    fields.update(live: nil, new: &body, writer: writer(options, .main), now: Timestamp.now)
    do throws(Status) {
      return try await create(
        tracked: body, namespace: namespace, options: options, warnings: warnings, mayLoseOwners: true)
    } catch { throw error.after(warnings) }
  }

  /// Members of metadata that a creation drops. (`WipeObjectMetaSystemFields`)
  private static let wiped = ["deletionTimestamp", "deletionGracePeriodSeconds", "selfLink"]

  /// Creates an object whose field owners are known. `mayLoseOwners`: they may be left out where the storage finds the
  /// whole too large.
  func create(
    tracked body: JSONValue, namespace: String, options: WriteOptions, warnings: [String], mayLoseOwners: Bool = false
  ) async throws(Status) -> WriteResult {
    try options.admission?(admission(.create, body["metadata"]?["name"]?.string ?? "", namespace: namespace, new: body))
    let base = body["metadata"]?["generateName"]?.string ?? ""
    let isGenerated = (body["metadata"]?["name"]?.string ?? "").isEmpty && !base.isEmpty
    var attempts = isGenerated ? 8 : 1
    while true {
      attempts -= 1
      var object = body
      let name = try prepare(&object, namespace: namespace, generatingFrom: isGenerated ? base : nil)
      do throws(Status) {
        return try await store(
          object, name: name, namespace: namespace, options: options, warnings: warnings, mayLoseOwners: mayLoseOwners)
      } catch {
        guard error.reason == "AlreadyExists", isGenerated else { throw error }
        if attempts == 0 { throw .generateNameConflict(info.groupResource, name) }
      }
    }
  }

  /// Fills in what the server gives and checks the whole; returns the name.
  private func prepare(
    _ object: inout JSONValue, namespace: String, generatingFrom base: String?
  ) throws(Status) -> String {
    var given = object["metadata"]?.object ?? JSONObject()
    let bodyNamespace = given["namespace"]?.string ?? ""
    if info.isNamespaced {
      if !bodyNamespace.isEmpty && bodyNamespace != namespace {
        throw .badRequest("the namespace of the provided object does not match the namespace sent on the request")
      }
      given["namespace"] = .string(namespace)
    } else {
      given["namespace"] = nil
    }
    if let base { given["name"] = .string(Identity.name(from: base)) }
    given["uid"] = .string(Identity.uid())
    given["creationTimestamp"] = .string(Timestamp.text(Timestamp.now))
    for field in Self.wiped { given[field] = nil }
    object["metadata"] = .object(MetadataOrder.sorted(given))
    strategy.prepareForCreate(&object)
    let meta = object["metadata"]?.object ?? JSONObject()
    let name = meta["name"]?.string ?? ""
    var errors = strategy.validate(object)
    if errors.isEmpty {
      errors = MetaValidation.validate(meta, isNamespaced: info.isNamespaced) { name, _ in
        NameValidation.pathSegmentName(name)
      }
    }
    if !errors.isEmpty { throw .invalid(info.kind, group: info.groupVersion.group, name: name, errors) }
    return name
  }

  private func store(
    _ object: JSONValue, name: String, namespace: String, options: WriteOptions, warnings: [String], mayLoseOwners: Bool
  ) async throws(Status) -> WriteResult {
    let given = object["metadata"]?["resourceVersion"]?.string ?? ""
    // Upstream finds this only in its storage layer, which a dry run does not reach, and so do its clients: a 500
    // without a reason. Zero is none, however it is written, and so is what is no number.
    if !options.isDryRun, let revision = try? objects.versioner.parseResourceVersion(given), revision != .zero {
      throw .plain(500, "resourceVersion should not be set on objects to be created").after(strategy.warnings(object))
    }
    let key = key(name, namespace: namespace)
    var encoded = codec.encode(object)
    let known = strategy.warnings(object)
    let warnings = warnings + known
    do {
      if options.isDryRun {
        do { _ = try await objects.get(key: key, freshness: .consistent) } catch StorageError.keyNotFound {
          let object = try codec.unstored(encoded, key: key, resourceVersion: given)
          return WriteResult(object: object, code: 201, warnings: warnings)
        }
        throw StorageError.keyExists(key: key)
      }
      codec.underWay.note(key, encoded)
      defer { codec.underWay.forget(key) }
      let stored: StoredObject
      do { stored = try await objects.create(key: key, value: encoded.value, ttl: nil) } catch StorageError.tooLarge
        where mayLoseOwners
      {
        // Once more without the bookkeeping, which may be what is too much (semantics 2.23).
        var smaller = object
        smaller["metadata"]?["managedFields"] = nil
        encoded = codec.encode(smaller)
        stored = try await objects.create(key: key, value: encoded.value, ttl: nil)
      }
      noteWrite(stored.revision)
      let written = try objects.written(stored) { [encoded] in try codec.decode($0, encoded: encoded) }
      return WriteResult(object: written, code: 201, warnings: warnings)
    } catch StorageError.keyExists {
      let existing = try? await objects.get(key: key, isConsistent: true)
      let isGoing = existing.flatMap { try? codec.tree(of: $0)["metadata"]?["deletionTimestamp"] } != nil
      throw .alreadyExists(info.groupResource, name, isBeingDeleted: isGoing).after(known)
    } catch { throw status(error, name: name, verb: "create").after(known) }
  }
}

/// metadata in the order of answers, after members were added.
enum MetadataOrder {
  private static let order = [
    "name", "generateName", "namespace", "selfLink", "uid", "resourceVersion", "generation", "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds", "labels", "annotations", "ownerReferences", "finalizers", "managedFields",
  ]

  static func sorted(_ meta: JSONObject) -> JSONObject {
    JSONObject(unchecked: order.compactMap { name in meta.index(of: name).map { meta.members[$0] } })
  }
}
