import JSON
import Machinery
import Registry

extension ResourceDefinition {
  /// A number of equal pods, and how a new form of them takes the place of the old. (Kubernetes:
  /// pkg/registry/apps/deployment)
  static let deployments = ResourceDefinition(
    "deployments.apps", kind: "Deployment", shortNames: ["deploy"], categories: ["all"], scope: .namespaced,
    folder: "deployments", versions: [.v1],
    main: .main(keeps: ["status"], prepare: Workload.prepareForUpdate),
    subresources: [
      Scale.of(
        "io.k8s.api.apps.v1.DeploymentSpec", versions: ["apps/v1beta1", "apps/v1beta2", "apps/v1"],
        selector: LabelSelectorText.query),
      .status(disowned: [["metadata", "labels"]], prepare: DeploymentForm.keepForStatus),
    ],
    rules: DeploymentRules.all, generation: .when(DeploymentForm.hasChanged),
    defaults: DeploymentForm.applyDefaults, prepareForCreate: Workload.prepareForCreate, warnings: Workload.warnings,
    columns: [
      .name, WorkloadColumns.ready,
      WorkloadColumns.count(
        "Up-to-date", "status", "updatedReplicas", type: "string",
        description: "How many pods are of the form that is wanted."),
      WorkloadColumns.count(
        "Available", "status", "availableReplicas", type: "string",
        description: "How many pods have been ready for long enough."),
      .age,
    ] + WorkloadColumns.containers + [
      TableColumn("Selector", description: "The labels of the pods that count.", priority: 1) { object, _ in
        let selector = object["spec"]?["selector"].map { JSONValue($0) } ?? .null
        return .string(LabelSelectorText.query(selector) ?? "<invalid>")
      }
    ], hiddenAnnotations: [DeploymentForm.rollback])
}

/// What a deployment gets that does not say, and what of it counts.
enum DeploymentForm {
  private static let spec = TypeOrder("io.k8s.api.apps.v1.DeploymentSpec")
  private static let strategy = TypeOrder("io.k8s.api.apps.v1.DeploymentStrategy")
  private static let rollingUpdate = TypeOrder("io.k8s.api.apps.v1.RollingUpdateDeployment")
  /// What was a member once: the revision to go back to.
  static let rollback = "deprecated.deployment.rollback.to"

  static func applyDefaults(_ object: inout JSONValue) {
    if let given = Workload.annotation(rollback, of: object) {
      let number = Workload.number(given)
      if given.isEmpty || number != nil {
        Workload.setAnnotation(rollback, number.map { String($0) }, of: &object)
      }
    }
    object.edit("spec") { spec in
      self.spec.fillPointer("replicas", 1, in: &spec)
      if !spec.isSet("strategy") { self.spec.set("strategy", [:], in: &spec) }
      spec.edit("strategy", applyDefaults(toStrategy:))
      self.spec.fillPointer("revisionHistoryLimit", 10, in: &spec)
      self.spec.fillPointer("progressDeadlineSeconds", 600, in: &spec)
      spec.edit("template") { PodDefaults.applyToTemplate(&$0) }
    }
  }

  private static func applyDefaults(toStrategy strategy: inout JSONValue) {
    self.strategy.fill("type", "RollingUpdate", in: &strategy)
    guard strategy.string(at: "type") == "RollingUpdate" else { return }
    self.strategy.fillPointer("rollingUpdate", [:], in: &strategy)
    strategy.edit("rollingUpdate") { update in
      rollingUpdate.fillPointer("maxUnavailable", "25%", in: &update)
      rollingUpdate.fillPointer("maxSurge", "25%", in: &update)
    }
  }

  /// Replica sets take the annotations over, so these count as well as the spec.
  static let hasChanged: GenerationRule.Change = { new, old in
    let (after, before) = (new["metadata"]?["annotations"], old["metadata"]?["annotations"])
    let areBothEmpty = after?.object?.isEmpty != false && before?.object?.isEmpty != false
    return new["spec"] != old["spec"] || !areBothEmpty && after != before
  }

  /// A write of the status leaves labels alone, and what was a member of the spec once.
  static let keepForStatus: ResourceDefinition.UpdateHook = { object, old in
    if var metadata = object["metadata"]?.object {
      metadata["labels"] = old["metadata"]?["labels"]
      object["metadata"] = .object(MetadataOrder.sorted(metadata))
    }
    Workload.setAnnotation(rollback, Workload.annotation(rollback, of: old), of: &object)
  }
}
