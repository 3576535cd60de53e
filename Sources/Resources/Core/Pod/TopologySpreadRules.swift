import JSON
import Machinery
import Registry

/// Rules for how pods spread. (Kubernetes: pkg/apis/core/validation, `validateTopologySpreadConstraints`)
enum TopologySpreadRules {
  static let check: Rule.Function = { context in
    guard case .array(let constraints)? = context.value else { return }
    for (place, constraint) in constraints.enumerated() {
      context.look(at: constraint, [.index(place)]) { context in
        check(constraint, constraints[(place + 1)...], &context)
      }
    }
  }

  private static func check(
    _ constraint: JSONValue, _ others: ArraySlice<JSONValue>, _ context: inout RuleContext
  ) {
    let skew = constraint.int(at: "maxSkew")
    if skew <= 0 { context.refuses(value: .int(skew), "must be greater than zero", at: "maxSkew") }
    let key = constraint.string(at: "topologyKey")
    if key.isEmpty { context.needs("topologyKey", detail: "can not be empty") }
    let action = constraint.string(at: "whenUnsatisfiable")
    let actions = ["DoNotSchedule", "ScheduleAnyway"]
    if !actions.contains(action) { context.knowsOnly(actions, not: action, at: "whenUnsatisfiable") }
    let isTwice = others.contains {
      $0.string(at: "topologyKey") == key && $0.string(at: "whenUnsatisfiable") == action
    }
    if isTwice {
      context.report(
        .duplicate(
          context.path("{topologyKey, whenUnsatisfiable}"), bare: GoText.quoted("{\(key), \(action)}")))
    }
    if let domains = constraint["minDomains"]?.int {
      if domains <= 0 { context.refuses(value: .int(domains), "must be greater than zero", at: "minDomains") }
      if action != "DoNotSchedule" {
        context.refuses(
          value: .int(domains), "can only use minDomains if whenUnsatisfiable=DoNotSchedule, not \(action)",
          at: "minDomains")
      }
    }
    for member in ["nodeAffinityPolicy", "nodeTaintsPolicy"] {
      guard let policy = constraint[member]?.string, policy != "Honor" && policy != "Ignore" else { continue }
      context.knowsOnly(["Honor", "Ignore"], not: policy, at: .member(member))
    }
    let keys = constraint.array(at: "matchLabelKeys")
    let selector = constraint["labelSelector"]
    if !keys.isEmpty && hasBadKeys(context.pod.old) {
      LabelKeyRules.checkOld(matching: keys, selector, &context)
    } else {
      LabelKeyRules.check(matching: keys, mismatching: [], selector, &context)
    }
    let before = context.complaintCount
    context.labelSelector(at: "labelSelector", anyValue: false)
    if context.complaintCount > before, hasBadSelectors(context.pod.old) { context.withdraw(to: before) }
  }

  // MARK: what was there may stay

  private static func hasBadKeys(_ old: JSONValue?) -> Bool {
    guard let old else { return false }
    return old.array(at: "topologySpreadConstraints").contains { constraint in
      RuleContext.complains { context in
        LabelKeyRules.check(
          matching: constraint.array(at: "matchLabelKeys"), mismatching: [], constraint["labelSelector"], &context)
      }
    }
  }

  private static func hasBadSelectors(_ old: JSONValue?) -> Bool {
    guard let old else { return false }
    return old.array(at: "topologySpreadConstraints").contains { constraint in
      RuleContext.complains { context in
        context.look(at: constraint, "x") { $0.labelSelector(at: "labelSelector", anyValue: false) }
      }
    }
  }
}
