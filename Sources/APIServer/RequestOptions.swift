import ByteBuffers
import Capacity
import JSON
import Machinery
import Registry
import Schema

/// Options as Go's parameter codec reads them from a query; what may not stand together is the Registry's to say.
extension ListOptions {
  /// Throws 400 for numbers that are none.
  init(_ query: Query) throws(Status) {
    self.init()
    if query.isEmpty { return }
    labelSelector = query["labelSelector"] ?? ""
    fieldSelector = query["fieldSelector"] ?? ""
    resourceVersion = query["resourceVersion"] ?? ""
    resourceVersionMatch = query["resourceVersionMatch"] ?? ""
    allowWatchBookmarks = ParameterText.bool(query["allowWatchBookmarks"]) ?? false
    timeoutSeconds = try ParameterText.int64(query["timeoutSeconds"])
    limit = try ParameterText.int64(query["limit"]) ?? 0
    continueToken = query["continue"] ?? ""
    sendInitialEvents = ParameterText.bool(query["sendInitialEvents"])
    watch = ParameterText.bool(query["watch"]) ?? false
  }
}

extension WriteOptions {
  init(_ verb: Verb, _ query: Query, userAgent: String? = nil) throws(Status) {
    self.init(verb)
    self.userAgent = userAgent ?? ""
    if !query.isEmpty {
      dryRun = query.all("dryRun")
      fieldManager = query["fieldManager"] ?? ""
      fieldValidation = query["fieldValidation"] ?? ""
      if verb == .patch { force = ParameterText.bool(query["force"]) }
    }
  }
}

extension RequestContext {
  func writeOptions(_ verb: WriteOptions.Verb) throws(Status) -> WriteOptions {
    var options = try WriteOptions(verb, query, userAgent: userAgent)
    options.user = user
    options.admission = admission
    if verb != .create { options.authorizeCreate = authorizeCreate }
    return options
  }

  /// YAML is read apart from the reactor: even a short text may stand for a long one.
  func deleteOptions() async throws(Status) -> DeleteOptions {
    let (body, contentType, query) = (body, contentType, query)
    var options: DeleteOptions
    if body.count > 0, Negotiation.input(contentType: contentType) == .yaml {
      options = try await onWorkThreads { () throws(Status) in
        try DeleteOptions(body: body, contentType: contentType, query: query)
      }
    } else {
      options = try DeleteOptions(body: body, contentType: contentType, query: query)
    }
    options.admission = admission
    return options
  }
}

extension DeleteOptions {
  /// From the body or from the query, never from both: a body that is not empty hides the whole query (semantics 1.17).
  init(body: ByteSlice, contentType: String?, query: Query) throws(Status) {
    self.init()
    if body.count > 0 {
      guard let media = Negotiation.input(contentType: contentType) else {
        throw Status.unsupportedMediaType(accepted: MediaType.all)
      }
      try decode(body, media)
    } else if !query.isEmpty {
      gracePeriodSeconds = try ParameterText.int64(query["gracePeriodSeconds"])
      orphanDependents = ParameterText.bool(query["orphanDependents"])
      propagationPolicy = query["propagationPolicy"]
      dryRun = query.all("dryRun")
      ignoresReadError = ParameterText.bool(query["ignoreStoreReadErrorWithClusterBreakingPotential"])
      // Preconditions stand flat in a query.
      if let given = query["uid"], !given.isEmpty { uid = given }
      if let given = query["resourceVersion"], !given.isEmpty { resourceVersion = given }
    }
  }

  private static let typeName = "io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions"
  private static let expected = GroupVersionKind(
    GroupVersion(group: "meta.k8s.io", version: "v1"), kind: "DeleteOptions")
  private static let scheme = "k8s.io/apimachinery/pkg/apis/meta/internalversion/scheme/register.go:26"

  private mutating func decode(_ body: ByteSlice, _ media: MediaType) throws(Status) {
    let model = TypeModel.builtin
    guard let type = model.type(Self.typeName) else { throw Status.internalError("no facts about DeleteOptions") }
    let text: ByteSlice
    switch media {
    case .json: text = body
    case .yaml:
      do { text = ByteSlice(try JSONValue(yaml: body).encoded()) } catch { throw Status.badRequest("\(error)") }
    case .protobuf:
      do {
        let envelope = try ProtobufEnvelope(body)
        try Self.check(TypeMembers(kind: envelope.kind, apiVersion: envelope.apiVersion), body)
        return take(try model.decode(tree: try model.decodeProtobuf(envelope.raw, as: type), as: type).value)
      } catch let status as Status { throw status } catch { throw Status.badRequest("\(error)") }
    }
    let tape: JSONTape
    do { tape = try JSONTape.parse(text) } catch {
      throw Status.badRequest("couldn't get version/kind; json parse error: \(error)")
    }
    let members: TypeMembers
    do { members = try TypeMembers(tape.root) } catch { throw Status.badRequest(error.description) }
    try Self.check(members, body)
    do { take(try model.decode(tape.root, as: type).value) } catch { throw Status.badRequest(error.description) }
  }

  /// Options are one type in every group version, known or not: only what is another kind can't be taken for them.
  private static func check(_ members: TypeMembers, _ body: ByteSlice) throws(Status) {
    let members = members.filled(from: expected)
    if members.groupVersion.version.isEmpty { throw Status.badRequest(TypeMembers.missingVersion(body.text)) }
    if members.kind == expected.kind { return }
    guard let type = metaType(members) else { throw Status.badRequest(members.notRegistered(in: scheme)) }
    throw Status.badRequest("converting (\(type)) to (v1.DeleteOptions): unknown conversion")
  }

  /// Go's type of another kind that upstream's scheme for options has; nil for one that it does not know.
  /// (`metainternalversion.AddToScheme`)
  private static func metaType(_ members: TypeMembers) -> String? {
    let kind = members.kind
    let list = "PartialObjectMetadataList"
    // These have no version.
    let everywhere = [
      "Status", "APIVersions", "APIGroup", "APIGroupList", "APIResourceList", "CreateOptions", "UpdateOptions",
    ]
    if everywhere.contains(kind) { return "v1.\(kind)" }
    let tables = ["Table", "TableOptions", "PartialObjectMetadata"]
    switch members.groupVersion.description {
    case "meta.k8s.io/v1":
      let known = tables + [list, "WatchEvent", "ListOptions", "GetOptions", "PatchOptions"]
      return known.contains(kind) ? "v1.\(kind)" : nil
    case "meta.k8s.io/v1beta1": return kind == list ? "v1beta1.\(kind)" : tables.contains(kind) ? "v1.\(kind)" : nil
    case "meta.k8s.io/__internal":
      switch kind {
      case "ListOptions": return "internalversion.ListOptions"
      case "WatchEvent": return "v1.InternalEvent"
      case list: return "v1beta1.\(kind)"
      default: return (tables + ["GetOptions"]).contains(kind) ? "v1.\(kind)" : nil
      }
    default: return nil
    }
  }

  private mutating func take(_ decoded: JSONValue) {
    gracePeriodSeconds = decoded["gracePeriodSeconds"]?.int
    uid = decoded["preconditions"]?["uid"]?.string
    resourceVersion = decoded["preconditions"]?["resourceVersion"]?.string
    orphanDependents = decoded["orphanDependents"]?.bool
    propagationPolicy = decoded["propagationPolicy"]?.string
    ignoresReadError = decoded["ignoreStoreReadErrorWithClusterBreakingPotential"]?.bool
    dryRun = (decoded["dryRun"]?.array ?? []).compactMap(\.string)
  }
}

/// How much of each object a Table carries. (`metav1.IncludeObjectPolicy`.)
enum IncludeObject: String, Sendable {
  case none = "None", metadata = "Metadata", object = "Object"

  /// Throws 400 for another word.
  init(_ query: Query) throws(Status) {
    let text = query["includeObject"] ?? ""
    if text.isEmpty {
      self = .metadata
    } else if let policy = IncludeObject(rawValue: text) {
      self = policy
    } else {
      let problem = FieldError.invalid("includeObject", text, "must be 'Metadata', 'Object', 'None', or empty")
      throw Status.badRequest("Unable to convert to Table as requested: \(problem.message)")
    }
  }
}

/// Single parameters as Go's conversions read them. (apimachinery `runtime/converter.go`, `strconv`,
/// `time.ParseDuration`.)
enum ParameterText {
  /// Only absence, `false` and `0` are false; an empty value is true.
  static func bool(_ text: String?) -> Bool? {
    guard let text else { return nil }
    return !(text == "0" || text.lowercased() == "false")
  }

  /// A decimal number; nil when absent.
  static func int64(_ text: String?) throws(Status) -> Int64? {
    guard let text else { return nil }
    let isSigned = text.utf8.first == UInt8(ascii: "-") || text.utf8.first == UInt8(ascii: "+")
    let digits = isSigned ? text.utf8.dropFirst() : text.utf8[...]
    guard !digits.isEmpty, digits.allSatisfy({ $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }) else {
      throw Status.badRequest("strconv.ParseInt: parsing \(GoText.quoted(text)): invalid syntax")
    }
    guard let number = Int64(text) else {
      throw Status.badRequest("strconv.ParseInt: parsing \(GoText.quoted(text)): value out of range")
    }
    return number
  }
}
