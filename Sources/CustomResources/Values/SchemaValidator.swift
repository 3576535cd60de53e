public import JSON
public import Machinery
import RegularExpressions

/// Says what is wrong with the values of an object, by its schema. (kube-openapi: `validate.SchemaValidator`;
/// apiextensions-apiserver: `ValidateCustomResource`, with ratcheting)
///
/// No path is written until something is wrong. Recursion follows the value, whose depth is bounded where it is read.
public final class SchemaValidator: Sendable {
  private let check: ValueCheck
  private let schema: StructuralSchema

  /// `isForDefaults`: of the values that a definition gives.
  public init(_ schema: StructuralSchema, isForDefaults: Bool = false) {
    self.schema = schema
    check = ValueCheck(schema, isForDefaults: isForDefaults)
  }

  /// What was found.
  public struct Findings: Sendable {
    public var errors: [FieldError] = []
    /// Was there anything that keeps rules from being asked?
    public var blocksRules = false
  }

  /// `old`: what the value replaces, whose faults may stay where nothing changes. `root`: where the value stands, empty
  /// for a whole object.
  public func findings(_ value: JSONValue, replacing old: JSONValue? = nil, at root: String = "") -> Findings {
    var walk = Walk()
    let faults = walk.faults(check, value, old.map { Correlated($0, schema) }, isRoot: root.isEmpty)
    return Findings(
      errors: faults.list.map { $0.error(at: root) }, blocksRules: faults.list.contains { $0.blocksRules })
  }
}

/// A value that was there, with what tells which of its parts a part of the new one replaces. (`CorrelatedObject`)
struct Correlated {
  let value: JSONValue
  let schema: StructuralSchema

  init(_ value: JSONValue, _ schema: StructuralSchema) {
    self.value = value
    self.schema = schema
  }

  func member(_ name: String) -> Correlated? {
    guard let inner = schema.member(name), let value = value[name] else { return nil }
    return Correlated(value, inner)
  }

  /// The item of the same key, in lists that have keys. (`CorrelatedObject.Index`)
  func item(_ item: JSONValue) -> Correlated? {
    guard schema.listType == .map, let inner = schema.items, let items = value.array, item.object != nil else {
      return nil
    }
    let keys = schema.listMapKeys
    func key(_ item: JSONValue, _ name: String) -> JSONValue? { item[name] ?? inner.property(name)?.defaultValue }
    let found = items.first { other in
      other.object != nil
        && keys.allSatisfy { name in
          switch (key(item, name), key(other, name)) {
          case (let a?, let b?): a.isSameValue(as: b)
          case (nil, nil): true
          default: false
          }
        }
    }
    return found.map { Correlated($0, inner) }
  }

  func isSame(as new: JSONValue) -> Bool { value.isSameValue(as: new) }
}

/// What is wrong with one value, before it is told.
private struct Fault {
  enum Kind {
    case type, required, enumeration([JSONValue]), tooLong(Int64), tooManyItems(Int64), tooManyProperties(Int64)
    /// `Invalid value`, with the text that follows.
    case other
    /// Of no field.
    case nameless
  }
  let kind: Kind
  let path: String
  /// As messages print it; nil for an empty text.
  let value: JSONValue?
  let text: String

  /// Those that say that the object has not the form that rules are written for. (`hasBlockingErr`)
  var blocksRules: Bool {
    switch kind {
    case .type, .required, .enumeration, .tooLong, .tooManyItems, .tooManyProperties: true
    case .other, .nameless: false
    }
  }

  func error(at root: String) -> FieldError {
    if case .nameless = kind {
      return .invalid(root.isEmpty ? "<nil>" : root, "", text)
    }
    let own = path.hasPrefix(".") ? String(path.dropFirst()) : path
    // A path that begins with a place follows its root as a name does, dot and all.
    let field = own.isEmpty ? (root.isEmpty ? "<nil>" : root) : root.isEmpty ? own : "\(root).\(own)"
    func shown(_ value: JSONValue?) -> String { value.map(GoNumberText.shown) ?? "\"\"" }
    switch kind {
    case .required: return .required(field, "")
    case .enumeration(let values):
      return .notSupported(
        field, bare: shown(value ?? .null), values.map { $0.string ?? $0.sortedByName.encoded().text })
    case .tooLong(let most): return .tooLong(field, limit: Int(clamping: most))
    case .tooManyItems(let most), .tooManyProperties(let most):
      return .tooMany(field, count: Int(clamping: value?.int ?? -1), limit: Int(clamping: most))
    case .type: return FieldError(.typeInvalid, field, value: shown(value), detail: text)
    case .other, .nameless: return .invalid(field, bare: shown(value), text)
    }
  }
}

/// What a value was found to have wrong, and how much of it was right, which tells the best of several alternatives.
private struct Faults {
  var list: [Fault] = []
  var matches = 0
  var isGood: Bool { list.isEmpty }

  mutating func merge(_ other: Faults) {
    list += other.list
    matches += other.matches
  }
}

/// One validation.
private struct Walk {
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

  private func fault(_ kind: Fault.Kind = .other, _ value: JSONValue? = nil, _ text: (String) -> String) -> Fault {
    let path = path
    return Fault(kind: kind, path: path, value: value, text: text(path))
  }

  /// With the faults of what does not change left out.
  mutating func faults(_ check: ValueCheck, _ value: JSONValue, _ old: Correlated?, isRoot: Bool = false) -> Faults {
    let found = all(check, value, old, isRoot: isRoot)
    if !found.isGood, let old, old.isSame(as: value) { return Faults(matches: found.matches) }
    return found
  }

  private mutating func inside(
    _ step: Step, _ check: ValueCheck, _ value: JSONValue, _ old: Correlated?
  ) -> Faults {
    steps.append(step)
    defer { steps.removeLast() }
    return faults(check, value, old)
  }

  private mutating func all(_ check: ValueCheck, _ value: JSONValue, _ old: Correlated?, isRoot: Bool) -> Faults {
    var found = Faults()
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

  // MARK: types

  private func typeFault(_ wanted: String, _ found: String) -> Fault {
    fault(.type, .string(found)) { "\($0) in body must be of type \(wanted): \(GoText.quoted(found))" }
  }

  /// (`typeValidator`)
  private func typeFault(_ check: ValueCheck, _ value: JSONValue) -> Fault? {
    let type: String
    var isWhole = false
    switch value {
    case .bool: type = "boolean"
    case .string: type = "string"
    case .int, .number: type = "integer"
    case .double(let number):
      type = "number"
      isWhole = number == number.rounded(.towardZero) && abs(number) < 9_007_199_254_740_992
    case .array: type = "array"
    case .object, .unread, .null: type = "object"
    }
    let types = check.types
    func has(_ type: String) -> Bool { types.contains(type) }
    let isNumber = type == "integer" && has("number") || isWhole && has("integer")
    let isText = type == "string" || type == "array"
    if check.format != nil {
      if !isText, !(has(type) || isNumber) {
        let name = type == "integer" ? "int64" : type == "number" ? "float64" : ""
        return fault(.type, .string(name)) {
          "\($0) in body must be of type \(check.formatName): \(GoText.quoted(name))"
        }
      }
      if isText, !has("number"), !has("integer") { return nil }
    }
    return has(type) || isNumber ? nil : typeFault(types.joined(separator: ","), type)
  }

  /// (`basicCommonValidator`) Go converts what is given to the type of what is allowed.
  private func enumeration(_ check: ValueCheck, _ value: JSONValue, _ found: inout Faults) {
    let allowed = check.limits.enumeration
    if allowed.isEmpty { return }
    let isAllowed = allowed.contains { one in
      switch (value, one) {
      case (.null, _), (_, .null): false
      case (.double(let given), .int(let one)): Int64(exactly: given.rounded(.towardZero)) == one
      case (.int(let given), .double(let one)): Double(given) == one
      case (.int(let given), .string(let one)):
        one == (UInt32(exactly: given).flatMap(Unicode.Scalar.init).map { String($0) } ?? "\u{FFFD}")
      default: value.isSameValue(as: one)
      }
    }
    if !isAllowed { found.list.append(fault(.enumeration(allowed), value) { _ in "" }) }
  }

  // MARK: scalars

  private func string(_ check: ValueCheck, _ text: String, _ found: inout Faults) {
    if let fault = lengthFault(check, text) { found.list.append(fault) }
    guard case .text(let isGood)? = check.format else { return }
    if isGood(text) {
      found.matches += 1
    } else {
      found.list.append(
        fault(.type, .string(text)) { "\($0) in body must be of type \(check.formatName): \(GoText.quoted(text))" })
    }
    found.matches += 1
  }

  /// The first that does not hold. (`stringValidator`)
  private func lengthFault(_ check: ValueCheck, _ text: String) -> Fault? {
    let limits = check.limits
    if limits.maxLength != nil || limits.minLength != nil {
      let count = Int64(text.unicodeScalars.count)
      if let most = limits.maxLength, count > most { return fault(.tooLong(most)) { _ in "" } }
      if let least = limits.minLength, count < least {
        return fault(.other, .string(text)) { "\($0) in body should be at least \(least) chars long" }
      }
    }
    if let why = check.badPattern {
      return fault(.other, .string(text)) {
        "\($0) in body should match '\(limits.pattern), but pattern is invalid: \(why)'"
      }
    }
    if let pattern = check.pattern, !pattern.matches(text) {
      return fault(.other, .string(text)) { "\($0) in body should match '\(limits.pattern)'" }
    }
    return nil
  }

  /// (`numberValidator`)
  private func number(_ check: ValueCheck, _ value: JSONValue, _ found: inout Faults) {
    let limits = check.limits
    if let fault = rangeFault(check, value, "Checked") { found.list.append(fault) }
    if let factor = limits.multipleOf { multiple(check, value, factor, &found) }
    if let least = limits.minimum { boundary(check, value, least, isMaximum: false, &found) }
    if let most = limits.maximum { boundary(check, value, most, isMaximum: true, &found) }
  }

  /// Does a number fit the type? (`IsValueValidAgainstRange`)
  private func rangeFault(_ check: ValueCheck, _ value: JSONValue, _ what: String) -> Fault? {
    let type = check.soleType
    let format = check.format
    let isGood: Bool
    switch (type, format) {
    case ("integer", .int32?): isGood = Self.whole(value).map { Int32(exactly: $0) != nil } ?? false
    case ("integer", _): isGood = Self.whole(value) != nil
    case ("number", .float?): isGood = Float(Self.double(value)).isFinite
    default: isGood = true
    }
    if isGood { return nil }
    let form = format == nil ? "(default format)" : "with format \(check.formatName)"
    return fault(.nameless) { "\(what) value must be of type \(type) \(form) in \($0)" }
  }

  private static func double(_ value: JSONValue) -> Double {
    switch value {
    case .int(let number): Double(number)
    case .double(let number): number
    default: 0
    }
  }

  private static func whole(_ value: JSONValue) -> Int64? {
    switch value {
    case .int(let number): number
    case .double(let number): Int64(exactly: number)
    default: nil
    }
  }

  private func multiple(_ check: ValueCheck, _ value: JSONValue, _ factor: Double, _ found: inout Faults) {
    let range = rangeFault(check, .double(factor), "MultipleOf")
    if let range { found.list.append(range) }
    if range == nil, case .int(let number) = value {
      let whole = Int64(exactly: factor.rounded(.towardZero)) ?? .max
      if whole <= 0 { return found.list.append(mustBePositive(GoNumberText.text(whole))) }
      if number % whole != 0 { found.list.append(notMultiple(value, String(whole))) }
      return
    }
    if factor <= 0 { return found.list.append(mustBePositive(GoNumberText.text(factor))) }
    let number = Self.double(value)
    let times = factor < 1 ? 1 / factor * number : number / factor
    if !Self.isWhole(times) { found.list.append(notMultiple(value, GoNumberText.text(factor))) }
  }

  private func mustBePositive(_ factor: String) -> Fault {
    fault(.other, nil) { "factor MultipleOf declared for \($0) must be positive: \(factor)" }
  }

  private func notMultiple(_ value: JSONValue, _ factor: String) -> Fault {
    fault(.other, value) { "\($0) in body should be a multiple of \(factor)" }
  }

  /// As good as whole. (`swag.IsFloat64AJSONInteger`)
  private static func isWhole(_ number: Double) -> Bool {
    guard number.isFinite, abs(number) < 9_007_199_254_740_992 else { return false }
    let rest = abs(number - number.rounded(.towardZero))
    if rest == 0 { return true }
    let sum = abs(number) + abs(number.rounded(.towardZero))
    if number == 0 || rest < .leastNormalMagnitude { return rest < 1e-9 * .leastNormalMagnitude }
    return rest / min(sum, .greatestFiniteMagnitude) < 1e-9
  }

  private func boundary(
    _ check: ValueCheck, _ value: JSONValue, _ bound: Double, isMaximum: Bool, _ found: inout Faults
  ) {
    let range = rangeFault(check, .double(bound), isMaximum ? "Maximum boundary" : "Minimum boundary")
    if let range { found.list.append(range) }
    let isExclusive = isMaximum ? check.limits.isExclusiveMaximum : check.limits.isExclusiveMinimum
    func broken<N: Comparable>(_ number: N, _ bound: N) -> Bool {
      isMaximum
        ? isExclusive ? number >= bound : number > bound
        : isExclusive ? number <= bound : number < bound
    }
    let text: String
    if range == nil, case .int(let number) = value {
      // Go cuts the bound to a whole number.
      let whole = Int64(exactly: bound.rounded(.towardZero)) ?? (bound < 0 ? .min : .max)
      guard broken(number, whole) else { return }
      text = String(whole)
    } else {
      guard broken(Self.double(value), bound) else { return }
      text = GoNumberText.text(bound)
    }
    let relation = (isMaximum ? "less" : "greater") + " than" + (isExclusive ? "" : " or equal to")
    found.list.append(fault(.other, value) { "\($0) in body should be \(relation) \(text)" })
  }

  // MARK: lists and objects

  /// (`schemaSliceValidator`)
  private mutating func list(
    _ check: ValueCheck, _ items: [JSONValue], _ old: Correlated?, _ found: inout Faults
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
    _ check: ValueCheck, _ object: JSONObject, _ old: Correlated?, isRoot: Bool, _ found: inout Faults
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
      found.list.append(Fault(kind: .required, path: "\(place).\(name)", value: nil, text: ""))
    }
    found.matches += 1
  }

  // MARK: alternatives

  /// (`schemaPropsValidator`)
  private mutating func alternatives(_ check: ValueCheck, _ value: JSONValue) -> Faults {
    var found = Faults()
    func complain(_ text: (String) -> String) -> Fault { fault(.nameless) { text(GoText.quoted($0)) } }
    if !check.anyOf.isEmpty {
      var best: Faults?
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
      var best: Faults?
      var first: Faults?
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
