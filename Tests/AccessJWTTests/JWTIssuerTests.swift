import Access
import ConfigurationFiles
import JSON
import Testing

@testable import AccessJWT

@Suite struct `Issuers of tokens` {
  private static let good: JSONValue = [
    "issuer": [
      "url": "https://a.example/", "audiences": ["us", "them"], "audienceMatchPolicy": "MatchAny",
      "discoveryURL": "https://b.example/d",
    ],
    "claimValidationRules": [["claim": "hd", "requiredValue": "example.com"]],
    "claimMappings": [
      "username": ["claim": "sub", "prefix": "p:"], "groups": ["claim": "roles", "prefix": "g:"],
      "uid": ["claim": "oid"],
    ],
  ]
  private func configuration(_ issuers: JSONValue...) throws -> AuthenticationConfiguration {
    try AuthenticationConfiguration([
      "kind": "AuthenticationConfiguration", "apiVersion": "apiserver.config.k8s.io/v1", "jwt": .array(issuers),
    ])
  }

  @Test func `an entry says where tokens come from and what their claims mean`() throws {
    let issuer = try #require(try configuration(Self.good).issuers.first)
    #expect(
      issuer.url == "https://a.example/" && issuer.discovery == "https://b.example/d"
        && issuer.requiredClaims == ["hd": "example.com"])
    #expect(
      JWTIssuer(url: "https://a.example/x/", audiences: ["a"], username: .claim("sub")).discovery
        == "https://a.example/x/.well-known/openid-configuration")
    let claims: JSONValue = ["aud": ["x", "them"], "sub": "me", "roles": ["r", "s"], "oid": "7", "hd": "example.com"]
    #expect(try issuer.user(of: claims) == UserInfo(name: "p:me", uid: "7", groups: ["g:r", "g:s"]))
    var one = claims
    one["aud"] = "us"
    one["roles"] = "r"
    #expect(try issuer.user(of: one) == UserInfo(name: "p:me", uid: "7", groups: ["g:r"]))
    one["roles"] = nil
    #expect(try issuer.user(of: one).groups == [])
    for (claim, value) in [
      ("aud", "other"), ("aud", ["other"]), ("aud", nil), ("sub", nil), ("sub", 7), ("roles", 5), ("roles", ["a", 5]),
      ("oid", nil), ("hd", nil), ("hd", "x"),
    ] as [(String, JSONValue?)] {
      var bad = claims
      bad[claim] = value
      #expect(throws: JWTIssuer.Refusal.self, "\(claim)") { try issuer.user(of: bad) }
    }
  }

  @Test func `expressions say who somebody is, and what must hold`() throws {
    var entry = Self.good
    entry["claimMappings"] = [
      "username": ["expression": "'oidc:' + claims.sub"],
      "groups": ["expression": "claims.roles.split(',').map(r, 'g:' + r)"],
      "uid": ["expression": "string(claims.number)"],
      "extra": [["key": "example.org/tenant", "valueExpression": "has(claims.tenant) ? claims.tenant : ''"]],
    ]
    entry["claimValidationRules"] = [["expression": "claims.exp - claims.iat <= 3600", "message": "too long a life"]]
    entry["userValidationRules"] = [
      [
        "expression": "!user.username.startsWith('oidc:system:') && user.groups.all(g, g.startsWith('g:'))",
        "message": "a reserved name",
      ]
    ]
    let issuer = try #require(try configuration(entry).issuers.first)
    let claims: JSONValue = [
      "aud": "us", "sub": "me", "roles": "dev,ops", "number": 7, "iat": 1_000, "exp": 2_000, "tenant": "t",
    ]
    #expect(
      try issuer.user(of: claims)
        == UserInfo(name: "oidc:me", uid: "7", groups: ["g:dev", "g:ops"], extra: [("example.org/tenant", ["t"])]))
    var other = claims
    other["tenant"] = nil
    #expect(try issuer.user(of: other).extra.isEmpty)
    for (claim, value, words) in [
      ("exp", 90_000, "failed: too long a life"), ("sub", "system:admin", "failed: a reserved name"),
      ("roles", nil, "no such key: roles"), ("roles", 5, "no such overload"), ("sub", 5, "no such overload"),
    ] as [(String, JSONValue?, String)] {
      var bad = claims
      bad[claim] = value
      #expect("\(claim)") { try issuer.user(of: bad) } throws: { "\($0)".contains(words) }
    }
  }

  @Test func `an address of mail must not be known to be unverified`() throws {
    let issuer = JWTIssuer(url: "https://a", audiences: ["us"], username: .claim("email"))
    #expect(try issuer.user(of: ["aud": "us", "email": "a@b"]).name == "a@b")
    #expect(try issuer.user(of: ["aud": "us", "email": "a@b", "email_verified": true]).name == "a@b")
    #expect(throws: JWTIssuer.Refusal("oidc: email not verified")) {
      try issuer.user(of: ["aud": "us", "email": "a@b", "email_verified": false])
    }
    #expect(throws: JWTIssuer.Refusal.self) {
      try issuer.user(of: ["aud": "us", "email": "a@b", "email_verified": "yes"])
    }
  }

  @Test(
    arguments: [
      (["issuer", "url"], "", "jwt[0].issuer.url: Required value"),
      (["issuer", "url"], "http://a", #"jwt[0].issuer.url: Invalid value: "http://a": URL scheme must be https"#),
      (
        ["issuer", "url"], "https://u:p@a",
        #"jwt[0].issuer.url: Invalid value: "https://u:p@a": URL must not contain a username or password"#
      ),
      (
        ["issuer", "url"], "https://a?q",
        #"jwt[0].issuer.url: Invalid value: "https://a?q": URL must not contain a query"#
      ),
      (
        ["issuer", "url"], "https://b.example/d/",
        #"jwt[0].issuer.discoveryURL: Invalid value: "https://b.example/d": discoveryURL must be different from URL"#
      ),
      (
        ["issuer", "audiences"], [],
        "jwt[0].issuer.audiences: Required value: at least one jwt[0].issuer.audiences is required"
      ),
      (["issuer", "audiences"], ["a", "a"], #"jwt[0].issuer.audiences[1]: Duplicate value: "a""#),
      (
        ["issuer", "audienceMatchPolicy"], "",
        #"jwt[0].issuer.audienceMatchPolicy: Invalid value: "": audienceMatchPolicy must be MatchAny for multiple audiences"#
      ),
      (
        ["issuer", "certificateAuthority"], "x",
        #"jwt[0].issuer.certificateAuthority: Invalid value: "<omitted>": data does not contain any valid RSA or ECDSA certificates"#
      ),
      (["issuer", "more"], "x", #"strict decoding error: unknown field "jwt[0].issuer.more""#),
      (
        ["claimMappings", "username"], nil,
        "jwt[0].claimMappings.username: Required value: claim or expression is required"
      ),
      (
        ["claimMappings", "username"], ["claim": "sub"],
        "jwt[0].claimMappings.username.prefix: Required value: prefix is required when claim is set. It can be set to an empty string to disable prefixing"
      ),
      (
        ["claimMappings", "username"], ["expression": "claim.sub"],
        #"jwt[0].claimMappings.username.expression: Invalid value: "claim.sub": compilation failed: undeclared reference to 'claim' (in container '')"#
      ),
      (
        ["claimMappings", "username"], ["claim": "sub", "expression": "claims.sub"],
        #"jwt[0].claimMappings.username: Invalid value: "": claim and expression can't both be set"#
      ),
      (
        ["claimMappings", "username"], ["expression": "claims.email"],
        #"jwt[0].claimMappings.username.expression: Invalid value: "claims.email": claims.email_verified must be used in claimMappings.username.expression or claimMappings.extra[*].valueExpression or claimValidationRules[*].expression when claims.email is used in claimMappings.username.expression"#
      ),
      (
        ["claimMappings", "extra"], [["key": "b", "valueExpression": "'x'"]],
        #"jwt[0].claimMappings.extra[0].key: Invalid value: "b": must be a domain-prefixed path (such as "acme.io/foo")"#
      ),
      (
        ["claimMappings", "extra"], [["key": "a.k8s.io/b", "valueExpression": "'x'"]],
        #"jwt[0].claimMappings.extra[0].key: Invalid value: "a.k8s.io/b": k8s.io, kubernetes.io and their subdomains are reserved for Kubernetes use"#
      ),
      (
        ["claimMappings", "extra"], [["key": "a.example/b"]],
        "jwt[0].claimMappings.extra[0].valueExpression: Required value"
      ),
    ] as [([String], JSONValue?, String)])
  func `an entry that makes no sense is refused`(place: [String], value: JSONValue?, problem: String) {
    var entry = Self.good
    entry[place[0]]?[place[1]] = value
    #expect(throws: AuthenticationConfiguration.Problem(description: problem)) { try self.configuration(entry) }
  }

  @Test func `one issuer is named once`() {
    #expect(
      throws: AuthenticationConfiguration.Problem(
        description: #"jwt[1].issuer.url: Duplicate value: "https://a.example/""#)
    ) { try self.configuration(Self.good, Self.good) }
  }
}
