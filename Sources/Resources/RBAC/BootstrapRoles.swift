public import JSON

/// The roles and bindings that a fresh server holds, as they are sent to be created. (Kubernetes:
/// plugin/pkg/auth/authorizer/rbac/bootstrappolicy)
///
/// They are written down as texts, a role with its rules and those who are bound to it, and become objects when they
/// are asked for:
///
///     role kube-system/system:controller:token-cleaner
///       delete get list watch of secrets in core
///       create patch update of events in core events.k8s.io
///       get of configmaps in core named cluster-info
///       get at /healthz
///       to account kube-system/token-cleaner
///       to user somebody by another-binding
///
/// What stands deeper goes on with the line above. A binding is named as its role, but for `by`. Roles in a namespace
/// have it before their name. `core` is the group without a name. `joins admin`: the rules become part of the role
/// `admin`, which `gathers admin` (from all that join). `to nobody`: there is a binding, with no one in it yet.
public struct BootstrapRoles: Sendable {
  public private(set) var clusterRoles: [JSONValue] = []
  public private(set) var clusterRoleBindings: [JSONValue] = []
  public private(set) var roles: [JSONValue] = []
  public private(set) var roleBindings: [JSONValue] = []

  /// All of them.
  public init() { self.init([Self.forUsers, Self.forComponents, Self.forControllers, Self.inNamespaces]) }

  init(_ texts: [String]) {
    for text in texts { read(text) }
  }

  /// Older roles that became what they gather, and the name that what they held goes to. (`ClusterRolesToAggregate`)
  public static let movedRules = [
    (from: "admin", to: "system:aggregate-to-admin"), (from: "edit", to: "system:aggregate-to-edit"),
    (from: "view", to: "system:aggregate-to-view"),
  ]
  /// An older binding of which another took a part over, with those who are in it. (`ClusterRoleBindingsToSplit`)
  public static let splitBindings = [(from: "system:discovery", to: "system:public-info-viewer")]

  // MARK: reading

  fileprivate struct Role {
    let namespace: String?
    let name: String
    var labels: [JSONObject.Member] = [JSONObject.Member("kubernetes.io/bootstrapping", "rbac-defaults")]
    var gathers: String?
    var rules: [JSONValue] = []
    var bindings: [(name: String, subjects: [JSONValue])] = []
  }

  private static let space = UInt8(ascii: " ")

  private mutating func read(_ text: String) {
    var role: Role?
    var line: [Substring] = []
    for next in text.utf8.split(separator: UInt8(ascii: "\n")) {
      let words = next.split(separator: Self.space).map { Substring($0) }
      let depth = next.prefix { $0 == Self.space }.count
      if depth > 2 {
        line += words
        continue
      }
      role?.take(line)
      line = words
      if depth == 0 {
        if let role { add(role) }
        role = Role(words.last.map(String.init) ?? "")
        line = []
      }
    }
    role?.take(line)
    if let role { add(role) }
  }

  private mutating func add(_ role: Role) {
    let bindings = role.bindings.map { role.binding($0.name, $0.subjects) }
    if role.namespace == nil {
      clusterRoles.append(role.object)
      clusterRoleBindings += bindings
    } else {
      roles.append(role.object)
      roleBindings += bindings
    }
  }
}

extension BootstrapRoles.Role {
  fileprivate init(_ place: String) {
    let parts = place.utf8.split(separator: UInt8(ascii: "/"), maxSplits: 1).map { String(Substring($0)) }
    namespace = parts.count > 1 ? parts[0] : nil
    name = parts.last ?? ""
  }

  private static let label = "rbac.authorization.k8s.io/aggregate-to-"

  /// Takes a line of the role in.
  fileprivate mutating func take(_ line: [Substring]) {
    guard let first = line.first, line.count > 1 else { return }
    switch String(first) {
    case "joins": labels.append(JSONObject.Member(Self.label + line[1], "true"))
    case "gathers": gathers = String(line[1])
    case "to": bind(line)
    default: rules.append(Self.rule(line))
    }
  }

  /// Words that end a list, and where in a rule the next one stands.
  private static let parts = ["of": "resources", "in": "apiGroups", "named": "resourceNames", "at": "nonResourceURLs"]

  private static func rule(_ line: [Substring]) -> JSONValue {
    var lists = ["verbs": [JSONValue]()]
    var part = "verbs"
    for word in line.map(String.init) {
      if let next = parts[word] {
        part = next
      } else {
        lists[part, default: []].append(.string(part == "apiGroups" && word == "core" ? "" : word))
      }
    }
    // In the order of the type.
    let members = ["verbs", "apiGroups", "resources", "resourceNames", "nonResourceURLs"].compactMap { name in
      lists[name].map { JSONObject.Member(name, .array($0)) }
    }
    return .object(JSONObject(unchecked: members))
  }

  private mutating func bind(_ line: [Substring]) {
    let binding = line.count > 4 ? String(line[4]) : name
    if bindings.last?.name != binding { bindings.append((binding, [])) }
    guard line.count > 2 else { return }
    let who = String(line[2])
    let subject: JSONValue
    switch String(line[1]) {
    case "account":
      let parts = who.utf8.split(separator: UInt8(ascii: "/")).map { String(Substring($0)) }
      subject = [
        "kind": "ServiceAccount", "name": .string(parts.last ?? ""), "namespace": .string(parts.first ?? ""),
      ]
    case let kind:
      subject = [
        "kind": kind == "user" ? "User" : "Group", "apiGroup": .string(RoleBindingForm.group), "name": .string(who),
      ]
    }
    bindings[bindings.count - 1].subjects.append(subject)
  }

  // MARK: objects

  private static let updates: JSONValue = ["rbac.authorization.kubernetes.io/autoupdate": "true"]

  private func metadata(_ name: String, _ labels: [JSONObject.Member]) -> JSONValue {
    var members = [JSONObject.Member("name", .string(name))]
    if let namespace { members.append(JSONObject.Member("namespace", .string(namespace))) }
    members.append(JSONObject.Member("labels", .object(JSONObject(unchecked: labels))))
    members.append(JSONObject.Member("annotations", Self.updates))
    return .object(JSONObject(unchecked: members))
  }

  fileprivate var object: JSONValue {
    var members = [JSONObject.Member("metadata", metadata(name, labels))]
    members.append(JSONObject.Member("rules", gathers == nil ? .array(rules) : .null))
    if let gathers {
      let selector: JSONValue = [
        "matchLabels": .object(JSONObject(unchecked: [JSONObject.Member(Self.label + gathers, "true")]))
      ]
      members.append(JSONObject.Member("aggregationRule", ["clusterRoleSelectors": [selector]]))
    }
    return .object(JSONObject(unchecked: members))
  }

  fileprivate func binding(_ binding: String, _ subjects: [JSONValue]) -> JSONValue {
    var members = [JSONObject.Member("metadata", metadata(binding, Array(labels.prefix(1))))]
    if !subjects.isEmpty { members.append(JSONObject.Member("subjects", .array(subjects))) }
    let role: JSONValue = [
      "apiGroup": .string(RoleBindingForm.group), "kind": namespace == nil ? "ClusterRole" : "Role",
      "name": .string(name),
    ]
    members.append(JSONObject.Member("roleRef", role))
    return .object(JSONObject(unchecked: members))
  }
}
