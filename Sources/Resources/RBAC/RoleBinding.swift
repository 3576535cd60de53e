import JSON
import Machinery
import Registry

extension ResourceDefinition {
  /// Who has a role in one namespace. (Kubernetes: pkg/registry/rbac/rolebinding)
  static let roleBindings = ResourceDefinition(
    "rolebindings.rbac.authorization.k8s.io", kind: "RoleBinding", scope: .namespaced, folder: "rolebindings",
    versions: [.v1], puts: [.mayCreate], rules: RoleBindingRules.roleBinding,
    defaults: RoleBindingForm.applyDefaults, columns: RoleBindingForm.columns)

  /// Who has a role everywhere. (Kubernetes: pkg/registry/rbac/clusterrolebinding)
  static let clusterRoleBindings = ResourceDefinition(
    "clusterrolebindings.rbac.authorization.k8s.io", kind: "ClusterRoleBinding", scope: .cluster,
    folder: "clusterrolebindings", versions: [.v1], puts: [.mayCreate], rules: RoleBindingRules.clusterRoleBinding,
    defaults: RoleBindingForm.applyDefaults, columns: RoleBindingForm.columns)
}

/// What bindings get that do not say, and how they are shown.
enum RoleBindingForm {
  static let group = "rbac.authorization.k8s.io"

  /// Roles, users and groups are of RBAC's own API group; service accounts are not.
  static func applyDefaults(_ binding: inout JSONValue) {
    if (binding["roleRef"]?["apiGroup"]?.string ?? "").isEmpty { binding["roleRef"]?["apiGroup"] = .string(group) }
    guard let subjects = binding["subjects"]?.array, subjects.contains(where: lacksGroup) else { return }
    binding["subjects"] = .array(subjects.map { lacksGroup($0) ? withGroup($0) : $0 })
  }

  private static func lacksGroup(_ subject: JSONValue) -> Bool {
    guard (subject["apiGroup"]?.string ?? "").isEmpty else { return false }
    let kind = subject["kind"]?.string ?? ""
    return kind == "User" || kind == "Group"
  }

  /// Behind the kind, where the type has it.
  private static func withGroup(_ subject: JSONValue) -> JSONValue {
    var members = (subject.object?.members ?? []).filter { $0.name != "apiGroup" }
    members.insert(JSONObject.Member("apiGroup", .string(group)), at: min(1, members.count))
    return .object(JSONObject(unchecked: members))
  }

  static let columns: [TableColumn] = [
    .name,
    TableColumn("Role", description: "Kind and name of the role that is given.") { binding, _ in
      let role = binding["roleRef"]
      return .string("\(role?["kind"]?.string ?? "")/\(role?["name"]?.string ?? "")")
    },
    .age,
    subjects("Users", "User", description: "The users who have the role.") { $0["name"]?.string ?? "" },
    subjects("Groups", "Group", description: "The groups whose members have the role.") { $0["name"]?.string ?? "" },
    subjects("ServiceAccounts", "ServiceAccount", description: "The service accounts that have the role.") {
      "\($0["namespace"]?.string ?? "")/\($0["name"]?.string ?? "")"
    },
  ]

  private static func subjects(
    _ column: String, _ kind: StaticString, description: String, _ name: @escaping @Sendable (JSONNode) -> String
  ) -> TableColumn {
    TableColumn(column, description: description, priority: 1) { binding, _ in
      var names: [String] = []
      if let subjects = binding["subjects"] {
        for subject in subjects.elements where subject["kind"]?.isString(kind) == true { names.append(name(subject)) }
      }
      return .string(names.joined(separator: ", "))
    }
  }
}

/// Rules for bindings. (Kubernetes: pkg/apis/rbac/validation, `ValidateRoleBinding`, `ValidateClusterRoleBinding` and
/// their updates)
enum RoleBindingRules {
  static let roleBinding = rules(roleKinds: .oneOf("Role", "ClusterRole"), inNamespace: true)
  static let clusterRoleBinding = rules(roleKinds: .oneOf("ClusterRole"), inNamespace: false)

  private static func rules(roleKinds: Rule, inNamespace: Bool) -> [Rule] {
    [
      .metadata(.pathSegment),
      .at(
        "roleRef",
        .at("apiGroup", .oneOf(RoleBindingForm.group)),
        .at("kind", roleKinds),
        .at("name", .required, .format(.pathSegment))),
      .at("subjects", .each(.at("name", .required), .custom { subject(&$0, inNamespace) })),
      .onUpdate(.metadataUpdate, .at("roleRef", .custom(staysAsItWas))),
    ]
  }

  /// (`ValidateRoleBindingSubject`)
  private static func subject(_ context: inout RuleContext, _ inNamespace: Bool) {
    func text(_ member: String) -> String { context.value?[member]?.string ?? "" }
    func belongs(to group: String) {
      if text("apiGroup") == group { return }
      context.report(.notSupported(context.path("apiGroup"), text("apiGroup"), [group]))
    }
    switch text("kind") {
    case "ServiceAccount":
      if !text("name").isEmpty {
        for problem in NameValidation.dns1123Subdomain(text("name")) {
          context.report(.invalid(context.path("name"), text("name"), problem))
        }
      }
      belongs(to: "")
      if !inNamespace && text("namespace").isEmpty { context.report(.required(context.path("namespace"), "")) }
    case "User", "Group": belongs(to: RoleBindingForm.group)
    case let other: context.report(.notSupported(context.path("kind"), other, ["ServiceAccount", "User", "Group"]))
    }
  }

  /// Who is bound to a role may be changed by those who may not give the role itself away. Upstream shows its internal
  /// type.
  private static let staysAsItWas: Rule.Function = { context in
    guard let role = context.value, let old = context.old, !role.isSameValue(as: old) else { return }
    func text(_ member: String) -> JSONValue { .string(role[member]?.string ?? "") }
    let shown: JSONValue = ["APIGroup": text("apiGroup"), "Kind": text("kind"), "Name": text("name")]
    context.report(.invalid(context.path(), bare: shown.encoded().text, "cannot change roleRef"))
  }
}
