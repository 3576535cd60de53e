import ByteBuffers
public import JSON

/// Kubernetes' strategic merge patch: a merge patch that knows which lists merge by a key, with directives for the rest.
public struct StrategicMergePatch: Sendable {
  /// Why a patch could not be used.
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

  private static let patch = "$patch"
  private static let retainKeys = "$retainKeys"
  private static let deleteFromPrimitiveList = "$deleteFromPrimitiveList/"
  private static let setElementOrder = "$setElementOrder/"

  private let model: TypeModel

  public init(model: TypeModel) { self.model = model }

  /// `original` with `patch` laid over it, as an object of `type`.
  public func apply(_ patch: JSONValue, to original: JSONValue, type: TypeModel.TypeID) throws(Failure) -> JSONValue {
    guard let patch = patch.object else { throw .badFormat("invalid JSON document") }
    return .object(try mergeMap(original.object ?? JSONObject(), patch, type))
  }

  /// Merges a map; `type` is nil where the schema knows no fields (a map of strings).
  private func mergeMap(_ original: JSONObject, _ patch: JSONObject, _ type: TypeModel.TypeID?) throws(Failure) -> JSONObject {
    var original = original
    var patch = patch
    if let directive = patch[Self.patch] {
      guard let kind = directive.string else { throw .badFormat("unexpected value for $patch: \(directive.encoded().text)") }
      switch kind {
      case "replace":
        patch[Self.patch] = nil
        return patch
      case "delete": return JSONObject()
      case "merge": patch[Self.patch] = nil
      default: throw .other("unknown patch type found: \(kind)")
      }
    }
    try retain(&original, &patch)
    try mergeOrdered(&original, &patch, type)
    for member in patch.members {
      if member.name.hasPrefix(Self.deleteFromPrimitiveList) {
        let name = String(member.name.dropFirst(Self.deleteFromPrimitiveList.count))
        guard let removed = member.value.array else { throw .badFormat("invalid patch format of primitive list") }
        if let list = original[name]?.array { original[name] = .array(list.filter { !removed.contains($0) }) }
      }
    }
    for member in patch.members where !member.name.hasPrefix(Self.deleteFromPrimitiveList) {
      if member.value.isNull {
        original[member.name] = nil
        continue
      }
      let field = type.flatMap { model.field(member.name, of: $0) }
      guard let old = original[member.name] else {
        original[member.name] = Self.withoutNulls(member.value)
        continue
      }
      switch (old, member.value) {
      case (.object(let a), .object(let b)):
        if field?.patchStrategies.contains("replace") == true {
          original[member.name] = member.value
        } else {
          original[member.name] = .object(try mergeMap(a, b, Self.structure(field)))
        }
      case (.array(let a), .array(let b)) where field?.patchStrategies.contains("merge") == true:
        original[member.name] = .array(try mergeList(a, b, field))
      default: original[member.name] = member.value
      }
    }
    return original
  }

  private static func structure(_ field: TypeModel.Field?) -> TypeModel.TypeID? {
    if case .structure(let id)? = field?.shape { id } else { nil }
  }

  /// `$retainKeys`: members that it does not name go, and the patch may name no others.
  private func retain(_ original: inout JSONObject, _ patch: inout JSONObject) throws(Failure) {
    guard let directive = patch[Self.retainKeys] else { return }
    patch[Self.retainKeys] = nil
    guard let keys = directive.array else { throw .badFormat("invalid patch format of retainKeys") }
    for member in patch.members where !member.name.hasPrefix("$") && !member.value.isNull && !keys.contains(.string(member.name)) {
      throw .badFormat("patch contains fields not present in the retainKeys list")
    }
    for member in original.members where !keys.contains(.string(member.name)) { original[member.name] = nil }
  }

  /// Lists that come with `$setElementOrder`: merged, then put into the order that the patch asks for.
  private func mergeOrdered(_ original: inout JSONObject, _ patch: inout JSONObject, _ type: TypeModel.TypeID?) throws(Failure) {
    for member in patch.members where member.name.hasPrefix(Self.setElementOrder) {
      let name = String(member.name.dropFirst(Self.setElementOrder.count))
      patch[member.name] = nil
      guard let order = member.value.array else { throw .badFormat("invalid patch format of setElementOrder list") }
      let field = type.flatMap { model.field(name, of: $0) }
      let key = field?.patchMergeKey
      func identity(_ value: JSONValue) -> JSONValue { key.flatMap { value[$0] } ?? value }

      var changes: [JSONValue] = []
      if let given = patch[name], !given.isNull {
        guard let list = given.array else { throw .badFormat("invalid patch format of setElementOrder list") }
        changes = list
        patch[name] = nil
      } else if patch[name] != nil {
        continue  // the list is to be removed
      }
      try checkOrder(changes, order, identity)
      var before = original[name]?.array ?? []
      let removal = Self.deleteFromPrimitiveList + name
      if let removed = patch[removal] {
        guard let removed = removed.array else { throw .badFormat("invalid patch format of primitive list") }
        before = before.filter { !removed.contains($0) }
        patch[removal] = nil
      }
      let merged = field?.patchStrategies.contains("merge") == true ? try mergeList(before, changes, field) : changes
      if merged.isEmpty && original[name] == nil { continue }
      original[name] = .array(arranged(merged, order: order.map(identity), live: before.map(identity), identity))
    }
  }

  /// The patch's elements must stand in the order that it asks for.
  private func checkOrder(_ changes: [JSONValue], _ order: [JSONValue], _ identity: (JSONValue) -> JSONValue) throws(Failure) {
    let order = order.map(identity)
    var place = 0
    for change in changes where change[Self.patch] == nil {
      guard let found = order[place...].firstIndex(of: identity(change)) else {
        throw .badFormat("The order in patch list doesn't match $setElementOrder list")
      }
      place = found
    }
  }

  /// Elements that the patch orders keep that order, those only the server has keep the server's; where both can be placed, the server's order
  /// decides how they interleave.
  private func arranged(_ merged: [JSONValue], order: [JSONValue], live: [JSONValue], _ identity: (JSONValue) -> JSONValue) -> [JSONValue] {
    func rank(_ value: JSONValue, _ list: [JSONValue]) -> Int { list.firstIndex(of: identity(value)) ?? list.count }
    func sorted(_ values: [JSONValue], by list: [JSONValue]) -> [JSONValue] {
      values.enumerated().sorted { (rank($0.element, list), $0.offset) < (rank($1.element, list), $1.offset) }.map(\.element)
    }
    let patched = sorted(merged.filter { order.contains(identity($0)) }, by: order)
    let serverOnly = sorted(merged.filter { !order.contains(identity($0)) }, by: live)
    var out: [JSONValue] = []
    var left = serverOnly[...]
    var right = patched[...]
    while let l = left.first, let r = right.first {
      let (li, ri) = (live.firstIndex(of: identity(l)), live.firstIndex(of: identity(r)))
      if let li, let ri, li < ri {
        out.append(left.removeFirst())
      } else {
        out.append(right.removeFirst())
      }
    }
    return out + left + right
  }

  private func mergeList(_ original: [JSONValue], _ patch: [JSONValue], _ field: TypeModel.Field?) throws(Failure) -> [JSONValue] {
    if original.isEmpty && patch.isEmpty { return [] }
    let isOfMaps = (patch.first ?? original.first)?.object != nil
    guard patch.allSatisfy({ ($0.object != nil) == isOfMaps }), original.allSatisfy({ ($0.object != nil) == isOfMaps }) else {
      throw .unprocessable("lists of different types of elements can't be merged")
    }
    guard patch.allSatisfy({ $0.array == nil }) else { throw .unprocessable("merging of lists of lists is not supported") }
    if !isOfMaps {
      var out: [JSONValue] = []
      for value in original + patch where !out.contains(value) { out.append(value) }
      return arranged(out, order: patch, live: original) { $0 }
    }
    guard let key = field?.patchMergeKey, !key.isEmpty else { throw .other("cannot merge lists without merge key for \(field?.name ?? "list")") }
    let element: TypeModel.TypeID? = if case .list(.structure(let id))? = field?.shape { id } else { nil }

    var out = original
    var changes: [JSONValue] = []
    var replaces = false
    for change in patch {
      guard let directive = change[Self.patch] else {
        changes.append(change)
        continue
      }
      switch directive.string {
      case "delete":
        guard let value = change[key] else { throw .other("delete patch type with no merge key defined") }
        out.removeAll { $0[key] == value }
      case "replace": replaces = true
      case "merge": throw .other("merging lists cannot yet be specified in the patch")
      default: throw .other("unknown patch type found: \(directive.encoded().text)")
      }
    }
    if replaces { return changes }
    for change in changes {
      guard let value = change[key], let object = change.object else {
        throw .other("map: \(change.encoded().text) does not contain declared merge key: \(key)")
      }
      if let place = out.firstIndex(where: { $0[key] == value }) {
        out[place] = .object(try mergeMap(out[place].object ?? JSONObject(), object, element))
      } else {
        out.append(Self.withoutNulls(change))
      }
    }
    // Without an order of its own the patch's list is the order.
    return arranged(out, order: changes.compactMap { $0[key] }, live: original.compactMap { $0[key] }) { $0[key] ?? .null }
  }

  /// What is added carries no nulls and no directives' remains: null means "remove", and there is nothing to remove.
  private static func withoutNulls(_ value: JSONValue) -> JSONValue {
    switch value {
    case .object(let object):
      return .object(JSONObject(unchecked: object.members.compactMap { member in
        if member.value.isNull || member.name.hasPrefix("$") { return nil }
        return JSONObject.Member(member.name, withoutNulls(member.value))
      }))
    case .array(let elements):
      return .array(elements.filter { $0[patch] == nil }.map(withoutNulls))
    default: return value
    }
  }
}
