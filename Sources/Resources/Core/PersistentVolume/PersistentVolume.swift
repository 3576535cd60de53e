import JSON
import Machinery
import Registry

extension ResourceDefinition {
  /// Room for data that outlives those who use it. (Kubernetes: pkg/registry/core/persistentvolume)
  static let persistentVolumes = ResourceDefinition(
    "persistentvolumes", kind: "PersistentVolume", shortNames: ["pv"], scope: .cluster, folder: "persistentvolumes",
    versions: [.v1], main: .main(keeps: ["status"]),
    subresources: [.status(prepare: PersistentVolumeForm.keepTransition)],
    rules: PersistentVolumeRules.all, deletion: DeletionRule { $0.answersObject = true },
    defaults: PersistentVolumeForm.applyDefaults, prepareForCreate: PersistentVolumeForm.begin,
    warnings: { volume, _ in PersistentVolumeWarnings.all(volume) },
    columns: PersistentVolumeTable.columns)
}

/// What a persistent volume gets that does not say, and how it begins.
enum PersistentVolumeForm {
  static func applyDefaults(_ volume: inout JSONValue) {
    if (volume["status"]?["phase"]?.string ?? "").isEmpty {
      var status = volume["status"] ?? [:]
      status.set("phase", "Pending", before: "message", "reason", "lastPhaseTransitionTime")
      volume["status"] = status
    }
    var spec = volume["spec"] ?? [:]
    if (spec["persistentVolumeReclaimPolicy"]?.string ?? "").isEmpty {
      spec.set(
        "persistentVolumeReclaimPolicy", "Retain", before: "storageClassName", "mountOptions", "volumeMode",
        "nodeAffinity", "volumeAttributesClassName")
    }
    if spec["volumeMode"]?.string == nil {
      spec.set("volumeMode", "Filesystem", before: "nodeAffinity", "volumeAttributesClassName")
    }
    VolumeDefaults.applyToPersistent(&spec)
    ResourceLists.roundUp(&spec["capacity"])
    volume["spec"] = spec
  }

  static func begin(_ volume: inout JSONValue) {
    volume["status"] = ["phase": "Pending", "lastPhaseTransitionTime": .string(Timestamp.text(Timestamp.now))]
  }

  /// A new phase begins now where the writer does not say; the old one keeps its time.
  static func keepTransition(_ volume: inout JSONValue, _ old: JSONValue) {
    let (new, before) = (volume["status"], old["status"])
    let time = new?["lastPhaseTransitionTime"]?.string
    let known = before?["lastPhaseTransitionTime"]?.string
    if new?["phase"]?.string == before?["phase"]?.string {
      if time == nil, let known { volume["status"]?.set("lastPhaseTransitionTime", .string(known)) }
    } else if time == nil || time == known {
      volume["status"]?.set("lastPhaseTransitionTime", .string(Timestamp.text(Timestamp.now)))
    }
  }
}

/// What a client should know of its persistent volume. (`GetWarningsForPersistentVolume`)
private enum PersistentVolumeWarnings {
  static func all(_ volume: JSONValue) -> [String] {
    let spec = volume["spec"]
    let annotations = volume["metadata"]?["annotations"]
    var warnings = oldAnnotations.filter { annotations?[$0.key] != nil }.map {
      "metadata.annotations[\($0.key)]: \($0.message)"
    }
    if spec?["persistentVolumeReclaimPolicy"]?.string == "Recycle" {
      let advice = "Instead, the recommended approach is to use dynamic provisioning."
      warnings.append("spec.persistentVolumeReclaimPolicy: The Recycle reclaim policy is deprecated. \(advice)")
    }
    for (place, term) in (spec?["nodeAffinity"]?["required"]?["nodeSelectorTerms"]?.array ?? []).enumerated() {
      warnings += DeprecatedNodeLabels.warnings(
        of: term, at: "spec.nodeAffinity.required.nodeSelectorTerms[\(place)]")
    }
    return warnings + goneSources.filter { spec?[$0.member]?.object != nil }.map { "spec.\($0.shown): \($0.message)" }
  }

  private static let oldAnnotations = [
    (
      key: "volume.beta.kubernetes.io/storage-class",
      message: #"deprecated since v1.8; use "storageClassName" attribute instead"#
    ),
    (
      key: "volume.beta.kubernetes.io/mount-options",
      message: #"deprecated since v1.31; use "mountOptions" attribute instead"#
    ),
  ]

  private static let goneSources: [(member: String, shown: String, message: String)] = [
    ("cephfs", "cephfs", "deprecated in v1.28, non-functional in v1.31+"),
    ("photonPersistentDisk", "photonPersistentDisk", "deprecated in v1.11, non-functional in v1.16+"),
    ("scaleIO", "scaleIO", "deprecated in v1.16, non-functional in v1.22+"),
    ("storageos", "storageOS", "deprecated in v1.22, non-functional in v1.25+"),
    ("glusterfs", "glusterfs", "deprecated in v1.25, non-functional in v1.26+"),
    ("rbd", "rbd", "deprecated in v1.28, non-functional in v1.31+"),
  ]
}
