import Machinery

/// Where Kubernetes' own groups stand among others in discovery. (Kubernetes: pkg/controlplane/apiserver/aggregator.go
/// and cmd/kube-apiserver/app/aggregator.go)
enum APIServicePriorities {
  struct Priority: Sendable, Equatable {
    let group: Int64
    let version: Int64
  }

  /// nil for one that is not Kubernetes' own.
  static func of(_ groupVersion: GroupVersion) -> Priority? { table[ByteString(groupVersion.description)] }

  /// Of each group: where it stands, and its versions.
  private static let groups: [(name: String, priority: Int64, versions: [(String, Int64)])] = [
    ("", 18_000, [("v1", 1)]),
    ("apps", 17_800, [("v1", 15)]),
    ("events.k8s.io", 17_750, [("v1", 15), ("v1beta1", 5)]),
    ("authentication.k8s.io", 17_700, [("v1", 15), ("v1beta1", 9), ("v1alpha1", 1)]),
    ("authorization.k8s.io", 17_600, [("v1", 15)]),
    ("autoscaling", 17_500, [("v1", 15), ("v2", 30), ("v2beta1", 9), ("v2beta2", 1)]),
    ("batch", 17_400, [("v1", 15), ("v1beta1", 9), ("v2alpha1", 9)]),
    ("certificates.k8s.io", 17_300, [("v1", 15), ("v1beta1", 9), ("v1alpha1", 1)]),
    ("networking.k8s.io", 17_200, [("v1", 15), ("v1beta1", 9)]),
    ("policy", 17_100, [("v1", 15), ("v1beta1", 9)]),
    ("rbac.authorization.k8s.io", 17_000, [("v1", 15)]),
    ("storage.k8s.io", 16_800, [("v1", 15), ("v1beta1", 9), ("v1alpha1", 1)]),
    ("apiextensions.k8s.io", 16_700, [("v1", 15)]),
    ("admissionregistration.k8s.io", 16_700, [("v1", 15), ("v1beta1", 12), ("v1alpha1", 9)]),
    ("scheduling.k8s.io", 16_600, [("v1", 15), ("v1alpha2", 2)]),
    ("coordination.k8s.io", 16_500, [("v1", 15), ("v1beta1", 13), ("v1alpha2", 12)]),
    ("node.k8s.io", 16_300, [("v1", 15), ("v1alpha1", 1), ("v1beta1", 9)]),
    ("discovery.k8s.io", 16_200, [("v1", 15), ("v1beta1", 12)]),
    ("resource.k8s.io", 16_200, [("v1", 21), ("v1beta2", 15), ("v1beta1", 9), ("v1alpha3", 1)]),
    (
      "flowcontrol.apiserver.k8s.io", 16_100,
      [("v1", 21), ("v1beta3", 18), ("v1beta2", 15), ("v1beta1", 12), ("v1alpha1", 9)]
    ),
    ("internal.apiserver.k8s.io", 16_000, [("v1alpha1", 9)]),
    ("storagemigration.k8s.io", 15_800, [("v1beta1", 9)]),
  ]

  private static let table: [ByteString: Priority] = {
    var table: [ByteString: Priority] = [:]
    for group in groups {
      for (version, priority) in group.versions {
        let name = GroupVersion(group: group.name, version: version).description
        table[ByteString(name)] = Priority(group: group.priority, version: priority)
      }
    }
    return table
  }()
}
