import ByteBuffers
public import JSON
import Machinery

/// Kubernetes' strategic merge patch: a merge patch that knows which lists merge by a key, with directives for the
/// rest. (apimachinery: `strategicpatch.StrategicMergeMapPatch`; where the outcome hangs on Go's order of map members,
/// ours is the order of the patch)
///
/// | directive | where | what |
/// |---|---|---|
/// | `$patch: replace` | a map, or an element of a merging list | the map or list is what the patch says, nothing of
/// the old stays | | `$patch: delete` | a map, or an element of a merging list | an empty map; the element with that
/// key goes | | `$retainKeys` | a map | members that it does not name go |
/// | `$setElementOrder/NAME` | beside a list | the order of the merged list |
/// | `$deleteFromPrimitiveList/NAME` | beside a list of scalars | elements that go |
public struct StrategicMergePatch: Sendable {
  /// Why a patch could not be used, with upstream's text.
  public enum Failure: Error, Equatable {
    /// A directive of the wrong form: 400.
    case badFormat(String)
    /// A merge that the lists do not allow: 422.
    case unprocessable(String)
    /// What upstream answers with a plain 500, though the patch is at fault.
    case other(String)

    public var message: String {
      switch self {
      case .badFormat(let text), .unprocessable(let text), .other(let text): text
      }
    }
  }

  enum Directive {
    static let patch = "$patch"
    static let retainKeys = "$retainKeys"
    static let deleteFromPrimitiveList = "$deleteFromPrimitiveList"
    static let setElementOrder = "$setElementOrder"

    /// The list that a directive with a name in it is about.
    static func list(_ name: String, _ directive: String) -> String? {
      guard name.hasPrefix(directive + "/") else { return nil }
      return String(name.dropFirst(directive.count + 1))
    }
  }

  let model: TypeModel

  public init(model: TypeModel) { self.model = model }

  /// `original` with `patch` laid over it, as an object of `type`.
  public func apply(_ patch: JSONValue, to original: JSONValue, type: TypeModel.TypeID) throws(Failure) -> JSONValue {
    guard let patch = patch.object else { throw .badFormat("invalid JSON document") }
    return .object(
      try mergeMap(original.object ?? JSONObject(), patch, Subject(model: model, shape: .structure(type), goType: nil)))
  }

  /// (upstream: `mergeMap`)
  func mergeMap(_ original: JSONObject, _ patch: JSONObject, _ subject: Subject) throws(Failure) -> JSONObject {
    if let directive = patch[Directive.patch] { return try replacement(directive, patch) }
    var original = JSONObjectEditor(original)
    var patch = JSONObjectEditor(patch)
    try retainKeys(&original, &patch)
    try mergeOrderedLists(&original, &patch, subject)
    for member in patch.object.members {
      let isDeletion = member.name.hasPrefix(Directive.deleteFromPrimitiveList)
      guard let name = isDeletion ? Directive.list(member.name, Directive.deleteFromPrimitiveList) : member.name else {
        throw .badFormat("invalid patch format of primitive list")
      }
      if member.value.isNull {
        original[name] = nil
        continue
      }
      switch (original.take(name), member.value) {
      case (let old?, let new) where GoText.type(old) != GoText.type(new):
        original[name] = isDeletion ? old : Self.withoutDirectives(Self.withoutNulls(new))
      case (let old?, .array(let new)):
        let field = try subject.list(name)
        original[name] = .array(try mergeSlice(old.array ?? [], new, field, isDeletion: isDeletion))
      case (let old?, let new):
        if let old = old.object, let new = new.object {
          let field = try subject.member(name)
          original[name] = .object(field.strategy == "replace" ? new : try mergeMap(old, new, field.subject))
        } else {
          original[name] = new
        }
      case (nil, let new):
        if !isDeletion { original[name] = Self.withoutDirectives(Self.withoutNulls(new)) }
      }
    }
    return original.object
  }

  /// A map with `$patch` in it.
  private func replacement(_ directive: JSONValue, _ patch: JSONObject) throws(Failure) -> JSONObject {
    switch directive.string {
    case "replace"?:
      var patch = patch
      patch[Directive.patch] = nil
      return patch
    case "delete"?: return JSONObject()
    default: throw Self.unknown(directive, in: patch)
    }
  }

  static func unknown(_ directive: JSONValue, in patch: JSONObject) -> Failure {
    let shown =
      directive.string ?? "%!s(\(directive.isNull ? "<nil>" : "\(GoText.type(directive))=\(GoText.value(directive))"))"
    return .other("unknown patch type: \(shown) in map: \(GoText.value(.object(patch)))")
  }

  /// `$retainKeys`: members that it does not name go, and the patch may give no others.
  private func retainKeys(_ original: inout JSONObjectEditor, _ patch: inout JSONObjectEditor) throws(Failure) {
    guard let directive = patch[Directive.retainKeys] else { return }
    patch[Directive.retainKeys] = nil
    guard let keys = directive.array else { throw .badFormat("invalid patch format of retainKeys") }
    let retained = Set<ByteString>(keys.compactMap(\.string))
    for member in patch.object.members {
      if member.value.isNull || member.name.hasPrefix(Directive.deleteFromPrimitiveList)
        || member.name.hasPrefix(Directive.setElementOrder)
      {
        continue
      }
      if !retained.contains(member.name) { throw .badFormat("invalid patch format of retainKeys") }
    }
    original.removeAll { !retained.contains($0) }
  }

  /// Without members that are null: null means "remove", and there is nothing to remove. (`discardNullValuesFromPatch`)
  static func withoutNulls(_ value: JSONValue) -> JSONValue {
    switch value {
    case .object(let object):
      .object(
        JSONObject(
          unchecked: object.members.compactMap {
            $0.value.isNull ? nil : JSONObject.Member($0.name, withoutNulls($0.value))
          }))
    case .array(let elements): .array(elements.map(withoutNulls))
    default: value
    }
  }

  /// Without the maps that `$patch` is about. nil: nothing is left. (`removeDirectives`)
  static func withoutDirectives(_ value: JSONValue) -> JSONValue? {
    switch value {
    case .object(let object):
      if object[Directive.patch] != nil { return nil }
      return .object(
        JSONObject(
          unchecked: object.members.compactMap { member in
            withoutDirectives(member.value).map { JSONObject.Member(member.name, $0) }
          }))
    case .array(let elements): return .array(elements.compactMap(withoutDirectives))
    default: return value
    }
  }
}
