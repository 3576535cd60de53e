import Access
import JSON
import Machinery

/// Answers to who somebody is: `SelfSubjectReview` and `TokenReview`.
enum IdentityReview {
  /// `kubectl auth whoami`.
  static func answer(_ object: JSONValue, for requester: UserInfo) -> JSONValue {
    [
      "kind": object["kind"] ?? .null, "apiVersion": object["apiVersion"] ?? .null,
      "metadata": ["creationTimestamp": .string(Timestamp.text(Timestamp.now))], "status": ["userInfo": requester.json],
    ]
  }

  /// Whose a token is, and for whom it is meant of those whom the review names. Tokens of others than service accounts
  /// say nothing of that, so they are this server's. (`TokenReview`'s REST; `authenticator.WrapAudienceAgnosticToken`)
  /// `audiences`: nil where no tokens are for anybody.
  static func answer(
    token object: JSONValue, by authenticator: (any Authenticator)?, _ audiences: TokenAudiences?
  ) async throws(Status) -> JSONValue {
    guard let token = object["spec"]?["token"]?.string, !token.isEmpty else {
      throw .badRequest("token is required for TokenReview in authentication")
    }
    let asked = (object["spec"]?["audiences"]?.array ?? []).compactMap(\.string)
    let named = audiences?.named(token)
    let good = (named ?? audiences?.own ?? []).filter { (asked.isEmpty ? audiences?.own ?? [] : asked).contains($0) }
    var answer = object
    var status: JSONObject = [:]
    var verdict = AuthenticationVerdict.invalid(Self.invalid)
    // One that says for whom it is gets an answer that tells so.
    if let authenticator, asked.isEmpty || named != nil || !good.isEmpty {
      var credentials = Credentials(authorization: "Bearer \(token)")
      credentials.audiences = asked.isEmpty ? nil : asked
      verdict = authenticator.authenticate(credentials)
      while case .later(let work) = verdict { verdict = await work() }
    }
    switch verdict {
    case .user(let user):
      status["authenticated"] = true
      status["user"] = user.json
      if !good.isEmpty { status["audiences"] = .array(good.map { .string($0) }) }
    case .invalid(let why):
      status["user"] = object["status"]?["user"] ?? [:]
      // Upstream asks two who read such tokens, and tells what both say.
      status["error"] = .string(named == nil ? why : "[\(Self.invalid), \(why)]")
    case .absent, .later: status["user"] = object["status"]?["user"] ?? [:]
    }
    answer["status"] = .object(status)
    return answer
  }

  private static let invalid = "invalid bearer token"
}
