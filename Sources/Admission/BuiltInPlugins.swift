public import Access
public import AccessRBAC
public import Machinery
public import Registry

/// The plug-ins that are built, in the order in which kube-apiserver asks them.
public enum BuiltInPlugins {
  /// What a plug-in is made from.
  public struct Surroundings {
    /// The store of a resource; nil where it is not served. Without what a plug-in looks at there is nothing for it to
    /// say.
    public let store: (GroupResource) -> Store?

    /// Who says what writers may do beyond the request.
    public let authorizer: any Authorizer

    /// Who holds which roles; nil where everybody may do everything.
    public let roles: RoleIndex?

    public init(
      store: @escaping (GroupResource) -> Store?, authorizer: any Authorizer = AlwaysAllow(), roles: RoleIndex? = nil
    ) {
      self.store = store
      self.authorizer = authorizer
      self.roles = roles
    }
  }

  private static let all: [(name: String, make: @Sendable (Surroundings) -> (any AdmissionPlugin)?)] = [
    (NamespaceLifecycle.name, { $0.store(NamespaceLifecycle.namespaces).map { NamespaceLifecycle($0) } }),
    (NodeRestriction.name, { _ in NodeRestriction() }),
    (Priority.name, { $0.store(Priority.priorityClasses).map { Priority($0) } }),
    (DefaultTolerationSeconds.name, { _ in DefaultTolerationSeconds() }),
    (
      RuntimeClassAdmission.name,
      { $0.store(RuntimeClassAdmission.runtimeClasses).map { RuntimeClassAdmission($0) } }
    ),
    (DefaultStorageClass.name, { $0.store(DefaultStorageClass.storageClasses).map { DefaultStorageClass($0) } }),
    (StorageObjectInUseProtection.name, { _ in StorageObjectInUseProtection() }),
    (DefaultIngressClass.name, { $0.store(DefaultIngressClass.ingressClasses).map { DefaultIngressClass($0) } }),
    (CertificateApproval.name, { CertificateApproval($0.authorizer) }),
    (CertificateSigning.name, { CertificateSigning($0.authorizer) }),
    (CertificateSubjectRestriction.name, { _ in CertificateSubjectRestriction() }),
    (
      PersistentVolumeClaimResize.name,
      { $0.store(PersistentVolumeClaimResize.storageClasses).map { PersistentVolumeClaimResize($0) } }
    ),
  ]

  public static let names = all.map(\.name)

  /// Those of `names`.
  public static func chain(_ names: [String], _ surroundings: Surroundings) -> AdmissionChain {
    let chosen = all.filter { names.contains($0.name) }.compactMap { $0.make(surroundings) }
    // These have no flag's name: upstream asks them in the strategy, and before the storage.
    let always: [(any AdmissionPlugin)?] = [
      surroundings.store(NamespaceLifecycle.namespaces).map { DeviceAdminAccess($0) },
      ClaimStatusAccess(surroundings.authorizer),
      surroundings.roles.map { RoleEscalation($0, surroundings.authorizer) },
    ]
    return AdmissionChain(chosen + always.compactMap(\.self))
  }
}
