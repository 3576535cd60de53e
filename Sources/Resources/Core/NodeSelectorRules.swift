import JSON
import Machinery
import Registry

/// Rules for what says which nodes will do. (Kubernetes: `ValidateNodeSelector` and its siblings of
/// pkg/apis/core/validation)
enum NodeSelectorRules {
  /// A node selector. `allowsBadValues`: values need not be such as labels can have.
  static func selector(_ context: inout RuleContext, allowsBadValues: Bool = false) {
    let terms = context.value?["nodeSelectorTerms"]?.array ?? []
    if terms.isEmpty {
      let detail = "must have at least one node selector term"
      return context.report(.required(context.path("nodeSelectorTerms"), detail))
    }
    for place in terms.indices {
      term(terms[place], ["nodeSelectorTerms", .index(place)], allowsBadValues, &context)
    }
  }

  /// One term, the value that the rule stands at or what stands at `place` in it.
  static func term(
    _ term: JSONValue?, at place: [RuleContext.Part] = [], allowsBadValues: Bool = false, _ context: inout RuleContext
  ) {
    if let term { self.term(term, place, allowsBadValues, &context) }
  }

  /// Do some of the terms ask for values that no label can have? Objects of old may. (`HasInvalidLabelValueIn…`)
  static func hasBadValues(_ selector: JSONValue?) -> Bool {
    (selector?["nodeSelectorTerms"]?.array ?? []).contains { term in
      (term["matchExpressions"]?.array ?? []).contains { requirement in
        (requirement["values"]?.array ?? []).contains { !NameValidation.labelValue($0.string ?? "").isEmpty }
      }
    }
  }

  private typealias Place = [RuleContext.Part]

  private static func term(
    _ term: JSONValue, _ place: Place, _ allowsBadValues: Bool, _ context: inout RuleContext
  ) {
    for (index, requirement) in (term["matchExpressions"]?.array ?? []).enumerated() {
      label(requirement, place + ["matchExpressions", .index(index)], allowsBadValues, &context)
    }
    for (index, requirement) in (term["matchFields"]?.array ?? []).enumerated() {
      field(requirement, place + ["matchFields", .index(index)], &context)
    }
  }

  /// (`ValidateNodeSelectorRequirement`)
  private static func label(
    _ requirement: JSONValue, _ place: Place, _ allowsBadValues: Bool, _ context: inout RuleContext
  ) {
    let values = (requirement["values"]?.array ?? []).map { $0.string ?? "" }
    func path(_ more: RuleContext.Part...) -> String { context.path(place + more) }
    switch requirement["operator"]?.string ?? "" {
    case "In", "NotIn":
      if values.isEmpty {
        context.report(.required(path("values"), "must be specified when `operator` is 'In' or 'NotIn'"))
      }
    case "Exists", "DoesNotExist":
      if !values.isEmpty {
        let detail = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
        context.report(.forbidden(path("values"), detail))
      }
    case "Gt", "Lt":
      if values.count != 1 {
        let detail = "must be specified single value when `operator` is 'Lt' or 'Gt'"
        context.report(.required(path("values"), detail))
      }
    case let other: unknown(other, path("operator"), &context)
    }
    let key = requirement["key"]?.string ?? ""
    for problem in NameValidation.qualifiedName(key) { context.report(.invalid(path("key"), key, problem)) }
    if allowsBadValues { return }
    for (index, value) in values.enumerated() {
      for problem in NameValidation.labelValue(value) {
        context.report(.invalid(path("values", .index(index)), value, problem))
      }
    }
  }

  /// (`ValidateNodeFieldSelectorRequirement`)
  private static func field(_ requirement: JSONValue, _ place: Place, _ context: inout RuleContext) {
    let values = (requirement["values"]?.array ?? []).map { $0.string ?? "" }
    func path(_ more: RuleContext.Part...) -> String { context.path(place + more) }
    switch requirement["operator"]?.string ?? "" {
    case "In", "NotIn":
      if values.count != 1 {
        let detail = "must be only one value when `operator` is 'In' or 'NotIn' for node field selector"
        context.report(.required(path("values"), detail))
      }
    case let other: unknown(other, path("operator"), &context)
    }
    let key = requirement["key"]?.string ?? ""
    guard key == "metadata.name" else {
      return context.report(.invalid(path("key"), key, "not a valid field selector key"))
    }
    for (index, value) in values.enumerated() {
      for problem in NameValidation.dns1123Subdomain(value) {
        context.report(.invalid(path("values", .index(index)), value, problem))
      }
    }
  }

  private static func unknown(_ name: String, _ path: String, _ context: inout RuleContext) {
    let shown = JSONValue.string(name).encoded().text
    context.report(.invalid(path, bare: shown, "not a valid selector operator"))
  }
}
