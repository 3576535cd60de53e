import JSON
import Machinery
import Registry

/// Rules for autoscalers. (Kubernetes: pkg/apis/autoscaling/validation)
enum AutoscalerRules {
  static let all: [Rule] = [
    .onCreate(.metadata(.subdomain)),
    .onUpdate(.metadataUpdate),
    .on(
      .main, .at("spec", .custom(replicas)), .custom(target), .custom(metrics), .at("spec", .at("behavior", behavior))),
    .on(.status, .at("status", .at("currentReplicas", .atLeast(0)), .at("desiredReplicas", .atLeast(0)))),
  ]

  // MARK: how many

  /// None at all is behind a gate that is off; who has it already keeps it.
  private static let replicas: Rule.Function = { context in
    let most = context.value?["maxReplicas"]?.int ?? 0
    let fewest = context.value?["minReplicas"]?.int
    let bound: Int64 = context.old?["minReplicas"]?.int == 0 ? 0 : 1
    if let fewest, fewest < bound {
      let path = context.path("minReplicas")
      context.report(.invalid(path, bare: String(fewest), "must be greater than or equal to \(bound)"))
    }
    let path = context.path("maxReplicas")
    if most == 0 {
      context.report(.required(path, "must be set and greater than 0"))
    } else if most < 0 {
      context.report(.invalid(path, bare: String(most), "must be greater than or equal to 1"))
    }
    if let fewest, most < fewest {
      context.report(.invalid(path, bare: String(most), "must be greater than or equal to `minReplicas`"))
    }
  }

  // MARK: of what

  /// How the version of what is named is looked at.
  private enum VersionRule { case any, groupNeeded, optionalGroup }

  private static let target: Rule.Function = { context in
    let reference = context.value?["spec"]?["scaleTargetRef"] ?? [:]
    let before = context.old?["spec"]?["scaleTargetRef"]
    func text(_ value: JSONValue?, _ member: String) -> String { value?[member]?.string ?? "" }
    let isKept =
      before != nil && text(before, "apiVersion") == text(reference, "apiVersion")
      && text(before, "kind") == text(reference, "kind")
    // Of what can be scaled only one kind is in the core group.
    let rule: VersionRule =
      isKept ? .any : text(reference, "kind") == "ReplicationController" ? .optionalGroup : .groupNeeded
    named(reference, context.path("spec", "scaleTargetRef"), rule, &context)
  }

  private static func named(
    _ reference: JSONValue, _ path: String, _ rule: VersionRule, _ context: inout RuleContext
  ) {
    for member in ["kind", "name"] {
      let text = reference[member]?.string ?? ""
      if text.isEmpty {
        context.report(.required("\(path).\(member)", ""))
      } else {
        for problem in NameValidation.pathSegmentName(text) {
          context.report(.invalid("\(path).\(member)", text, problem))
        }
      }
    }
    let version = reference["apiVersion"]?.string ?? ""
    if let problem = problem(with: version, rule) { context.report(.invalid("\(path).apiVersion", version, problem)) }
  }

  /// (`ValidateAPIVersion`)
  private static func problem(with version: String, _ rule: VersionRule) -> String? {
    if rule == .any { return nil }
    let parts = version.split(separator: "/", omittingEmptySubsequences: false)
    if parts.count > 2 { return "unexpected GroupVersion string: \(version)" }
    let hasGroup = parts.count == 2 && !parts[0].isEmpty
    return rule == .groupNeeded && !hasGroup ? "apiVersion must specify API group" : nil
  }

  // MARK: by what

  private static let sources: [(type: String, member: String)] = [
    ("Object", "object"), ("External", "external"), ("Pods", "pods"), ("Resource", "resource"),
    ("ContainerResource", "containerResource"),
  ]
  private static let types = ["ContainerResource", "External", "Object", "Pods", "Resource"]

  private static let metrics: Rule.Function = { context in
    let spec = context.value?["spec"]
    let metrics = spec?["metrics"]?.array ?? []
    let before = context.old?["spec"]?["metrics"]?.array ?? []
    // What was there already may stay.
    let isFaulty = before.contains { metric in
      metric["type"] == "Object" && metric["object"] != nil
        && problem(with: metric["object"]?["describedObject"]?["apiVersion"]?.string ?? "", .optionalGroup) != nil
    }
    for (place, metric) in metrics.enumerated() {
      one(metric, context.path("spec", "metrics", .index(place)), isFaulty ? .any : .optionalGroup, &context)
    }
    if spec?["minReplicas"]?.int == 0, !metrics.contains(where: { $0["type"] == "Object" || $0["type"] == "External" })
    {
      let detail = "must specify at least one Object or External metric to support scaling to zero replicas"
      context.report(.forbidden(context.path("spec", "metrics"), detail))
    }
  }

  private static func one(_ metric: JSONValue, _ path: String, _ rule: VersionRule, _ context: inout RuleContext) {
    let type = metric["type"]?.string ?? ""
    let expected = sources.first { $0.type == type }?.member
    func unknown() {
      context.report(.notSupported("\(path).type", named: .string(type), types))
    }
    if type.isEmpty { context.report(.required("\(path).type", "must specify a metric source type")) }
    if expected == nil { unknown() }
    let present = sources.filter { source in metric[source.member].map { !$0.isNull } ?? false }.map(\.member)
    if let first = present.first, let source = metric[first] {
      look(at: source, first, "\(path).\(first)", rule, &context)
    }
    if let expected {
      if !present.contains(expected) {
        context.report(.required("\(path).\(expected)", "must populate information for the given metric source"))
      }
    } else {
      unknown()
    }
    if present.count != 1 {
      for member in present where member != expected {
        context.report(.forbidden("\(path).\(member)", "must populate the given metric source only"))
      }
    }
  }

  private static func look(
    at source: JSONValue, _ member: String, _ path: String, _ rule: VersionRule, _ context: inout RuleContext
  ) {
    func has(_ name: String) -> Bool { source["target"]?[name].map { !$0.isNull } ?? false }
    func required(_ name: String, _ detail: String) { context.report(.required("\(path).target.\(name)", detail)) }
    switch member {
    case "object":
      named(source["describedObject"] ?? [:], "\(path).describedObject", rule, &context)
      metric(source, path, &context)
      amounts(source, path, &context)
      if !has("value") && !has("averageValue") {
        required("averageValue", "must set either a target value or averageValue")
      }
    case "external":
      metric(source, path, &context)
      amounts(source, path, &context)
      if !has("value") && !has("averageValue") {
        required("averageValue", "must set either a target value for metric or a per-pod target")
      }
      if has("value") && has("averageValue") {
        let detail = "may not set both a target value for metric and a per-pod target"
        context.report(.forbidden("\(path).target.value", detail))
      }
    case "pods":
      metric(source, path, &context)
      amounts(source, path, &context)
      if !has("averageValue") { required("averageValue", "must specify a positive target averageValue") }
    default:
      resource(source, path, isOfContainer: member == "containerResource", &context)
      amounts(source, path, &context)
      if !has("averageUtilization") && !has("averageValue") {
        required("averageUtilization", "must set either a target raw value or a target utilization")
      }
      if has("averageUtilization") && has("averageValue") {
        let detail = "may not set both a target raw value and a target utilization"
        context.report(.forbidden("\(path).target.averageValue", detail))
      }
    }
  }

  private static func resource(
    _ source: JSONValue, _ path: String, isOfContainer: Bool, _ context: inout RuleContext
  ) {
    let name = source["name"]?.string ?? ""
    if name.isEmpty {
      context.report(.required("\(path).name", "must specify a resource name"))
    } else if isOfContainer {
      for problem in ResourceNames.containerProblems(name) {
        context.report(.invalid("\(path).name", bare: JSONValue.string(name).encoded().text, problem))
      }
    }
    guard isOfContainer else { return }
    let container = source["container"]?.string ?? ""
    if container.isEmpty {
      context.report(.required("\(path).container", "must specify a container"))
    } else {
      for problem in NameValidation.dns1123Label(container) {
        context.report(.invalid("\(path).container", container, problem))
      }
    }
  }

  private static func metric(_ source: JSONValue, _ path: String, _ context: inout RuleContext) {
    let name = source["metric"]?["name"]?.string ?? ""
    if name.isEmpty { return context.report(.required("\(path).metric.name", "must specify a metric name")) }
    for problem in NameValidation.pathSegmentName(name) {
      context.report(.invalid("\(path).metric.name", name, problem))
    }
  }

  private static func amounts(_ source: JSONValue, _ path: String, _ context: inout RuleContext) {
    let target = source["target"]
    let type = target?["type"]?.string ?? ""
    if type.isEmpty { context.report(.required("\(path).target.type", "must specify a metric target type")) }
    if !["Utilization", "Value", "AverageValue"].contains(type) {
      let shown = JSONValue.string(type).encoded().text
      let detail = "must be either Utilization, Value, or AverageValue"
      context.report(.invalid("\(path).target.type", bare: shown, detail))
    }
    for name in ["value", "averageValue"] {
      guard let text = target?[name]?.string, let amount = try? Quantity(parsing: text) else { continue }
      if amount.isZero || amount.isBelowZero {
        context.report(.invalid("\(path).target.\(name)", text, "must be positive"))
      }
    }
    if let percent = target?["averageUtilization"]?.int, percent < 1 {
      context.report(.invalid("\(path).target.averageUtilization", bare: String(percent), "must be greater than 0"))
    }
  }

  // MARK: how fast

  private static let behavior: [Rule] = [.at("scaleUp", scaling), .at("scaleDown", scaling)]

  private static let scaling: [Rule] = [
    .custom { context in
      guard let rules = context.value else { return }
      if let seconds = rules["stabilizationWindowSeconds"]?.int {
        let path = context.path("stabilizationWindowSeconds")
        if seconds < 0 {
          context.report(.invalid(path, bare: String(seconds), "must be greater than or equal to zero"))
        }
        if seconds > 3_600 {
          context.report(.invalid(path, bare: String(seconds), "must be less than or equal to 3600"))
        }
      }
      if let policy = rules["selectPolicy"]?.string, !["Disabled", "Max", "Min"].contains(policy) {
        context.report(.notSupported(context.path("selectPolicy"), named: .string(policy), ["Disabled", "Max", "Min"]))
      }
      let policies = rules["policies"]?.array ?? []
      if policies.isEmpty { context.report(.required(context.path("policies"), "must specify at least one Policy")) }
      for (place, policy) in policies.enumerated() {
        step(policy, context.path("policies", .index(place)), &context)
      }
      if let text = rules["tolerance"]?.string, (try? Quantity(parsing: text))?.isBelowZero == true {
        context.report(.invalid(context.path("tolerance"), text, "must be greater than or equal to 0"))
      }
    }
  ]

  private static func step(_ policy: JSONValue, _ path: String, _ context: inout RuleContext) {
    let type = policy["type"]?.string ?? ""
    if type != "Pods" && type != "Percent" {
      context.report(.notSupported("\(path).type", named: .string(type), ["Percent", "Pods"]))
    }
    for name in ["value", "periodSeconds"] {
      let number = policy[name]?.int ?? 0
      if number <= 0 { context.report(.invalid("\(path).\(name)", bare: String(number), "must be greater than zero")) }
    }
    if let period = policy["periodSeconds"]?.int, period > 1_800 {
      context.report(.invalid("\(path).periodSeconds", bare: String(period), "must be less than or equal to 1800"))
    }
  }
}
