import JSON
import Machinery
import Registry

/// The columns of `kubectl get nodes`. (Kubernetes: pkg/printers/internalversion, printNode; semantics 2.40.)
enum NodeTable {
  static let columns: [TableColumn] = [
    .name,
    TableColumn("Status", description: "Whether the node is ready, and whether pods may be placed on it.") { node, _ in
      .string(status(node))
    },
    TableColumn("Roles", description: "The roles that the node's labels give it.") { node, _ in
      .string(roles(node["metadata"]?["labels"]))
    },
    .age,
    .text("Version", at: "status.nodeInfo.kubeletVersion", description: "The version of its kubelet."),
    TableColumn("Internal-IP", description: "The first address of type InternalIP.", priority: 1) { node, _ in
      .string(address("InternalIP", node))
    },
    TableColumn("External-IP", description: "The first address of type ExternalIP.", priority: 1) { node, _ in
      .string(address("ExternalIP", node))
    },
    TableColumn("OS-Image", description: "The operating system, as the node reports it.", priority: 1) { node, _ in
      .string(reported("osImage", node))
    },
    TableColumn("Kernel-Version", description: "The kernel, as the node reports it.", priority: 1) { node, _ in
      .string(kernel(node))
    },
    TableColumn("Container-Runtime", description: "The container runtime, as the node reports it.", priority: 1) {
      node, _ in .string(reported("containerRuntimeVersion", node))
    },
  ]

  private static func reported(_ name: StaticString, _ node: JSONNode) -> String {
    let text = node["status"]?["nodeInfo"]?[name]?.string ?? ""
    return text.isEmpty ? "<unknown>" : text
  }

  private static func kernel(_ node: JSONNode) -> String {
    let version = reported("kernelVersion", node)
    let architecture = node["status"]?["nodeInfo"]?["architecture"]?.string ?? ""
    return version == "<unknown>" || architecture.isEmpty ? version : version + " (\(architecture))"
  }

  private static func status(_ node: JSONNode) -> String {
    var words: [String] = []
    if let conditions = node["status"]?["conditions"] {
      for condition in conditions.elements where condition["type"]?.isString("Ready") == true {
        words.append(condition["status"]?.isString("True") == true ? "Ready" : "NotReady")
      }
    }
    if words.isEmpty { words.append("Unknown") }
    if node["spec"]?["unschedulable"]?.bool == true { words.append("SchedulingDisabled") }
    return words.joined(separator: ",")
  }

  private static func roles(_ labels: JSONNode?) -> String {
    var roles = Set<ByteString>()
    if let labels {
      for (name, value) in labels.members {
        let key = name.string ?? ""
        if key.hasPrefix("node-role.kubernetes.io/") {
          let role = String(key.dropFirst("node-role.kubernetes.io/".count))
          if !role.isEmpty { roles.insert(role) }
        } else if key == "kubernetes.io/role", let role = value.string, !role.isEmpty {
          roles.insert(role)
        }
      }
    }
    return roles.isEmpty ? "<none>" : roles.map(\.text).sorted().joined(separator: ",")
  }

  private static func address(_ type: String, _ node: JSONNode) -> String {
    if let addresses = node["status"]?["addresses"] {
      for address in addresses.elements where address["type"]?.isString(type) == true {
        return address["address"]?.string ?? ""
      }
    }
    return "<none>"
  }
}
