import Machinery
public import Registry

/// The reviews: questions that clients ask about themselves and others. (Kubernetes: pkg/registry/authentication,
/// pkg/registry/authorization.)
enum ReviewKind: CaseIterable {
  case selfSubject, token, selfSubjectAccess, subjectAccess, localSubjectAccess, selfSubjectRules

  private var kind: String {
    switch self {
    case .selfSubject: "SelfSubjectReview"
    case .token: "TokenReview"
    case .selfSubjectAccess: "SelfSubjectAccessReview"
    case .subjectAccess: "SubjectAccessReview"
    case .localSubjectAccess: "LocalSubjectAccessReview"
    case .selfSubjectRules: "SelfSubjectRulesReview"
    }
  }

  private var isAboutIdentity: Bool { self == .selfSubject || self == .token }

  var resource: VirtualResource {
    let group = isAboutIdentity ? "authentication" : "authorization"
    return VirtualResource(
      ResourceInfo(
        groupVersion: GroupVersion(group: "\(group).k8s.io", version: "v1"), plural: kind.lowercased() + "s",
        singular: kind.lowercased(), kind: kind,
        isNamespaced: self == .localSubjectAccess, verbs: ["create"], storagePath: "",
        typeName: "io.k8s.api.\(group).v1.\(kind)"))
  }
}

extension APIServer {
  /// What the API tells of the reviews, which are served beside what is stored.
  public static let reviews: [ResourceInfo] = ReviewKind.allCases.map(\.resource.info)
}
