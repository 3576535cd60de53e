public import ByteBuffers
public import Cacher
import FieldManagement
public import JSON
public import Machinery
public import Schema
import Storage
import Synchronization

/// The generic registry: every verb of one resource over its storage, with what differs left to a strategy. (Kubernetes: `registry.Store`.)
public final class Store: Sendable {
  public let strategy: any RESTStrategy
  public let objects: any ObjectStorage
  public let codec: ResourceCodec
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

  public var info: ResourceInfo { strategy.info }

  /// `prefix`: whole key prefix of the resource, ending in "/".
  public init(_ strategy: any RESTStrategy, objects: any ObjectStorage, codec: ResourceCodec, prefix: String, allowsUnsafeDeletion: Bool = false, model: TypeModel = .builtin) {
    guard let type = model.type(strategy.info.typeName) else { preconditionFailure("no facts about \(strategy.info.typeName)") }
    self.strategy = strategy
    self.objects = objects
    self.codec = codec
    self.prefix = prefix
    self.allowsUnsafeDeletion = allowsUnsafeDeletion
    self.model = model
    self.type = type
    // An object of nothing decodes, or the facts are broken.
    var empty = (try? model.canonicalise(.object(JSONObject()), as: type).value) ?? .object(JSONObject())
    strategy.applyDefaults(&empty)
    let version = strategy.info.groupVersion
    fields = FieldManager(model, type: type, kind: GroupVersionKind(version, kind: strategy.info.kind), empty: empty)
    resetFields = (FieldSet(fields: strategy.resetFields(.main)), FieldSet(fields: strategy.resetFields(.status)))
  }

  /// Who a write is by.
  func writer(_ options: WriteOptions, _ subresource: Subresource) -> FieldManager.Writer {
    FieldManager.Writer(
      name: FieldManager.manager(named: options.fieldManager, userAgent: options.userAgent), subresource: subresource == .status ? "status" : "",
      resetFields: subresource == .status ? resetFields.status : resetFields.main)
  }

  /// The whole key of an object.
  public func key(_ name: String, namespace: String) -> String { info.isNamespaced ? "\(prefix)\(namespace)/\(name)" : prefix + name }

  /// The whole key prefix of a namespace's objects, or of all.
  func listPrefix(namespace: String) -> String { info.isNamespaced && !namespace.isEmpty ? "\(prefix)\(namespace)/" : prefix }

  func status(_ error: any Error, name: String, verb: String) -> Status {
    if allowsUnsafeDeletion, let error = error as? StorageError, let status = error.unreadableStatus(info.groupResource, verb: verb) { return status }
    return statusOf(error, info.groupResource, name: name, verb: verb)
  }

  // MARK: reading one's own writes

  /// A write was acknowledged.
  func noteWrite(_ revision: Revision) { acknowledged.max(revision.rawValue, ordering: .relaxed) }

  /// Freshness for clients that ask for little: what they have been told is done, they see all the same, if only the cache gets there in time.
  func atLeastAcknowledged(_ freshness: Freshness) -> Freshness {
    let last = Revision(acknowledged.load(ordering: .relaxed))
    switch freshness {
    case .any: return last == .zero ? .any : .notOlderThan(last)
    case .notOlderThan(let revision): return .notOlderThan(max(revision, last))
    case .consistent: return .consistent
    }
  }

  // MARK: get

  /// Callable on a reactor. Throws 404, and 500 for a resourceVersion that is no number; nil when the answer has to be waited for.
  public func getNow(_ name: String, namespace: String, resourceVersion: String = "") throws(Status) -> CachedObject? {
    switch objects.getNow(key: key(name, namespace: namespace), freshness: atLeastAcknowledged(try freshness(resourceVersion))) {
    case .found(let object): return object
    case .missing: throw .notFound(info.groupResource, name)
    case .mustWait: return nil
    }
  }

  public func get(_ name: String, namespace: String, resourceVersion: String = "") async throws(Status) -> CachedObject {
    let freshness = try freshness(resourceVersion)
    let key = key(name, namespace: namespace)
    do {
      do { return try await objects.get(key: key, freshness: atLeastAcknowledged(freshness)) } catch StorageError.resourceVersionTooLarge where freshness == .any {
        return try await objects.get(key: key, freshness: .any)
      }
    } catch { throw status(error, name: name, verb: "get") }
  }

  private func freshness(_ resourceVersion: String) throws(Status) -> Freshness {
    if resourceVersion.isEmpty { return .consistent }
    let revision = try revision(resourceVersion)
    return revision == .zero ? .any : .notOlderThan(revision)
  }

  /// SEMANTICS 2.30: GET and WATCH answer a plain 500.
  func revision(_ resourceVersion: String) throws(Status) -> Revision {
    do { return try objects.versioner.parseResourceVersion(resourceVersion) } catch {
      throw .plain(500, "resourceVersion: Invalid value: \(GoText.quoted(resourceVersion)): \(error)")
    }
  }

  // MARK: bodies

  /// Reads a request body as an object of this resource. `problems`: strict complaints known already (repeated YAML keys).
  /// Throws 400 in kube-apiserver's words; returns warnings where the client asked for them.
  public func decodeBody(_ body: ByteSlice, validation: FieldValidation, problems: [String] = []) throws(Status) -> (object: JSONValue, warnings: [String]) {
    func unrecognized(_ why: String) -> Status {
      .badRequest("the object provided is unrecognized (must be of type \(info.kind)): \(why) (\(Self.summary(body)))")
    }
    let tape: JSONTape
    do { tape = try JSONTape.parse(body) } catch { throw unrecognized("couldn't get version/kind; json parse error: \(error)") }
    // Go reads null into a struct as nothing at all.
    guard tape.root.kind == .object || tape.root.isNull else {
      throw unrecognized("couldn't get version/kind; json parse error: json: cannot unmarshal \(JSONValue.goKind(of: tape.root)) into Go value of type struct { APIVersion string \"json:\\\"apiVersion,omitempty\\\"\"; Kind string \"json:\\\"kind,omitempty\\\"\" }")
    }
    let version = info.groupVersion.description
    if let (field, found) = Self.mistypedTypeMember(tape.root) {
      throw unrecognized("couldn't get version/kind; json parse error: json: cannot unmarshal \(found) into Go struct field .\(field) of type string")
    }
    let kind = tape.root["kind"]?.string ?? ""
    let apiVersion = tape.root["apiVersion"]?.string ?? ""
    let shownKind = kind.isEmpty ? info.kind : kind
    let shownVersion = (apiVersion.isEmpty ? version : apiVersion).split(separator: "/").last.map(String.init) ?? ""
    func unhandled(_ why: String) -> Status { .badRequest("\(shownKind) in version \(GoText.quoted(shownVersion)) cannot be handled as a \(info.kind): \(why)") }
    if apiVersion.utf8.count(where: { $0 == UInt8(ascii: "/") }) > 1 { throw unrecognized("unexpected GroupVersion string: \(apiVersion)") }
    if !apiVersion.isEmpty && apiVersion != version || !kind.isEmpty && kind != info.kind {
      let given = apiVersion.isEmpty ? version : apiVersion
      guard RegisteredKinds.contains(kind: shownKind, groupVersion: given) else {
        throw unhandled("no kind \(GoText.quoted(shownKind)) is registered for version \(GoText.quoted(given)) in scheme \"k8s.io/kubernetes/pkg/api/legacyscheme/scheme.go:30\"")
      }
      let internalName = info.groupVersion.group.isEmpty ? "core" : info.groupVersion.group.split(separator: ".").first.map(String.init) ?? ""
      throw unhandled("converting (\(shownVersion).\(shownKind)) to (\(internalName).\(info.kind)): unknown conversion")
    }
    let decoded: Decoded
    do { decoded = try model.decode(tape.root, as: type, leavesRawUnread: true) } catch { throw unhandled(error.description) }
    var object = decoded.value
    // An empty list is left out of objects, but a client that sends one clears the field owners.
    if let given = tape.root["metadata"]?["managedFields"], given.kind == .array, !given.elements.contains(where: { _ in true }) { object["metadata"]?["managedFields"] = [] }
    object["kind"] = .string(info.kind)
    object["apiVersion"] = .string(version)
    moveTypeToFront(&object)
    strategy.applyDefaults(&object)
    let complaints = problems + decoded.strictProblems
    guard !complaints.isEmpty, validation != .ignore else { return (object, []) }
    if validation == .strict { throw unhandled("strict decoding error: \(complaints.joined(separator: ", "))") }
    return (object, complaints)
  }

  /// The first of kind and apiVersion that is no string, with what it is instead.
  private static func mistypedTypeMember(_ root: JSONNode) -> (field: String, found: String)? {
    func isText(_ node: JSONNode?) -> Bool { node.map { $0.kind == .string || $0.isNull } ?? true }
    if isText(root["kind"]) && isText(root["apiVersion"]) { return nil }
    for (name, value) in root.members where (name.isString("kind") || name.isString("apiVersion")) && !isText(value) {
      return (name.string ?? "", JSONValue.goKind(of: value))
    }
    return nil
  }

  /// kind and apiVersion come first; a body without them has them added.
  private func moveTypeToFront(_ object: inout JSONValue) {
    guard let members = object.object?.members, members.first?.name != "kind" else { return }
    var ordered: [JSONObject.Member] = [JSONObject.Member("kind", .string(info.kind)), JSONObject.Member("apiVersion", .string(info.groupVersion.description))]
    ordered += members.filter { $0.name != "kind" && $0.name != "apiVersion" }
    object = .object(JSONObject(unchecked: ordered))
  }

  /// The first bytes of a body, as messages show them.
  public static func summary(_ body: ByteSlice) -> String {
    guard body.count > 0 else { return "<empty>" }
    let shown = Array(body.array.prefix(30))
    let text = shown[0] == UInt8(ascii: "{")
      ? String(decoding: shown, as: UTF8.self) : shown.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    return body.count > 30 ? text + " ..." : text
  }
}

/// What a write gave.
public struct WriteResult: Sendable {
  public let object: CachedObject
  /// 200 or 201.
  public let code: Int
  public let warnings: [String]
}

extension JSONValue {
  static func goKind(of node: JSONNode) -> String {
    switch node.kind {
    case .null: "null"
    case .bool: "bool"
    case .int, .double: "number"
    case .string: "string"
    case .array: "array"
    case .object: "object"
    }
  }
}
