public import JSON
import Machinery

/// The walk over an object by compiled rules.
extension RuleContext {
  /// Takes the steps; false where one has ended the list.
  mutating func run(_ inner: RuleStep.Inner, _ value: JSONValue?, _ old: JSONValue?) -> Bool {
    // Rules mostly stand in the order of the type, as members do: each is looked for behind the one before it.
    var cursor = 0
    for step in inner.steps {
      switch step {
      case .member(let member, let rules):
        guard case .object(let object)? = value else { continue }
        parts.append(.member(member.name))
        _ = run(rules, object.value(of: member, &cursor), rules.needsOld ? member.value(in: old) : nil)
        parts.removeLast()
      case .each(let rules, let uniqueness): each(rules, uniqueness, value, old)
      case .keys(let rules):
        guard case .object(let map)? = value else { continue }
        for entry in map.members {
          parts.append(.key(entry.name))
          _ = run(rules, .string(entry.name), nil)
          parts.removeLast()
        }
      case .said(let path, let rules):
        parts.append(.said(path))
        let goesOn = run(rules, value, old)
        parts.removeLast()
        if !goesOn { return false }
      case .when(let moment, let rules):
        if isNow(moment), !run(rules, value, old) { return false }
      case .option(let name, let isSet, let rules):
        if options.contains(name) == isSet, !run(rules, value, old) { return false }
      case .tolerating(let tolerance, let rules):
        let known = options
        if let oldObject { options += tolerance(object, oldObject) }
        let goesOn = run(rules, value, old)
        options = known
        if !goesOn { return false }
      case .given(let condition, let rules):
        if condition(value, old), !run(rules, value, old) { return false }
      case .ratcheting(let rules):
        if isUpdate, Self.areSame(value, old) { continue }
        if !run(rules, value, old) { return false }
      case .seen(let change, let rules):
        if !run(rules, value.map(change), old) { return false }
      case .all(let rules):
        if !run(rules, value, old) { return false }
      case .check(let check, let place):
        if !self.check(check, place, value, old) { return false }
      case .unique(let uniqueness): unique(uniqueness, value)
      case .oneMember(let members, let isNeeded): oneMember(members, isNeeded: isNeeded, value, old)
      case .depends(let member, let other, let dependence): depends(member, other, dependence, value)
      case .metadata(let form, let moment, let checksFinalizers):
        metadata(form, moment, checksFinalizers: checksFinalizers)
      case .firstOf(let choices, let others, let none): firstOf(choices, others: others, none: none, value, old)
      case .if(let member, let text, let rules, let others):
        let isSo = member.value(in: value)?.string == text
        if !run(isSo ? rules : others, value, old) { return false }
      }
    }
    return true
  }

  private func isNow(_ moment: Rule.Moment) -> Bool {
    switch moment {
    case .create: !isUpdate
    case .update: isUpdate
    case .part(let part): part == subresource
    }
  }

  /// Equal as Kubernetes compares values: what is empty is as good as what is absent.
  public static func areSame(_ a: JSONValue?, _ b: JSONValue?) -> Bool {
    switch (a, b) {
    case (let a?, let b?): a.isSameValue(as: b)
    case (nil, nil): true
    case (let only?, nil), (nil, let only?): only.isNull || only.array?.isEmpty == true
    }
  }

  // MARK: lists and maps

  private mutating func each(
    _ rules: RuleStep.Inner, _ uniqueness: RuleStep.Uniqueness?, _ value: JSONValue?, _ old: JSONValue?
  ) {
    let before = rules.needsOld && old != nil ? OldElements(old, by: uniqueness?.mapKeys ?? []) : nil
    switch value {
    case .array(let elements)?:
      var seen = SeenElements(uniqueness?.members ?? [])
      for (place, element) in elements.enumerated() {
        parts.append(.index(place))
        _ = run(rules, element, before?.match(of: element))
        // Who has none is told so, and not that others have none either.
        if let name = uniqueness?.saidAt, let known = element[name], known != "", !seen.insert(element) {
          report(.duplicate(path(.member(name)), bare: Self.shown(known, asJSON: false)))
        }
        parts.removeLast()
      }
    case .object(let map)?:
      for entry in map.members {
        parts.append(.key(entry.name))
        _ = run(rules, entry.value, before?.match(ofEntry: entry.name))
        parts.removeLast()
      }
    default: break
    }
  }

  private mutating func unique(_ uniqueness: RuleStep.Uniqueness, _ value: JSONValue?) {
    guard case .array(let elements)? = value, elements.count > 1 else { return }
    var seen = SeenElements(uniqueness.members)
    for (place, element) in elements.enumerated() where !seen.insert(element) {
      report(.duplicate(path(.index(place)), bare: Self.shown(element, asJSON: false)))
    }
  }

  // MARK: members that have to do with each other

  private mutating func oneMember(
    _ members: [RuleStep.Member], isNeeded: Bool, _ value: JSONValue?, _ old: JSONValue?
  ) {
    guard let value, !value.isNull else { return }
    let given = members.filter { $0.isThere(in: value) }
    if given.count == 1 || given.isEmpty && !isNeeded { return }
    // What an update leaves as it was is not asked again.
    if isUpdate, let old, !old.isNull,
      members.allSatisfy({ $0.isThere(in: value) == $0.isThere(in: old) })
    {
      return
    }
    let all = members.map { "`\($0.name)`" }.joined(separator: ", ")
    if given.isEmpty { return report(.invalid(path(), "", "must specify one of: \(all)")) }
    let text = "{\(given.map(\.name).joined(separator: ", "))}"
    report(.invalid(path(), text, "must specify \(isNeeded ? "exactly" : "at most") one of: \(all)"))
  }

  private mutating func firstOf(
    _ choices: [RuleStep.Choice], others: String, none: String, _ value: JSONValue?, _ old: JSONValue?
  ) {
    guard case .object(let object)? = value else { return }
    var isFound = false
    for choice in choices {
      guard let given = object[choice.member.name], !given.isNull else { continue }
      if isFound && !choice.mayJoin {
        report(.forbidden(path(.member(choice.forbiddenAs)), others))
        continue
      }
      isFound = true
      parts.append(.member(choice.path))
      _ = run(choice.inner, given, choice.inner.needsOld ? choice.member.value(in: old) : nil)
      parts.removeLast()
    }
    if !isFound { report(.required(path(), none)) }
  }

  private mutating func depends(
    _ member: RuleStep.Member, _ other: RuleStep.Member, _ how: Rule.Dependence, _ value: JSONValue?
  ) {
    guard let value, !value.isNull, member.isFilled(in: value) != how.isNeeded else { return }
    let counts =
      if let values = how.values { values.contains(other.value(in: value)?.string ?? "") } else {
        other.isFilled(in: value)
      }
    if counts == how.isInverted { return }
    let path = path(.member(member.name))
    report(how.isNeeded ? .required(path, how.detail) : .forbidden(path, how.detail))
  }

  // MARK: metadata

  private mutating func metadata(_ form: NameForm, _ moment: Rule.Moment?, checksFinalizers: Bool) {
    let meta = object["metadata"]?.object ?? JSONObject()
    let isChange = if case .update? = moment { true } else { moment == nil && isUpdate }
    if isChange {
      errors += MetaValidation.validateUpdate(
        meta, oldObject?["metadata"]?.object ?? JSONObject(), isKnownGood: isMetaGood)
    } else {
      let isKnown =
        isMetaGood && meta["generateName"] == nil && form.rule(meta["name"]?.string ?? "", false).isEmpty
      if !isKnown { errors += MetaValidation.validate(meta, isNamespaced: isNamespaced, nameRule: form.rule) }
    }
    if checksFinalizers { finalizers(meta) }
  }

  /// A finalizer without a domain must be one of those that have none. (`validateKubeFinalizerName`)
  private mutating func finalizers(_ meta: JSONObject) {
    for (place, finalizer) in (meta["finalizers"]?.array ?? []).enumerated() {
      guard let name = finalizer.string, let problem = TextFormat.kubeFinalizer.problems(name).first else { continue }
      report(.invalid("metadata.finalizers[\(place)]", name, problem))
    }
  }
}

extension RuleStep.Member {
  /// The member of a struct, or what its absence counts as. Nil where there is no struct.
  func value(in value: JSONValue?) -> JSONValue? {
    guard case .object(let object)? = value else { return nil }
    var cursor = 0
    return object.value(of: self, &cursor)
  }

  /// Has somebody set it? A pointer that is set counts, whatever it points to.
  func isThere(in value: JSONValue) -> Bool { RuleContext.isThere(self.value(in: value), place) }

  /// As `isThere`, but a pointer to an empty text is as good as none.
  func isFilled(in value: JSONValue) -> Bool {
    guard let value = self.value(in: value) else { return false }
    if let text = value.string { return !text.isEmpty }
    return RuleContext.isThere(value, place)
  }
}

extension JSONObject {
  /// A member's value, or what its absence counts as. `cursor`: where to begin looking; set behind what was found.
  fileprivate func value(of member: RuleStep.Member, _ cursor: inout Int) -> JSONValue? {
    let name = member.name
    var place = cursor
    for _ in members.indices {
      if place >= members.count { place = 0 }
      if members[place].name == name {
        cursor = place + 1
        let value = members[place].value
        return value.isNull ? member.zero : value
      }
      place += 1
    }
    return member.zero
  }
}

/// Elements of a list that were met, by the members that tell them apart.
private struct SeenElements {
  private let members: [String]
  private var names = Set<ByteString>()
  private var texts = Set<JSONText>()

  init(_ members: [String]) { self.members = members }

  /// False for one that was met before.
  mutating func insert(_ element: JSONValue) -> Bool {
    // Mostly it is a name.
    let key =
      switch members.count {
      case 0: element
      case 1: element[members[0]] ?? .null
      default: JSONValue.array(members.map { element[$0] ?? .null })
      }
    if case .string(let name) = key { return names.insert(name).inserted }
    return texts.insert(JSONText(bytes: ByteSlice(key.encoded()))).inserted
  }
}

/// A list or map before an update; which of its elements a new one was.
private struct OldElements {
  private let keys: [String]
  private var elements: [JSONText: JSONValue] = [:]
  private var entries: [ByteString: JSONValue] = [:]

  init(_ old: JSONValue?, by keys: [String]) {
    self.keys = keys
    switch old {
    case .array(let elements)?:
      if keys.isEmpty { return }
      for element in elements.reversed() { self.elements[key(element)] = element }
    case .object(let map)?:
      for entry in map.members { entries[entry.name] = entry.value }
    default: break
    }
  }

  func match(of element: JSONValue) -> JSONValue? { elements.isEmpty ? nil : elements[key(element)] }
  func match(ofEntry name: String) -> JSONValue? { entries[name] }

  private func key(_ element: JSONValue) -> JSONText {
    JSONText(bytes: ByteSlice(JSONValue.array(keys.map { element[$0] ?? .null }).encoded()))
  }
}
