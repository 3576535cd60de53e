public import JSON
import Cacher
import Machinery
import Registry

/// Who signs tokens for service accounts.
public struct TokenIssuer: Sendable {
  /// For whom a token is that names nobody.
  public let audiences: [String]
  /// No token lives longer; nil for no bound. (`--service-account-max-token-expiration`)
  public let lifetimeMax: Int64?
  /// Do tokens that kubelets put into pods live on for a year, since some programs never read them again?
  /// (`--service-account-extend-token-expiration`)
  public let extends: Bool
  /// Signs claims. Throws why it can't.
  public let issue: @Sendable (_ claims: JSONObject) async throws -> String

  public init(
    audiences: [String], lifetimeMax: Int64? = nil, extends: Bool = true,
    issue: @escaping @Sendable (_ claims: JSONObject) async throws -> String
  ) {
    self.audiences = audiences
    self.lifetimeMax = lifetimeMax
    self.extends = extends
    self.issue = issue
  }
}

/// A service account gets a token. (Kubernetes: pkg/registry/core/serviceaccount/storage, `TokenREST`)
enum TokenRequest {
  static let subresource = Subresource("token")
  private static let group = "authentication.k8s.io"

  static func action(_ issuer: TokenIssuer) -> SubresourceAction {
    SubresourceAction(
      "TokenRequest", in: GroupVersion(group: group, version: "v1"),
      typeName: "io.k8s.api.authentication.v1.TokenRequest", plural: "serviceaccounts",
      answering: { (request) async throws(Status) in try await answer(request, issuer) })
  }

  /// What a kubelet asks for when a pod says nothing, and how long such a token then lives.
  /// (`WarnOnlyBoundTokenExpirationSeconds`, `ExpirationExtensionSeconds`)
  private static let projected: Int64 = 3_607
  private static let extended: Int64 = 365 * 86_400

  private static func answer(
    _ request: SubresourceAction.Request, _ issuer: TokenIssuer
  ) async throws(Status) -> SubresourceAction.Outcome {
    let (name, namespace) = (request.name, request.namespace)
    try await request.store.admit(request, to: subresource)
    let given = request.body["metadata"] ?? .null
    for (member, what, wanted) in [("name", "name", name), ("namespace", "namespace", namespace)] {
      let text = given.string(at: member)
      if text.isEmpty || text == wanted { continue }
      throw .invalid(
        "TokenRequest", group: group, name: name,
        [.invalid("metadata.\(member)", text, "must match the service account \(what) if specified")])
    }
    let account = try await request.store.read(name, namespace: namespace)
    let uid = account["metadata"]?.string(at: "uid") ?? ""
    if !given.string(at: "uid").isEmpty && given.string(at: "uid") != uid {
      throw .conflict(
        GroupResource(group: group, resource: "TokenRequest"), name,
        "the UID in the token request (\(given.string(at: "uid"))) does not match the UID of the service account (\(uid))"
      )
    }
    var answer = request.body
    answer["status"] = nil
    let now = Timestamp.now
    for (member, value) in [("name", name), ("namespace", namespace), ("uid", uid)] {
      answer.edit("metadata") { $0[member] = .string(value) }
    }
    answer.edit("metadata") { $0["creationTimestamp"] = .string(Timestamp.text(now)) }
    var audiences = (answer["spec"]?.array(at: "audiences") ?? []).compactMap(\.string)
    if audiences.isEmpty { audiences = issuer.audiences }
    var seconds = answer["spec"]?["expirationSeconds"]?.int ?? 3_600
    try check(seconds)
    let bound = try await bound(answer["spec"]?["boundObjectRef"], to: request)
    var warnings: [String] = []
    if let most = issuer.lifetimeMax, seconds > most {
      warnings.append("requested expiration of \(seconds) seconds shortened to \(most) seconds")
      seconds = most
    }
    var life = seconds
    var own: JSONObject = ["namespace": .string(namespace)]
    if issuer.extends, bound["pod"] != nil, seconds == projected, audiences.allSatisfy(issuer.audiences.contains) {
      own["warnafter"] = .int(now + seconds)
      life = extended
    }
    own["serviceaccount"] = ["name": .string(name), "uid": .string(uid)]
    for member in bound.members { own[member.name] = member.value }
    own.sortByName()
    let claims: JSONObject = [
      "aud": .array(audiences.map { .string($0) }), "exp": .int(now + life), "iat": .int(now),
      "jti": .string(Identity.uid()), "kubernetes.io": .object(own), "nbf": .int(now),
      "sub": .string("system:serviceaccount:\(namespace):\(name)"),
    ]
    let token: String
    do { token = try await issuer.issue(claims) } catch {
      throw .internalError("failed to generate token: \(error)")
    }
    var spec: JSONObject = [
      "audiences": .array(audiences.map { .string($0) }), "expirationSeconds": .int(seconds),
    ]
    spec["boundObjectRef"] = answer["spec"]?["boundObjectRef"] ?? .null
    answer["spec"] = .object(spec)
    answer["status"] = ["token": .string(token), "expirationTimestamp": .string(Timestamp.text(now + seconds))]
    return .object(answer, warnings: warnings)
  }

  /// (`ValidateTokenRequest`)
  private static func check(_ seconds: Int64) throws(Status) {
    var errors: [FieldError] = []
    func complain(_ detail: String) {
      errors.append(.invalid("spec.expirationSeconds", bare: String(seconds), detail))
    }
    if seconds < 600 { complain("may not specify a duration less than 10 minutes") }
    if seconds > 1 << 32 { complain("may not specify a duration larger than 2^32 seconds") }
    if !errors.isEmpty { throw .invalid("TokenRequest", group: group, name: "", errors) }
  }

  /// The claims about the object without which the token shall be good no more.
  private static func bound(
    _ reference: JSONValue?, to request: SubresourceAction.Request
  ) async throws(Status) -> JSONObject {
    guard let reference, reference.object != nil else { return [:] }
    let version = GroupVersion(parsing: reference.string(at: "apiVersion"))
    let (kind, name) = (reference.string(at: "kind"), reference.string(at: "name"))
    func read(_ plural: String, _ name: String, _ namespace: String) async throws(Status) -> JSONValue {
      let resource = GroupResource(group: "", resource: plural)
      if name.isEmpty { throw .badRequest("Name parameter required.") }
      guard let store = request.stores(resource) else { throw .notFound(resource, name) }
      return try await store.read(name, namespace: namespace)
    }
    func claim(_ object: JSONValue) -> JSONValue {
      [
        "name": .string(object["metadata"]?.string(at: "name") ?? ""),
        "uid": .string(object["metadata"]?.string(at: "uid") ?? ""),
      ]
    }
    var claims: JSONObject = [:]
    let object: JSONValue
    switch (version.group, kind) {
    case ("", "Pod"):
      object = try await read("pods", name, request.namespace)
      let account = object["spec"]?.string(at: "serviceAccountName") ?? ""
      if account != request.name {
        throw .badRequest(
          "cannot bind token for serviceaccount \(GoText.quoted(request.name)) "
            + "to pod running with different serviceaccount name.")
      }
      claims["pod"] = claim(object)
      let node = object["spec"]?.string(at: "nodeName") ?? ""
      if !node.isEmpty {
        do throws(Status) { claims["node"] = claim(try await read("nodes", node, "")) } catch {
          // One that is not there is named all the same.
          if error.code != 404 { throw error }
          claims["node"] = ["name": .string(node)]
        }
      }
    case ("", "Node"):
      object = try await read("nodes", name, "")
      claims["node"] = claim(object)
    case ("", "Secret"):
      object = try await read("secrets", name, request.namespace)
      claims["secret"] = claim(object)
    default:
      throw .badRequest(
        "cannot bind token to object of type \(version.group)/\(version.version), Kind=\(kind)")
    }
    let (asked, known) = (reference.string(at: "uid"), object["metadata"]?.string(at: "uid") ?? "")
    if !asked.isEmpty && asked != known {
      throw .conflict(
        GroupResource(group: "", resource: kind), name,
        "the UID in the bound object reference (\(asked)) does not match the UID in record. "
          + "The object might have been deleted and then recreated")
    }
    return claims
  }
}
