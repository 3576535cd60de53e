import Machinery

/// The admission plug-ins that flags may name.
enum AdmissionPlugins {
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

  private static let nodeRestriction = "NodeRestriction"
  /// Those that may be asked for. AlwaysAdmit lets everything pass, so it needs no building.
  private static let built: Set = [nodeRestriction, "AlwaysAdmit"]

  /// What the three flags come to. Throws `StartFailure`: for a name that nobody knows, and for what is not built,
  /// which would protect nothing.
  static func restrictsNodes(enabled: [String], disabled: [String], only: [String]) throws -> Bool {
    let (enabled, disabled, only) = (names(enabled), names(disabled), names(only))
    if !only.isEmpty && !(enabled + disabled).isEmpty {
      throw StartFailure(
        "admission-control and enable-admission-plugins/disable-admission-plugins flags are mutually exclusive")
    }
    for (flag, names) in [
      ("admission-control", only), ("enable-admission-plugins", enabled), ("disable-admission-plugins", disabled),
    ] {
      if let unknown = names.first(where: { !known.contains($0) }) {
        throw StartFailure(
          "\(flag) plugin \(GoText.quoted(unknown)) is unknown: it is none of kube-apiserver's, such as \(nodeRestriction)"
        )
      }
    }
    let both = Set(enabled).intersection(disabled).sorted()
    if !both.isEmpty {
      throw StartFailure(
        "[\(both.joined(separator: " "))] in enable-admission-plugins and disable-admission-plugins overlapped")
    }
    for (flag, names) in [("--admission-control", only), ("--enable-admission-plugins", enabled)] {
      if let missing = names.first(where: { !built.contains($0) }) {
        throw StartFailure("\(flag): \(missing) is not built yet, and would check nothing: leave it out")
      }
    }
    return only.isEmpty ? !disabled.contains(nodeRestriction) : only.contains(nodeRestriction)
  }

  /// A list that is given empty names none.
  private static func names(_ given: [String]) -> [String] { given.ofList }
}
