import JSON
import Machinery
import Registry

/// Rules for deployments. (Kubernetes: pkg/apis/apps/validation, `ValidateDeployment` and its siblings)
enum DeploymentRules {
  static let all: [Rule] = [
    .onCreate(.metadata(.subdomain)),
    .onUpdate(.metadataUpdate),
    .on(.main, .at("spec", spec), .onUpdate(WorkloadRules.selectorStays)),
    .on(.status, .at("status", status), .custom(WorkloadRules.collisionsGrow)),
  ]

  private static let spec: [Rule] =
    [.at("replicas", .atLeast(0)), WorkloadRules.selector("deployment")]
    + WorkloadRules.template(
      [.at("template", PodTemplateRules.all), WorkloadRules.runsForGood("ReplicaSet")],
      unreadable: "invalid label selector")
    + [
      .at("strategy", .custom(strategy)),
      .at("minReadySeconds", .atLeast(0)),
      .at("revisionHistoryLimit", .atLeast(0)),
      .custom(rollback),
      .at("progressDeadlineSeconds", .atLeast(0)),
      .custom(deadline),
    ]

  private static let strategy: Rule.Function = { context in
    guard let strategy = context.value else { return }
    let update = strategy["rollingUpdate"].flatMap { $0.isNull ? nil : $0 }
    switch strategy.string(at: "type") {
    case "Recreate":
      guard update != nil else { return }
      context.forbids("rollingUpdate", detail: "may not be specified when strategy `type` is 'Recreate'")
    case "RollingUpdate":
      guard let update else {
        return context.needs("rollingUpdate", detail: "this should be defaulted and never be nil")
      }
      context.look(at: update, "rollingUpdate", rollingUpdate)
    default: WorkloadRules.knowsStrategies(["Recreate", "RollingUpdate"], "DeploymentStrategy", &context)
    }
  }

  private static let rollingUpdate: Rule.Function = { context in
    let (unavailable, surge) = WorkloadRules.rollingNumbers(&context)
    if IntOrPercent.number(unavailable) == 0 && IntOrPercent.number(surge) == 0 {
      context.refuses(value: unavailable, "may not be 0 when `maxSurge` is 0", at: "maxUnavailable")
    }
    context.look(at: unavailable, "maxUnavailable", IntOrPercent.notMoreThanAll)
  }

  private static let rollback: Rule.Function = { context in
    guard let revision = Workload.number(Workload.annotation(DeploymentForm.rollback, of: context.object)),
      revision < 0
    else { return }
    context.refuses(value: .int(revision), "must be greater than or equal to 0", at: "rollback", "version")
  }

  private static let deadline: Rule.Function = { context in
    guard let spec = context.value, let deadline = spec["progressDeadlineSeconds"]?.int else { return }
    if deadline > spec.int(at: "minReadySeconds") { return }
    context.refuses(value: .int(deadline), "must be greater than minReadySeconds", at: "progressDeadlineSeconds")
  }

  private static let status: [Rule] =
    WorkloadRules.counts(
      "observedGeneration", "replicas", "updatedReplicas", "readyReplicas", "availableReplicas",
      "unavailableReplicas", "terminatingReplicas", "collisionCount")
    + [WorkloadRules.areAmongReplicas("updatedReplicas", "readyReplicas", "availableReplicas")]
}
