public import ByteBuffers
public import Cacher
import FieldManagement
public import JSON
public import Machinery
public import Schema
import Storage
import Synchronization

/// The generic registry: every verb of one resource over its storage, with what differs left to a strategy.
/// (Kubernetes: `registry.Store`.)
public final class Store: Sendable {
  public let strategy: any RESTStrategy
  public let objects: any ObjectStorage
  public let codec: ResourceCodec
  /// Reads request bodies.
  public let reader: ObjectReader
  /// What every key begins with, ending in "/".
  public let prefix: String
  /// Upstream's feature gate AllowUnsafeMalformedObjectDeletion.
  public let allowsUnsafeDeletion: Bool
  let model: TypeModel
  let type: TypeModel.TypeID
  let fields: FieldManager
  private let resetFields: (main: FieldSet, status: FieldSet)
  /// The newest revision that this process has acknowledged for the resource.
  private let acknowledged = Atomic<Int64>(0)

  /// The strategy's. Kept here, as to take one member out of what a protocol returns copies all of it.
  public let info: ResourceInfo

  /// `prefix`: whole key prefix of the resource, ending in "/".
  public init(
    _ strategy: any RESTStrategy, objects: any ObjectStorage, codec: ResourceCodec, prefix: String,
    allowsUnsafeDeletion: Bool = false, model: TypeModel = .builtin
  ) {
    guard let type = model.type(strategy.info.typeName) else {
      preconditionFailure("no facts about \(strategy.info.typeName)")
    }
    self.strategy = strategy
    info = strategy.info
    self.objects = objects
    self.codec = codec
    self.prefix = prefix
    self.allowsUnsafeDeletion = allowsUnsafeDeletion
    self.model = model
    self.type = type
    // An object of nothing decodes, or the facts are broken.
    var empty = (try? model.decode(tree: .object(JSONObject()), as: type).value) ?? .object(JSONObject())
    strategy.applyDefaults(&empty)
    reader = ObjectReader(strategy.info, applyDefaults: strategy.applyDefaults, model: model, type: type)
    let version = strategy.info.groupVersion
    fields = FieldManager(model, type: type, kind: GroupVersionKind(version, kind: strategy.info.kind), empty: empty)
    resetFields = (FieldSet(fields: strategy.resetFields(.main)), FieldSet(fields: strategy.resetFields(.status)))
  }

  /// Who a write is by.
  func writer(_ options: WriteOptions, _ subresource: Subresource) -> FieldManager.Writer {
    FieldManager.Writer(
      name: FieldManager.manager(named: options.fieldManager, userAgent: options.userAgent),
      subresource: subresource == .status ? "status" : "",
      resetFields: subresource == .status ? resetFields.status : resetFields.main)
  }

  /// The whole key of an object.
  public func key(_ name: String, namespace: String) -> String {
    info.isNamespaced ? "\(prefix)\(namespace)/\(name)" : prefix + name
  }

  /// The whole key of an object that a URL names; throws 400 for a name that no key can have. (Kubernetes:
  /// `NoNamespaceKeyFunc`.)
  func requestedKey(_ name: String, namespace: String) throws(Status) -> String {
    let problems = NameValidation.pathSegmentName(name)
    guard problems.isEmpty else {
      throw .badRequest("Name parameter invalid: \(GoText.quoted(name)): \(problems.joined(separator: ";"))")
    }
    return key(name, namespace: namespace)
  }

  /// The whole key prefix of a namespace's objects, or of all.
  func listPrefix(namespace: String) -> String {
    info.isNamespaced && !namespace.isEmpty ? "\(prefix)\(namespace)/" : prefix
  }

  func status(_ error: any Error, name: String, verb: String) -> Status {
    if allowsUnsafeDeletion, let error = error as? StorageError,
      let status = error.unreadableStatus(info.groupResource, verb: verb)
    {
      return status
    }
    return statusOf(error, info.groupResource, name: name, verb: verb)
  }

  // MARK: reading one's own writes

  /// A write was acknowledged.
  func noteWrite(_ revision: Revision) { acknowledged.max(revision.rawValue, ordering: .relaxed) }

  /// Freshness for clients that ask for little: what they have been told is done, they see all the same, if only the
  /// cache gets there in time.
  func atLeastAcknowledged(_ freshness: Freshness) -> Freshness {
    let last = Revision(acknowledged.load(ordering: .relaxed))
    switch freshness {
    case .any: return last == .zero ? .any : .notOlderThan(last)
    case .notOlderThan(let revision): return .notOlderThan(max(revision, last))
    case .consistent: return .consistent
    }
  }

  // MARK: get

  /// Callable on a reactor. Throws 404, and 500 for a resourceVersion that is no number; nil when the answer has to be
  /// waited for.
  public func getNow(_ name: String, namespace: String, resourceVersion: String = "") throws(Status) -> CachedObject? {
    switch objects.getNow(
      key: try requestedKey(name, namespace: namespace), freshness: atLeastAcknowledged(try freshness(resourceVersion)))
    {
    case .found(let object): return object
    case .missing: throw .notFound(info.groupResource, name)
    case .mustWait: return nil
    }
  }

  public func get(_ name: String, namespace: String, resourceVersion: String = "") async throws(Status) -> CachedObject
  {
    let key = try requestedKey(name, namespace: namespace)
    let freshness = try freshness(resourceVersion)
    do {
      do { return try await objects.get(key: key, freshness: atLeastAcknowledged(freshness)) } catch StorageError
        .resourceVersionTooLarge where freshness == .any
      {
        return try await objects.get(key: key, freshness: .any)
      }
    } catch { throw status(error, name: name, verb: "get") }
  }

  private func freshness(_ resourceVersion: String) throws(Status) -> Freshness {
    if resourceVersion.isEmpty { return .consistent }
    let revision = try revision(resourceVersion)
    return revision == .zero ? .any : .notOlderThan(revision)
  }

  /// Semantics 2.30: GET and WATCH answer a plain 500.
  func revision(_ resourceVersion: String) throws(Status) -> Revision {
    do { return try objects.versioner.parseResourceVersion(resourceVersion) } catch {
      throw .plain(500, "resourceVersion: Invalid value: \(GoText.quoted(resourceVersion)): \(error)")
    }
  }

  /// Reads a request body as an object of this resource, see `ObjectReader.decode`.
  public func decodeBody(
    _ body: ByteSlice, validation: FieldValidation, problems: [String] = [], acceptsOtherVersions: Bool = false
  ) throws(Status) -> (object: JSONValue, warnings: [String]) {
    try reader.decode(body, validation: validation, problems: problems, acceptsOtherVersions: acceptsOtherVersions)
  }
}

/// What a write gave.
public struct WriteResult: Sendable {
  public let object: CachedObject
  /// 200 or 201.
  public let code: Int
  public let warnings: [String]
}
