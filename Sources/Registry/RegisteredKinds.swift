import Machinery

/// The kinds that kube-apiserver 1.36 knows, served here or not. A body of a known kind in the wrong place can't be
/// converted, one of an unknown kind is not registered: clients are told which. (Kubernetes: `legacyscheme.Scheme`.)
enum RegisteredKinds {
  /// Group version, then its kinds; `+` stands for a list kind beside the kind.
  private static let table = """
    v1: Binding ComponentStatus+ ConfigMap+ Endpoints+ Event+ LimitRange+ List Namespace+ Node+ NodeProxyOptions PersistentVolume+ \
      PersistentVolumeClaim+ Pod+ PodAttachOptions PodExecOptions PodLogOptions PodPortForwardOptions PodProxyOptions PodStatusResult PodTemplate+ \
      RangeAllocation ReplicationController+ ResourceQuota+ Secret+ SerializedReference Service+ ServiceAccount+ ServiceProxyOptions
    admission.k8s.io/v1: AdmissionReview
    admission.k8s.io/v1beta1: AdmissionReview
    admissionregistration.k8s.io/v1: MutatingAdmissionPolicy+ MutatingAdmissionPolicyBinding+ MutatingWebhookConfiguration+ ValidatingAdmissionPolicy+ \
      ValidatingAdmissionPolicyBinding+ ValidatingWebhookConfiguration+
    admissionregistration.k8s.io/v1alpha1: MutatingAdmissionPolicy+ MutatingAdmissionPolicyBinding+ ValidatingAdmissionPolicy+ \
      ValidatingAdmissionPolicyBinding+
    admissionregistration.k8s.io/v1beta1: MutatingAdmissionPolicy+ MutatingAdmissionPolicyBinding+ MutatingWebhookConfiguration+ \
      ValidatingAdmissionPolicy+ ValidatingAdmissionPolicyBinding+ ValidatingWebhookConfiguration+
    apps/v1: ControllerRevision+ DaemonSet+ Deployment+ ReplicaSet+ StatefulSet+
    apps/v1beta1: ControllerRevision+ Deployment+ DeploymentRollback Scale StatefulSet+
    apps/v1beta2: ControllerRevision+ DaemonSet+ Deployment+ ReplicaSet+ Scale StatefulSet+
    authentication.k8s.io/v1: SelfSubjectReview TokenRequest TokenReview
    authentication.k8s.io/v1alpha1: SelfSubjectReview
    authentication.k8s.io/v1beta1: SelfSubjectReview TokenReview
    authorization.k8s.io/v1: LocalSubjectAccessReview SelfSubjectAccessReview SelfSubjectRulesReview SubjectAccessReview
    authorization.k8s.io/v1beta1: LocalSubjectAccessReview SelfSubjectAccessReview SelfSubjectRulesReview SubjectAccessReview
    autoscaling/v1: HorizontalPodAutoscaler+ Scale
    autoscaling/v2: HorizontalPodAutoscaler+
    batch/v1: CronJob+ Job+
    batch/v1beta1: CronJob+
    certificates.k8s.io/v1: CertificateSigningRequest+
    certificates.k8s.io/v1alpha1: ClusterTrustBundle+
    certificates.k8s.io/v1beta1: CertificateSigningRequest+ ClusterTrustBundle+ PodCertificateRequest+
    coordination.k8s.io/v1: Lease+
    coordination.k8s.io/v1alpha2: LeaseCandidate+
    coordination.k8s.io/v1beta1: Lease+ LeaseCandidate+
    discovery.k8s.io/v1: EndpointSlice+
    discovery.k8s.io/v1beta1: EndpointSlice+
    events.k8s.io/v1: Event+
    events.k8s.io/v1beta1: Event+
    extensions/v1beta1: DaemonSet+ Deployment+ DeploymentRollback Ingress+ NetworkPolicy+ ReplicaSet+ Scale
    flowcontrol.apiserver.k8s.io/v1: FlowSchema+ PriorityLevelConfiguration+
    flowcontrol.apiserver.k8s.io/v1beta1: FlowSchema+ PriorityLevelConfiguration+
    flowcontrol.apiserver.k8s.io/v1beta2: FlowSchema+ PriorityLevelConfiguration+
    flowcontrol.apiserver.k8s.io/v1beta3: FlowSchema+ PriorityLevelConfiguration+
    imagepolicy.k8s.io/v1alpha1: ImageReview
    internal.apiserver.k8s.io/v1alpha1: StorageVersion+
    networking.k8s.io/v1: IPAddress+ Ingress+ IngressClass+ NetworkPolicy+ ServiceCIDR+
    networking.k8s.io/v1beta1: IPAddress+ Ingress+ IngressClass+ ServiceCIDR+
    node.k8s.io/v1: RuntimeClass+
    node.k8s.io/v1alpha1: RuntimeClass+
    node.k8s.io/v1beta1: RuntimeClass+
    policy/v1: Eviction PodDisruptionBudget+
    policy/v1beta1: Eviction PodDisruptionBudget+
    rbac.authorization.k8s.io/v1: ClusterRole+ ClusterRoleBinding+ Role+ RoleBinding+
    rbac.authorization.k8s.io/v1alpha1: ClusterRole+ ClusterRoleBinding+ Role+ RoleBinding+
    rbac.authorization.k8s.io/v1beta1: ClusterRole+ ClusterRoleBinding+ Role+ RoleBinding+
    resource.k8s.io/v1: DeviceClass+ ResourceClaim+ ResourceClaimTemplate+ ResourceSlice+
    resource.k8s.io/v1alpha3: DeviceTaintRule+ ResourcePoolStatusRequest+
    resource.k8s.io/v1beta1: DeviceClass+ ResourceClaim+ ResourceClaimTemplate+ ResourceSlice+
    resource.k8s.io/v1beta2: DeviceClass+ DeviceTaintRule+ ResourceClaim+ ResourceClaimTemplate+ ResourceSlice+
    scheduling.k8s.io/v1: PriorityClass+
    scheduling.k8s.io/v1alpha2: PodGroup+ Workload+
    scheduling.k8s.io/v1beta1: PriorityClass+
    storage.k8s.io/v1: CSIDriver+ CSINode+ CSIStorageCapacity+ StorageClass+ VolumeAttachment+ VolumeAttributesClass+
    storage.k8s.io/v1alpha1: CSIStorageCapacity+ VolumeAttachment+ VolumeAttributesClass+
    storage.k8s.io/v1beta1: CSIDriver+ CSINode+ CSIStorageCapacity+ StorageClass+ VolumeAttachment+ VolumeAttributesClass+
    storagemigration.k8s.io/v1beta1: StorageVersionMigration+
    """

  /// All group versions that kube-apiserver and the servers in its process know.
  static var groupVersions: [GroupVersion] {
    table.split(separator: "\n").map { GroupVersion(parsing: String($0.prefix { $0 != ":" })) }
      + ["apiextensions.k8s.io/v1", "apiextensions.k8s.io/v1beta1", "apiregistration.k8s.io/v1"].map {
        GroupVersion(parsing: $0)
      }
  }

  /// Kinds of every group version. (`metav1.AddToGroupVersion`)
  private static let common: Set<ByteString> = [
    "WatchEvent", "ListOptions", "GetOptions", "DeleteOptions", "CreateOptions", "UpdateOptions", "PatchOptions",
  ]
  /// Kinds of no group, which stand in `v1`.
  private static let unversioned: Set<ByteString> = [
    "Status", "APIVersions", "APIGroup", "APIGroupList", "APIResourceList",
  ]

  private static let scheme = "k8s.io/kubernetes/pkg/api/legacyscheme/scheme.go:30"

  /// Definitions of custom resources are served by a part of kube-apiserver that knows nothing but them.
  private static let extensions = (
    group: "apiextensions.k8s.io",
    table: """
    v1:
    apiextensions.k8s.io/v1: ConversionReview CustomResourceDefinition+
    apiextensions.k8s.io/v1beta1: ConversionReview CustomResourceDefinition+
    """, scheme: "k8s.io/apiextensions-apiserver/pkg/apiserver/apiserver.go:55"
  )

  /// Why a body of a type can't become an object of the expected one; nil for another version of the same kind. Looked
  /// at only for bodies of another type, so the table is read each time.
  static func problem(_ type: TypeMembers, expected: GroupVersionKind) -> String? {
    let isExtension = expected.group == extensions.group
    guard contains(type, isExtension ? extensions.table : table) else {
      return type.notRegistered(in: isExtension ? extensions.scheme : scheme)
    }
    if type.kind == expected.kind, homes(type.kind, type.groupVersion.group).contains(expected.group) { return nil }
    let package = type.isInternal ? internalPackage(type.groupVersion.group) : type.groupVersion.version
    let wanted = "\(internalPackage(expected.group)).\(expected.kind)"
    return "converting (\(package).\(type.kind)) to (\(wanted)): unknown conversion"
  }

  /// The Go package of a group's own types.
  private static func internalPackage(_ group: String) -> String {
    group.isEmpty ? "core" : group.split(separator: ".").first.map(String.init) ?? ""
  }

  /// The groups that have a kind in common with a group: it moved from one to another, and both read the same type.
  private static func homes(_ kind: String, _ group: String) -> [String] {
    let shared: [String]
    switch kind {
    case "Event": shared = ["", "events.k8s.io"]
    case "DaemonSet", "Deployment", "ReplicaSet", "DeploymentRollback": shared = ["apps", "extensions"]
    case "Scale": shared = ["apps", "autoscaling", "extensions"]
    case "Ingress", "NetworkPolicy": shared = ["networking.k8s.io", "extensions"]
    default: shared = []
    }
    return shared.contains(group) ? shared : [group]
  }

  private static func contains(_ type: TypeMembers, _ table: String) -> Bool {
    table.split(separator: "\n").contains { line in
      let name = line.prefix { $0 != ":" }
      let known = GroupVersion(parsing: String(name))
      guard type.isInternal ? known.group == type.groupVersion.group : known == type.groupVersion else { return false }
      if !type.isInternal, common.contains(type.kind) || name == "v1" && unversioned.contains(type.kind) { return true }
      return line.split(separator: " ").dropFirst().contains { word in
        word == type.kind || word.last == "+" && (word.dropLast() == type.kind || word.dropLast() + "List" == type.kind)
      }
    }
  }
}
