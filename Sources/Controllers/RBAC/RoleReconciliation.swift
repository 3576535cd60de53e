import AccessRBAC
import JSON

/// What has to be done so that a role or binding that is there gives all that is expected of it. What it gives beyond
/// that stays. (Kubernetes: staging/src/k8s.io/component-helpers/auth/rbac/reconciliation)
enum RoleReconciliation: Equatable {
  case nothing
  case update(JSONValue)
  /// It names another role, which can't be changed: it has to go, and another has to be made.
  case replacement

  /// Whoever sets this to false looks after the object by himself.
  private static let autoUpdate = "rbac.authorization.kubernetes.io/autoupdate"

  private static func isProtected(_ object: JSONValue) -> Bool {
    object["metadata"]?["annotations"]?[autoUpdate]?.string == "false"
  }

  /// (`computeReconciledRole`)
  static func role(_ existing: JSONValue, expected: JSONValue) -> RoleReconciliation {
    if isProtected(existing) { return .nothing }
    var role = existing
    var hasChanged = addMetadata(of: expected, to: &role)
    let missing = PolicyRule.missing(from: PolicyRule.rules(of: existing), of: PolicyRule.rules(of: expected))
    if !missing.isEmpty {
      role["rules"] = .array((existing["rules"]?.array ?? []) + missing.map(\.object))
      hasChanged = true
    }
    if gather(expected, existing, &role) { hasChanged = true }
    return hasChanged ? .update(role) : .nothing
  }

  /// Which roles it takes its rules from.
  private static func gather(_ expected: JSONValue, _ existing: JSONValue, _ role: inout JSONValue) -> Bool {
    func rule(_ role: JSONValue) -> JSONValue? { role["aggregationRule"].flatMap { $0.isNull ? nil : $0 } }
    guard let wanted = rule(expected) else {
      if rule(existing) == nil { return false }
      role["aggregationRule"] = nil
      return true
    }
    let present = rule(existing)?["clusterRoleSelectors"]?.array ?? []
    let missing = (wanted["clusterRoleSelectors"]?.array ?? []).filter { selector in
      !present.contains { $0.isSameValue(as: selector) }
    }
    if missing.isEmpty { return false }
    role["aggregationRule"] = ["clusterRoleSelectors": .array(present + missing)]
    return true
  }

  /// (`computeReconciledRoleBinding`)
  static func binding(_ existing: JSONValue, expected: JSONValue) -> RoleReconciliation {
    if isProtected(existing) { return .nothing }
    guard let role = existing["roleRef"], let wanted = expected["roleRef"], role.isSameValue(as: wanted) else {
      return .replacement
    }
    var binding = existing
    var hasChanged = addMetadata(of: expected, to: &binding)
    let subjects = existing["subjects"]?.array ?? []
    let missing = (expected["subjects"]?.array ?? []).filter { subject in
      !subjects.contains { $0.isSameValue(as: subject) }
    }
    if !missing.isEmpty {
      binding["subjects"] = .array(subjects + missing)
      hasChanged = true
    }
    return hasChanged ? .update(binding) : .nothing
  }

  /// Labels and annotations that are missing; what is there stays as it is.
  private static func addMetadata(of expected: JSONValue, to object: inout JSONValue) -> Bool {
    var hasChanged = false
    for map in ["labels", "annotations"] {
      var present = object["metadata"]?[map]?.object ?? JSONObject()
      let missing = (expected["metadata"]?[map]?.object?.members ?? []).filter { present[$0.name] == nil }
      if missing.isEmpty { continue }
      for member in missing { present[member.name] = member.value }
      object["metadata"]?[map] = .object(present)
      hasChanged = true
    }
    return hasChanged
  }
}
