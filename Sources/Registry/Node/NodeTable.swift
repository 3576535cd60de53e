import JSON
import Machinery

/// The columns of `kubectl get nodes`. (Kubernetes: pkg/printers/internalversion, printNode; semantics 2.40.)
enum NodeTable {
  static let columns = [
    TableColumn("Name", format: "name", description: "The node's name, unique in the cluster."),
    TableColumn("Status", description: "Whether the node is ready, and whether pods may be placed on it."),
    TableColumn("Roles", description: "The roles that the node's labels give it."),
    TableColumn("Age", description: "How long ago the node was created."),
    TableColumn("Version", description: "The version of its kubelet."),
    TableColumn("Internal-IP", description: "The first address of type InternalIP.", priority: 1),
    TableColumn("External-IP", description: "The first address of type ExternalIP.", priority: 1),
    TableColumn("OS-Image", description: "The operating system, as the node reports it.", priority: 1),
    TableColumn("Kernel-Version", description: "The kernel, as the node reports it.", priority: 1),
    TableColumn("Container-Runtime", description: "The container runtime, as the node reports it.", priority: 1),
  ]

  static func cells(_ node: JSONNode, now: Int64) -> [JSONValue] {
    let meta = node["metadata"]
    let info = node["status"]?["nodeInfo"]
    func reported(_ name: StaticString) -> String {
      let text = info?[name]?.string ?? ""
      return text.isEmpty ? "<unknown>" : text
    }
    var kernel = reported("kernelVersion")
    let architecture = info?["architecture"]?.string ?? ""
    if kernel != "<unknown>" && !architecture.isEmpty { kernel += " (\(architecture))" }
    return [
      .string(meta?["name"]?.string ?? ""), .string(status(node)), .string(roles(meta?["labels"])),
      .string(Age.text(since: meta?["creationTimestamp"]?.string, now: now)),
      .string(info?["kubeletVersion"]?.string ?? ""),
      .string(address("InternalIP", node)), .string(address("ExternalIP", node)), .string(reported("osImage")),
      .string(kernel),
      .string(reported("containerRuntimeVersion")),
    ]
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

/// How long ago something was, as kubectl shows it. (Kubernetes: `duration.HumanDuration`.)
enum Age {
  static func text(since time: String?, now: Int64) -> String {
    guard let time, let then = try? Timestamp.parse(time).seconds else { return "<unknown>" }
    let seconds = now - then
    if seconds < -1 { return "<invalid>" }
    if seconds < 0 { return "0s" }
    if seconds < 60 * 2 { return "\(seconds)s" }
    let minutes = seconds / 60
    if minutes < 10 { return seconds % 60 == 0 ? "\(minutes)m" : "\(minutes)m\(seconds % 60)s" }
    if minutes < 60 * 3 { return "\(minutes)m" }
    let hours = minutes / 60
    if hours < 8 { return minutes % 60 == 0 ? "\(hours)h" : "\(hours)h\(minutes % 60)m" }
    if hours < 48 { return "\(hours)h" }
    if hours < 24 * 8 { return hours % 24 == 0 ? "\(hours / 24)d" : "\(hours / 24)d\(hours % 24)h" }
    if hours < 24 * 365 * 2 { return "\(hours / 24)d" }
    let days = hours / 24
    if hours < 24 * 365 * 8 { return days % 365 == 0 ? "\(days / 365)y" : "\(days / 365)y\(days % 365)d" }
    return "\(days / 365)y"
  }
}
