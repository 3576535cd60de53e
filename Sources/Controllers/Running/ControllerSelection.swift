/// Which controllers run, as kube-controller-manager's `--controllers` says it: `foo` runs foo, `-foo` does not, `*`
/// runs all that nothing is said of, and `-*`, which is ours, none of them.
public struct ControllerSelection: Sendable {
  /// A name that stops the start.
  public struct Unfit: Error, CustomStringConvertible {
    public let description: String
  }

  /// Of each name the first mention counts.
  private var choices: [ByteString: Bool] = [:]
  private var isRestOn = false

  /// Those that can run here.
  public static let built = [
    NamespaceController.flagName, DefaultServiceAccounts.flagName, RootCAPublisher.flagName, RoleAggregation.flagName,
    ClaimProtection.flagName, VolumeProtection.flagName, AttributesClassProtection.flagName,
  ]

  /// `entries`: of the flag.
  public init(_ entries: [String], built: [String] = built) throws(Unfit) {
    for entry in entries {
      if entry == "*" {
        isRestOn = true
        continue
      }
      if entry == "-*" { continue }
      let isOff = entry.hasPrefix("-")
      let given = isOff ? String(entry.unicodeScalars.dropFirst()) : entry
      let name = Self.aliases[given] ?? given
      guard built.contains(where: { $0 == name }) || Self.known.contains(name) else {
        throw Unfit(description: "\"\(given)\" is not in the list of known controllers")
      }
      if !isOff && !built.contains(where: { $0 == name }) {
        throw Unfit(description: "\(name) is not built yet: leave it out")
      }
      if choices[name] == nil { choices[name] = !isOff }
    }
  }

  public func isOn(_ name: String) -> Bool { choices[name] ?? isRestOn }

  /// Those of kube-controller-manager 1.36. (cmd/kube-controller-manager/names)
  static let known = Set(
    """
    serviceaccount-token-controller endpoints-controller endpointslice-controller endpointslice-mirroring-controller
    replicationcontroller-controller pod-garbage-collector-controller resourcequota-controller namespace-controller
    serviceaccount-controller garbage-collector-controller daemonset-controller job-controller deployment-controller
    replicaset-controller horizontal-pod-autoscaler-controller disruption-controller statefulset-controller
    cronjob-controller certificatesigningrequest-signing-controller certificatesigningrequest-approving-controller
    certificatesigningrequest-cleaner-controller podcertificaterequest-cleaner-controller ttl-controller
    bootstrap-signer-controller token-cleaner-controller node-ipam-controller node-lifecycle-controller
    taint-eviction-controller device-taint-eviction-controller persistentvolume-binder-controller
    persistentvolume-attach-detach-controller persistentvolume-expander-controller clusterrole-aggregation-controller
    persistentvolumeclaim-protection-controller persistentvolume-protection-controller podgroup-protection-controller
    ttl-after-finished-controller root-ca-certificate-publisher-controller service-ca-certificate-publisher-controller
    kube-apiserver-serving-clustertrustbundle-publisher-controller ephemeral-volume-controller
    storageversion-garbage-collector-controller resourceclaim-controller resourcepoolstatusrequest-controller
    legacy-serviceaccount-token-cleaner-controller validatingadmissionpolicy-status-controller
    volumeattributesclass-protection-controller service-cidr-controller storage-version-migrator-controller
    selinux-warning-controller
    """.split { $0 == " " || $0 == "\n" }.map { ByteString(String($0)) })

  /// Names from before 1.28, which are still taken.
  private static let aliases: [ByteString: String] = Dictionary(
    """
    daemonset daemonset-controller
    statefulset statefulset-controller
    replicaset replicaset-controller
    deployment deployment-controller
    horizontalpodautoscaling horizontal-pod-autoscaler-controller
    job job-controller
    cronjob cronjob-controller
    bootstrapsigner bootstrap-signer-controller
    tokencleaner token-cleaner-controller
    csrsigning certificatesigningrequest-signing-controller
    csrapproving certificatesigningrequest-approving-controller
    csrcleaner certificatesigningrequest-cleaner-controller
    root-ca-cert-publisher root-ca-certificate-publisher-controller
    service-ca-cert-publisher service-ca-certificate-publisher-controller
    nodeipam node-ipam-controller
    nodelifecycle node-lifecycle-controller
    persistentvolume-binder persistentvolume-binder-controller
    attachdetach persistentvolume-attach-detach-controller
    persistentvolume-expander persistentvolume-expander-controller
    ephemeral-volume ephemeral-volume-controller
    endpoint endpoints-controller
    replicationcontroller replicationcontroller-controller
    podgc pod-garbage-collector-controller
    resourcequota resourcequota-controller
    namespace namespace-controller
    serviceaccount serviceaccount-controller
    ttl ttl-controller
    garbagecollector garbage-collector-controller
    pvc-protection persistentvolumeclaim-protection-controller
    pv-protection persistentvolume-protection-controller
    ttl-after-finished ttl-after-finished-controller
    legacy-service-account-token-cleaner legacy-serviceaccount-token-cleaner-controller
    storage-version-gc storageversion-garbage-collector-controller
    endpointslice endpointslice-controller
    endpointslicemirroring endpointslice-mirroring-controller
    disruption disruption-controller
    clusterrole-aggregation clusterrole-aggregation-controller
    resource-claim-controller resourceclaim-controller
    serviceaccount-token serviceaccount-token-controller
    svm storage-version-migrator-controller
    """.split(separator: "\n").map { line in
      let halves = line.split(separator: " ").map(String.init)
      return (halves[0], halves[1])
    })
}
