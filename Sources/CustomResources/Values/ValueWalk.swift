import JSON
import Machinery

/// One validation.
struct ValueWalk {
  private enum Step { case name(String), additional(String), place(Int) }
  private var steps: [Step] = []

  private var path: String {
    steps.reduce(into: "") { path, step in
      switch step {
      case .name(let name): path += path.isEmpty ? name : ".\(name)"
      case .additional(let name): path += ".\(name)"
      case .place(let place): path += "[\(place)]"
      }
    }
  }

  func fault(_ kind: ValueFault.Kind = .other, _ value: JSONValue? = nil, _ text: (String) -> String) -> ValueFault {
    let path = path
    return ValueFault(kind: kind, path: path, value: value, text: text(path))
  }

  /// With the faults of what does not change left out.
  mutating func faults(_ check: ValueCheck, _ value: JSONValue, _ old: Correlated?, isRoot: Bool = false) -> ValueFaults
  {
    let found = all(check, value, old, isRoot: isRoot)
    if !found.isGood, let old, old.isSame(as: value) { return ValueFaults(matches: found.matches) }
    return found
  }

  private mutating func inside(
    _ step: Step, _ check: ValueCheck, _ value: JSONValue, _ old: Correlated?
  ) -> ValueFaults {
    steps.append(step)
    defer { steps.removeLast() }
    return faults(check, value, old)
  }

  private mutating func all(_ check: ValueCheck, _ value: JSONValue, _ old: Correlated?, isRoot: Bool) -> ValueFaults {
    var found = ValueFaults()
    if value.isNull {
      if !check.types.isEmpty && !check.isNullable {
        found.list.append(typeFault(check.types.joined(separator: ","), "null"))
      } else {
        found.matches += 1
      }
      enumeration(check, value, &found)
      return found
    }
    if !check.types.isEmpty || check.format != nil {
      if let fault = typeFault(check, value) { found.list.append(fault) } else { found.matches += 1 }
      found.matches += 1
    }
    if !check.isPlain { found.merge(alternatives(check, value)) }
    found.matches += 2
    switch value {
    case .string(let text):
      string(check, text, &found)
      found.matches += 1
    case .int, .double:
      number(check, value, &found)
      found.matches += 2
    case .array(let items): list(check, items, old, &found)
    case .object(let object): members(check, object, old, isRoot: isRoot, &found)
    case .unread(let text):
      if let object = text.value.object { members(check, object, old, isRoot: isRoot, &found) }
    case .null, .bool, .number: break
    }
    enumeration(check, value, &found)
    found.matches += 2
    return found
  }

  // MARK: lists and objects

  /// (`schemaSliceValidator`)
  private mutating func list(
    _ check: ValueCheck, _ items: [JSONValue], _ old: Correlated?, _ found: inout ValueFaults
  ) {
    if let inner = check.items {
      for (place, item) in items.enumerated() {
        found.merge(inside(.place(place), inner, item, old?.item(item)))
      }
    }
    let (limits, count) = (check.limits, Int64(items.count))
    if let least = limits.minItems, count < least {
      found.list.append(fault(.other, .int(count)) { "\($0) in body should have at least \(least) items" })
    }
    if let most = limits.maxItems, count > most {
      found.list.append(fault(.tooManyItems(most), .int(count)) { _ in "" })
    }
    if limits.hasUniqueItems, Self.repeats(items) {
      found.list.append(fault { "\($0) in body shouldn't contain duplicates" })
    }
    found.matches += 2
  }

  private static func repeats(_ items: [JSONValue]) -> Bool {
    var seen: Set<ByteString> = []
    return items.contains { !seen.insert(ByteString($0.sortedByName.encoded().text)).inserted }
  }

  /// (`objectValidator`) Members that have a schema of their own come by their names, which upstream leaves to chance.
  private mutating func members(
    _ check: ValueCheck, _ object: JSONObject, _ old: Correlated?, isRoot: Bool, _ found: inout ValueFaults
  ) {
    let (limits, count) = (check.limits, Int64(object.count))
    if let least = limits.minProperties, count < least {
      found.list.append(fault(.other, .int(count)) { "\($0) in body should have at least \(least) properties" })
    }
    if let most = limits.maxProperties, count > most {
      found.list.append(fault(.tooManyProperties(most), .int(count)) { _ in "" })
    }
    switch check.additional {
    case .allowed: break
    case .forbidden:
      for member in object.members where check.property(member.name) == nil {
        found.list.append(
          fault(.other, .string(member.name)) { "\($0).\(member.name) in body is a forbidden property" })
      }
    case .check(let inner):
      for member in object.members where check.property(member.name) == nil {
        found.merge(inside(.additional(member.name), inner, member.value, old?.member(member.name)))
      }
    }
    if !check.properties.isEmpty {
      for member in object.members {
        guard let inner = check.property(member.name) else { continue }
        // Both versions are read as the same type, so what these say is no change.
        let isIdentity = isRoot && (member.name == "kind" || member.name == "apiVersion")
        found.merge(inside(.name(member.name), inner, member.value, isIdentity ? nil : old?.member(member.name)))
      }
    }
    for name in limits.required where object[name] == nil {
      let place = path
      found.list.append(ValueFault(kind: .required, path: "\(place).\(name)", value: nil, text: ""))
    }
    found.matches += 1
  }

  // MARK: alternatives

  /// (`schemaPropsValidator`)
  private mutating func alternatives(_ check: ValueCheck, _ value: JSONValue) -> ValueFaults {
    var found = ValueFaults()
    func complain(_ text: (String) -> String) -> ValueFault { fault(.nameless) { text(GoText.quoted($0)) } }
    if !check.anyOf.isEmpty {
      var best: ValueFaults?
      var isOne = false
      for one in check.anyOf {
        let outcome = all(one, value, nil, isRoot: false)
        if outcome.isGood {
          isOne = true
          best = outcome
          break
        }
        if outcome.matches > best?.matches ?? -1 { best = outcome }
      }
      if !isOne { found.list.append(complain { "\($0) must validate at least one schema (anyOf)" }) }
      if let best { found.merge(best) }
    }
    if !check.oneOf.isEmpty {
      var best: ValueFaults?
      var first: ValueFaults?
      var count = 0
      for one in check.oneOf {
        let outcome = all(one, value, nil, isRoot: false)
        if outcome.isGood {
          count += 1
          best = nil
          first = first ?? outcome
        } else if count == 0, outcome.matches > best?.matches ?? -1 {
          best = outcome
        }
      }
      if count == 1 {
        if let first { found.merge(first) }
      } else {
        let why = count == 0 ? "Found none valid" : "Found \(count) valid alternatives"
        found.list.append(complain { "\($0) must validate one and only one schema (oneOf). \(why)" })
        if let best { found.merge(best) }
      }
    }
    if !check.allOf.isEmpty {
      var count = 0
      for one in check.allOf {
        let outcome = all(one, value, nil, isRoot: false)
        if outcome.isGood { count += 1 }
        found.merge(outcome)
      }
      if count < check.allOf.count {
        let why = count == 0 ? ". None validated" : ""
        found.list.append(complain { "\($0) must validate all the schemas (allOf)\(why)" })
      }
    }
    if let not = check.not, all(not, value, nil, isRoot: false).isGood {
      found.list.append(complain { "\($0) must not validate the schema (not)" })
    }
    return found
  }
}
