public import ByteBuffers
public import Machinery
import FieldManagement
import JSON
import Schema
import Synchronization

/// The kinds of patch, by media type.
public enum PatchKind: String, Sendable, CaseIterable {
  case json = "application/json-patch+json"
  case merge = "application/merge-patch+json"
  case strategic = "application/strategic-merge-patch+json"
}

extension Store {
  /// The answer to a patch that does not apply: upstream tells no more (SEMANTICS 2.20).
  private static let unprocessable = Status(
    code: 422, reason: "Invalid", message: "the server rejected our request due to an error in our request", details: Status.Details())

  /// Patches an object; recomputed after each lost race.
  public func patch(
    _ name: String, namespace: String, kind: PatchKind, body: ByteSlice, subresource: Subresource = .main, options: WriteOptions
  ) async throws(Status) -> WriteResult {
    try options.validate()
    // A patch that can't be read is complained of only where there is something to patch, as upstream reads it in its update loop.
    let reading = Result { () throws(Status) in try self.engine(kind, body) }
    let found = WarningBox()
    let result = try await change(name, namespace: namespace, subresource: subresource, options: options, warnings: []) { existing throws(Status) in
      let decoded = try self.reread(try reading.get()(existing), validation: options.validation)
      try self.checkName(decoded.object, name)
      var new = decoded.object
      self.fields.update(live: existing, new: &new, writer: self.writer(options, subresource), now: Timestamp.now)
      found.set(decoded.warnings + OwnerReferences.deduplicate(&new, inPatch: true))
      return new
    }
    return WriteResult(object: result.object, code: result.code, warnings: found.get() + result.warnings)
  }

  /// A function from what is stored to what the patch makes of it.
  private func engine(_ kind: PatchKind, _ body: ByteSlice) throws(Status) -> @Sendable (JSONValue) throws(Status) -> JSONValue {
    let patch: JSONValue
    // Upstream's three engines report what is no patch in two ways.
    let lead = kind == .strategic ? "" : "error decoding patch: "
    do { patch = try JSONValue(parsing: body) } catch { throw .badRequest("\(lead)\(error)") }
    switch kind {
    case .json:
      let operations: JSONPatch
      do { operations = try JSONPatch(patch) } catch {
        switch error {
        case .malformed(let text): throw .badRequest("error decoding patch: \(text)")
        case .tooManyOperations(let count):
          throw .requestEntityTooLarge("The allowed maximum operations in a JSON patch is \(JSONPatch.maxOperations), got \(count)")
        case .doesNotApply: throw Self.unprocessable
        }
      }
      return { existing throws(Status) in
        do { return try operations.apply(to: Self.readingOwners(existing)) } catch { throw Self.unprocessable }
      }
    case .merge:
      guard patch.object != nil else { throw .badRequest("error decoding patch: json: cannot unmarshal \(patch.goKind) into Go value of type map[string]interface {}") }
      let namesOwners = Self.namesOwners(patch)
      return { existing throws(Status) in MergePatch.apply(patch, to: namesOwners ? Self.readingOwners(existing) : existing) }
    case .strategic:
      guard patch.object != nil else { throw .badRequest("json: cannot unmarshal \(patch.goKind) into Go value of type map[string]interface {}") }
      let engine = StrategicMergePatch(model: model)
      let type = type
      let namesOwners = Self.namesOwners(patch)
      return { existing throws(Status) in
        do throws(StrategicMergePatch.Failure) { return try engine.apply(patch, to: namesOwners ? Self.readingOwners(existing) : existing, type: type) } catch {
          switch error {
          case .badFormat(let text): throw .badRequest(text)
          case .other(let text): throw .plain(400, text)
          case .unprocessable: throw Self.unprocessable
          }
        }
      }
    }
  }

  private static func namesOwners(_ patch: JSONValue) -> Bool { patch["metadata"]?["managedFields"] != nil }

  /// An object whose owners' fields are read, for a patch that may go into them.
  private static func readingOwners(_ object: JSONValue) -> JSONValue {
    guard let entries = object["metadata"]?["managedFields"]?.array else { return object }
    var read = object
    read["metadata"]?["managedFields"] = .array(entries.map { entry in
      guard let fields = entry["fieldsV1"]?.object else { return entry }
      var entry = entry
      entry["fieldsV1"] = .object(fields)
      return entry
    })
    return read
  }

  /// A patched tree as the type holds it. What does not decode is the patch's fault: 422 with the field "patch".
  func reread(_ value: JSONValue, validation: FieldValidation) throws(Status) -> (object: JSONValue, warnings: [String]) {
    do throws(Status) {
      return try decodeBody(ByteSlice(value.encoded()), validation: validation)
    } catch {
      guard error.code == 400 else { throw error }
      let why = error.message.split(separator: ": ", maxSplits: 1).last.map(String.init) ?? error.message
      if why.hasPrefix("strict decoding error") { throw .invalid("", name: "", [.invalid("patch", value.encoded().text, why)]) }
      throw Status.invalid("", name: "", [.invalid("patch", value.encoded().text, why)])
    }
  }
}

/// Warnings of the last round of an update loop.
final class WarningBox: Sendable {
  private let warnings = Mutex<[String]>([])
  func set(_ value: [String]) { warnings.withLock { $0 = value } }
  func get() -> [String] { warnings.withLock { $0 } }
}
