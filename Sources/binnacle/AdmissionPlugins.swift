import Admission
import Machinery
import Registry

/// Which admission plug-ins are on.
struct AdmissionPlugins: Sendable {
  /// Those of kube-apiserver 1.36. (`kubeapiserver/options/plugins.go`)
  static let known = Set(
    """
    AlwaysAdmit NamespaceAutoProvision NamespaceLifecycle NamespaceExists LimitPodHardAntiAffinityTopology LimitRanger
    ServiceAccount NodeRestriction TaintNodesByCondition AlwaysPullImages ImagePolicyWebhook PodSecurity PodNodeSelector
    Priority DefaultTolerationSeconds PodTolerationRestriction EventRateLimit ExtendedResourceToleration
    DefaultStorageClass StorageObjectInUseProtection PodGroupProtection OwnerReferencesPermissionEnforcement
    PersistentVolumeClaimResize RuntimeClass CertificateApproval CertificateSigning ClusterTrustBundleAttest
    CertificateSubjectRestriction DefaultIngressClass DenyServiceExternalIPs PodTopologyLabels PodGroupWorkloadExists
    NodeDeclaredFeatureValidator JobValidation PodResizeValidator MutatingAdmissionPolicy MutatingAdmissionWebhook
    ValidatingAdmissionPolicy ValidatingAdmissionWebhook ResourceQuota AlwaysDeny
    """.split { $0 == " " || $0 == "\n" }.map(String.init))

  /// Those that may be asked for. AlwaysAdmit lets everything pass, so it needs no building.
  private static let built = [NamespaceLifecycle.name, NodeRestriction.name, DefaultIngressClass.name, "AlwaysAdmit"]

  /// Those that are on.
  let names: [String]

  /// What the three flags come to. Throws `StartFailure`: for a name that nobody knows, and for what is not built,
  /// which would protect nothing.
  init(enabled: [String], disabled: [String], only: [String]) throws {
    // A list that is given empty names none.
    let (enabled, disabled, only) = (enabled.ofList, disabled.ofList, only.ofList)
    if !only.isEmpty && !(enabled + disabled).isEmpty {
      throw StartFailure(
        "admission-control and enable-admission-plugins/disable-admission-plugins flags are mutually exclusive")
    }
    for (flag, names) in [
      ("admission-control", only), ("enable-admission-plugins", enabled), ("disable-admission-plugins", disabled),
    ] {
      if let unknown = names.first(where: { !Self.known.contains($0) }) {
        throw StartFailure(
          "\(flag) plugin \(GoText.quoted(unknown)) is unknown: it is none of kube-apiserver's, such as \(NodeRestriction.name)"
        )
      }
    }
    let both = Set(enabled).intersection(disabled).sorted()
    if !both.isEmpty {
      throw StartFailure(
        "[\(both.joined(separator: " "))] in enable-admission-plugins and disable-admission-plugins overlapped")
    }
    for (flag, names) in [("--admission-control", only), ("--enable-admission-plugins", enabled)] {
      if let missing = names.first(where: { !Self.built.contains($0) }) {
        throw StartFailure("\(flag): \(missing) is not built yet, and would check nothing: leave it out")
      }
    }
    names = Self.built.filter { only.isEmpty ? !disabled.contains($0) : only.contains($0) }
  }

  /// The plug-ins that are on, in kube-apiserver's order. `store`: that of a resource, where it is served; without what
  /// a plug-in looks at there is nothing for it to say.
  func chain(_ store: (GroupResource) -> Store?) -> AdmissionChain {
    var plugins: [any AdmissionPlugin] = []
    func add(_ name: String, _ make: () -> (any AdmissionPlugin)?) {
      if names.contains(name), let plugin = make() { plugins.append(plugin) }
    }
    add(NamespaceLifecycle.name) { store(NamespaceLifecycle.namespaces).map { NamespaceLifecycle($0) } }
    add(NodeRestriction.name) { NodeRestriction() }
    add(DefaultIngressClass.name) { store(DefaultIngressClass.ingressClasses).map { DefaultIngressClass($0) } }
    return AdmissionChain(plugins)
  }
}
