import JSON
import Machinery
import Registry

extension ResourceDefinition {
  /// Somebody's wish for a volume. (Kubernetes: pkg/registry/core/persistentvolumeclaim)
  static let persistentVolumeClaims = ResourceDefinition(
    "persistentvolumeclaims", kind: "PersistentVolumeClaim", shortNames: ["pvc"], scope: .namespaced,
    folder: "persistentvolumeclaims", versions: [.v1],
    main: .main(
      keeps: ["status"], prepare: { ClaimDataSources.settle(&$0, old: $1) }),
    subresources: [.status()],
    rules: PersistentVolumeClaimRules.all, deletion: DeletionRule { $0.answersObject = true },
    defaults: PersistentVolumeClaimForm.applyDefaults,
    prepareForCreate: { claim in
      claim["status"] = ["phase": "Pending"]
      ClaimDataSources.settle(&claim, old: nil)
    },
    warnings: { claim, _ in PersistentVolumeClaimForm.warnings(claim) },
    columns: PersistentVolumeClaimTable.columns)
}

/// What a claim gets that does not say, and what its author should know.
enum PersistentVolumeClaimForm {
  static func applyDefaults(_ claim: inout JSONValue) {
    var status = claim["status"] ?? [:]
    if (status["phase"]?.string ?? "").isEmpty {
      status.set(
        "phase", "Pending", before: "accessModes", "capacity", "conditions", "allocatedResources",
        "allocatedResourceStatuses", "currentVolumeAttributesClassName", "modifyVolumeStatus")
    }
    for list in ["capacity", "allocatedResources"] { ResourceLists.roundUp(&status[list]) }
    claim["status"] = status
    var spec = claim["spec"] ?? [:]
    applySpecDefaults(&spec)
    if var resources = spec["resources"] {
      for list in ["limits", "requests"] { ResourceLists.roundUp(&resources[list]) }
      spec["resources"] = resources
    }
    claim["spec"] = spec
  }

  /// Of a claim, or of a template for one. (`SetDefaults_PersistentVolumeClaimSpec`)
  static func applySpecDefaults(_ spec: inout JSONValue) {
    guard spec["volumeMode"]?.string == nil else { return }
    spec.set("volumeMode", "Filesystem", before: "dataSource", "dataSourceRef", "volumeAttributesClassName")
  }

  /// (`GetWarningsForPersistentVolumeClaim`)
  static func warnings(_ claim: JSONValue) -> [String] {
    let name = "volume.beta.kubernetes.io/storage-class"
    let advice = #"deprecated since v1.8; use "storageClassName" attribute instead"#
    return (claim["metadata"]?["annotations"]?[name] == nil ? [] : ["metadata.annotations[\(name)]: \(advice)"])
      + specWarnings(claim["spec"], at: "spec")
  }

  /// (`GetWarningsForPersistentVolumeClaimSpec`)
  static func specWarnings(_ spec: JSONValue?, at path: String) -> [String] {
    ["requests", "limits"].compactMap { list in
      guard let amount = ResourceLists.amount(spec?["resources"]?[list]?["storage"]), !amount.isInteger else {
        return nil
      }
      let shown = GoText.quoted(amount.description)
      return "\(path).resources.\(list)[storage]: fractional byte value \(shown) is invalid, must be an integer"
    }
  }
}

/// The columns of `kubectl get persistentvolumeclaims`. (Kubernetes: pkg/printers/internalversion,
/// printPersistentVolumeClaim)
private enum PersistentVolumeClaimTable {
  static let columns: [TableColumn] = [
    .name,
    TableColumn("Status", description: "Whether the claim waits, has its volume, has lost it or is going.") {
      claim, _ in .string(PersistentVolumeTable.phase(claim))
    },
    .text("Volume", at: "spec.volumeName", description: "The volume that the claim has."),
    TableColumn("Capacity", description: "How much the volume holds.") { claim, _ in
      guard isBound(claim) else { return "" }
      return .string(claim["status"]?["capacity"]?["storage"]?.string ?? "0")
    },
    TableColumn("Access Modes", description: "How many may use the volume, and for what.") { claim, _ in
      .string(isBound(claim) ? AccessModes.shown(claim["status"]?["accessModes"]) : "")
    },
    TableColumn("StorageClass", description: "The storage class of the claim.") { claim, _ in
      .string(PersistentVolumeTable.storageClass(claim))
    },
    PersistentVolumeTable.attributesClass("The class of the volume's attributes that the claim asks for."),
    .age,
    PersistentVolumeTable.volumeMode,
  ]

  private static func isBound(_ claim: JSONNode) -> Bool { claim["spec"]?["volumeName"]?.string?.isEmpty == false }
}
