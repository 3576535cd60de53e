public import Access
import JSON
public import Webhooks

/// Asks somebody else whose a bearer token is, by TokenReview, and remembers the answers.
/// (plugin/pkg/authenticator/token/webhook.)
public struct WebhookAuthenticator: Authenticator {
  private let connection: WebhookConnection
  private let version: WebhookAuthorizer.Version
  private let life: Duration
  private let cache = ExpiringCache<UserInfo>(countMax: 4_096)

  /// No token is longer; and none is remembered that is.
  private static let tokenBytesMax = 16 << 10

  public init(_ connection: WebhookConnection, version: WebhookAuthorizer.Version, life: Duration) {
    self.connection = connection
    self.version = version
    self.life = life
  }

  public func authenticate(_ credentials: Credentials) -> AuthenticationVerdict {
    guard let token = credentials.bearerToken else { return .absent }
    guard token.utf8.count <= Self.tokenBytesMax else {
      return .invalid("the token is longer than \(Self.tokenBytesMax) bytes")
    }
    if let user = cache[token] { return .user(user) }
    return .later { await ask(token) }
  }

  private func ask(_ token: String) async -> AuthenticationVerdict {
    let review: JSONValue = [
      "kind": "TokenReview", "apiVersion": .string("authentication.k8s.io/\(version.rawValue)"), "metadata": [:],
      "spec": ["token": .string(token)], "status": ["user": [:]],
    ]
    let status: JSONValue
    do { status = try await connection.review(review)["status"] ?? [:] } catch { return .invalid(error.description) }
    guard status["authenticated"]?.bool == true else {
      let why = status["error"]?.string ?? ""
      return why.isEmpty ? .absent : .invalid(why)
    }
    func texts(_ value: JSONValue?) -> [String] { value?.array?.compactMap(\.string) ?? [] }
    let info = status["user"] ?? [:]
    let user = UserInfo(
      name: info["username"]?.string ?? "", uid: info["uid"]?.string ?? "", groups: texts(info["groups"]),
      extra: (info["extra"]?.object?.members ?? []).map { ($0.name, texts($0.value)) })
    cache.keep(user, for: token, life)
    return .user(user)
  }
}
