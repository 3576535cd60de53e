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

  /// Whose a token is. No authenticator here says for whom its tokens are meant, so a token is good for none that is
  /// named. (`authenticator.WrapAudienceAgnosticToken`.)
  static func answer(token object: JSONValue, by authenticator: (any Authenticator)?) async throws(Status) -> JSONValue
  {
    guard let token = object["spec"]?["token"]?.string, !token.isEmpty else {
      throw .badRequest("token is required for TokenReview in authentication")
    }
    var answer = object
    var status: JSONObject = [:]
    if let authenticator {
      var verdict = AuthenticationVerdict.invalid("invalid bearer token")
      if object["spec"]?["audiences"]?.array?.isEmpty ?? true {
        verdict = authenticator.authenticate(Credentials(authorization: "Bearer \(token)"))
      }
      while case .later(let work) = verdict { verdict = await work() }
      switch verdict {
      case .user(let user):
        status["authenticated"] = true
        status["user"] = user.json
      case .invalid(let why):
        status["user"] = [:]
        status["error"] = .string(why)
      case .absent, .later: status["user"] = [:]
      }
    } else {
      status["user"] = [:]
    }
    answer["status"] = .object(status)
    return answer
  }
}
