public import Access
import ByteBuffers
public import ConfigurationFiles
public import JSON
import Machinery

/// What an AuthenticationConfiguration file says (apiserver.config.k8s.io): whose signed tokens are believed, and where
/// requests without credentials are let in.
public struct AuthenticationConfiguration: Sendable, Equatable {
  /// nil where the file leaves it to `--anonymous-auth`.
  public let anonymous: AnonymousAccess?
  public let issuers: [JWTIssuer]

  /// As many as kube-apiserver takes.
  private static let issuersMax = 64

  public typealias Problem = ConfigurationProblem

  /// Newest first; all say the same of what is read here.
  private static let versions = ["v1", "v1beta1", "v1alpha1"].map { "apiserver.config.k8s.io/\($0)" }

  /// Reads the tree of a file as strictly as kube-apiserver. `duplicates`: complaints of names given twice, which only
  /// the text shows. Throws `Problem`.
  public init(_ tree: JSONValue, duplicates: [String] = []) throws(Problem) {
    try ConfigurationTree.check(
      tree, kind: "AuthenticationConfiguration", versions: Self.versions, duplicates: duplicates)
    try ConfigurationTree.check(tree, "", ["kind", "apiVersion", "jwt", "anonymous"])
    var issuers: [JWTIssuer] = []
    for (place, entry) in try ConfigurationTree.items(tree["jwt"], "jwt").enumerated() {
      let issuer = try JWTIssuer(entry, at: "jwt[\(place)]")
      if issuers.contains(where: { $0.url == issuer.url }) {
        throw Problem(.duplicate("jwt[\(place)].issuer.url", bare: GoText.quoted(issuer.url)))
      }
      issuers.append(issuer)
    }
    if issuers.count > Self.issuersMax {
      throw Problem(description: "jwt: Too many: \(issuers.count): must have at most \(Self.issuersMax) items")
    }
    self.issuers = issuers
    guard let given = tree["anonymous"], !given.isNull else {
      anonymous = nil
      return
    }
    try ConfigurationTree.check(given, "anonymous", ["enabled", "conditions"])
    guard let isEnabled = given["enabled"]?.bool else {
      throw Problem(description: "anonymous.enabled: it must be true or false")
    }
    let conditions = given["conditions"] ?? []
    var paths: Set<ByteString> = []
    for (place, condition) in try ConfigurationTree.items(conditions, "anonymous.conditions").enumerated() {
      let at = "anonymous.conditions[\(place)]"
      try ConfigurationTree.check(condition, at, ["path"])
      guard let path = condition["path"]?.string, !path.isEmpty else {
        throw Problem(description: "\(at).path: it must be a path, such as /livez")
      }
      paths.insert(path)
    }
    if !isEnabled && !paths.isEmpty {
      throw Problem(
        description: FieldError.invalid(
          "anonymous.conditions", bare: conditions.encoded().text,
          "enabled should be set to true when conditions are defined"
        ).message)
    }
    anonymous = !isEnabled ? .denied : paths.isEmpty ? .everywhere : .paths(paths)
  }
}
