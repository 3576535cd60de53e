import JSON
import Registry

extension ResourceDefinition {
  /// Pods with names of their own, and what each of them keeps. (Kubernetes: pkg/registry/apps/statefulset)
  static let statefulSets = ResourceDefinition(
    "statefulsets.apps", kind: "StatefulSet", shortNames: ["sts"], categories: ["all"], scope: .namespaced,
    folder: "statefulsets", versions: [.v1],
    main: .main(
      keeps: ["status"],
      prepare: { object, old in
        StatefulSetForm.dropGated(&object, old: old)
        Workload.prepareForUpdate(&object, old)
      }),
    subresources: [
      Scale.of(
        "io.k8s.api.apps.v1.StatefulSetSpec", versions: ["apps/v1beta1", "apps/v1beta2", "apps/v1"],
        selector: LabelSelectorText.query),
      .status(),
    ],
    rules: StatefulSetRules.all, generation: .ofSpec, defaults: StatefulSetForm.applyDefaults,
    prepareForCreate: { object in
      StatefulSetForm.dropGated(&object, old: nil)
      Workload.prepareForCreate(&object)
      object["status"] = ["replicas": 0, "availableReplicas": 0]
    },
    warnings: StatefulSetForm.warnings,
    columns: [.name, WorkloadColumns.ready, .age] + WorkloadColumns.containers)
}

/// What a stateful set gets that does not say, and what its author should know.
enum StatefulSetForm {
  private static let spec = TypeOrder("io.k8s.api.apps.v1.StatefulSetSpec")
  private static let strategy = TypeOrder("io.k8s.api.apps.v1.StatefulSetUpdateStrategy")
  private static let rollingUpdate = TypeOrder("io.k8s.api.apps.v1.RollingUpdateStatefulSetStrategy")
  private static let retention = TypeOrder(
    "io.k8s.api.apps.v1.StatefulSetPersistentVolumeClaimRetentionPolicy")
  private static let claim = TypeOrder("io.k8s.api.core.v1.PersistentVolumeClaim")

  static func applyDefaults(_ object: inout JSONValue) {
    object.edit("spec") { spec in
      self.spec.fill("podManagementPolicy", "OrderedReady", in: &spec)
      if !spec.isSet("updateStrategy") { self.spec.set("updateStrategy", [:], in: &spec) }
      spec.edit("updateStrategy", applyDefaults(toStrategy:))
      self.spec.fillPointer("persistentVolumeClaimRetentionPolicy", [:], in: &spec)
      spec.edit("persistentVolumeClaimRetentionPolicy") { policy in
        retention.fill("whenDeleted", "Retain", in: &policy)
        retention.fill("whenScaled", "Retain", in: &policy)
      }
      self.spec.fillPointer("replicas", 1, in: &spec)
      self.spec.fillPointer("revisionHistoryLimit", 10, in: &spec)
      spec.edit("template") { PodDefaults.applyToTemplate(&$0) }
      spec.editEach("volumeClaimTemplates") { template in
        claim.set("kind", "PersistentVolumeClaim", in: &template)
        claim.set("apiVersion", "v1", in: &template)
        PersistentVolumeClaimForm.applyDefaults(&template)
      }
    }
  }

  private static func applyDefaults(toStrategy strategy: inout JSONValue) {
    if strategy.string(at: "type").isEmpty {
      self.strategy.set("type", "RollingUpdate", in: &strategy)
      self.strategy.fillPointer("rollingUpdate", [:], in: &strategy)
    }
    guard strategy.string(at: "type") == "RollingUpdate" else { return }
    strategy.edit("rollingUpdate") { rollingUpdate.fillPointer("partition", 0, in: &$0) }
  }

  /// The feature gate MaxUnavailableStatefulSet is closed; who has the member stored may keep it.
  static func dropGated(_ object: inout JSONValue, old: JSONValue?) {
    if old?["spec"]?["updateStrategy"]?["rollingUpdate"]?.isSet("maxUnavailable") == true { return }
    object.edit("spec") { spec in
      spec.edit("updateStrategy") { strategy in strategy.edit("rollingUpdate") { $0["maxUnavailable"] = nil } }
    }
  }

  static let warnings: ResourceDefinition.Warnings = { object, old in
    let templates = (object["spec"]?.array(at: "volumeClaimTemplates") ?? []).enumerated().flatMap { place, claim in
      // So upstream spells it.
      let member = old == nil ? "" : ".Spec"
      return PersistentVolumeClaimForm.specWarnings(
        claim["spec"], at: "spec.volumeClaimTemplates[\(place)]\(member)")
    }
    let limit = object["spec"]?.int(at: "revisionHistoryLimit") ?? 0
    let hint =
      "spec.revisionHistoryLimit: a negative value retains all historical revisions; a value >= 0 is recommended"
    return Workload.template(object, old) + templates + (limit < 0 ? [hint] : [])
  }
}
