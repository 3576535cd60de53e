import JSON
import Registry

extension ResourceDefinition {
  /// A claim that one process holds at a time. (Kubernetes: pkg/registry/coordination/lease)
  static let leases = ResourceDefinition(
    "leases.coordination.k8s.io", kind: "Lease", scope: .namespaced, folder: "leases", versions: [.v1],
    puts: [.mayCreate, .needVersion],
    main: .main(prepare: { LeaseGate.drop(from: &$0, unlessIn: $1) }),
    rules: LeaseRules.all,
    prepareForCreate: { LeaseGate.drop(from: &$0, unlessIn: nil) },
    heartbeat: .main,
    columns: [
      .name,
      .text("Holder", at: "spec.holderIdentity", description: "Who holds the lease."),
      .age,
    ])
}

/// What belongs to the gate CoordinatedLeaderElection, which is off: there is nothing here that elects.
private enum LeaseGate {
  /// Drops it, but what a lease has from elsewhere.
  static func drop(from lease: inout JSONValue, unlessIn old: JSONValue?) {
    for member in ["strategy", "preferredHolder"] where old?["spec"]?[member] == nil { lease["spec"]?[member] = nil }
  }
}
