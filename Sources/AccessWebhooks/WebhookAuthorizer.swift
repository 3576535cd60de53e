public import Access
import ByteBuffers
import JSON
public import Webhooks

/// `--authorization-mode=Webhook`: asks somebody else, by SubjectAccessReview, and remembers the answers.
/// (plugin/pkg/authorizer/webhook.)
public struct WebhookAuthorizer: Authorizer {
  /// How the review is written.
  public enum Version: String, Sendable, CaseIterable { case v1, v1beta1 }

  private let connection: WebhookConnection
  private let version: Version
  private let authorizedLife: Duration
  private let unauthorizedLife: Duration
  private let cache = ExpiringCache<AccessDecision>(countMax: 8_192)

  /// Longer questions are not remembered: their text is the client's. (`maxControlledAttrCacheSize`.)
  private static let rememberedBytesMax = 10_000

  public init(_ connection: WebhookConnection, version: Version, authorizedLife: Duration, unauthorizedLife: Duration) {
    self.connection = connection
    self.version = version
    self.authorizedLife = authorizedLife
    self.unauthorizedLife = unauthorizedLife
  }

  public func authorize(_ attributes: AccessAttributes) -> AccessVerdict {
    let spec = spec(attributes)
    let key = spec.encoded().text
    if let known = cache[key] { return .now(known) }
    return .later { try await ask(spec, key, attributes) }
  }

  public func rules(for user: UserInfo, namespace: String) -> AccessRules {
    var rules = AccessRules()
    rules.isIncomplete = true
    rules.error = "webhook authorizer does not support user rule resolution"
    return rules
  }

  /// Throws when nobody answers: the request fails, as it does at kube-apiserver, and nobody is let in.
  private func ask(_ spec: JSONValue, _ key: String, _ attributes: AccessAttributes) async throws -> AccessDecision {
    let review: JSONValue = [
      "kind": "SubjectAccessReview", "apiVersion": .string("authorization.k8s.io/\(version.rawValue)"), "metadata": [:],
      "spec": spec, "status": ["allowed": false],
    ]
    let status = try await connection.review(review)["status"] ?? [:]
    let reason = status["reason"]?.string ?? ""
    let (isAllowed, isDenied) = (status["allowed"]?.bool ?? false, status["denied"]?.bool ?? false)
    let decision: AccessDecision = isDenied ? .deny(reason) : isAllowed ? .allow : .noOpinion(reason)
    let parts = [
      attributes.namespace, attributes.verb, attributes.group, attributes.version, attributes.resource,
      attributes.subresource, attributes.name, attributes.path,
    ]
    if parts.reduce(0, { $0 + $1.utf8.count }) < Self.rememberedBytesMax {
      cache.keep(decision, for: key, isAllowed ? authorizedLife : unauthorizedLife)
    }
    return decision
  }

  private func spec(_ attributes: AccessAttributes) -> JSONValue {
    var spec: JSONObject = [:]
    func members(_ pairs: [(String, String)]) -> JSONValue {
      .object(JSONObject(unchecked: pairs.filter { !$0.1.isEmpty }.map { JSONObject.Member($0.0, .string($0.1)) }))
    }
    if attributes.isResource {
      spec["resourceAttributes"] = members([
        ("namespace", attributes.namespace), ("verb", attributes.verb), ("group", attributes.group),
        ("version", attributes.version), ("resource", attributes.resource),
        ("subresource", attributes.subresource), ("name", attributes.name),
      ])
    } else {
      spec["nonResourceAttributes"] = members([("path", attributes.path), ("verb", attributes.verb)])
    }
    let user = attributes.user
    if !user.name.isEmpty { spec["user"] = .string(user.name) }
    if !user.groups.isEmpty { spec[version == .v1 ? "groups" : "group"] = .array(user.groups.map { .string($0) }) }
    if !user.extra.isEmpty {
      spec["extra"] = .object(
        JSONObject(
          unchecked: user.extra.sorted { $0.key < $1.key }.map {
            JSONObject.Member($0.key, .array($0.values.map { .string($0) }))
          }))
    }
    if !user.uid.isEmpty { spec["uid"] = .string(user.uid) }
    return .object(spec)
  }
}
