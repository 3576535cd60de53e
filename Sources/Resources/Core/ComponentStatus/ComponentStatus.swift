import JSON
import Registry

extension ResourceDefinition {
  /// How other parts of the control plane are, as far as this server can see. (Kubernetes:
  /// pkg/registry/core/componentstatus)
  static let componentStatuses = ResourceDefinition(
    "componentstatuses", kind: "ComponentStatus", shortNames: ["cs"], scope: .cluster, folder: "",
    versions: [ServedVersion("v1", deprecation: "v1 ComponentStatus is deprecated in v1.19+")],
    verbs: ["get", "list"],
    rules: [],
    columns: [
      .name,
      TableColumn("Status", description: "Is it well?") { component, _ in
        switch ComponentStatusTable.health(component)?["status"]?.string {
        case nil: "Unknown"
        case "True"?: "Healthy"
        case _?: "Unhealthy"
        }
      },
      TableColumn("Message", description: "What it says.") { component, _ in
        .string(ComponentStatusTable.health(component)?["message"]?.string ?? "")
      },
      TableColumn("Error", description: "Why it could not be asked.") { component, _ in
        .string(ComponentStatusTable.health(component)?["error"]?.string ?? "")
      },
    ])
}

private enum ComponentStatusTable {
  static func health(_ component: JSONNode) -> JSONNode? {
    component["conditions"]?.elements.first { $0["type"]?.isString("Healthy") == true }
  }
}

/// A part of the control plane that can be asked how it is.
public struct Component: Sendable {
  public enum Health: Sendable {
    case well(String)
    /// It answers that it is not, or does not answer.
    case unwell(String)
    /// It could not be asked.
    case failed(String)
  }

  let name: String
  let ask: @Sendable () async -> Health

  /// `name`: as `etcd-0`, `scheduler`.
  public init(_ name: String, ask: @escaping @Sendable () async -> Health) {
    self.name = name
    self.ask = ask
  }

  fileprivate func status() async -> JSONValue {
    let condition: JSONValue =
      switch await ask() {
      case .well(let text): ["type": "Healthy", "status": "True", "message": .string(text)]
      case .unwell(let text): ["type": "Healthy", "status": "False", "message": .string(text)]
      case .failed(let text): ["type": "Healthy", "status": "False", "error": .string(text)]
      }
    return ["metadata": ["name": .string(name)], "conditions": [condition]]
  }
}

extension ComputedResource {
  /// Asks components when it is read, all at once.
  static func componentStatuses(_ components: [Component]) -> ComputedResource {
    ComputedResource(.componentStatuses) { name in
      await withTaskGroup(of: (Int, JSONValue).self) { group in
        for (place, component) in components.enumerated() where name == nil || component.name == name {
          group.addTask { (place, await component.status()) }
        }
        return await group.reduce(into: []) { $0.append($1) }.sorted { $0.0 < $1.0 }.map(\.1)
      }
    }
  }
}
