import ByteBuffers
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
    options.admission = admission
    return options
  }

  func deleteOptions() throws(Status) -> DeleteOptions {
    var options = try DeleteOptions(body: body, contentType: contentType, query: query)
    options.admission = admission
    return options
  }
}

extension DeleteOptions {
  /// From the body or from the query, never from both: a body that is not empty hides the whole query (SEMANTICS 1.17).
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
    }
  }

  private static let typeName = "io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions"

  private mutating func decode(_ body: ByteSlice, _ media: MediaType) throws(Status) {
    let value: JSONValue
    switch media {
    case .yaml: do { value = try JSONValue(yaml: body) } catch { throw Status.badRequest("\(error)") }
    case .protobuf: do { value = try TypeModel.builtin.object(ofProtobuf: body, as: Self.typeName) } catch { throw Status.badRequest(error.description) }
    case .json:
      do { value = try JSONValue(parsing: body) } catch { throw Status.badRequest("couldn't get version/kind; json parse error: \(error)") }
    }
    if value == .null { return }
    guard value.object != nil else {
      throw Status.badRequest(
        "couldn't get version/kind; json parse error: json: cannot unmarshal \(value.goKind) into Go value of type struct { APIVersion string \"json:\\\"apiVersion,omitempty\\\"\"; Kind string \"json:\\\"kind,omitempty\\\"\" }"
      )
    }
    let kind = value["kind"]?.string ?? ""
    let version = value["apiVersion"]?.string ?? ""
    if version.utf8.count(where: { $0 == UInt8(ascii: "/") }) > 1 { throw Status.badRequest("unexpected GroupVersion string: \(version)") }
    guard kind.isEmpty || kind == "DeleteOptions", ["", "v1", "meta.k8s.io/v1"].contains(version) else {
      let shownKind = GoText.quoted(kind.isEmpty ? "DeleteOptions" : kind)
      let shownVersion = GoText.quoted(version.isEmpty ? "v1" : version)
      throw Status.badRequest(
        "no kind \(shownKind) is registered for version \(shownVersion) in scheme \"k8s.io/apimachinery/pkg/apis/meta/internalversion/scheme/register.go:26\"")
    }
    let model = TypeModel.builtin
    guard let type = model.type(Self.typeName) else { throw Status.internalError("no facts about DeleteOptions") }
    let decoded: JSONValue
    do { decoded = try model.canonicalise(value, as: type).value } catch { throw Status.badRequest(error.description) }
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

/// Single parameters as Go's conversions read them. (apimachinery `runtime/converter.go`, `strconv`, `time.ParseDuration`.)
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
