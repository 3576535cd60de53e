import ByteBuffers
public import JSON
import Machinery

/// What an AuthenticationConfiguration file says (apiserver.config.k8s.io): whose signed tokens are believed, and where requests
/// without credentials are let in.
public struct AuthenticationConfiguration: Sendable, Equatable {
  /// nil where the file leaves it to `--anonymous-auth`.
  public let anonymous: AnonymousAccess?
  public let issuers: [JWTIssuer]

  /// As many as kube-apiserver takes.
  private static let issuersMax = 64

  /// A file that can't be used: where and why, in kube-apiserver's words where it has some.
  public struct Problem: Error, Equatable, CustomStringConvertible {
    public let description: String
  }

  /// Newest first; all say the same of what is read here.
  private static let versions = ["v1", "v1beta1", "v1alpha1"].map { "apiserver.config.k8s.io/\($0)" }

  /// Reads the tree of a file as strictly as kube-apiserver. `duplicates`: complaints of names given twice, which only the text shows. Throws `Problem`.
  public init(_ tree: JSONValue, duplicates: [String] = []) throws(Problem) {
    if let first = duplicates.first { throw Problem(description: "strict decoding error: \(first)") }
    let (kind, version) = (tree["kind"]?.string ?? "", tree["apiVersion"]?.string ?? "")
    guard kind == "AuthenticationConfiguration", Self.versions.contains(version) else {
      throw Problem(description: "no kind \(GoText.quoted(kind)) is registered for version \(GoText.quoted(version)): it must be AuthenticationConfiguration of \(Self.versions[0])")
    }
    try Self.check(tree, "", ["kind", "apiVersion", "jwt", "anonymous"])
    let list = tree["jwt"] ?? []
    guard list.isNull || list.array != nil else { throw Problem(description: "jwt: it must be a list") }
    var issuers: [JWTIssuer] = []
    for (place, entry) in (list.array ?? []).enumerated() {
      let issuer = try JWTIssuer(entry, at: "jwt[\(place)]")
      if issuers.contains(where: { $0.url == issuer.url }) { throw Problem(.duplicate("jwt[\(place)].issuer.url", bare: GoText.quoted(issuer.url))) }
      issuers.append(issuer)
    }
    if issuers.count > Self.issuersMax { throw Problem(description: "jwt: Too many: \(issuers.count): must have at most \(Self.issuersMax) items") }
    self.issuers = issuers
    guard let given = tree["anonymous"], !given.isNull else {
      anonymous = nil
      return
    }
    try Self.check(given, "anonymous", ["enabled", "conditions"])
    guard let isEnabled = given["enabled"]?.bool else { throw Problem(description: "anonymous.enabled: it must be true or false") }
    let conditions = given["conditions"] ?? []
    guard conditions.isNull || conditions.array != nil else { throw Problem(description: "anonymous.conditions: it must be a list") }
    var paths: Set<String> = []
    for (place, condition) in (conditions.array ?? []).enumerated() {
      let at = "anonymous.conditions[\(place)]"
      try Self.check(condition, at, ["path"])
      guard let path = condition["path"]?.string, !path.isEmpty else { throw Problem(description: "\(at).path: it must be a path, such as /livez") }
      paths.insert(path)
    }
    if !isEnabled && !paths.isEmpty {
      throw Problem(description: FieldError.invalid("anonymous.conditions", bare: conditions.encoded().text, "enabled should be set to true when conditions are defined").message)
    }
    anonymous = !isEnabled ? .denied : paths.isEmpty ? .everywhere : .paths(paths)
  }

  static func check(_ value: JSONValue, _ path: String, _ members: Set<String>) throws(Problem) {
    guard let object = value.object else { throw Problem(description: "\(path): it must be an object") }
    if let unknown = object.members.first(where: { !members.contains($0.name) }) {
      throw Problem(description: "strict decoding error: unknown field \(GoText.quoted(path.isEmpty ? unknown.name : "\(path).\(unknown.name)"))")
    }
  }
}
