import JSON
import Machinery
import Registry

/// Rules for daemon sets. (Kubernetes: pkg/apis/apps/validation, `ValidateDaemonSet` and its siblings)
enum DaemonSetRules {
  static let all: [Rule] = [
    .onCreate(.metadata(.subdomain)),
    .onUpdate(.metadataUpdate),
    .on(
      .main, .onUpdate(WorkloadRules.selectorStays),
      .tolerating(
        { _, old in
          old["spec"]?["selector"].map { $0.isNull || RuleContext.isGoodLabelSelector($0) } ?? true ? [] : [badValues]
        }, .at("spec", spec))),
    .on(.status, .at("status", status), .custom(WorkloadRules.collisionsGrow)),
  ]

  private static let badValues = "selector asks for values that no label has"

  private static let spec: [Rule] = [
    .at("selector", .unlessOption(badValues, .labelSelector), .ifOption(badValues, .labelSelectorOfAnyValue)),
    .custom(WorkloadRules.matches),
    .at("selector", .custom { context in WorkloadRules.isNotEmpty("daemonset", &context) }),
    .at("template", PodTemplateRules.all),
    WorkloadRules.runsForGood("DaemonSet"),
    .at("minReadySeconds", .atLeast(0)),
    .custom(templateCount),
    .at("updateStrategy", .custom(strategy)),
    .at("revisionHistoryLimit", .atLeast(0)),
  ]

  private static let templateCount: Rule.Function = { context in
    let count = DaemonSetForm.templateCount(context.object)
    if count < 0 {
      context.refuses(value: .int(count), "must be greater than or equal to 0", at: "templateGeneration")
    }
  }

  private static let strategy: Rule.Function = { context in
    guard let strategy = context.value else { return }
    switch strategy.string(at: "type") {
    case "OnDelete": break
    case "RollingUpdate":
      guard let update = strategy["rollingUpdate"], !update.isNull else { return context.needs("rollingUpdate") }
      context.look(at: update, "rollingUpdate", rollingUpdate)
    default: WorkloadRules.knowsStrategies(["RollingUpdate", "OnDelete"], "DaemonSetUpdateStrategy", &context)
    }
  }

  private static let rollingUpdate: Rule.Function = { context in
    let (unavailable, surge) = WorkloadRules.rollingNumbers(&context)
    context.look(at: unavailable, "maxUnavailable", IntOrPercent.notMoreThanAll)
    context.look(at: surge, "maxSurge", IntOrPercent.notMoreThanAll)
    switch (IntOrPercent.number(unavailable) != 0, IntOrPercent.number(surge) != 0) {
    case (true, true): context.refuses(value: surge, "may not be set when maxUnavailable is non-zero", at: "maxSurge")
    case (false, false): context.needs("maxUnavailable", detail: "cannot be 0 when maxSurge is 0")
    default: break
    }
  }

  private static let status =
    WorkloadRules.counts(
      "currentNumberScheduled", "numberMisscheduled", "desiredNumberScheduled", "numberReady", "observedGeneration",
      "updatedNumberScheduled", "numberAvailable", "numberUnavailable", "collisionCount")
}
