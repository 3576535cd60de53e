public import ByteBuffers
public import Machinery
import FieldManagement
import JSON
import Schema

/// The kinds of patch, by media type.
public enum PatchKind: String, Sendable, CaseIterable {
  case json = "application/json-patch+json"
  case merge = "application/merge-patch+json"
  case strategic = "application/strategic-merge-patch+json"
}

extension Store {
  /// The answer to a patch that does not apply: upstream tells no more (semantics 2.20).
  private static let unprocessable = Status(
    code: 422, reason: "Invalid", message: "the server rejected our request due to an error in our request",
    details: Status.Details())

  /// Patches an object; recomputed after each lost race.
  public func patch(
    _ name: String, namespace: String, kind: PatchKind, body: ByteSlice, subresource: Subresource = .main,
    options: WriteOptions
  ) async throws(Status) -> WriteResult {
    try options.validate()
    // A patch that can't be read is complained of only where there is something to patch, as upstream reads it in its
    // update loop.
    let spoken = spoken(at: subresource)
    let reading = Result { () throws(Status) in try Self.engine(kind, body, spoken, validation: options.validation) }
    return try await change(name, namespace: namespace, subresource: subresource, options: options) {
      existing throws(Status) in
      guard let existing else { throw .notFound(self.info.groupResource, name) }
      let engine = try reading.get()
      let patched = try engine.apply(existing)
      let decoded = try Self.reread(
        patched, spoken, validation: options.validation, problems: engine.problems, shown: engine.shown)
      do throws(Status) { try self.checkName(decoded.object, name) } catch { throw error.after(decoded.warnings) }
      var new = spoken.view == nil ? self.whole(decoded.object) : decoded.object
      spoken.fields.update(live: existing, new: &new, writer: self.writer(options, subresource), now: Timestamp.now)
      let warnings = decoded.warnings + OwnerReferences.deduplicate(&new, inPatch: true)
      return Made(object: new, warnings: warnings, traces: decoded.traces)
    }
  }

  /// A patch that was read.
  private struct PatchEngine: Sendable {
    /// From what is stored to what the patch makes of it.
    let apply: @Sendable (JSONValue) throws(Status) -> JSONValue
    /// What strict decoding of the patch itself found.
    var problems: [String] = []
    /// How a failure names the patch; nil: by what it made.
    var shown: (@Sendable () -> String)?
  }

  private static func engine(
    _ kind: PatchKind, _ body: ByteSlice, _ spoken: SpokenKind, validation: FieldValidation
  ) throws(Status) -> PatchEngine {
    let patch: JSONValue
    let tape: JSONTape
    do {
      tape = try JSONTape.parse(body, limits: .tree)
      // The others are applied to text: how a number was written reaches the type.
      patch = JSONValue(tape.root, keepsNumbers: kind != .strategic)
    } catch { throw Self.unreadable("\(error)", kind, validation) }
    func problems() -> [String] {
      if validation == .ignore { return [] }
      return kind == .json ? StrictDocument.problems(ofJSONPatch: tape.root) : StrictDocument.problems(tape.root)
    }
    switch kind {
    case .json:
      if validation != .ignore, let mistyped = Self.mistyped(patch) {
        throw .badRequest("error decoding patch: \(mistyped)")
      }
      let operations: JSONPatch
      do { operations = try JSONPatch(patch) } catch {
        throw Self.status(error)
      }
      return PatchEngine(
        apply: { existing throws(Status) in
          do throws(JSONPatch.Failure) {
            return try operations.apply(to: Self.readingOwners(existing))
          } catch { throw Self.status(error) }
        }, problems: problems())
    case .merge:
      if validation != .ignore, patch.object == nil, !patch.isNull {
        throw .badRequest("error decoding patch: \(Self.noObject(patch))")
      }
      guard patch.object != nil || patch.array != nil else { throw .badRequest("Invalid JSON Patch") }
      let namesOwners = Self.namesOwners(patch)
      return PatchEngine(
        apply: { existing throws(Status) in
          MergePatch.apply(patch, to: namesOwners ? Self.readingOwners(existing) : existing)
        }, problems: problems())
    case .strategic:
      guard patch.object != nil || patch.isNull else { throw .badRequest(Self.noObject(patch)) }
      let (type, model) = (spoken.type, spoken.model)
      let engine = StrategicMergePatch(model: model)
      let hasOddNumbers = TypeModel.hasOddNumbers(patch)
      let changes: JSONValue = patch.isNull ? [:] : patch
      let namesOwners = Self.namesOwners(changes)
      return PatchEngine(
        apply: { existing throws(Status) in
          do throws(StrategicMergePatch.Failure) {
            let live = namesOwners ? Self.readingOwners(existing) : existing
            let patched = typed(try engine.apply(changes, to: live, type: type), spoken.info)
            return hasOddNumbers ? model.fittingNumbers(patched, as: type) : patched
          } catch {
            switch error {
            case .badFormat(let text): throw .badRequest(text)
            case .other(let text): throw .plain(500, text)
            case .unprocessable: throw Self.unprocessable
            }
          }
        }, problems: problems(), shown: { GoText.value(changes) })
    }
  }

  private static func status(_ failure: JSONPatch.Failure) -> Status {
    switch failure {
    case .malformed(let text): .badRequest(text)
    case .tooManyOperations(let count):
      .requestEntityTooLarge(
        "Request entity too large: The allowed maximum operations in a JSON patch is \(JSONPatch.maxOperations), got \(count)"
      )
    case .doesNotApply: unprocessable
    case .tooMuchWork:
      .requestEntityTooLarge("Request entity too large: the JSON patch takes more than \(JSONPatch.maxSteps) steps")
    }
  }

  /// What is no JSON at all: upstream's three engines say it in their own ways.
  private static func unreadable(_ why: String, _ kind: PatchKind, _ validation: FieldValidation) -> Status {
    switch (kind, validation) {
    case (.strategic, _), (.json, .ignore): .badRequest(why)
    case (.merge, .ignore): .badRequest("Invalid JSON Patch")
    case (.json, _), (.merge, _): .badRequest("error decoding patch: \(why)")
    }
  }

  private static func noObject(_ patch: JSONValue) -> String {
    "json: cannot unmarshal \(patch.goKind) into Go value of type map[string]interface {}"
  }

  /// The first value of a JSON patch that is of the wrong kind.
  private static func mistyped(_ patch: JSONValue) -> String? {
    if patch.isNull { return nil }
    guard let operations = patch.array else {
      return "json: cannot unmarshal \(patch.goKind) into Go value of type []handlers.jsonPatchOp"
    }
    for operation in operations where !operation.isNull {
      guard let members = operation.object?.members else {
        return "json: cannot unmarshal \(operation.goKind) into Go value of type handlers.jsonPatchOp"
      }
      for member in members
      where ["op", "path", "from"].contains(member.name) && member.value.string == nil && !member.value.isNull {
        return
          "json: cannot unmarshal \(member.value.goKind) into Go struct field jsonPatchOp.\(member.name) of type string"
      }
    }
    return nil
  }

  private static func namesOwners(_ patch: JSONValue) -> Bool { patch["metadata"]?["managedFields"] != nil }

  /// An object whose owners' fields are read, for a patch that may go into them.
  private static func readingOwners(_ object: JSONValue) -> JSONValue {
    guard let entries = object["metadata"]?["managedFields"]?.array else { return object }
    var read = object
    read["metadata"]?["managedFields"] = .array(
      entries.map { entry in
        guard let fields = entry["fieldsV1"]?.object else { return entry }
        var entry = entry
        entry["fieldsV1"] = .object(fields)
        return entry
      })
    return read
  }

  private static func invalidPatch(_ shown: String, _ why: String) -> Status {
    .invalid("", name: "", [.invalid("patch", shown, why)])
  }

  /// A patched object that goes straight into the Go type: whatever text its kind and apiVersion were given, they are
  /// the type's.
  private static func typed(_ patched: JSONValue, _ info: ResourceInfo) -> JSONValue {
    var patched = patched
    if patched["kind"]?.string != nil { patched["kind"] = .string(info.kind) }
    if patched["apiVersion"]?.string != nil { patched["apiVersion"] = .string(info.groupVersion.description) }
    return patched
  }

  /// A patched tree as the type holds it. `shown`: of a strategic patch, for which upstream makes a tree of the object
  /// and an object of the tree. What does not decode is the patch's fault: 422 with the field "patch".
  private static func reread(
    _ value: JSONValue, _ spoken: SpokenKind, validation: FieldValidation, problems: [String],
    shown: (@Sendable () -> String)?
  ) throws(Status) -> ReadObject {
    do throws(Status) {
      return try spoken.reader.decode(
        tree: value, validation: validation, problems: problems, acceptsOtherVersions: true, sortsRaw: shown != nil)
    } catch {
      guard error.code == 400 else { throw error }
      let text = value.encoded()
      // A document without a type is quoted in answers, but not here.
      let tail = " (\(ObjectReader.summary(ByteSlice(text))))"
      let reason = Self.reason(error)
      let isQuoted = error.message.hasPrefix("the object provided is unrecognized") && reason.hasSuffix(tail)
      let why = isQuoted ? String(reason.dropLast(tail.unicodeScalars.count)) : reason
      // A strategic patch is laid over the object itself and never was text: its kinds are told by another part of
      // upstream.
      let isPatch = shown != nil && !why.hasPrefix("strict decoding error")
      let problem = isPatch ? spoken.model.conversionProblem(value, as: spoken.type) : nil
      throw Self.invalidPatch(shown?() ?? text.text, problem ?? why)
    }
  }

  /// What was wrong with a body, without the words about the body.
  static func reason(_ error: Status) -> String {
    error.message.split(separator: ": ", maxSplits: 1).last.map(String.init) ?? error.message
  }
}
