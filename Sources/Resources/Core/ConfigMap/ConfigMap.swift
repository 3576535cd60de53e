import JSON
import Registry

extension ResourceDefinition {
  /// Settings for programs. (Kubernetes: pkg/registry/core/configmap)
  static let configMaps = ResourceDefinition(
    "configmaps", kind: "ConfigMap", shortNames: ["cm"], scope: .namespaced, folder: "configmaps", versions: [.v1],
    rules: ConfigMapRules.all,
    columns: [
      .name,
      .count("Data", of: ["data", "binaryData"], description: "How many entries it has, texts and bytes alike."),
      .age,
    ])
}
