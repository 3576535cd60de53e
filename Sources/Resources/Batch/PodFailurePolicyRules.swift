import JSON
import Machinery
import Registry

/// Rules for what a failed pod means to its job. (Kubernetes: pkg/apis/batch/validation, `validatePodFailurePolicy`)
enum PodFailurePolicyRules {
  private static let actions = ["Count", "FailIndex", "FailJob", "Ignore"]

  static let check: Rule.Function = { context in
    guard let spec = context.value, let policy = spec["podFailurePolicy"], !policy.isNull else { return }
    let rules = policy.array(at: "rules")
    let path: [RuleContext.Part] = ["podFailurePolicy", "rules"]
    if rules.count > 20 { context.report(.tooMany(context.path(path), count: rules.count, limit: 20)) }
    for (place, rule) in rules.enumerated() {
      context.look(at: rule, path + [.index(place)]) { check(rule, spec, &$0) }
    }
  }

  private static func check(_ rule: JSONValue, _ spec: JSONValue, _ context: inout RuleContext) {
    let action = rule.string(at: "action")
    if action.isEmpty {
      context.needs("action", detail: validValues(actions))
    } else if action == "FailIndex" {
      if !spec.isSet("backoffLimitPerIndex") {
        context.refuses(value: .string(action), "requires the backoffLimitPerIndex to be set", at: "action")
      }
    } else if !actions.contains(action) {
      context.knowsOnly(actions, not: action, at: "action")
    }
    let codes = rule["onExitCodes"].flatMap { $0.isNull ? nil : $0 }
    let patterns = rule.array(at: "onPodConditions")
    if let codes {
      context.look(at: codes, "onExitCodes") { exitCodes(codes, spec, &$0) }
    }
    conditions(patterns, &context)
    if codes != nil && !patterns.isEmpty {
      let detail = "specifying both OnExitCodes and OnPodConditions is not supported"
      context.report(FieldError(.invalid, context.path(), detail: detail))
    }
    if codes == nil && patterns.isEmpty {
      let detail = "specifying one of OnExitCodes and OnPodConditions is required"
      context.report(FieldError(.invalid, context.path(), detail: detail))
    }
  }

  private static func conditions(_ patterns: [JSONValue], _ context: inout RuleContext) {
    if patterns.count > 20 {
      context.report(.tooMany(context.path("onPodConditions"), count: patterns.count, limit: 20))
    }
    let known = ["False", "True", "Unknown"]
    for (place, pattern) in patterns.enumerated() {
      context.look(at: pattern, ["onPodConditions", .index(place)]) { context in
        let type = pattern.string(at: "type")
        context.refuses(type, each: NameValidation.qualifiedName(type), at: "type")
        let status = pattern.string(at: "status")
        if status.isEmpty {
          context.needs("status", detail: validValues(known))
        } else if !known.contains(status) {
          context.knowsOnly(known, not: status, at: "status")
        }
      }
    }
  }

  private static func exitCodes(_ codes: JSONValue, _ spec: JSONValue, _ context: inout RuleContext) {
    let operation = codes.string(at: "operator")
    if operation.isEmpty {
      context.needs("operator", detail: validValues(["In", "NotIn"]))
    } else if operation != "In" && operation != "NotIn" {
      context.knowsOnly(["In", "NotIn"], not: operation, at: "operator")
    }
    if let name = codes["containerName"]?.string {
      let containers = (spec["template"]?["spec"]).map { $0.array(at: "containers") + $0.array(at: "initContainers") }
      if containers?.contains(where: { $0.string(at: "name") == name }) != true {
        context.refuses(
          name, "must be one of the container or initContainer names in the pod template", at: "containerName")
      }
    }
    let values = codes.array(at: "values").map { $0.int ?? 0 }
    let shown = codes["values"] ?? .null
    if values.isEmpty {
      context.refuses(value: shown, "at least one value is required", at: "values")
    } else if values.count > 255 {
      context.report(.tooMany(context.path("values"), count: values.count, limit: 255))
    }
    var seen = Set<Int64>()
    for (place, value) in values.enumerated() {
      if operation == "In" && value == 0 {
        context.refuses(value: .int(value), "must not be 0 for the In operator", at: "values", .index(place))
      }
      if !seen.insert(value).inserted {
        context.report(.duplicate(context.path("values", .index(place)), bare: String(value)))
      }
    }
    if zip(values, values.dropFirst()).contains(where: { $0 > $1 }) {
      context.refuses(value: shown, "must be ordered", at: "values")
    }
  }

  private static func validValues(_ values: [String]) -> String {
    "valid values: [\(values.map { GoText.quoted($0) }.joined(separator: " "))]"
  }
}
