import JSON
import Machinery
import Registry

extension ResourceDefinition {
  /// A way to make volumes. (Kubernetes: pkg/registry/storage/storageclass)
  static let storageClasses = ResourceDefinition(
    "storageclasses.storage.k8s.io", kind: "StorageClass", shortNames: ["sc"], scope: .cluster,
    folder: "storageclasses", versions: [.v1],
    rules: StorageClassRules.all, deletion: DeletionRule { $0.answersObject = true },
    defaults: StorageClassDefaults.apply,
    warnings: { storageClass, _ in StorageClassWarnings.all(storageClass) },
    columns: StorageClassTable.columns)
}

private enum StorageClassDefaults {
  static func apply(_ storageClass: inout JSONValue) {
    if storageClass["reclaimPolicy"]?.string == nil {
      storageClass.set(
        "reclaimPolicy", "Delete", before: "mountOptions", "allowVolumeExpansion", "volumeBindingMode",
        "allowedTopologies")
    }
    if storageClass["volumeBindingMode"]?.string == nil {
      storageClass.set("volumeBindingMode", "Immediate", before: "allowedTopologies")
    }
  }
}

/// What a client should know of its storage class. (`GetWarningsForStorageClass`)
private enum StorageClassWarnings {
  static func all(_ storageClass: JSONValue) -> [String] {
    (storageClass["allowedTopologies"]?.array ?? []).enumerated().flatMap { place, term in
      (term["matchLabelExpressions"]?.array ?? []).enumerated().compactMap { index, expression in
        DeprecatedNodeLabels.message(of: expression["key"]?.string ?? "").map {
          "allowedTopologies[\(place)].matchLabelExpressions[\(index)].key: \($0)"
        }
      }
    }
  }
}

/// The columns of `kubectl get storageclasses`. (Kubernetes: pkg/printers/internalversion, printStorageClass)
private enum StorageClassTable {
  static let columns: [TableColumn] = [
    TableColumn("Name", format: "name", description: TableColumn.name.description) { storageClass, _ in
      let name = storageClass["metadata"]?["name"]?.string ?? ""
      return .string(isDefault(storageClass["metadata"]?["annotations"]) ? "\(name) (default)" : name)
    },
    .text("Provisioner", at: "provisioner", description: "Who makes the volumes."),
    .text("ReclaimPolicy", at: "reclaimPolicy", description: "What becomes of a volume when its claim is gone."),
    .text("VolumeBindingMode", at: "volumeBindingMode", description: "When a claim gets its volume."),
    TableColumn("AllowVolumeExpansion", description: "Whether claims may grow.") { storageClass, _ in
      .bool(storageClass["allowVolumeExpansion"]?.bool ?? false)
    },
    .age,
  ]

  private static func isDefault(_ annotations: JSONNode?) -> Bool {
    annotations?["storageclass.kubernetes.io/is-default-class"]?.string == "true"
      || annotations?["storageclass.beta.kubernetes.io/is-default-class"]?.string == "true"
  }
}
