public import JSON
public import Machinery

/// An APIService that a server keeps by itself, for a group version that it serves. (kube-aggregator:
/// pkg/controllers/autoregister)
public enum RegisteredAPIService {
  /// Tells how it is kept: `onstart`, or `true` for always.
  public static let label = "kube-aggregator.kubernetes.io/automanaged"

  public static func name(of groupVersion: GroupVersion) -> String { "\(groupVersion.version).\(groupVersion.group)" }

  /// The priorities: where the group stands among others, and the version in its group.
  public static func spec(_ groupVersion: GroupVersion, groupPriority: Int64, versionPriority: Int64) -> JSONValue {
    [
      "group": .string(groupVersion.group), "version": .string(groupVersion.version),
      "groupPriorityMinimum": .int(groupPriority), "versionPriority": .int(versionPriority),
    ]
  }

  /// `mode`: what the label says.
  public static func object(_ name: String, mode: JSONValue, _ spec: JSONValue) -> JSONValue {
    ["metadata": ["name": .string(name), "labels": .object([label: mode])], "spec": spec]
  }
}
