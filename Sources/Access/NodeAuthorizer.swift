/// Lets a node's identity touch what is its own. (Kubernetes: `--authorization-mode=Node`;
/// plugin/pkg/auth/authorizer/node.)
///
/// What a node may read of secrets, config maps and volumes depends on its pods, which are not served: such requests
/// get no opinion. Whose node a write is about is looked at again by `NodeRestriction`, which sees the object.
public struct NodeAuthorizer: Authorizer {
  public init() {}

  public func authorize(_ attributes: AccessAttributes) -> AccessVerdict { .now(decide(attributes)) }

  public func rules(for user: UserInfo, namespace: String) -> AccessRules {
    var rules = AccessRules()
    if user.nodeName != nil {
      rules.isIncomplete = true
      rules.error = "node authorizer does not support user rule resolution"
    }
    return rules
  }

  private func decide(_ attributes: AccessAttributes) -> AccessDecision {
    guard let node = attributes.user.nodeName else { return .noOpinion("") }
    if node.isEmpty { return .noOpinion("unknown node for user \"\(attributes.user.name)\"") }
    guard attributes.isResource else { return .noOpinion("") }
    switch (attributes.group, attributes.resource) {
    case ("", "nodes"): return ownNode(node, attributes)
    case ("coordination.k8s.io", "leases"): return ownLease(node, attributes)
    case ("storage.k8s.io", "csinodes"): return ownCSINode(node, attributes)
    case ("", "secrets"), ("", "configmaps"), ("", "persistentvolumeclaims"), ("", "persistentvolumes"),
      ("storage.k8s.io", "volumeattachments"),
      ("resource.k8s.io", "resourceclaims"), ("", "serviceaccounts"), ("", "pods"):
      return .noOpinion("no relationship found between node '\(node)' and this object")
    default: return Self.fixed.contains { $0.covers(attributes) } ? .allow : .noOpinion("")
    }
  }

  private func ownNode(_ node: String, _ attributes: AccessAttributes) -> AccessDecision {
    switch (attributes.subresource, attributes.verb) {
    case ("", "create"), ("", "update"), ("", "patch"), ("status", "update"), ("status", "patch"): return .allow
    case ("", "get"), ("", "list"), ("", "watch"):
      if attributes.name == node { return .allow }
      let what = attributes.name.isEmpty ? "all nodes" : "'\(attributes.name)'"
      return .noOpinion("node '\(node)' cannot read \(what), only its own Node object")
    default: return .noOpinion("")
    }
  }

  private func ownLease(_ node: String, _ attributes: AccessAttributes) -> AccessDecision {
    guard ["get", "create", "update", "patch", "delete"].contains(attributes.verb) else {
      return .noOpinion("can only get, create, update, patch, or delete a node lease")
    }
    guard attributes.namespace == "kube-node-lease" else {
      return .noOpinion("can only access leases in the \"kube-node-lease\" system namespace")
    }
    // The name of what is created is not known yet.
    if attributes.verb != "create" && attributes.name != node {
      return .noOpinion("can only access node lease with the same name as the requesting node")
    }
    return .allow
  }

  private func ownCSINode(_ node: String, _ attributes: AccessAttributes) -> AccessDecision {
    guard ["get", "create", "update", "patch", "delete"].contains(attributes.verb) else {
      return .noOpinion("can only get, create, update, patch, or delete a CSINode")
    }
    if !attributes.subresource.isEmpty { return .noOpinion("cannot authorize CSINode subresources") }
    if attributes.verb != "create" && attributes.name != node {
      return .noOpinion("can only access CSINode with the same name as the requesting node")
    }
    return .allow
  }

  /// What all nodes may do alike. (Kubernetes: `bootstrappolicy.NodeRules`, without what is decided above.)
  private struct Fixed: Sendable {
    let verbs: Set<ByteString>
    let groups: Set<ByteString>
    let resources: Set<ByteString>
    func covers(_ attributes: AccessAttributes) -> Bool {
      let resource =
        attributes.subresource.isEmpty ? attributes.resource : "\(attributes.resource)/\(attributes.subresource)"
      return verbs.contains(attributes.verb) && groups.contains(attributes.group) && resources.contains(resource)
    }
  }
  private static let read: Set<ByteString> = ["get", "list", "watch"]
  private static let fixed: [Fixed] = [
    Fixed(verbs: ["create"], groups: ["authentication.k8s.io"], resources: ["tokenreviews"]),
    Fixed(
      verbs: ["create"], groups: ["authorization.k8s.io"],
      resources: ["subjectaccessreviews", "localsubjectaccessreviews"]),
    Fixed(verbs: read, groups: [""], resources: ["services"]),
    Fixed(verbs: ["create", "update", "patch"], groups: ["", "events.k8s.io"], resources: ["events"]),
    Fixed(verbs: ["get"], groups: [""], resources: ["endpoints"]),
    Fixed(
      verbs: ["create", "get", "list", "watch"], groups: ["certificates.k8s.io"],
      resources: ["certificatesigningrequests"]),
    Fixed(verbs: read, groups: ["storage.k8s.io"], resources: ["csidrivers"]),
    Fixed(verbs: read, groups: ["node.k8s.io"], resources: ["runtimeclasses"]),
  ]
}
