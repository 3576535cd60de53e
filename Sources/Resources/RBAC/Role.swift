import JSON
import Machinery
import Registry

extension ResourceDefinition {
  /// What may be done in one namespace. (Kubernetes: pkg/registry/rbac/role)
  static let roles = ResourceDefinition(
    "roles.rbac.authorization.k8s.io", kind: "Role", scope: .namespaced, folder: "roles", versions: [.v1],
    puts: [.mayCreate], rules: RoleRules.role, columns: [.name, .createdAt])

  /// What may be done anywhere. (Kubernetes: pkg/registry/rbac/clusterrole)
  static let clusterRoles = ResourceDefinition(
    "clusterroles.rbac.authorization.k8s.io", kind: "ClusterRole", scope: .cluster, folder: "clusterroles",
    versions: [.v1], puts: [.mayCreate], rules: RoleRules.clusterRole, columns: [.name, .createdAt])
}

/// Rules for roles. (Kubernetes: pkg/apis/rbac/validation, `ValidateRole`, `ValidateClusterRole` and their updates)
enum RoleRules {
  static let role: [Rule] = [
    .metadata(.pathSegment),
    .at("rules", .each(policyRule(inNamespace: true))),
    .onUpdate(.metadataUpdate),
  ]

  static let clusterRole: [Rule] = [
    .metadata(.pathSegment),
    .at("rules", .each(policyRule(inNamespace: false))),
    .at(
      "aggregationRule",
      .at(
        "clusterRoleSelectors",
        .required("at least one clusterRoleSelector required if aggregationRule is non-nil"),
        .each(.labelSelector, .custom(selects)))),
    .onUpdate(.metadataUpdate),
  ]

  /// (`ValidatePolicyRule`)
  private static func policyRule(inNamespace: Bool) -> [Rule] {
    [
      .at("verbs", .required("verbs must contain at least one value")),
      .custom { context in
        func isGiven(_ member: String) -> Bool { !(context.value?[member]?.array ?? []).isEmpty }
        guard isGiven("nonResourceURLs") else {
          if !isGiven("apiGroups") {
            context.report(.required(context.path("apiGroups"), "resource rules must supply at least one api group"))
          }
          if !isGiven("resources") {
            context.report(.required(context.path("resources"), "resource rules must supply at least one resource"))
          }
          return
        }
        let urls = context.value?["nonResourceURLs"]?.encoded().text ?? ""
        func complain(_ detail: String) {
          context.report(.invalid(context.path("nonResourceURLs"), bare: urls, detail))
        }
        if inNamespace { complain("namespaced rules cannot apply to non-resource URLs") }
        if isGiven("apiGroups") || isGiven("resources") || isGiven("resourceNames") {
          complain("rules cannot apply to both regular resources and non-resource URLs")
        }
      },
    ]
  }

  /// What has a fault is no selector either, which upstream says once more.
  private static let selects: Rule.Function = { context in
    guard let selector = context.value, !RuleContext.isGoodLabelSelector(selector) else { return }
    context.report(.invalid(context.path(), bare: "null", "invalid label selector."))
  }
}
