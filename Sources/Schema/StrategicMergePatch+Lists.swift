import JSON
import Machinery

/// Lists of scalars merge as sets, lists of maps by a key. Every look-up by value goes through a table, so that long
/// lists cost no more than their length.
extension StrategicMergePatch {
  /// A scalar as Go compares two of them: 1 and 1.0 differ.
  enum Identity: Hashable {
    case null, bool(Bool), int(Int64), double(Double), string(String)

    /// nil for lists and maps.
    init?(_ value: JSONValue?) {
      switch value {
      case nil, .array?, .object?, .unread?: return nil
      case .null?: self = .null
      case .bool(let value)?: self = .bool(value)
      case .int(let value)?: self = .int(value)
      case .double(let value)?: self = .double(value)
      case .number(let text)?: self = .double(Double(text) ?? 0)
      case .string(let value)?: self = .string(value)
      }
    }
  }

  /// Go's program would panic where it compares lists or maps, and answer a bare 500; here it is the patch's fault.
  private static let notComparable = Failure.badFormat("elements of lists merge by strings, numbers and truths only")
  private static let badOrder = "invalid patch format of setElementOrder list"

  private static func wrongType(_ expected: String, _ value: JSONValue) -> Failure {
    .other("expected a \(expected), but received a \(value.isNull ? "%!s(<nil>)" : GoText.type(value))")
  }

  private static func noMergeKey(_ map: JSONObject, _ key: String) -> Failure {
    .other("map: \(GoText.value(.object(map))) does not contain declared merge key: \(key)")
  }

  // MARK: $setElementOrder

  /// Merges the lists that come with an order, and takes them out of the patch. (upstream: `mergePatchIntoOriginal`)
  func mergeOrderedLists(
    _ original: inout JSONObjectEditor, _ patch: inout JSONObjectEditor, _ subject: Subject
  ) throws(Failure) {
    for member in patch.object.members where member.name.hasPrefix(Directive.setElementOrder) {
      patch[member.name] = nil
      guard let order = member.value.array else { throw Self.wrongType("[]interface {}", member.value) }
      guard let name = Directive.list(member.name, Directive.setElementOrder) else { throw .badFormat(Self.badOrder) }
      let old = original[name]
      let new = patch[name]
      for list in [old, new] { if let list, list.array == nil { throw Self.wrongType("[]interface {}", list) } }
      let before = old?.array ?? []
      let changes = new?.array ?? []
      let field = try subject.list(name)
      try check(changes, against: order, field.mergeKey)
      let merged: [JSONValue]
      switch (old, new) {
      case (nil, nil): continue
      case (_?, nil): merged = before
      case (nil, _?): merged = changes.compactMap(Self.withoutDirectives)
      case (_?, _?): merged = try mergeSlice(before, changes, field, isDeletion: false)
      }
      let isOfMaps = try areMaps(before, changes)
      original[name] = .array(try arranged(merged, order: order, live: before, field.mergeKey, isOfMaps: isOfMaps))
      patch[name] = nil
    }
  }

  /// The patch's elements must stand in the order that it asks for; those that are to be deleted need not.
  /// (`validatePatchWithSetOrderList`)
  private func check(_ changes: [JSONValue], against order: [JSONValue], _ key: String) throws(Failure) {
    if changes.isEmpty || order.isEmpty { return }
    func identity(_ value: JSONValue) throws(Failure) -> Identity {
      if key.isEmpty {
        guard let identity = Identity(value) else { throw Self.notComparable }
        return identity
      }
      guard let map = value.object else { throw Self.wrongType("map[string]interface {}", value) }
      guard let found = map[key] else { throw Self.noMergeKey(map, key) }
      guard let identity = Identity(found) else { throw Self.notComparable }
      return identity
    }
    var place = 0
    for change in changes {
      if !key.isEmpty && change.object == nil { throw Self.wrongType("map[string]interface {}", change) }
      if change.object?[Directive.patch] != nil { continue }
      let wanted = try identity(change)
      while place < order.count, try identity(order[place]) != wanted { place += 1 }
      guard place < order.count else {
        throw .other(
          "The order in patch list:\n\(GoText.value(.array(changes)))\n doesn't match $setElementOrder list:\n\(GoText.value(.array(order)))\n"
        )
      }
      place += 1
    }
  }

  // MARK: merging

  /// (`mergeSliceHandler`, `mergeSlice`)
  func mergeSlice(
    _ original: [JSONValue], _ patch: [JSONValue], _ field: Subject.Member, isDeletion: Bool
  ) throws(Failure) -> [JSONValue] {
    guard field.strategy == "merge" || isDeletion else { return patch }
    if original.isEmpty && patch.isEmpty { return original }
    guard try areMaps(original, patch) else {
      if isDeletion {
        let gone = Set(patch.compactMap { Identity($0) })
        return original.filter { value in Identity(value).map { !gone.contains($0) } ?? true }
      }
      var seen = Set<Identity>()
      let merged = (original + patch).filter { value in Identity(value).map { seen.insert($0).inserted } ?? true }
      return try arranged(merged, order: patch, live: original, field.mergeKey, isOfMaps: false)
    }
    let key = field.mergeKey
    guard !key.isEmpty else { throw .other("cannot merge lists without merge key for \(field.subject.kind)") }
    let (live, changes) = try withoutSpecialElements(original, patch, key)
    let merged = try mergeMaps(live, changes, key, field.subject)
    return try arranged(merged, order: changes, live: live, key, isOfMaps: true)
  }

  /// Are these lists of maps? Throws where elements differ in kind, or are lists. (`sliceElementType`)
  private func areMaps(_ lists: [JSONValue]...) throws(Failure) -> Bool {
    var kind: String?
    for list in lists {
      for value in list {
        let own = GoText.type(value)
        if value.isNull { throw Self.notComparable }
        guard let first = kind else {
          if value.array != nil { throw .unprocessable("lists of lists are not supported") }
          kind = own
          continue
        }
        if first != own {
          throw .other("list element types are not identical: \(GoText.value(.array(lists.map(JSONValue.array))))")
        }
      }
    }
    guard let kind else { throw .other("no elements in any of the given slices") }
    return kind == "map[string]interface {}"
  }

  /// Carries out the elements that are directives; what is left of the original, and of the patch.
  /// (`mergeSliceWithSpecialElements`)
  private func withoutSpecialElements(
    _ original: [JSONValue], _ patch: [JSONValue], _ key: String
  ) throws(Failure) -> ([JSONValue], [JSONValue]) {
    var changes: [JSONValue] = []
    var gone = Set<Identity>()
    var replaces = false
    for change in patch {
      guard let map = change.object, let directive = map[Directive.patch] else {
        changes.append(change)
        continue
      }
      switch directive.string {
      case "delete"?:
        guard let value = map[key] else { throw Self.noMergeKey(map, key) }
        guard let identity = Identity(value) else { throw Self.notComparable }
        gone.insert(identity)
      case "replace"?: replaces = true
      case "merge"?: throw .other("merging lists cannot yet be specified in the patch")
      default: throw Self.unknown(directive, in: map)
      }
    }
    if replaces { return (changes, []) }
    if gone.isEmpty { return (original, changes) }
    return (original.filter { element in Identity(element.object?[key]).map { !gone.contains($0) } ?? true }, changes)
  }

  /// Merges each change into the element with its key, or appends it as it is. (`mergeSliceWithoutSpecialElements`)
  private func mergeMaps(
    _ original: [JSONValue], _ changes: [JSONValue], _ key: String, _ subject: Subject
  ) throws(Failure) -> [JSONValue] {
    if changes.isEmpty { return original }
    var merged = original
    var places: [Identity: Int] = [:]
    for (place, element) in original.enumerated() {
      if let identity = Identity(element.object?[key]), places[identity] == nil { places[identity] = place }
    }
    for change in changes {
      guard let map = change.object else { throw Self.notComparable }
      guard let value = map[key] else { throw Self.noMergeKey(map, key) }
      guard let identity = Identity(value) else { throw Self.notComparable }
      if let place = places[identity] {
        merged[place] = .object(try mergeMap(merged[place].object ?? JSONObject(), map, subject))
      } else {
        places[identity] = merged.count
        merged.append(change)
      }
    }
    return merged
  }

  // MARK: order

  /// Elements that the patch orders keep that order, those only the server has keep the server's; where both can be
  /// placed in the server's list, that decides how they interleave. (`normalizeElementOrder`)
  private func arranged(
    _ merged: [JSONValue], order: [JSONValue], live: [JSONValue], _ key: String, isOfMaps: Bool
  ) throws(Failure) -> [JSONValue] {
    func identity(_ value: JSONValue) throws(Failure) -> Identity {
      guard isOfMaps else {
        guard let identity = Identity(value) else { throw Self.notComparable }
        return identity
      }
      guard let map = value.object else { throw Self.wrongType("map[string]interface {}", value) }
      guard let found = map[key] else { throw Self.noMergeKey(map, key) }
      guard let identity = Identity(found) else { throw Self.notComparable }
      return identity
    }
    func places(_ list: [JSONValue]) throws(Failure) -> [Identity: Int] {
      var places: [Identity: Int] = [:]
      for (place, value) in list.enumerated() {
        let identity = try identity(value)
        if places[identity] == nil { places[identity] = place }
      }
      return places
    }
    struct Element {
      let value: JSONValue
      let identity: Identity
      let rank: Int
    }
    func sorted(_ elements: [Element]) -> [Element] {
      elements.enumerated().sorted { ($0.element.rank, $0.offset) < ($1.element.rank, $1.offset) }.map(\.element)
    }
    let ordered = try places(order)
    let served = try places(live)
    var patched: [Element] = []
    var serverOnly: [Element] = []
    for value in merged {
      let identity = try identity(value)
      if let rank = ordered[identity] {
        patched.append(Element(value: value, identity: identity, rank: rank))
      } else {
        serverOnly.append(Element(value: value, identity: identity, rank: served[identity] ?? live.count))
      }
    }
    var left = sorted(serverOnly)[...]
    var right = sorted(patched)[...]
    var out: [JSONValue] = []
    out.reserveCapacity(merged.count)
    while let l = left.first, let r = right.first {
      if let li = served[l.identity], let ri = served[r.identity], li < ri {
        out.append(l.value)
        left = left.dropFirst()
      } else {
        out.append(r.value)
        right = right.dropFirst()
      }
    }
    return out + left.map(\.value) + right.map(\.value)
  }
}
