public import ByteBuffers
public import JSON
public import Machinery
public import Schema

/// Reads request bodies as objects of one kind, in kube-apiserver's words where they are none.
public struct ObjectReader: Sendable {
  public let info: ResourceInfo
  private let applyDefaults: @Sendable (inout JSONValue) -> Void
  private let model: TypeModel
  private let type: TypeModel.TypeID

  /// `applyDefaults`: what Go code sets, beyond the defaults of the schema.
  public init(_ info: ResourceInfo, applyDefaults: @escaping @Sendable (inout JSONValue) -> Void = { _ in }, model: TypeModel = .builtin) {
    guard let type = model.type(info.typeName) else { preconditionFailure("no facts about \(info.typeName)") }
    self.init(info, applyDefaults: applyDefaults, model: model, type: type)
  }

  init(_ info: ResourceInfo, applyDefaults: @escaping @Sendable (inout JSONValue) -> Void, model: TypeModel, type: TypeModel.TypeID) {
    self.info = info
    self.applyDefaults = applyDefaults
    self.model = model
    self.type = type
  }

  /// A request body as JSON. What stands in an envelope of another type is not looked at: `decode` refuses the type. Throws 400.
  public func json(ofProtobuf body: ByteSlice) throws(Status) -> ByteSlice {
    let envelope: ProtobufEnvelope
    do { envelope = try ProtobufEnvelope(body) } catch {
      throw .badRequest("the object provided is unrecognized (must be of type \(info.kind)): \(error) (\(Self.summary(body)))")
    }
    let version = info.groupVersion.description
    var object = JSONValue.object([:])
    if [info.kind, ""].contains(envelope.kind) && [version, ""].contains(envelope.apiVersion) {
      do { object = try model.decodeProtobuf(envelope.raw, as: type) } catch {
        throw .badRequest("\(info.kind) in version \(GoText.quoted(info.groupVersion.version)) cannot be handled as a \(info.kind): \(error)")
      }
    }
    return ByteSlice(envelope.named(object).encoded())
  }

  /// Reads a request body as an object of this resource. `problems`: strict complaints known already (repeated YAML keys).
  /// Throws 400 in kube-apiserver's words; returns warnings where the client asked for them.
  public func decode(_ body: ByteSlice, validation: FieldValidation, problems: [String] = []) throws(Status) -> (object: JSONValue, warnings: [String]) {
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
    applyDefaults(&object)
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
      ? String(decoding: shown, as: UTF8.self) : Hex.text(shown, .lower)
    return body.count > 30 ? text + " ..." : text
  }
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
