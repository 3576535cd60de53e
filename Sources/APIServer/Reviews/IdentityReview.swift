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

  /// Whose a token is. No authenticator here says for whom its tokens are meant: all are meant for this API, which goes
  /// by the names of `audiences`, so a token is good for those of them that are asked for, and for no other.
  /// (`authenticator.WrapAudienceAgnosticToken`.)
  static func answer(
    token object: JSONValue, by authenticator: (any Authenticator)?, audiences: [String]
  ) async throws(Status) -> JSONValue {
    guard let token = object["spec"]?["token"]?.string, !token.isEmpty else {
      throw .badRequest("token is required for TokenReview in authentication")
    }
    var answer = object
    var status: JSONObject = [:]
    if let authenticator {
      var verdict = AuthenticationVerdict.invalid("invalid bearer token")
      let asked = (object["spec"]?["audiences"]?.array ?? []).map { $0.string ?? "" }
      let meant = asked.isEmpty ? audiences : asked.filter(audiences.contains)
      if asked.isEmpty || !meant.isEmpty {
        verdict = authenticator.authenticate(Credentials(authorization: "Bearer \(token)"))
      }
      while case .later(let work) = verdict { verdict = await work() }
      switch verdict {
      case .user(let user):
        status["authenticated"] = true
        status["user"] = user.json
        if !meant.isEmpty { status["audiences"] = .array(meant.map { .string($0) }) }
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
