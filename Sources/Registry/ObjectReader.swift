public import ByteBuffers
import Cryptography
public import JSON
public import Machinery
public import Schema

/// An object that was read.
public struct ReadObject: Sendable {
  public var object: JSONValue
  /// What the client is told where it asked for warnings.
  public let warnings: [String]
  /// What was given and the object does not show, see `Decoded.traces`.
  public let traces: JSONValue?

  /// Is there raw JSON that Go would not find the same as any that is stored, inside of some traces?
  static func haveLooseRaw(_ traces: JSONValue?) -> Bool {
    switch traces {
    case .bool(let isLoose)?: isLoose
    case .array(let elements)?: elements.contains { haveLooseRaw($0) }
    case .object(let object)?: object.members.contains { haveLooseRaw($0.value) }
    default: false
    }
  }
}

/// Reads request bodies as objects of one kind, in kube-apiserver's words where they are none.
public struct ObjectReader: Sendable {
  public let info: ResourceInfo
  private let applyDefaults: @Sendable (inout JSONValue) -> Void
  private let mendDefaults: ResourceDefinition.TracesHook?
  let model: TypeModel
  let type: TypeModel.TypeID
  /// nil for built-in kinds.
  let form: (any ObjectForm)?
  /// Why a body of another type can't be read, where clients are told in a way of its own.
  private let otherType: String?

  /// `applyDefaults`: what Go code sets, beyond the defaults of the schema.
  public init(
    _ info: ResourceInfo, applyDefaults: @escaping @Sendable (inout JSONValue) -> Void = { _ in },
    model: TypeModel = .builtin
  ) {
    guard let type = model.type(info.typeName) else { preconditionFailure("no facts about \(info.typeName)") }
    self.init(info, applyDefaults: applyDefaults, mendDefaults: nil, model: model, type: type)
  }

  init(
    _ info: ResourceInfo, applyDefaults: @escaping @Sendable (inout JSONValue) -> Void = { _ in },
    mendDefaults: ResourceDefinition.TracesHook? = nil, model: TypeModel, type: TypeModel.TypeID,
    form: (any ObjectForm)? = nil, otherType: String? = nil
  ) {
    self.form = form
    self.otherType = otherType
    self.info = info
    self.applyDefaults = applyDefaults
    self.mendDefaults = mendDefaults
    self.model = model
    self.type = type
  }

  /// A request body as JSON. What stands in an envelope of another type is not looked at: `decode` refuses the type.
  /// Throws 400.
  public func json(ofProtobuf body: ByteSlice) throws(Status) -> ByteSlice {
    let envelope: ProtobufEnvelope
    do { envelope = try ProtobufEnvelope(body) } catch {
      throw .badRequest(
        "the object provided is unrecognized (must be of type \(info.kind)): \(error) (\(Self.summary(body)))")
    }
    let version = info.groupVersion.description
    var object = JSONValue.object([:])
    if [info.kind, ""].contains(envelope.kind) && [version, ""].contains(envelope.apiVersion) {
      do { object = try model.decodeProtobuf(envelope.raw, as: type) } catch {
        throw .badRequest(
          "\(info.kind) in version \(GoText.quoted(info.groupVersion.version)) cannot be handled as a \(info.kind): \(error)"
        )
      }
    }
    return ByteSlice(envelope.named(object).encoded())
  }

  /// Reads a request body as an object of this resource. `problems`: strict complaints known already (repeated YAML
  /// keys). Throws 400 in kube-apiserver's words; returns warnings where the client asked for them.
  ///
  /// `acceptsOtherVersions`: another version of the same kind is taken as the expected one. A body of another version
  /// is read, and refused only then.
  public func decode(
    _ body: ByteSlice, validation: FieldValidation, problems: [String] = [], acceptsOtherVersions: Bool = false
  ) throws(Status) -> ReadObject {
    let tape: JSONTape
    do { tape = try JSONTape.parse(body) } catch {
      throw unrecognized("couldn't get version/kind; json parse error: \(error)", body)
    }
    if let form {
      return try custom(
        JSONValue(tape.root), as: form, validation: validation,
        problems: problems + (validation == .ignore ? [] : StrictDocument.problems(tape.root)),
        acceptsOtherVersions: acceptsOtherVersions, text: { body })
    }
    // An empty list is left out of objects, but a client that sends one clears the field owners.
    let owners = tape.root["metadata"]?["managedFields"]
    return try object(
      Given(
        type: { () throws(TypeMembers.Failure) in try TypeMembers(tape.root) },
        decoded: { () throws(DecodeError) in try model.decode(tape.root, as: type, leavesRawUnread: true) },
        clearsOwners: owners?.kind == .array && owners?.elements.contains { _ in true } == false, text: { body }),
      validation: validation, problems: problems, acceptsOtherVersions: acceptsOtherVersions)
  }

  /// The same for an edited tree: what its text would be read as, and no text is made unless an answer shows it.
  /// `sortsRaw`: see `TypeModel.decode(tree:as:sortsRaw:)`.
  public func decode(
    tree: JSONValue, validation: FieldValidation, problems: [String] = [], acceptsOtherVersions: Bool = false,
    sortsRaw: Bool = false
  ) throws(Status) -> ReadObject {
    if let form {
      return try custom(
        tree, as: form, validation: validation, problems: problems, acceptsOtherVersions: acceptsOtherVersions,
        text: { ByteSlice(tree.encoded()) })
    }
    return try object(
      Given(
        type: { () throws(TypeMembers.Failure) in try TypeMembers(tree) },
        decoded: { () throws(DecodeError) in try model.decode(tree: tree, as: type, sortsRaw: sortsRaw) },
        clearsOwners: tree["metadata"]?["managedFields"]?.array?.isEmpty == true,
        text: { ByteSlice(tree.encoded()) }),
      validation: validation, problems: problems, acceptsOtherVersions: acceptsOtherVersions)
  }

  /// What is read: asked in this order, and only as far as all is well.
  private struct Given {
    let type: () throws(TypeMembers.Failure) -> TypeMembers
    let decoded: () throws(DecodeError) -> Decoded
    /// Are there field owners, and none of them?
    let clearsOwners: Bool
    /// As answers quote it.
    let text: () -> ByteSlice
  }

  func unrecognized(_ why: String, _ text: ByteSlice) -> Status {
    .badRequest("the object provided is unrecognized (must be of type \(info.kind)): \(why) (\(Self.summary(text)))")
  }

  private func object(
    _ given: Given, validation: FieldValidation, problems: [String], acceptsOtherVersions: Bool
  ) throws(Status) -> ReadObject {
    let expected = GroupVersionKind(info.groupVersion, kind: info.kind)
    let type: TypeMembers
    do { type = try given.type().filled(from: expected) } catch {
      throw unrecognized(error.description, given.text())
    }
    let version = info.groupVersion.description
    func unhandled(_ why: String) -> Status {
      let version = GoText.quoted(type.groupVersion.version)
      return .badRequest("\(type.kind) in version \(version) cannot be handled as a \(info.kind): \(why)")
    }
    if type.groupVersion.version.isEmpty { throw unhandled(TypeMembers.missingVersion(given.text().text)) }
    let isExpected = type.groupVersion == info.groupVersion && type.kind == info.kind
    if !isExpected, let otherType { throw .badRequest(otherType) }
    if !isExpected, let problem = RegisteredKinds.problem(type, expected: expected) { throw unhandled(problem) }
    let decoded: Decoded
    do { decoded = try given.decoded() } catch { throw unhandled(error.description) }
    var object = decoded.value
    if given.clearsOwners { object["metadata"]?["managedFields"] = [] }
    object["kind"] = .string(info.kind)
    object["apiVersion"] = .string(version)
    moveTypeToFront(&object)
    applyDefaults(&object)
    if let traces = decoded.traces { mendDefaults?(&object, traces) }
    let complaints = problems + decoded.strictProblems
    if !complaints.isEmpty, validation == .strict {
      throw unhandled("strict decoding error: \(complaints.joined(separator: ", "))")
    }
    let warnings = validation == .ignore ? [] : complaints
    if type.groupVersion != info.groupVersion, !acceptsOtherVersions {
      let given = "the API version in the data (\(type.groupVersion))"
      throw .badRequest("\(given) does not match the expected API version (\(version))").after(warnings)
    }
    return ReadObject(object: object, warnings: warnings, traces: decoded.traces)
  }

  /// kind and apiVersion come first; a body without them has them added.
  private func moveTypeToFront(_ object: inout JSONValue) {
    guard let members = object.object?.members, members.first?.name != "kind" else { return }
    var ordered: [JSONObject.Member] = [
      JSONObject.Member("kind", .string(info.kind)),
      JSONObject.Member("apiVersion", .string(info.groupVersion.description)),
    ]
    ordered += members.filter { $0.name != "kind" && $0.name != "apiVersion" }
    object = .object(JSONObject(unchecked: ordered))
  }

  /// The first bytes of a body, as messages show them.
  public static func summary(_ body: ByteSlice) -> String {
    guard body.count > 0 else { return "<empty>" }
    let shown = Array(body.array.prefix(30))
    let text =
      shown[0] == UInt8(ascii: "{")
      ? String(decoding: shown, as: UTF8.self) : Hex.text(shown, .lower)
    return body.count > 30 ? text + " ..." : text
  }
}

extension JSONValue {
  /// How Go's messages name the kind of a value.
  public static func goKind(of node: JSONNode) -> String {
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
