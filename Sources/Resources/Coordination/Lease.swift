import Registry

extension ResourceDefinition {
  /// A claim that one process holds at a time. (Kubernetes: pkg/registry/coordination/lease)
  static let leases = ResourceDefinition(
    "leases.coordination.k8s.io", kind: "Lease", scope: .namespaced, folder: "leases", versions: [.v1],
    puts: [.mayCreate, .needVersion], rules: LeaseRules.all,
    columns: [
      .name,
      .text("Holder", at: "spec.holderIdentity", description: "Who holds the lease."),
      .age,
    ])
}
