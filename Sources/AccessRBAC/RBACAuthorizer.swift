public import Access

/// Who may do what by the roles that they are bound to. (Kubernetes: `--authorization-mode=RBAC`;
/// plugin/pkg/auth/authorizer/rbac)
public struct RBACAuthorizer: Authorizer {
  private let roles: RoleIndex

  public init(_ roles: RoleIndex) { self.roles = roles }

  public func authorize(_ attributes: AccessAttributes) -> AccessVerdict {
    switch roles.answer(attributes) {
    case .allowed: .now(.allow)
    case .notAllowed(let missing): .now(.noOpinion(missing.isEmpty ? "" : "RBAC: \(missing.aggregated)"))
    }
  }

  public func reason(ofAllowing attributes: AccessAttributes) -> String {
    roles.source(of: attributes).map { "RBAC: allowed by \($0)" } ?? ""
  }

  public func rules(for user: UserInfo, namespace: String) -> AccessRules {
    let (found, missing) = roles.rules(for: user, namespace: namespace)
    var rules = AccessRules()
    for rule in found {
      if rule.urls.isEmpty {
        rules.resources.append(
          AccessRules.ResourceRule(
            verbs: rule.verbs, groups: rule.groups, resources: rule.resources, names: rule.names))
      } else {
        rules.paths.append(AccessRules.PathRule(verbs: rule.verbs, paths: rule.urls))
      }
    }
    rules.error = missing.isEmpty ? "" : missing.aggregated
    return rules
  }
}
