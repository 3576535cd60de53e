public import Access
public import Machinery
public import Registry
import JSON

/// What a node may write, seen with the object in hand: its own Node and its own Lease, and of its Node neither taints,
/// owners nor the labels that steer workloads. (Kubernetes: plugin/pkg/admission/noderestriction.)
public struct NodeRestriction: AdmissionPlugin {
  public static let name = "NodeRestriction"
  public init() {}

  public func concerns(_ user: UserInfo, _ resource: ResourceInfo) -> Bool { user.nodeName != nil }

  public func mutate(_ request: inout AdmissionRequest, by user: UserInfo) async throws(Status) {
    try Self.check(request, by: user)
  }

  /// Throws 403.
  static func check(_ request: AdmissionRequest, by user: UserInfo) throws(Status) {
    guard let node = user.nodeName else { return }
    let (operation, resource, name) = (request.operation, request.resource, request.name)
    let (new, old) = (request.new, request.old)
    func refuse(_ why: String) -> Status { .forbidden(resource, name: name, why) }
    if node.isEmpty { throw refuse("could not determine node from user \(GoText.quoted(user.name))") }
    switch (resource.group, resource.resource) {
    case ("", "nodes"): try admitNode(node, operation, name, new, old, refuse)
    case ("coordination.k8s.io", "leases"):
      if request.namespace != "kube-node-lease" {
        throw refuse("can only access leases in the \"kube-node-lease\" system namespace")
      }
      if name != node { throw refuse("can only access node lease with the same name as the requesting node") }
    default: break
    }
  }

  private static func admitNode(
    _ node: String, _ operation: AdmissionRequest.Operation, _ name: String, _ new: JSONValue?, _ old: JSONValue?,
    _ refuse: (String) -> Status
  ) throws(Status) {
    let node = GoText.quoted(node)
    if GoText.quoted(name) != node { throw refuse("node \(node) is not allowed to modify node \(GoText.quoted(name))") }
    guard let new, operation != .delete else { return }
    let config = new["spec"]?["configSource"] ?? .null
    if operation == .create {
      if config != .null { throw refuse("node \(node) is not allowed to create pods with a non-nil configSource") }
      let forbidden = forbiddenLabels(new, nil)
      if !forbidden.isEmpty {
        throw refuse("node \(node) is not allowed to set the following labels: \(forbidden.joined(separator: ", "))")
      }
      return
    }
    if config != .null && config != old?["spec"]?["configSource"] {
      throw refuse("node \(node) is not allowed to update configSource to a new non-nil configSource")
    }
    func list(_ value: JSONValue?) -> [JSONValue] { value?.array ?? [] }
    if list(new["spec"]?["taints"]) != list(old?["spec"]?["taints"]) {
      throw refuse("node \(node) is not allowed to modify taints")
    }
    if list(new["metadata"]?["ownerReferences"]) != list(old?["metadata"]?["ownerReferences"]) {
      throw refuse("node \(node) is not allowed to modify ownerReferences")
    }
    let forbidden = forbiddenLabels(new, old)
    if !forbidden.isEmpty { throw refuse("is not allowed to modify labels: \(forbidden.joined(separator: ", "))") }
  }

  /// Labels that differ between two objects and that a node may not set, sorted.
  private static func forbiddenLabels(_ new: JSONValue, _ old: JSONValue?) -> [String] {
    func table(_ object: JSONValue?) -> [ByteString: JSONValue] {
      Dictionary((object?["metadata"]?["labels"]?.object?.members ?? []).map { ($0.name, $0.value) })
    }
    let after = table(new)
    let before = table(old)
    let names = Set(after.keys).union(before.keys)
    return names.map(\.text).filter { after[$0] != before[$0] && isForbidden($0) }.sorted()
  }

  private static let own: Set<ByteString> = [
    "kubernetes.io/hostname", "topology.kubernetes.io/zone", "topology.kubernetes.io/region",
    "failure-domain.beta.kubernetes.io/zone",
    "failure-domain.beta.kubernetes.io/region", "beta.kubernetes.io/instance-type", "node.kubernetes.io/instance-type",
    "kubernetes.io/os", "kubernetes.io/arch",
    "beta.kubernetes.io/os", "beta.kubernetes.io/arch",
  ]

  private static func isForbidden(_ label: String) -> Bool {
    guard let slash = label.firstIndex(of: "/") else { return false }
    let space = label[..<slash]
    func isUnder(_ domain: String) -> Bool { space == domain || space.hasSuffix("." + domain) }
    if isUnder("node-restriction.kubernetes.io") { return true }
    guard isUnder("kubernetes.io") || isUnder("k8s.io") else { return false }
    return !own.contains(label) && !isUnder("kubelet.kubernetes.io") && !isUnder("node.kubernetes.io")
  }
}
