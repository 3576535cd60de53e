import JSON
import Machinery
import Registry

extension ResourceDefinition {
  /// How much room a driver has for a class of volumes, somewhere. (Kubernetes:
  /// pkg/registry/storage/csistoragecapacity)
  static let csiStorageCapacities = ResourceDefinition(
    "csistoragecapacities.storage.k8s.io", kind: "CSIStorageCapacity", scope: .namespaced,
    folder: "csistoragecapacities", versions: [.v1],
    puts: [.needVersion],
    rules: CSIStorageCapacityRules.all,
    warnings: { capacity, _ in CSIStorageCapacityWarnings.all(capacity) },
    columns: [
      .name,
      .text("StorageClassName", at: "storageClassName", description: "The class of the volumes."),
      TableColumn("Capacity", description: "How much room there is.") { capacity, _ in
        .string(capacity["capacity"]?.string ?? "<unset>")
      },
    ])
}

/// Rules for storage capacities. (Kubernetes: pkg/apis/storage/validation, `ValidateCSIStorageCapacity` and
/// `ValidateCSIStorageCapacityUpdate`)
enum CSIStorageCapacityRules {
  static let all: [Rule] = [
    .metadata(.subdomain),
    .at("nodeTopology", .labelSelector),
    .at("storageClassName", .format(.dns1123Subdomain)),
    .at("capacity", .custom(notNegative)),
    .onUpdate(
      .metadataUpdate,
      .at("nodeTopology", .immutable),
      .at("storageClassName", .immutable)),
  ]

  private static let notNegative: Rule.Function = { context in
    guard let text = context.value?.string, let quantity = try? Quantity(parsing: text), quantity.isBelowZero else {
      return
    }
    context.invalid(text, "must be greater than or equal to 0")
  }
}

/// What a client should know of the nodes that it names. (`GetWarningsForNodeSelector`)
private enum CSIStorageCapacityWarnings {
  static func all(_ capacity: JSONValue) -> [String] {
    guard let selector = capacity["nodeTopology"] else { return [] }
    let labels = (selector["matchLabels"]?.object?.members ?? []).compactMap { label in
      DeprecatedNodeLabels.message(of: label.name).map { "nodeTopology.matchLabels.\(label.name): \($0)" }
    }
    return DeprecatedNodeLabels.warnings(of: selector, at: "nodeTopology") + labels
  }
}
