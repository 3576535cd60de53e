public import Access
import ByteBuffers
public import CEL
public import JSON
import Machinery

/// Somebody whose signed tokens are believed, and what is read from them. (apiserver.config.k8s.io `JWTAuthenticator`.)
public struct JWTIssuer: Sendable, Equatable {
  /// What says something: a claim, with what is put before it, or an expression over all claims.
  public enum Mapping: Sendable, Equatable {
    case claim(String, prefix: String)
    case expression(CELExpression)
    public static func claim(_ name: String) -> Mapping { .claim(name, prefix: "") }
  }

  /// What must hold, and what is said where it doesn't.
  public struct Rule: Sendable, Equatable {
    var expression: CELExpression
    var message: String

    /// Throws where it doesn't hold.
    func check(_ variables: [String: JSONValue], _ what: String) throws(Refusal) {
      guard let holds = try JWTIssuer.evaluated(expression, variables, what).bool else {
        throw Refusal("oidc: error evaluating \(what): validation expression must return a boolean")
      }
      if !holds {
        throw Refusal("oidc: error evaluating \(what): validation expression '\(expression.text)' failed: \(message)")
      }
    }
  }

  /// More that is known of a user, by key.
  public struct Extra: Sendable, Equatable {
    var key: String
    var expression: CELExpression
  }

  /// What tokens call it.
  public var url: String
  /// Where its discovery document is.
  public var discovery: String
  /// PEM; empty for those that the system trusts.
  public var certificateAuthority = ""
  /// A token is for one of these.
  public var audiences: [String]
  public var username: Mapping
  public var groups: Mapping?
  public var uid: Mapping?
  public var extra: [Extra] = []
  /// Claims that a token must have, with the values that they must have.
  public var requiredClaims: [String: String] = [:]
  /// Of the claims, and of the user that they make.
  public var claimRules: [Rule] = []
  public var userRules: [Rule] = []

  public init(url: String, audiences: [String], username: Mapping) {
    self.url = url
    self.audiences = audiences
    self.username = username
    discovery = (url.hasSuffix("/") ? String(url.dropLast()) : url) + "/.well-known/openid-configuration"
  }

  /// Why a token that is signed well says nothing.
  public struct Refusal: Error, Equatable, CustomStringConvertible {
    public let description: String
    public init(_ description: String) { self.description = description }
  }

  /// Who a token is about. Its signature and its times are others' business.
  public func user(of claims: JSONValue) throws(Refusal) -> UserInfo {
    let meant = claims["aud"]?.array?.compactMap(\.string) ?? claims["aud"]?.string.map { [$0] } ?? []
    guard meant.contains(where: audiences.contains) else {
      throw Refusal(
        "oidc: verify token: oidc: expected audience in \(JSONValue.array(audiences.map { .string($0) }).encoded().text) got \(JSONValue.array(meant.map { .string($0) }).encoded().text)"
      )
    }
    var user = UserInfo(name: try name(of: claims))
    user.groups = try groupNames(of: claims)
    user.uid = try identity(of: claims)
    for extra in extra {
      let values = try Self.texts(
        try Self.evaluated(extra.expression, ["claims": claims], "extra claim expression"), "extra claim expression")
      if !values.isEmpty { user.extra.append((extra.key, values)) }
    }
    for (claim, value) in requiredClaims.sorted(by: { $0.key < $1.key }) {
      guard let found = claims[claim] else { throw Refusal("oidc: required claim \(claim) not present in ID token") }
      guard found.string == value else {
        throw Refusal(
          "oidc: required claim \(claim) value does not match. Got = \(found.string ?? found.encoded().text), want = \(value)"
        )
      }
    }
    for rule in claimRules { try rule.check(["claims": claims], "claim validation expression") }
    if !userRules.isEmpty {
      let extra = user.extra.map { JSONObject.Member($0.key, .array($0.values.map { .string($0) })) }
      let known: JSONValue = [
        "username": .string(user.name), "uid": .string(user.uid), "groups": .array(user.groups.map { .string($0) }),
        "extra": .object(JSONObject(unchecked: extra)),
      ]
      for rule in userRules { try rule.check(["user": known], "user info validation rule") }
    }
    return user
  }

  private static func evaluated(
    _ expression: CELExpression, _ variables: [String: JSONValue], _ what: String
  ) throws(Refusal) -> JSONValue {
    do throws(CELError) { return try expression.evaluate(variables) } catch {
      throw Refusal("oidc: error evaluating \(what): expression '\(expression.text)' resulted in error: \(error)")
    }
  }

  /// Of a string, a list of strings, or nothing; empty ones count as none. (`convertCELValueToStringList`)
  private static func texts(_ value: JSONValue, _ what: String) throws(Refusal) -> [String] {
    if value.isNull { return [] }
    guard let texts = strings(value) else {
      throw Refusal("oidc: error evaluating \(what): expression must return a string or a list of strings")
    }
    return texts.filter { !$0.isEmpty }
  }

  /// Of a list of strings, or of one that stands by itself; nil for anything else.
  private static func strings(_ value: JSONValue) -> [String]? {
    if let text = value.string { return [text] }
    let texts = value.array?.compactMap(\.string)
    return texts?.count == value.array?.count ? texts : nil
  }

  private func name(of claims: JSONValue) throws(Refusal) -> String {
    switch username {
    case .expression(let expression):
      guard let name = try Self.evaluated(expression, ["claims": claims], "username claim expression").string else {
        throw Refusal(
          "oidc: error evaluating username claim expression: username claim expression must return a string")
      }
      if name.isEmpty { throw Refusal("oidc: empty username via CEL expression is not allowed") }
      return name
    case .claim(let claim, let prefix):
      guard let name = claims[claim]?.string else {
        throw Refusal("oidc: parse username claims \(GoText.quoted(claim)): claim not present")
      }
      if claim == "email", let verified = claims["email_verified"] {
        guard let isVerified = verified.bool else {
          throw Refusal("oidc: parse 'email_verified' claim: it is neither true nor false")
        }
        if !isVerified { throw Refusal("oidc: email not verified") }
      }
      return prefix + name
    }
  }

  private func groupNames(of claims: JSONValue) throws(Refusal) -> [String] {
    switch groups {
    case nil: return []
    case .expression(let expression):
      return try Self.texts(
        try Self.evaluated(expression, ["claims": claims], "group claim expression"), "group claim expression")
    case .claim(let name, let prefix):
      guard let claim = claims[name] else { return [] }
      guard let names = Self.strings(claim) else {
        throw Refusal("oidc: parse groups claim \(GoText.quoted(name)): it is neither a string nor a list of strings")
      }
      return names.map { prefix + $0 }
    }
  }

  private func identity(of claims: JSONValue) throws(Refusal) -> String {
    switch uid {
    case nil: return ""
    case .expression(let expression):
      guard let uid = try Self.evaluated(expression, ["claims": claims], "uid claim expression").string else {
        throw Refusal("oidc: error evaluating uid claim expression: uid claim expression must return a string")
      }
      return uid
    case .claim(let claim, _):
      guard let uid = claims[claim]?.string else {
        throw Refusal("oidc: parse uid claim \(GoText.quoted(claim)): claim not present")
      }
      return uid
    }
  }
}
