public import ByteBuffers
public import Cacher
import FieldManagement
import JSON
public import Machinery
public import Schema
import Storage
import Synchronization

/// Where the objects of one resource are, shared by all versions in which it is served.
public final class ResourceStorage: Sendable {
  public let definition: ResourceDefinition
  public let objects: any ObjectStorage
  public let codec: ResourceCodec
  /// Where the objects stand among the keys.
  public let keyFunc: KeyFunc
  /// Upstream's feature gate AllowUnsafeMalformedObjectDeletion.
  public let allowsUnsafeDeletion: Bool
  /// The newest revision that this process has acknowledged for the resource.
  fileprivate let acknowledged = Atomic<Int64>(0)

  /// `prefix`: whole key prefix of the resource, ending in "/".
  public init(
    _ definition: ResourceDefinition, objects: any ObjectStorage, codec: ResourceCodec, prefix: String,
    allowsUnsafeDeletion: Bool = false
  ) {
    self.definition = definition
    self.objects = objects
    self.codec = codec
    keyFunc = KeyFunc(prefix: prefix, isNamespaced: definition.isNamespaced)
    self.allowsUnsafeDeletion = allowsUnsafeDeletion
  }

  /// A store for each version that is served, in their order.
  public var stores: [Store] {
    definition.versions.indices.filter { definition.versions[$0].isServed }.map { Store(self, version: $0) }
  }
}

/// The generic registry: every verb of one served version of a resource over its storage, with what is particular left
/// to the definition. (Kubernetes: `registry.Store`.)
public final class Store: Sendable {
  public let definition: ResourceDefinition
  /// The version that clients speak.
  public let info: ResourceInfo
  public let objects: any ObjectStorage
  public let codec: ResourceCodec
  /// Reads request bodies.
  public let reader: ObjectReader
  /// Where the objects stand among the keys.
  public let keyFunc: KeyFunc
  /// What every key begins with, ending in "/".
  public var prefix: String { keyFunc.prefix }
  public var allowsUnsafeDeletion: Bool { storage.allowsUnsafeDeletion }
  let storage: ResourceStorage
  let model: TypeModel
  /// The served version's.
  let type: TypeModel.TypeID
  /// To the stored version and back; nil where the served one is it.
  let converter: VersionConverter?
  /// nil for built-in kinds.
  let custom: CustomStore?
  /// The parts of an object that can be written by themselves.
  private let parts: [SubresourceDefinition]
  let generation: GenerationRule
  /// Those of a table.
  public let columns: [TableColumn]
  let fields: FieldManager
  private let resetFields: [Subresource: FieldSet]

  /// `version`: its place among those of the definition.
  public init(_ storage: ResourceStorage, version place: Int = 0, model: TypeModel = .builtin) {
    let definition = storage.definition
    let info = definition.infos[place]
    guard let type = model.type(info.typeName) else { preconditionFailure("no facts about \(info.typeName)") }
    self.storage = storage
    self.definition = definition
    self.info = info
    objects = storage.objects
    codec = storage.codec
    keyFunc = storage.keyFunc
    checkOptions = [info.groupVersion.description]
    self.model = model
    self.type = type
    let custom = CustomStore(definition, version: place)
    self.custom = custom
    parts = custom?.version.subresources ?? definition.subresources
    columns = custom?.version.columns ?? definition.columns
    generation = custom?.version.generation ?? definition.generation
    converter = custom == nil ? VersionConverter(definition, version: place, model: model) : nil
    // An object of nothing decodes, or the facts are broken. Who creates an object owns the defaults of Go's code.
    let empty = (try? model.decode(tree: .object(JSONObject()), as: type).value) ?? .object(JSONObject())
    // What has the stored version's type has its defaults, too; else they come with the conversion.
    let hasDefaults = place == 0 || definition.versions[place].conversion == nil
    let defaults = hasDefaults ? definition.defaults : ResourceDefinition.noHook
    reader = ObjectReader(
      info, applyDefaults: defaults, mendDefaults: hasDefaults ? definition.mendDefaults : nil, model: model,
      type: type,
      form: custom?.version.form)
    fields =
      custom?.fieldManager(definition, version: place)
      ?? FieldManager(
        model, type: type, kind: GroupVersionKind(info.groupVersion, kind: info.kind), empty: empty,
        others: VersionConverter.schemas(definition, except: place, model: model),
        convert: VersionConverter.between(definition, model: model))
    var resetFields = [Subresource.main: FieldSet(fields: (custom?.version.main ?? definition.main).resetFields)]
    for part in parts { resetFields[part.subresource] = FieldSet(fields: part.resetFields) }
    self.resetFields = resetFields
  }

  /// Do objects have to be converted before they are shown?
  public var isConverted: Bool { converter != nil || custom?.isConverted == true || isConvertedElsewhere }

  /// Does somebody else have to be asked for that? Then `shown` is given what `converted` has made.
  public var isConvertedElsewhere: Bool { custom?.isConvertedElsewhere == true }

  /// An object of the storage as this version shows it.
  public func shown(_ object: CachedObject) -> CachedObject {
    converter?.shown(object) ?? custom?.shown(object) ?? object
  }

  /// Objects of the storage as this version shows them, whoever has to be asked.
  public func converted(_ objects: [CachedObject]) async throws(Status) -> [CachedObject] {
    guard let custom, custom.isConvertedElsewhere else { return objects.map(shown) }
    return try await custom.shown(objects)
  }

  /// What the cells of a table are read from.
  public func row(_ object: CachedObject) -> CachedObject { custom?.shown(object) ?? object }

  /// How a write through a sub-resource is treated; nil for one that there is not.
  public func subresource(_ subresource: Subresource) -> SubresourceDefinition? {
    subresource == .main ? custom?.version.main ?? definition.main : parts.first { $0.subresource == subresource }
  }

  // MARK: between what is stored and what is written

  /// What is stored, as a write begins with it: built-in kinds in the stored version, others in the client's.
  func draftTree(of stored: StoredObject) async throws -> JSONValue {
    let tree = try codec.tree(of: stored)
    return try await custom?.served(tree) ?? tree
  }

  /// What a write has come to, as it is stored.
  func encoded(_ tree: JSONValue, size: Int = 4_096, keepsLink: Bool = false) async throws(Status) -> EncodedObject {
    guard let custom, custom.isConverted else { return codec.encode(tree, size: size, keepsLink: keepsLink) }
    return codec.encode(try await custom.toStored(tree), size: size, keepsLink: keepsLink)
  }

  /// By which rules can ask for the version that a client speaks. (`Rule.ifOption`)
  let checkOptions: [String]

  /// Who a write is by.
  func writer(_ options: WriteOptions, _ subresource: Subresource) -> FieldManager.Writer {
    FieldManager.Writer(
      name: FieldManager.manager(named: options.fieldManager, userAgent: options.userAgent),
      subresource: subresource.name, resetFields: resetFields[subresource] ?? FieldSet())
  }

  /// The whole key of an object.
  public func key(_ name: String, namespace: String) -> String {
    keyFunc.key(name, namespace: namespace)
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
  func listPrefix(namespace: String) -> String { keyFunc.prefix(namespace: namespace) }

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
  func noteWrite(_ revision: Revision) { storage.acknowledged.max(revision.rawValue, ordering: .relaxed) }

  /// Freshness for clients that ask for little: what they have been told is done, they see all the same, if only the
  /// cache gets there in time.
  func atLeastAcknowledged(_ freshness: Freshness) -> Freshness {
    let last = Revision(storage.acknowledged.load(ordering: .relaxed))
    switch freshness {
    case .any: return last == .zero ? .any : .notOlderThan(last)
    case .notOlderThan(let revision): return .notOlderThan(max(revision, last))
    case .consistent: return .consistent
    }
  }

  // MARK: get

  /// Callable on a reactor. Throws 404, and 500 for a resourceVersion that is no number; nil when the answer has to be
  /// waited for. Objects are as stored here and in all that follows: `shown` gives them in this version.
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
      do {
        return try await objects.get(key: key, freshness: atLeastAcknowledged(freshness))
      } catch StorageError.resourceVersionTooLarge where freshness == .any {
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
  ) throws(Status) -> ReadObject {
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
