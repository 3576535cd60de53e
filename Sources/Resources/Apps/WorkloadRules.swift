import JSON
import Machinery
import Registry

/// Rules that kinds have in common that make pods by a template. (Kubernetes: pkg/apis/apps/validation)
enum WorkloadRules {
  /// For the spec: a selector that says something. `kind`: how the complaint names it.
  static func selector(_ kind: String) -> Rule {
    .at("selector", .required, .labelSelector, .custom { context in isNotEmpty(kind, &context) })
  }

  static func isNotEmpty(_ kind: String, _ context: inout RuleContext) {
    guard let selector = context.value, !selector.isNull else { return }
    if selector["matchLabels"]?.object?.isEmpty == false || !selector.array(at: "matchExpressions").isEmpty { return }
    context.refuses(value: [:], "empty selector is invalid for \(kind)")
  }

  /// For the spec: rules for the template, if the selector can be read; else the selector is complained of.
  /// `matchesAll`: an empty selector is left alone.
  static func template(_ rules: [Rule], unreadable detail: String) -> [Rule] {
    [
      .custom { context in
        guard let selector = context.value?["selector"], !isReadable(context.value) else { return }
        context.refuses(value: selector, detail, at: "selector")
      },
      .given({ spec, _ in isReadable(spec) }, .custom(matches), .all(rules)),
    ]
  }

  /// No selector at all can be read: it selects nothing.
  private static func isReadable(_ spec: JSONValue?) -> Bool {
    guard let selector = spec?["selector"], !selector.isNull else { return true }
    return RuleContext.isGoodLabelSelector(selector)
  }

  /// For the spec: the pods of the template are selected.
  static let matches: Rule.Function = { context in
    guard let spec = context.value, isReadable(spec) else { return }
    let labels =
      spec["template"]?["metadata"]?["labels"] ?? context.emptied("template", "metadata", "labels") ?? .null
    if let selector = spec["selector"], !selector.isNull,
      LabelSelectorMatch.selects(selector, labels.object ?? JSONObject())
    {
      return
    }
    context.refuses(
      value: sortedByName(labels), "`selector` does not match template `labels`", at: "template", "metadata", "labels")
  }

  /// As Go writes a map.
  private static func sortedByName(_ map: JSONValue) -> JSONValue {
    guard var members = map.object else { return map }
    members.sortByName()
    return .object(members)
  }

  /// For the spec: pods of the template run for good. `kind`: how the complaint names it.
  static func runsForGood(_ kind: String) -> Rule {
    .custom { context in
      guard let pod = context.value?["template"]?["spec"] else { return }
      let policy = pod.string(at: "restartPolicy")
      if policy != "Always" { context.knowsOnly(["Always"], not: policy, at: "template", "spec", "restartPolicy") }
      if pod.isSet("activeDeadlineSeconds") {
        context.forbids(
          "template", "spec", "activeDeadlineSeconds", detail: "activeDeadlineSeconds in \(kind) is not Supported")
      }
    }
  }

  /// Complains of a strategy, the value, whose type is none of `values`. `type`: as Go's struct is called.
  static func knowsStrategies(_ values: [String], _ type: String, _ context: inout RuleContext) {
    var shown = context.value ?? .object(JSONObject())
    shown.edit("rollingUpdate") { update in
      for member in ["maxUnavailable", "maxSurge"] where !update.isSet(member) { update[member] = 0 }
    }
    let text = InternalForm.text(of: shown, as: "io.k8s.api.apps.v1.\(type)")
    context.report(.notSupported(context.path(), bare: text, values))
  }

  /// Looks at both numbers of a rolling update, the value, and tells them. What more they may not be is asked after
  /// this.
  static func rollingNumbers(_ context: inout RuleContext) -> (unavailable: JSONValue, surge: JSONValue) {
    let (unavailable, surge) = (context.value?["maxUnavailable"] ?? 0, context.value?["maxSurge"] ?? 0)
    context.look(at: unavailable, "maxUnavailable", IntOrPercent.notNegative)
    context.look(at: surge, "maxSurge", IntOrPercent.notNegative)
    return (unavailable, surge)
  }

  /// The spec's selector may not change.
  static let selectorStays: Rule = .at("spec", .at("selector", .immutable))

  // MARK: status

  /// For a status: none of these counts is below zero.
  static func counts(_ members: String...) -> [Rule] { members.map { .at($0, .atLeast(0)) } }

  /// For a status: none of these is more than all replicas, nor are more available than ready.
  static func areAmongReplicas(_ members: String..., ready: String = "readyReplicas") -> Rule {
    .custom { context in
      guard let status = context.value else { return }
      for member in members where status.int(at: member) > status.int(at: "replicas") {
        context.refuses(
          value: .int(status.int(at: member)), "cannot be greater than status.replicas", at: .member(member))
      }
      let available = status.int(at: "availableReplicas")
      if available > status.int(at: "readyReplicas") {
        context.refuses(value: .int(available), "cannot be greater than \(ready)", at: "availableReplicas")
      }
    }
  }

  /// For the object: collisions are counted upwards.
  static let collisionsGrow: Rule.Function = { context in
    let (new, old) = (context.value?["status"], context.old?["status"])
    guard let before = old?["collisionCount"]?.int else { return }
    let count = new?["collisionCount"]?.int
    if let count, count >= before { return }
    context.refuses(value: .int(count ?? 0), "cannot be decremented", at: "status", "collisionCount")
  }
}
