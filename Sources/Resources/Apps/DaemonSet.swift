import JSON
import Machinery
import Registry

extension ResourceDefinition {
  /// A pod on each node, or on each of some. (Kubernetes: pkg/registry/apps/daemonset)
  static let daemonSets = ResourceDefinition(
    "daemonsets.apps", kind: "DaemonSet", shortNames: ["ds"], categories: ["all"], scope: .namespaced,
    folder: "daemonsets", versions: [.v1],
    main: .main(
      keeps: ["status"],
      prepare: { object, old in
        Workload.prepareForUpdate(&object, old)
        DaemonSetForm.countTemplates(&object, old)
      }),
    subresources: [.status(prepare: DaemonSetForm.keepTemplateCount)],
    rules: DaemonSetRules.all, generation: .ofSpec, defaults: DaemonSetForm.applyDefaults,
    prepareForCreate: { object in
      Workload.prepareForCreate(&object)
      object["status"] = [
        "currentNumberScheduled": 0, "numberMisscheduled": 0, "desiredNumberScheduled": 0, "numberReady": 0,
      ]
      DaemonSetForm.setTemplateCount(max(1, DaemonSetForm.templateCount(object)), of: &object)
    },
    warnings: { object, old in
      if let old, DaemonSetForm.templateCount(old) == DaemonSetForm.templateCount(object) { return [] }
      return PodWarnings.ofTemplate(object["spec"]?["template"], at: "spec.template")
    },
    columns: [
      .name,
      WorkloadColumns.count(
        "Desired", "status", "desiredNumberScheduled", description: "On how many nodes a pod shall run."),
      WorkloadColumns.count(
        "Current", "status", "currentNumberScheduled", description: "On how many of them one runs."),
      WorkloadColumns.count("Ready", "status", "numberReady", description: "On how many of them one is ready."),
      WorkloadColumns.count(
        "Up-to-date", "status", "updatedNumberScheduled",
        description: "On how many nodes the pod is of the form that is wanted."),
      WorkloadColumns.count(
        "Available", "status", "numberAvailable", description: "On how many nodes one has been ready for long enough."),
      TableColumn(
        "Node Selector", description: "The labels of the nodes that get one.",
        cell: ContainerColumns.labels(at: ["spec", "template", "spec", "nodeSelector"])),
      .age,
    ] + WorkloadColumns.containers + [WorkloadColumns.selector], hiddenAnnotations: [DaemonSetForm.count])
}

/// What a daemon set gets that does not say, and how changes of its template are counted.
enum DaemonSetForm {
  private static let spec = TypeOrder("io.k8s.api.apps.v1.DaemonSetSpec")
  private static let strategy = TypeOrder("io.k8s.api.apps.v1.DaemonSetUpdateStrategy")
  private static let rollingUpdate = TypeOrder("io.k8s.api.apps.v1.RollingUpdateDaemonSet")
  /// What was a member once: how often the template changed.
  static let count = "deprecated.daemonset.template.generation"

  static func applyDefaults(_ object: inout JSONValue) {
    let given = Workload.annotation(count, of: object)
    if given == nil || Workload.number(given) != nil { setTemplateCount(templateCount(object), of: &object) }
    object.edit("spec") { spec in
      if !spec.isSet("updateStrategy") { self.spec.set("updateStrategy", [:], in: &spec) }
      spec.edit("updateStrategy", applyDefaults(toStrategy:))
      self.spec.fillPointer("revisionHistoryLimit", 10, in: &spec)
      spec.edit("template") { PodDefaults.applyToTemplate(&$0) }
    }
  }

  private static func applyDefaults(toStrategy strategy: inout JSONValue) {
    self.strategy.fill("type", "RollingUpdate", in: &strategy)
    guard strategy.string(at: "type") == "RollingUpdate" else { return }
    self.strategy.fillPointer("rollingUpdate", [:], in: &strategy)
    strategy.edit("rollingUpdate") { update in
      rollingUpdate.fillPointer("maxUnavailable", 1, in: &update)
      rollingUpdate.fillPointer("maxSurge", 0, in: &update)
    }
  }

  static func templateCount(_ object: JSONValue) -> Int64 {
    Workload.number(Workload.annotation(count, of: object)) ?? 0
  }

  static func setTemplateCount(_ number: Int64, of object: inout JSONValue) {
    Workload.setAnnotation(count, String(number), of: &object)
  }

  /// Clients have no say in it.
  static let countTemplates: ResourceDefinition.UpdateHook = { object, old in
    let before = templateCount(old)
    let isSame = RuleContext.areSame(object["spec"]?["template"], old["spec"]?["template"])
    setTemplateCount(isSame || before == .max ? before : before + 1, of: &object)
  }

  static let keepTemplateCount: ResourceDefinition.UpdateHook = { object, old in
    setTemplateCount(templateCount(old), of: &object)
  }
}
