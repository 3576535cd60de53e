import ByteBuffers
import JSON
import Machinery
import Schema

/// How to delete: from the body or from the query, never from both (SEMANTICS 1.17). (`DeleteOptions`.)
struct DeleteParameters: Sendable {
  var gracePeriodSeconds: Int64?
  var uid: String?
  var resourceVersion: String?
  var orphanDependents: Bool?
  var propagationPolicy: String?
  var dryRun: [String] = []

  /// Decodes and validates. A body that is not empty hides the whole query.
  init(body: ByteSlice, media: MediaType?, query: Query) throws(Status) {
    if body.count > 0 {
      guard let media, media != .protobuf else { throw Status.unsupportedMediaType(accepted: MediaType.all) }
      try decode(body, media)
    } else if !query.isEmpty {
      gracePeriodSeconds = try ParameterText.int64(query["gracePeriodSeconds"])
      orphanDependents = ParameterText.bool(query["orphanDependents"])
      propagationPolicy = query["propagationPolicy"]
      dryRun = query.all("dryRun")
    }
    try validate()
  }

  var isDryRun: Bool { !dryRun.isEmpty }

  private mutating func decode(_ body: ByteSlice, _ media: MediaType) throws(Status) {
    let value: JSONValue
    do {
      switch media {
      case .yaml: value = try JSONValue(yaml: body)
      case .json, .protobuf: value = try JSONValue(parsing: body)
      }
    } catch {
      throw Status.badRequest("couldn't get version/kind; json parse error: \(error)")
    }
    guard value.object != nil else {
      throw Status.badRequest("couldn't get version/kind; json parse error: json: cannot unmarshal \(value.goKind) into Go value of type struct { APIVersion string \"json:\\\"apiVersion,omitempty\\\"\"; Kind string \"json:\\\"kind,omitempty\\\"\" }")
    }
    let kind = value["kind"]?.string ?? ""
    let version = value["apiVersion"]?.string ?? ""
    guard kind.isEmpty || kind == "DeleteOptions", ["", "v1", "meta.k8s.io/v1"].contains(version) else {
      let shown = version.isEmpty ? "v1" : version
      throw Status.badRequest(
        "no kind \(GoText.quoted(kind.isEmpty ? "DeleteOptions" : kind)) is registered for version \(GoText.quoted(shown)) in scheme \"k8s.io/apimachinery/pkg/apis/meta/internalversion/scheme/register.go:26\"")
    }
    let model = TypeModel.builtin
    guard let type = model.type("io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions") else { throw Status.internalError("no type DeleteOptions") }
    let decoded: JSONValue
    do {
      decoded = try model.canonicalise(value, as: type).value
    } catch {
      throw Status.badRequest(error.description)
    }
    gracePeriodSeconds = decoded["gracePeriodSeconds"]?.int
    uid = decoded["preconditions"]?["uid"]?.string
    resourceVersion = decoded["preconditions"]?["resourceVersion"]?.string
    orphanDependents = decoded["orphanDependents"]?.bool
    propagationPolicy = decoded["propagationPolicy"]?.string
    dryRun = (decoded["dryRun"]?.array ?? []).compactMap(\.string)
  }

  /// (`ValidateDeleteOptions`.)
  private func validate() throws(Status) {
    var problems: [FieldError] = []
    if orphanDependents != nil, let propagationPolicy {
      problems.append(.invalid("propagationPolicy", propagationPolicy, "orphanDependents and deletionPropagation cannot be both set"))
    }
    if let propagationPolicy, !["Foreground", "Background", "Orphan"].contains(propagationPolicy) {
      problems.append(.notSupported("propagationPolicy", propagationPolicy, ["Foreground", "Background", "Orphan", "nil"]))
    }
    problems += WriteParameters.dryRunProblems(dryRun)
    if !problems.isEmpty { throw Status.invalid("DeleteOptions", group: "meta.k8s.io", name: "", problems) }
  }
}
