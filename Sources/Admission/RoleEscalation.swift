public import Access
public import AccessRBAC
import JSON
public import Machinery
public import Registry

/// Nobody gives away by a role or a binding what they don't have themselves, unless they may `escalate` or `bind`. No
/// plug-in of kube-apiserver's, and always on: there it stands before the storage of these kinds, behind the plug-ins
/// that change objects. (Kubernetes: pkg/registry/rbac/*/policybased)
public struct RoleEscalation: AdmissionPlugin {
  public static let name = "RoleEscalation"
  private static let group = "rbac.authorization.k8s.io"
  private let roles: RoleIndex
  private let authorizer: any Authorizer

  public init(_ roles: RoleIndex, _ authorizer: any Authorizer) {
    self.roles = roles
    self.authorizer = authorizer
  }

  public func concerns(_ user: UserInfo, _ resource: ResourceInfo) -> Bool {
    resource.groupVersion.group == Self.group && !user.isIn(UserInfo.privilegedGroup)
  }

  public func mutate(_ request: inout AdmissionRequest, by user: UserInfo) async throws(Status) {
    guard request.operation != .delete, let new = request.new else { return }
    switch request.resource.resource {
    case "roles", "clusterroles": try await checkRole(new, request, user)
    case "rolebindings", "clusterrolebindings": try await checkBinding(new, request, user)
    default: return
    }
  }

  private func checkRole(_ role: JSONValue, _ request: AdmissionRequest, _ user: UserInfo) async throws(Status) {
    if await isAllowed("escalate", request.resource.resource, request.operation == .create ? "" : request.name) {
      return
    }
    if let old = request.old, Self.isReleased(role, old) { return }
    if let why = roles.escalation(of: PolicyRule.rules(of: role), by: user, namespace: request.namespace) {
      throw refusal(request, why)
    }
    // What gathers other roles can come to hold anything.
    if Self.gathers(role) || request.old.map(Self.gathers) ?? false, !roles.hasFullAuthority(user) {
      throw refusal(request, "must have cluster-admin privileges to use the aggregationRule")
    }

    func isAllowed(_ verb: String, _ resource: String, _ name: String) async -> Bool {
      await self.isAllowed(user, verb, Self.group, resource, name, namespace: request.namespace)
    }
  }

  private func checkBinding(_ binding: JSONValue, _ request: AdmissionRequest, _ user: UserInfo) async throws(Status) {
    if let old = request.old, Self.isReleased(binding, old) { return }
    let role = binding["roleRef"]
    let (kind, name) = (role?["kind"]?.string ?? "", role?["name"]?.string ?? "")
    // Another kind is refused by the rules.
    guard kind == "ClusterRole" || kind == "Role" else { return }
    let group = role?["apiGroup"]?.string ?? ""
    if await isAllowed(
      user, "bind", group, kind == "Role" ? "roles" : "clusterroles", name, namespace: request.namespace)
    {
      return
    }
    let rules = roles.rules(ofRole: name, isClusterRole: kind == "ClusterRole", namespace: request.namespace)
    guard let rules else { throw .notFound(request.resource, name) }
    if let why = roles.escalation(of: rules, by: user, namespace: request.namespace) { throw refusal(request, why) }
  }

  private func isAllowed(
    _ user: UserInfo, _ verb: String, _ group: String, _ resource: String, _ name: String, namespace: String
  ) async -> Bool {
    let question = AccessAttributes(
      user, verb, group: group, version: "*", resource: resource, namespace: namespace, name: name)
    return await authorizer.allows(question)
  }

  private func refusal(_ request: AdmissionRequest, _ why: String) -> Status {
    .forbidden(request.resource, name: request.new?["metadata"]?["name"]?.string ?? "", why)
  }

  private static func gathers(_ role: JSONValue) -> Bool {
    !(role["aggregationRule"]?["clusterRoleSelectors"]?.array ?? []).isEmpty
  }

  /// Is nothing changed but what keeps an object from going? (`IsOnlyMutatingGCFields`)
  private static func isReleased(_ new: JSONValue, _ old: JSONValue) -> Bool {
    var (new, old) = (new, old)
    for member in ["ownerReferences", "finalizers", "managedFields"] {
      new["metadata"]?[member] = nil
      old["metadata"]?[member] = nil
    }
    return new.isSameValue(as: old)
  }
}
