import JSON
import Machinery
import Registry

extension ResourceDefinition {
  /// How many of some pods may be missing at a time. (Kubernetes: pkg/registry/policy/poddisruptionbudget)
  static let podDisruptionBudgets = ResourceDefinition(
    "poddisruptionbudgets.policy", kind: "PodDisruptionBudget", shortNames: ["pdb"], scope: .namespaced,
    folder: "poddisruptionbudgets", versions: [.v1], puts: [.needVersion],
    main: .main(keeps: ["status"]), subresources: [.status()],
    rules: PodDisruptionBudgetRules.all,
    generation: .ofSpec,
    prepareForCreate: {
      $0["status"] = ["disruptionsAllowed": 0, "currentHealthy": 0, "desiredHealthy": 0, "expectedPods": 0]
    },
    columns: [
      .name,
      TableColumn("Min Available", description: "How many pods have to be available.") { object, _ in
        PodDisruptionBudgetRules.cell(object["spec"]?["minAvailable"])
      },
      TableColumn("Max Unavailable", description: "How many pods may be unavailable.") { object, _ in
        PodDisruptionBudgetRules.cell(object["spec"]?["maxUnavailable"])
      },
      TableColumn(
        "Allowed Disruptions", type: "integer", description: "How many more pods may be disrupted now."
      ) { object, _ in .int(object["status"]?["disruptionsAllowed"]?.int ?? 0) },
      .age,
    ])
}

/// Rules for budgets of disruptions. (Kubernetes: pkg/apis/policy/validation)
enum PodDisruptionBudgetRules {
  static let all: [Rule] = [.on(.main, .at("spec", spec)), .on(.status, .at("status", status))]

  private static let badValues = "selector asks for values that no label has"

  private static let spec: [Rule] = [
    .custom { context in
      guard let spec = context.value, spec.isSet("minAvailable"), spec.isSet("maxUnavailable") else { return }
      let shown = InternalForm.text(of: spec, as: "io.k8s.api.policy.v1.PodDisruptionBudgetSpec")
      context.report(.invalid(context.path(), bare: shown, "minAvailable and maxUnavailable cannot be both set"))
    },
    .at("minAvailable", .custom(IntOrPercent.notNegative), .custom(IntOrPercent.notMoreThanAll)),
    .at("maxUnavailable", .custom(IntOrPercent.notNegative), .custom(IntOrPercent.notMoreThanAll)),
    .tolerating(
      { _, old in
        // Whatever was wrong with the selector before.
        old["spec"]?["selector"].map { $0.isNull || RuleContext.isGoodLabelSelector($0) } ?? true ? [] : [badValues]
      }, .at("selector", .unlessOption(badValues, .labelSelector), .ifOption(badValues, .labelSelectorOfAnyValue))),
    .at("unhealthyPodEvictionPolicy", .oneOf("AlwaysAllow", "IfHealthyBudget")),
  ]

  private static let status: [Rule] = [
    .at("conditions", Conditions.rules),
    .at("disruptionsAllowed", .atLeast(0)),
    .at("currentHealthy", .atLeast(0)),
    .at("desiredHealthy", .atLeast(0)),
    .at("expectedPods", .atLeast(0)),
  ]

  fileprivate static func cell(_ amount: JSONNode?) -> JSONValue {
    guard let amount, amount.kind != .null else { return "N/A" }
    return .string(amount.string ?? amount.int.map { String($0) } ?? "")
  }
}
