import JSON
import Machinery
import Registry

/// The columns of `kubectl get persistentvolumes`. (Kubernetes: pkg/printers/internalversion, printPersistentVolume)
enum PersistentVolumeTable {
  static let columns: [TableColumn] = [
    .name,
    TableColumn("Capacity", description: "How much the volume holds.") { volume, _ in
      .string(volume["spec"]?["capacity"]?["storage"]?.string ?? "0")
    },
    TableColumn("Access Modes", description: "How many may use the volume, and for what.") { volume, _ in
      .string(AccessModes.shown(volume["spec"]?["accessModes"]))
    },
    .text(
      "Reclaim Policy", at: "spec.persistentVolumeReclaimPolicy",
      description: "What becomes of the volume when its claim is gone."),
    TableColumn("Status", description: "Whether the volume is free, taken, given back or going.") { volume, _ in
      .string(phase(volume))
    },
    TableColumn("Claim", description: "The claim that has the volume.") { volume, _ in
      guard let claim = volume["spec"]?["claimRef"], !claim.isNull else { return "" }
      return .string("\(claim["namespace"]?.string ?? "")/\(claim["name"]?.string ?? "")")
    },
    TableColumn("StorageClass", description: "The storage class of the volume.") { volume, _ in
      .string(storageClass(volume))
    },
    attributesClass("The class of the volume's attributes."),
    .text("Reason", at: "status.reason", description: "Why the volume is as it is, in one word."),
    .age,
    volumeMode,
  ]

  // MARK: what claims show as well

  static func phase(_ object: JSONNode) -> String {
    let going = object["metadata"]?["deletionTimestamp"].map { !$0.isNull } ?? false
    return going ? "Terminating" : object["status"]?["phase"]?.string ?? ""
  }

  /// The annotation of old counts before the member.
  static func storageClass(_ object: JSONNode) -> String {
    object["metadata"]?["annotations"]?["volume.beta.kubernetes.io/storage-class"]?.string
      ?? object["spec"]?["storageClassName"]?.string ?? ""
  }

  static func attributesClass(_ description: String) -> TableColumn {
    TableColumn("VolumeAttributesClass", description: description) { object, _ in
      .string(object["spec"]?["volumeAttributesClassName"]?.string ?? "<unset>")
    }
  }

  static let volumeMode = TableColumn(
    "VolumeMode", description: "Whether it is used as a file system or as a device.", priority: 1
  ) { object, _ in .string(object["spec"]?["volumeMode"]?.string ?? "<unset>") }
}
