import ByteBuffers
import JSON
import Machinery
import Testing

@testable import Access

/// Names that Unicode takes for the same and Kubernetes does not: U+212A is the sign for kelvin, "e" with an accent
/// comes in one code point or two.
@Suite struct `Names that are equivalent` {
  private static let kelvin = "\u{212A}im"

  private static func rule(_ spec: String) -> String {
    #"{"apiVersion":"abac.authorization.kubernetes.io/v1beta1","kind":"Policy","spec":{\#(spec)}}"#
  }

  private static func get(
    _ user: UserInfo, group: String = "", resource: String = "nodes", namespace: String = ""
  ) -> AccessAttributes {
    AccessAttributes(user, "get", group: group, version: "v1", resource: resource, namespace: namespace, name: "")
  }

  private static func lets(_ attributes: AccessAttributes, _ authorizer: any Authorizer) -> Bool {
    if case .now(.allow) = authorizer.authorize(attributes) { true } else { false }
  }

  @Test(arguments: [
    (
      #""user":"Kim","namespace":"*","resource":"*","apiGroup":"*""#, get(UserInfo(name: kelvin)),
      get(UserInfo(name: "Kim"))
    ),
    (
      #""group":"Kim","namespace":"*","resource":"*","apiGroup":"*""#, get(UserInfo(name: "u", groups: [kelvin])),
      get(UserInfo(name: "u", groups: ["Kim"]))
    ),
    (
      #""user":"u","namespace":"Kim","resource":"*","apiGroup":"*""#, get(UserInfo(name: "u"), namespace: kelvin),
      get(UserInfo(name: "u"), namespace: "Kim")
    ),
    (
      #""user":"u","namespace":"*","resource":"Kim","apiGroup":"*""#, get(UserInfo(name: "u"), resource: kelvin),
      get(UserInfo(name: "u"), resource: "Kim")
    ),
    (
      #""user":"u","namespace":"*","resource":"*","apiGroup":"Kim""#, get(UserInfo(name: "u"), group: kelvin),
      get(UserInfo(name: "u"), group: "Kim")
    ),
    (
      #""user":"u","nonResourcePath":"/Kim""#, AccessAttributes(UserInfo(name: "u"), "get", path: "/" + kelvin),
      AccessAttributes(UserInfo(name: "u"), "get", path: "/Kim")
    ),
    (
      #""user":"u","nonResourcePath":"/Kim*""#, AccessAttributes(UserInfo(name: "u"), "get", path: "/\(kelvin)s"),
      AccessAttributes(UserInfo(name: "u"), "get", path: "/Kim\u{301}")
    ),
  ])
  func `are different to a policy`(spec: String, other: AccessAttributes, same: AccessAttributes) throws {
    let policy = try ABACPolicy(lines: Self.rule(spec))
    #expect(!Self.lets(other, policy))
    #expect(Self.lets(same, policy))
  }

  @Test func `are different tokens`() throws {
    let tokens = try TokenFile(csv: "caf\u{E9},composed,1\ncafe\u{301},decomposed,2\n")
    for (token, name) in [("caf\u{E9}", "composed"), ("cafe\u{301}", "decomposed")] {
      guard case .user(let user) = tokens.authenticate(Credentials(authorization: "Bearer " + token)) else {
        Issue.record("no user")
        continue
      }
      #expect(user.name == name)
    }
  }

  @Test func `are different groups, nodes, paths and service accounts`() throws {
    #expect(!UserInfo(name: "u", groups: ["system:\u{212A}"]).isIn("system:K"))
    // What follows the colon belongs to the name, a combining mark too.
    let node = UserInfo(name: "system:node:\u{301}n1", groups: ["system:nodes"])
    #expect(node.nodeName == "\u{301}n1" && node.nodeName != "n1")
    let paths = AllowedPaths(["/Kim", "/Kim/*"])
    for path in ["/" + Self.kelvin, "/\(Self.kelvin)/x"] {
      #expect(!Self.lets(AccessAttributes(UserInfo(name: "u"), "get", path: path), paths), "\(path)")
    }
    #expect(
      !AnonymousAccess.paths(["/Kim"]).isAllowed(on: "/" + Self.kelvin)
        && AnonymousAccess.paths(["/Kim"]).isAllowed(on: "/Kim"))
    // What is no name of a service account makes a user like another.
    let account = try #require(try Impersonation(headers: [("impersonate-user", "system:serviceaccount:ns:\u{301}x")]))
    #expect(
      account.questions(by: UserInfo(name: "a")).map(\.resource) == ["users"]
        && account.user.groups == ["system:authenticated"])
  }

  @Test func `are different keys of what is kept for a while`() {
    let cache = ExpiringCache<Int>(countMax: 10)
    cache.keep(1, for: "Kim", .seconds(600))
    #expect(cache[Self.kelvin] == nil && cache["Kim"] == 1)
  }

  @Test func `are different extra keys`() throws {
    let wish = try #require(
      try Impersonation(headers: [
        ("impersonate-user", "u"), ("impersonate-extra-%4b", "1"), ("impersonate-extra-%e2%84%aa", "2"),
      ]))
    #expect(wish.user.extra.map(\.values) == [["1"], ["2"]])
  }

  @Test func `a bearer token stands between two blanks and is as it was sent`() {
    func token(_ header: String) -> String? { Credentials(authorization: header).bearerToken }
    #expect(
      token("Bearer T") == "T" && token("bearer T rest") == "T" && token("BEARER  T") == nil && token("Bearer") == nil
        && token("Bearer ") == nil && token("Basic T") == nil)
    #expect(token(" \tBearer T\t") == "T" && token("Bearer \u{301}T") == "\u{301}T")
    func isWarned(_ header: String) -> Bool { Array(header.utf8).withUnsafeBytes { BearerToken.hasSpaceBefore($0) } }
    #expect(
      isWarned("Bearer  T") && isWarned("bearer   T") && !isWarned("Bearer T") && !isWarned("Bearer  ")
        && !isWarned("Basic  T") && !BearerToken.hasSpaceBefore(nil))
  }
}
