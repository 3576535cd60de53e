import ByteBuffers
import JSON
import Machinery
import Schema

/// Bodies of custom kinds: metadata is read by its type, all else by the schema of the version.
/// (apiextensions-apiserver: `schemaCoercingDecoder` and `unstructuredDefaulter`)
extension ObjectReader {
  func custom(
    _ given: JSONValue, as form: any ObjectForm, validation: FieldValidation, problems: [String],
    acceptsOtherVersions: Bool, text: () -> ByteSlice
  ) throws(Status) -> ReadObject {
    let type: TypeMembers
    do { type = try TypeMembers(given) } catch { throw unrecognized(error.description, text()) }
    guard var object = given.object else { throw unrecognized("Object 'Kind' is missing in 'null'", text()) }
    func unhandled(_ why: String) -> Status {
      if type.kind.isEmpty { return unrecognized(why, text()) }
      let version = GoText.quoted(type.groupVersion.version)
      return .badRequest("\(type.kind) in version \(version) cannot be handled as a \(info.kind): \(why)")
    }
    if type.kind.isEmpty { throw unhandled("Object 'Kind' is missing in '\(text().text)'") }
    if type.groupVersion.version.isEmpty { throw unhandled(TypeMembers.missingVersion(text().text)) }
    var complaints = problems
    var tree: JSONValue
    do {
      let metadata = try metadata(object["metadata"])
      object["metadata"] = metadata.value
      tree = .object(object)
      let completed = try form.complete(&tree)
      complaints += metadata.strictProblems + completed.unknown.map { "unknown field \"\($0)\"" }
    } catch { throw unhandled(error.description) }
    tree.sortByName()
    if !complaints.isEmpty, validation == .strict {
      throw unhandled("strict decoding error: \(complaints.joined(separator: ", "))")
    }
    let warnings = validation == .ignore ? [] : complaints
    if type.groupVersion != info.groupVersion, !acceptsOtherVersions {
      let given = "the API version in the data (\(type.groupVersion))"
      throw Status.badRequest("\(given) does not match the expected API version (\(info.groupVersion))").after(warnings)
    }
    return ReadObject(object: tree, warnings: warnings, traces: nil)
  }

  /// metadata by its type; complaints name the whole path.
  private func metadata(_ given: JSONValue?) throws(DecodeError) -> (value: JSONValue, strictProblems: [String]) {
    guard let given, !given.isNull else { return (.object(JSONObject()), []) }
    let decoded = try model.decode(tree: given, as: type)
    var value = decoded.value
    // An empty list is left out of objects, but a client that sends one clears the field owners.
    if given["managedFields"]?.array?.isEmpty == true { value["managedFields"] = [] }
    // What is written of every object even when nothing is known of it.
    if value["creationTimestamp"]?.isNull == true { value["creationTimestamp"] = nil }
    let lead = "unknown field \""
    return (
      value, decoded.strictProblems.map { $0.hasPrefix(lead) ? lead + "metadata." + $0.dropFirst(lead.count) : $0 }
    )
  }
}
