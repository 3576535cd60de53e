import JSON
import Machinery
import Registry

extension ResourceDefinition {
  /// A number of equal pods, in the form that came before replica sets. (Kubernetes:
  /// pkg/registry/core/replicationcontroller)
  static let replicationControllers = ResourceDefinition(
    "replicationcontrollers", kind: "ReplicationController", shortNames: ["rc"], categories: ["all"],
    scope: .namespaced, folder: "controllers", versions: [.v1],
    main: .main(
      keeps: ["status"],
      prepare: { object, old in
        object.edit("spec") { spec in
          spec.edit("template") { PodGates.dropFromTemplate(&$0, old: old["spec"]?["template"]) }
        }
      }),
    subresources: [
      Scale.of("io.k8s.api.core.v1.ReplicationControllerSpec", versions: ["v1"]) {
        LabelSelectorText.query(["matchLabels": $0])
      },
      .status(),
    ],
    rules: ReplicationControllerRules.all,
    generation: .ofSpec, deletion: DeletionRule { $0.orphansByDefault = true },
    defaults: ReplicationControllerDefaults.apply,
    prepareForCreate: { object in
      object["status"] = ["replicas": 0]
      object.edit("spec") { spec in spec.edit("template") { PodGates.dropFromTemplate(&$0, old: nil) } }
    },
    warnings: ReplicationControllerWarnings.all,
    selectableFields: [SelectableField("status.replicas", missing: "0")], unknownField: .label,
    columns: [
      .name,
      TableColumn("Desired", type: "integer", description: "How many pods there shall be.") { object, _ in
        .int(object["spec"]?["replicas"]?.int ?? 0)
      },
      TableColumn("Current", type: "integer", description: "How many pods there are.") { object, _ in
        .int(object["status"]?["replicas"]?.int ?? 0)
      },
      TableColumn("Ready", type: "integer", description: "How many pods are ready.") { object, _ in
        .int(object["status"]?["readyReplicas"]?.int ?? 0)
      },
      .age,
      TableColumn(
        "Containers", description: "The names of the containers.", priority: 1,
        cell: ContainerColumns.list("name", of: ["spec", "template", "spec"])),
      TableColumn(
        "Images", description: "The images of the containers.", priority: 1,
        cell: ContainerColumns.list("image", of: ["spec", "template", "spec"])),
      TableColumn(
        "Selector", description: "The labels of the pods that count.", priority: 1,
        cell: ContainerColumns.labels(at: ["spec", "selector"])),
    ])
}

/// What a replication controller gets that does not say.
enum ReplicationControllerDefaults {
  private static let order = TypeOrder("io.k8s.api.core.v1.ReplicationControllerSpec")

  static func apply(_ object: inout JSONValue) {
    let labels = object["spec"]?["template"]?["metadata"]?["labels"]
    object.edit("spec") { spec in
      order.fillPointer("replicas", 1, in: &spec)
      if let labels, spec["selector"]?.object?.isEmpty != false { order.set("selector", labels, in: &spec) }
      spec.edit("template") { PodDefaults.applyToTemplate(&$0) }
    }
    if let labels, object["metadata"]?["labels"]?.object?.isEmpty != false {
      metadataOrder.setLabels(labels, in: &object)
    }
  }

  private static let metadataOrder = TypeOrder("io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta")
}

extension TypeOrder {
  fileprivate func setLabels(_ labels: JSONValue, in object: inout JSONValue) {
    if !object.isSet("metadata") { return object["metadata"] = ["labels": labels] }
    object.edit("metadata") { set("labels", labels, in: &$0) }
  }
}

/// What a client should know of its replication controller.
enum ReplicationControllerWarnings {
  static func all(_ object: JSONValue, _ old: JSONValue?) -> [String] {
    guard let old else {
      let problems = NameValidation.dns1123Label(object["metadata"]?["name"]?.string ?? "")
      let hint =
        "metadata.name: this is used in Pod names and hostnames, which can result in surprising behavior; a DNS label "
        + "is recommended: [\(problems.joined(separator: " "))]"
      return (problems.isEmpty ? [] : [hint])
        + PodWarnings.ofTemplate(object["spec"]?["template"], at: "spec.template")
    }
    // Upstream looks at the template that was there.
    return old["metadata"]?["generation"] == object["metadata"]?["generation"]
      ? [] : PodWarnings.ofTemplate(old["spec"]?["template"], at: "spec.template")
  }
}
