public import JSON
import Machinery

/// What is asked of one value.
extension RuleContext {
  /// False where the list ends here.
  mutating func check(
    _ check: Rule.Check, _ place: RuleStep.Place, _ value: JSONValue?, _ old: JSONValue?
  ) -> Bool {
    switch check {
    case .required(let detail):
      if Self.isThere(value, place) { return true }
      report(.required(path(), detail))
      return false
    case .optional: return Self.isThere(value, place)
    case .forbidden(let detail):
      if Self.isThere(value, place) { report(.forbidden(path(), detail)) }
    case .immutable(let showsValue):
      guard isUpdate, !Self.areSame(value, old) else { return true }
      let shown = showsValue ? Self.shown(shown(value), asJSON: place.isShownAsJSON) : "null"
      report(.invalid(path(), bare: shown, "field is immutable"))
    case .range(let least, let most, let detail):
      guard case .int(let number)? = value, number < least ?? .min || number > most ?? .max else { return true }
      report(.invalid(path(), bare: String(number), detail))
    case .oneOf(let values):
      guard case .string(let text)? = value, !values.contains(text) else { return true }
      let listed = values.map { GoText.quoted($0) }.joined(separator: ", ")
      let detail = values.isEmpty ? "" : "supported values: \(listed)"
      report(
        FieldError(.notSupported, path(), value: Self.shown(.string(text), asJSON: place.isShownAsJSON), detail: detail)
      )
    case .length(let min, let max):
      guard case .string(let text)? = value else { return true }
      length(text, min, max)
    case .bytes(let max):
      if case .string(let text)? = value, text.utf8.count > max { report(.tooLong(path(), limit: max)) }
    case .items(let min, let max): items(value, min, max)
    case .format(let format):
      guard case .string(let text)? = value else { return true }
      let problems = format.problems(text)
      if problems.isEmpty { return true }
      let shown = Self.shown(.string(text), asJSON: place.isShownAsJSON)
      for problem in problems { report(.invalid(path(), bare: shown, problem)) }
    case .labels: labels(value?.object)
    case .labelSelector(let anyValue): labelSelector(value?.object, anyValue: anyValue)
    case .custom(let function):
      if value == nil && old == nil { return true }
      self.value = value
      self.old = old
      function(&self)
    }
    return true
  }

  /// Has somebody set a value? A pointer that is set counts, whatever it points to; else what differs from zero does.
  static func isThere(_ value: JSONValue?, _ place: RuleStep.Place) -> Bool {
    guard let value, !value.isNull else { return false }
    if place.isPointer { return true }
    if case .object(let object) = value, !place.isStruct { return !object.isEmpty }
    return !isZero(value)
  }

  /// Does a value count as not set? (Go's zero value.)
  public static func isZero(_ value: JSONValue) -> Bool {
    switch value {
    case .null: true
    case .bool(let truth): !truth
    case .int(let number): number == 0
    case .double(let number): number == 0
    case .string(let text): text.isEmpty
    case .array(let elements): elements.isEmpty
    // A struct of nothing but zeros is one.
    case .object(let object): object.members.allSatisfy { isZero($0.value) }
    case .number, .unread: false
    }
  }

  /// A value as messages show it.
  static func shown(_ value: JSONValue, asJSON: Bool) -> String {
    if case .string(let text) = value, !asJSON { return GoText.quoted(text) }
    return value.encoded().text
  }

  private mutating func length(_ text: String, _ min: Int?, _ max: Int?) {
    let bytes = text.utf8.count
    // Characters are counted only where bytes do not tell.
    if let max, bytes > max, text.unicodeScalars.count > max {
      report(.tooLong(path(), "may not be more than \(max) \(max == 1 ? "character" : "characters")"))
    }
    if let min, bytes < min || text.unicodeScalars.count < min {
      report(
        FieldError(.tooShort, path(), detail: "must be at least \(min) \(min == 1 ? "character" : "characters")"))
    }
  }

  private mutating func items(_ value: JSONValue?, _ min: Int?, _ max: Int?) {
    let count = value?.array?.count ?? value?.object?.count ?? 0
    if let max, count > max { report(.tooMany(path(), count: count, limit: max)) }
    if let min, count < min {
      report(
        FieldError(
          .tooFew, path(), value: String(count), detail: "must have at least \(min) \(min == 1 ? "item" : "items")"))
    }
  }

  private mutating func labels(_ labels: JSONObject?, _ more: Part...) {
    guard let labels else { return }
    let depth = parts.count
    parts += more
    for label in labels.members {
      for problem in NameValidation.qualifiedName(label.name) { invalid(label.name, problem) }
      let text = label.value.string ?? ""
      for problem in NameValidation.labelValue(text) { invalid(text, problem) }
    }
    parts.removeLast(parts.count - depth)
  }

  /// Looks at a member that is a label selector, see `Rule.labelSelector`. `anyValue`: its values need not be such that
  /// a label could have them.
  public mutating func labelSelector(at member: String, anyValue: Bool) {
    guard let selector = value?[member]?.object else { return }
    parts.append(.member(member))
    labelSelector(selector, anyValue: anyValue)
    parts.removeLast()
  }

  /// Is nothing wrong with a label selector?
  public static func isGoodLabelSelector(_ selector: JSONValue) -> Bool {
    var context = RuleContext(
      selector, old: nil, subresource: .main, options: [], isNamespaced: false, isMetaGood: true)
    context.labelSelector(selector.object)
    return context.errors.isEmpty
  }

  private mutating func labelSelector(_ selector: JSONObject?, anyValue: Bool = false) {
    guard let selector else { return }
    labels(selector["matchLabels"]?.object, "matchLabels")
    for (place, term) in (selector["matchExpressions"]?.array ?? []).enumerated() {
      parts += [.member("matchExpressions"), .index(place)]
      requirement(term, anyValue: anyValue)
      parts.removeLast(2)
    }
  }

  private mutating func requirement(_ term: JSONValue, anyValue: Bool) {
    let values = (term["values"]?.array ?? []).map { $0.string ?? "" }
    switch term["operator"]?.string ?? "" {
    case "In", "NotIn":
      if values.isEmpty {
        report(.required(path("values"), "must be specified when `operator` is 'In' or 'NotIn'"))
      }
    case "Exists", "DoesNotExist":
      if !values.isEmpty {
        report(.forbidden(path("values"), "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"))
      }
    case let other:
      let shown = Self.shown(.string(other), asJSON: true)
      report(.invalid(path("operator"), bare: shown, "not a valid selector operator"))
    }
    let key = term["key"]?.string ?? ""
    for problem in NameValidation.qualifiedName(key) { report(.invalid(path("key"), key, problem)) }
    if anyValue { return }
    for (place, value) in values.enumerated() {
      for problem in NameValidation.labelValue(value) {
        report(.invalid(path("values", .index(place)), value, problem))
      }
    }
  }
}
