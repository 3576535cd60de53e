public import JSON

/// The priority classes that a fresh server holds, as they are created. No other may be named `system-...`.
/// (Kubernetes: pkg/apis/scheduling/v1)
public enum SystemPriorityClasses {
  public static let all: [JSONValue] = [
    priorityClass(
      "system-node-critical", value: 2_000_001_000,
      description: "Used for system critical pods that must not be moved from their current node."),
    priorityClass(
      "system-cluster-critical", value: 2_000_000_000,
      description: "Used for system critical pods that must run in the cluster, but can be moved to another node if "
        + "necessary."),
  ]

  private static func priorityClass(_ name: String, value: Int64, description: String) -> JSONValue {
    [
      "apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": ["name": .string(name)],
      "value": .int(value), "description": .string(description),
    ]
  }

  static func named(_ name: String) -> JSONValue? { all.first { $0["metadata"]?["name"]?.string == name } }
}
