import JSON
import Machinery
import Registry

extension ResourceDefinition {
  /// Containers that run together. (Kubernetes: pkg/registry/core/pod)
  static let pods = ResourceDefinition(
    "pods", kind: "Pod", shortNames: ["po"], categories: ["all"], scope: .namespaced, folder: "pods", versions: [.v1],
    main: .main(keeps: ["status"], prepare: PodPreparation.change),
    subresources: [
      SubresourceDefinition(
        .status, keeps: ["spec"],
        disowned: [["metadata", "deletionTimestamp"], ["metadata", "ownerReferences"]],
        warns: true, prepare: PodPreparation.changeStatus),
      .posted(PodBinding.subresource, PodBinding.action),
      .posted(PodEviction.subresource, PodEviction.action),
      PodParts.ephemeralContainers, PodParts.resize,
    ] + PodStreams.all,
    rules: PodRules.all, generation: .ofSpec,
    deletion: DeletionRule {
      $0.answersObject = true
      $0.grace = PodPreparation.grace
    },
    defaults: PodDefaults.applyToPod, prepareForCreate: PodPreparation.begin,
    earlyWarnings: PodPreparation.appArmorWarnings,
    warnings: { pod, old in
      // Of changes only those of the status can bring something worth a word.
      if let old { return pod["status"] == old["status"] ? [] : PodStatusRules.warnings(pod) }
      let problems = NameValidation.dns1123Label(pod["metadata"]?["name"]?.string ?? "")
      let hint =
        "metadata.name: this is used in the Pod's hostname, which can result in surprising behavior; a DNS label is "
        + "recommended: [\(problems.joined(separator: " "))]"
      return (problems.isEmpty ? [] : [hint]) + PodWarnings.ofPod(pod)
    },
    selectableFields: [
      SelectableField("spec.nodeName"), SelectableField("spec.restartPolicy"), SelectableField("spec.schedulerName"),
      SelectableField("spec.serviceAccountName"), SelectableField("spec.hostNetwork", missing: "false"),
      SelectableField("status.phase"), SelectableField("status.podIP"), SelectableField("status.nominatedNodeName"),
      // What old clients say for the node, and what can be asked for but is nowhere.
      SelectableField("spec.host") { $0.text(["spec", "nodeName"]) ?? "" },
      SelectableField("status.podIPs") { _ in "" },
    ],
    unknownField: .label, trigger: "spec.nodeName", columns: PodTable.columns,
    postedCollections: [PostedCollection("bindings", singular: "binding", for: PodBinding.subresource)])
}
