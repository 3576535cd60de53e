import JSON
import Schema

/// Turns rules into steps, holding every name against the types.
struct RuleCompiler {
  let model: TypeModel
  private(set) var problems: [String] = []

  init(_ model: TypeModel) { self.model = model }

  /// A value's type, where it is known.
  struct Subject {
    var shape: TypeModel.Shape?
    var place = RuleStep.Place()
    /// The members by which elements of this list are told apart.
    var mapKeys: [String] = []
    /// For problems.
    var path: String
  }

  mutating func compile(_ rules: [Rule], _ subject: Subject) -> RuleStep.Inner {
    let steps = rules.map { compile($0, subject) }
    return RuleStep.Inner(steps: steps, needsOld: steps.contains(where: Self.needsOld))
  }

  private mutating func compile(_ rule: Rule, _ subject: Subject) -> RuleStep {
    switch rule.form {
    case .at(let name, let rules):
      let (member, inner) = member(name, of: subject)
      return .member(member, compile(rules, inner))
    case .each(let rules, let key):
      let element = element(of: subject)
      let uniqueness = uniqueness(key ?? [], of: element, saidAt: key?.first, mapKeys: subject.mapKeys)
      let isNeeded = key != nil || !subject.mapKeys.isEmpty
      return .each(compile(rules, element), isNeeded ? uniqueness : nil)
    case .keys(let rules):
      if let shape = subject.shape, !Self.isMap(shape) { misfit(".keys", subject) }
      return .keys(compile(rules, Subject(shape: .string, path: "\(subject.path)[]")))
    case .said(let path, let rules): return .said(path, compile(rules, subject))
    case .when(let moment, let rules): return .when(moment, compile(rules, subject))
    case .option(let name, let isSet, let rules): return .option(name, isSet: isSet, compile(rules, subject))
    case .tolerating(let tolerance, let rules): return .tolerating(tolerance, compile(rules, subject))
    case .given(let condition, let rules): return .given(condition, compile(rules, subject))
    case .seen(let change, let rules): return .seen(change, compile(rules, subject))
    case .ratcheting(let rules): return .ratcheting(compile(rules, subject))
    case .all(let rules): return .all(compile(rules, subject))
    case .check(let check):
      if let shape = subject.shape, !fits(check, shape) { misfit(".\(Self.name(check))", subject) }
      return .check(check, subject.place)
    case .unique(let members):
      if let shape = subject.shape, !Self.isList(shape) { misfit(".unique", subject) }
      return .unique(uniqueness(members, of: element(of: subject), saidAt: nil, mapKeys: []))
    case .oneMember(let names, let isNeeded):
      return .oneMember(names.map { member($0, of: subject).member }, isNeeded: isNeeded)
    case .depends(let name, let other, let dependence):
      return .depends(member(name, of: subject).member, on: member(other, of: subject).member, dependence)
    case .metadata(let form, let moment, let checksFinalizers):
      _ = member("metadata", of: subject)
      return .metadata(form, moment, checksFinalizers: checksFinalizers)
    case .firstOf(let choices, let others, let none):
      let compiled = choices.map { choice in
        let (member, inner) = member(choice.name, of: subject)
        return RuleStep.Choice(
          member: member, inner: compile(choice.rules, inner), path: choice.path, forbiddenAs: choice.forbiddenAs,
          mayJoin: choice.mayJoin)
      }
      return .firstOf(compiled, others: others, none: none)
    case .if(let name, let text, let rules, let others):
      let (member, _) = member(name, of: subject)
      return .if(member, is: text, compile(rules, subject), else: compile(others, subject))
    }
  }

  // MARK: names

  private mutating func member(_ name: String, of subject: Subject) -> (member: RuleStep.Member, subject: Subject) {
    let path = subject.path.isEmpty ? name : "\(subject.path).\(name)"
    guard case .structure(let id)? = subject.shape, let field = model.field(name, of: id) else {
      switch subject.shape {
      case .structure(let id)?: problems.append("\(path): \(model[id].name) has no member \(name)")
      case .some: problems.append("\(path): what has no members can't have this one")
      // What is above has been complained of.
      case nil: break
      }
      return (RuleStep.Member(name: name, place: .init(), zero: nil), Subject(path: path))
    }
    var inner = Subject(shape: field.shape, path: path)
    inner.mapKeys = field.listType == "map" ? field.mapKeys : []
    inner.place.isPointer = field.isPointer
    if case .structure = field.shape { inner.place.isStruct = true }
    inner.place.isShownAsJSON = field.isPointer || field.goType != nil
    let zero = field.isPointer ? nil : Self.zero(field.shape)
    return (RuleStep.Member(name: field.name, place: inner.place, zero: zero), inner)
  }

  private mutating func element(of subject: Subject) -> Subject {
    var element = Subject(path: "\(subject.path)[]")
    switch subject.shape {
    case .list(let shape)?, .map(let shape)?: element.shape = shape
    case .some: misfit(".each", subject)
    case nil: break
    }
    return element
  }

  private mutating func uniqueness(
    _ members: [String], of element: Subject, saidAt: String?, mapKeys: [String]
  ) -> RuleStep.Uniqueness {
    for name in members { _ = member(name, of: element) }
    return RuleStep.Uniqueness(members: members, saidAt: saidAt, mapKeys: mapKeys)
  }

  // MARK: shapes

  /// What Go has where nobody has set anything; nil for what is null then.
  private static func zero(_ shape: TypeModel.Shape) -> JSONValue? {
    switch shape {
    case .string, .bytes: .string("")
    case .bool: .bool(false)
    case .int32, .int64, .intOrString: .int(0)
    case .double: .double(0)
    case .quantity: .string("0")
    case .list: .array([])
    case .map, .structure: .object(JSONObject())
    case .time, .microTime, .raw, .json, .either: nil
    }
  }

  private static func isMap(_ shape: TypeModel.Shape) -> Bool { if case .map = shape { true } else { false } }
  private static func isList(_ shape: TypeModel.Shape) -> Bool { if case .list = shape { true } else { false } }

  private func fits(_ check: Rule.Check, _ shape: TypeModel.Shape) -> Bool {
    switch (check, shape) {
    case (.required, _), (.optional, _), (.forbidden, _), (.immutable, _), (.custom, _): true
    case (.range, .int32), (.range, .int64): true
    case (.oneOf, .string), (.length, .string), (.bytes, .string), (.format, .string): true
    case (.bytes, .bytes): true
    case (.items, .list), (.items, .map): true
    case (.labels, .map(.string)): true
    case (.labelSelector, .structure(let id)): model[id].shortName == "LabelSelector"
    default: false
    }
  }

  private mutating func misfit(_ rule: String, _ subject: Subject) {
    problems.append("\(subject.path): \(rule) does not fit what stands there")
  }

  private static func name(_ check: Rule.Check) -> String {
    switch check {
    case .required: "required"
    case .optional: "optional"
    case .forbidden: "forbidden"
    case .immutable: "immutable"
    case .range: "between"
    case .oneOf: "oneOf"
    case .length: "maxLength"
    case .bytes: "maxBytes"
    case .items: "maxItems"
    case .format: "format"
    case .labels: "labels"
    case .labelSelector: "labelSelector"
    case .custom: "custom"
    }
  }

  private static func needsOld(_ step: RuleStep) -> Bool {
    switch step {
    case .member(_, let inner), .each(let inner, _), .said(_, let inner), .option(_, _, let inner), .all(let inner),
      .when(_, let inner), .tolerating(_, let inner), .seen(_, let inner):
      inner.needsOld
    case .ratcheting, .given, .oneMember, .check(.immutable, _), .check(.custom, _): true
    case .firstOf(let choices, _, _): choices.contains { $0.inner.needsOld }
    case .if(_, _, let inner, let others): inner.needsOld || others.needsOld
    case .keys, .check, .unique, .depends, .metadata: false
    }
  }
}
