import ByteBuffers
public import JSON
import Machinery

/// Somebody whose signed tokens are believed, and what is read from them. (apiserver.config.k8s.io `JWTAuthenticator`, without expressions.)
public struct JWTIssuer: Sendable, Equatable {
  /// Which claim says something, and what is put before it.
  public struct Mapping: Sendable, Equatable {
    public var claim: String
    public var prefix: String
    public init(claim: String, prefix: String = "") {
      self.claim = claim
      self.prefix = prefix
    }
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
  public var uidClaim = ""
  /// Claims that a token must have, with the values that they must have.
  public var requiredClaims: [String: String] = [:]

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
      throw Refusal("oidc: verify token: oidc: expected audience in \(JSONValue.array(audiences.map { .string($0) }).encoded().text) got \(JSONValue.array(meant.map { .string($0) }).encoded().text)")
    }
    guard let name = claims[username.claim]?.string else { throw Refusal("oidc: parse username claims \(GoText.quoted(username.claim)): claim not present") }
    if username.claim == "email", let verified = claims["email_verified"] {
      guard let isVerified = verified.bool else { throw Refusal("oidc: parse 'email_verified' claim: it is neither true nor false") }
      if !isVerified { throw Refusal("oidc: email not verified") }
    }
    var user = UserInfo(name: username.prefix + name)
    if let groups, let claim = claims[groups.claim] {
      // One group may stand by itself.
      let names = claim.string.map { [$0] } ?? claim.array?.compactMap(\.string)
      guard let names, claim.array.map({ $0.count == names.count }) ?? true else { throw Refusal("oidc: parse groups claim \(GoText.quoted(groups.claim)): it is neither a string nor a list of strings") }
      user.groups = names.map { groups.prefix + $0 }
    }
    if !uidClaim.isEmpty {
      guard let uid = claims[uidClaim]?.string else { throw Refusal("oidc: parse uid claim \(GoText.quoted(uidClaim)): claim not present") }
      user.uid = uid
    }
    for (claim, value) in requiredClaims.sorted(by: { $0.key < $1.key }) {
      guard let found = claims[claim] else { throw Refusal("oidc: required claim \(claim) not present in ID token") }
      guard found.string == value else { throw Refusal("oidc: required claim \(claim) value does not match. Got = \(found.string ?? found.encoded().text), want = \(value)") }
    }
    return user
  }
}

extension JWTIssuer {
  private typealias Problem = AuthenticationConfiguration.Problem

  /// Reads an entry of `jwt`. Throws the first thing that is wrong with it, in kube-apiserver's words where it has some.
  init(_ tree: JSONValue, at path: String) throws(AuthenticationConfiguration.Problem) {
    try AuthenticationConfiguration.check(tree, path, ["issuer", "claimValidationRules", "claimMappings", "userValidationRules"])
    let issuer = tree["issuer"] ?? [:]
    try AuthenticationConfiguration.check(issuer, "\(path).issuer", ["url", "discoveryURL", "certificateAuthority", "audiences", "audienceMatchPolicy", "egressSelectorType"])
    let url = issuer["url"]?.string ?? ""
    if url.isEmpty { throw Problem(.required("\(path).issuer.url", "")) }
    try Self.checkURL(url, "\(path).issuer.url")
    if let selector = issuer["egressSelectorType"]?.string, !selector.isEmpty { throw Problem(description: "\(path).issuer.egressSelectorType is not served: leave it out") }
    let audiences = try Self.strings(issuer["audiences"], "\(path).issuer.audiences")
    if audiences.isEmpty { throw Problem(.required("\(path).issuer.audiences", "at least one \(path).issuer.audiences is required")) }
    for (place, audience) in audiences.enumerated() {
      if audience.isEmpty { throw Problem(.required("\(path).issuer.audiences[\(place)]", "")) }
      if audiences[..<place].contains(audience) { throw Problem(.duplicate("\(path).issuer.audiences[\(place)]", bare: GoText.quoted(audience))) }
    }
    let policy = issuer["audienceMatchPolicy"]?.string ?? ""
    if policy != "MatchAny" && (audiences.count > 1 || !policy.isEmpty) {
      let rule = audiences.count > 1 ? "audienceMatchPolicy must be MatchAny for multiple audiences" : "audienceMatchPolicy must be empty or MatchAny for single audience"
      throw Problem(.invalid("\(path).issuer.audienceMatchPolicy", policy, rule))
    }
    if let rules = tree["userValidationRules"]?.array, !rules.isEmpty { throw Self.expressions("\(path).userValidationRules") }

    let mappings = tree["claimMappings"] ?? [:]
    try AuthenticationConfiguration.check(mappings, "\(path).claimMappings", ["username", "groups", "uid", "extra"])
    if let extra = mappings["extra"]?.array, !extra.isEmpty { throw Self.expressions("\(path).claimMappings.extra") }
    guard let username = try Self.mapping(mappings["username"], "\(path).claimMappings.username") else {
      throw Problem(.required("\(path).claimMappings.username", "claim or expression is required"))
    }
    self.init(url: url, audiences: audiences, username: username)
    groups = try Self.mapping(mappings["groups"], "\(path).claimMappings.groups")
    if let uid = mappings["uid"], !uid.isNull {
      try AuthenticationConfiguration.check(uid, "\(path).claimMappings.uid", ["claim", "expression"])
      if uid["expression"]?.string?.isEmpty == false { throw Self.expressions("\(path).claimMappings.uid.expression") }
      uidClaim = uid["claim"]?.string ?? ""
    }
    if let place = issuer["discoveryURL"]?.string, !place.isEmpty {
      func bare(_ url: String) -> Substring { url[...].trimmingSuffix("/") }
      if bare(place) == bare(url) { throw Problem(.invalid("\(path).issuer.discoveryURL", place, "discoveryURL must be different from URL")) }
      try Self.checkURL(place, "\(path).issuer.discoveryURL")
      discovery = place
    }
    certificateAuthority = issuer["certificateAuthority"]?.string ?? ""
    if !certificateAuthority.isEmpty && !certificateAuthority.contains("-----BEGIN CERTIFICATE-----") {
      throw Problem(.invalid("\(path).issuer.certificateAuthority", "<omitted>", "data does not contain any valid RSA or ECDSA certificates"))
    }
    let rules = tree["claimValidationRules"] ?? []
    guard rules.isNull || rules.array != nil else { throw Problem(description: "\(path).claimValidationRules: it must be a list") }
    for (place, rule) in (rules.array ?? []).enumerated() {
      let at = "\(path).claimValidationRules[\(place)]"
      try AuthenticationConfiguration.check(rule, at, ["claim", "requiredValue", "expression", "message"])
      if rule["expression"]?.string?.isEmpty == false { throw Self.expressions("\(at).expression") }
      guard let claim = rule["claim"]?.string, !claim.isEmpty else { throw Problem(.required(at, "claim or expression is required")) }
      if let message = rule["message"]?.string, !message.isEmpty { throw Problem(.invalid("\(at).message", message, "may not be specified when claim is set")) }
      if requiredClaims[claim] != nil { throw Problem(.duplicate("\(at).claim", bare: GoText.quoted(claim))) }
      requiredClaims[claim] = rule["requiredValue"]?.string ?? ""
    }
  }

  private static func expressions(_ path: String) -> Problem { Problem(description: "\(path): CEL expressions are not served yet: say it by a claim") }

  private static func strings(_ value: JSONValue?, _ path: String) throws(AuthenticationConfiguration.Problem) -> [String] {
    guard let value, !value.isNull else { return [] }
    let texts = value.array?.compactMap(\.string)
    guard let texts, texts.count == value.array?.count else { throw Problem(description: "\(path): it must be a list of strings") }
    return texts
  }

  /// nil where nothing is said.
  private static func mapping(_ tree: JSONValue?, _ path: String) throws(AuthenticationConfiguration.Problem) -> Mapping? {
    guard let tree, !tree.isNull else { return nil }
    try AuthenticationConfiguration.check(tree, path, ["claim", "prefix", "expression"])
    if tree["expression"]?.string?.isEmpty == false { throw expressions("\(path).expression") }
    let claim = tree["claim"]?.string ?? ""
    let prefix = tree["prefix"]?.string
    if claim.isEmpty {
      if prefix != nil { throw Problem(.invalid("\(path).prefix", prefix ?? "", "prefix is not supported when claim is not set")) }
      return nil
    }
    guard let prefix else { throw Problem(.required("\(path).prefix", "prefix is required when claim is set. It can be set to an empty string to disable prefixing")) }
    return Mapping(claim: claim, prefix: prefix)
  }

  /// (`validateURL`)
  private static func checkURL(_ url: String, _ path: String) throws(AuthenticationConfiguration.Problem) {
    if !url.hasPrefix("https://") { throw Problem(.invalid(path, url, "URL scheme must be https")) }
    let host = url.dropFirst(8).prefix { $0 != "/" && $0 != "?" && $0 != "#" }
    if host.contains("@") { throw Problem(.invalid(path, url, "URL must not contain a username or password")) }
    if url.contains("#") { throw Problem(.invalid(path, url, "URL must not contain a fragment")) }
    if url.contains("?") { throw Problem(.invalid(path, url, "URL must not contain a query")) }
  }
}

extension AuthenticationConfiguration.Problem {
  init(_ error: FieldError) { description = error.message }
}

extension Substring {
  fileprivate func trimmingSuffix(_ end: Character) -> Substring {
    var rest = self
    while rest.last == end { rest = rest.dropLast() }
    return rest
  }
}
