import JSON
import Registry

extension ResourceDefinition {
  /// A number of equal pods. (Kubernetes: pkg/registry/apps/replicaset)
  static let replicaSets = ResourceDefinition(
    "replicasets.apps", kind: "ReplicaSet", shortNames: ["rs"], categories: ["all"], scope: .namespaced,
    folder: "replicasets", versions: [.v1],
    main: .main(keeps: ["status"], prepare: Workload.prepareForUpdate),
    subresources: [
      Scale.of(
        "io.k8s.api.apps.v1.ReplicaSetSpec", versions: ["apps/v1beta2", "apps/v1"], selector: LabelSelectorText.query),
      .status(),
    ],
    rules: ReplicaSetRules.all, generation: .ofSpec,
    defaults: { object in
      object.edit("spec") { spec in
        ReplicaSetRules.order.fillPointer("replicas", 1, in: &spec)
        spec.edit("template") { PodDefaults.applyToTemplate(&$0) }
      }
    },
    prepareForCreate: { object in
      Workload.prepareForCreate(&object)
      object["status"] = ["replicas": 0]
    },
    warnings: Workload.warnings,
    columns: [
      .name,
      WorkloadColumns.count("Desired", "spec", "replicas", description: "How many pods there shall be."),
      WorkloadColumns.count("Current", "status", "replicas", description: "How many pods there are."),
      WorkloadColumns.count("Ready", "status", "readyReplicas", description: "How many pods are ready."),
      .age,
    ] + WorkloadColumns.containers + [WorkloadColumns.selector])
}

/// Rules for replica sets. (Kubernetes: pkg/apis/apps/validation, `ValidateReplicaSet` and its siblings)
enum ReplicaSetRules {
  static let order = TypeOrder("io.k8s.api.apps.v1.ReplicaSetSpec")

  static let all: [Rule] = [
    .onCreate(.metadata(.subdomain)),
    .onUpdate(.metadataUpdate),
    .on(.main, .at("spec", spec), .onUpdate(WorkloadRules.selectorStays)),
    .on(.status, .at("status", status)),
  ]

  private static let spec: [Rule] =
    [.at("replicas", .atLeast(0)), .at("minReadySeconds", .atLeast(0)), WorkloadRules.selector("deployment")]
    + WorkloadRules.template(
      [.at("template", PodTemplateRules.all), WorkloadRules.runsForGood("ReplicaSet")],
      unreadable: "invalid label selector")

  private static let status: [Rule] =
    WorkloadRules.counts(
      "replicas", "fullyLabeledReplicas", "readyReplicas", "availableReplicas", "observedGeneration",
      "terminatingReplicas")
    + [WorkloadRules.areAmongReplicas("fullyLabeledReplicas", "readyReplicas", "availableReplicas")]
}
