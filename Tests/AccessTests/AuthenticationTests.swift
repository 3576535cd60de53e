import Machinery
import Testing

@testable import Access

@Suite struct `Authentication` {
  private func user(_ verdict: AuthenticationVerdict) -> UserInfo? {
    if case .user(let user) = verdict { user } else { nil }
  }
  private func fault(_ verdict: AuthenticationVerdict) -> String? {
    if case .invalid(let why) = verdict { why } else { nil }
  }
  private func isAbsent(_ verdict: AuthenticationVerdict) -> Bool { if case .absent = verdict { true } else { false } }

  private static let tokens = try? TokenFile(
    csv: """
      secret-1,alice,u1,"team-a,team-b"
      secret-2,bob,u2
      ,nobody,u3
      "with,comma","car""ol",u4,""

      secret-2,bobby,u5
      """)

  private func chain(_ anonymous: AnonymousAccess) throws -> AuthenticatorChain {
    AuthenticatorChain([CertificateAuthenticator(), try #require(Self.tokens)], anonymous: anonymous)
  }

  @Test func `a token stands for the user of its line, with its groups and that of all who are authenticated`() throws {
    let chain = try chain(.everywhere)
    #expect(
      user(chain.authenticate(Credentials(authorization: "Bearer secret-1")))
        == UserInfo(name: "alice", uid: "u1", groups: ["team-a", "team-b", "system:authenticated"]))
    #expect(user(chain.authenticate(Credentials(authorization: "bearer with,comma")))?.name == "car\"ol")
    #expect(user(chain.authenticate(Credentials(authorization: "Bearer secret-2")))?.name == "bobby")
  }

  @Test func `a wrong token is refused and does not pass as anonymous`() throws {
    let chain = try chain(.everywhere)
    #expect(fault(chain.authenticate(Credentials(authorization: "Bearer wrong"))) == "invalid bearer token")
    #expect(fault(chain.authenticate(Credentials(authorization: "Bearer secret-"))) != nil)
    // What is no bearer token is no token at all.
    #expect(user(chain.authenticate(Credentials(authorization: "Basic YTpi"))) == .anonymous)
    #expect(user(chain.authenticate(Credentials(authorization: "Bearer  secret-1"))) == .anonymous)
  }

  @Test func `anonymous is allowed everywhere, on some paths, or nowhere`() throws {
    #expect(user(try chain(.everywhere).authenticate(Credentials(path: "/api"))) == .anonymous)
    let some = try chain(.paths(["/livez"]))
    #expect(user(some.authenticate(Credentials(path: "/livez")))?.groups == ["system:unauthenticated"])
    #expect(isAbsent(some.authenticate(Credentials(path: "/livez/ping"))))
    #expect(isAbsent(try chain(.denied).authenticate(Credentials(path: "/livez"))))
  }

  @Test func `a client certificate names its user, groups and uid`() throws {
    let chain = try chain(.denied)
    let identity = CertificateIdentity(
      commonName: "dave", organizations: ["ops", "system:masters"], uids: ["42"], fingerprint: "ab")
    let found = try #require(user(chain.authenticate(Credentials(certificate: identity))))
    #expect(
      found.name == "dave" && found.uid == "42" && found.groups == ["ops", "system:masters", "system:authenticated"])
    #expect(
      found.extra.first?.key == "authentication.kubernetes.io/credential-id"
        && found.extra.first?.values == ["X509SHA256=ab"])
    #expect(
      fault(chain.authenticate(Credentials(certificate: CertificateIdentity(commonName: "x", uids: ["1", "2"])))) != nil
    )
    #expect(isAbsent(chain.authenticate(Credentials(certificate: CertificateIdentity(commonName: "")))))
  }

  @Test func `a proxy is believed only if its certificate is the front proxies' and its name is allowed`() {
    let names = RequestHeaderAuthenticator.Names(
      user: ["X-Remote-User"], uid: ["X-Remote-Uid"], group: ["X-Remote-Group"], extraPrefixes: ["X-Remote-Extra-"],
      allowed: ["front"])
    let proxy = RequestHeaderAuthenticator(names)
    let headers = [
      ("x-remote-user", "eve"), ("x-remote-group", "a"), ("x-remote-group", "b"),
      ("x-remote-extra-example.com%2fscope", "1"), ("x-remote-extra-example.com%2fscope", "2"),
    ]
    #expect(isAbsent(proxy.authenticate(Credentials(headers: headers))))
    #expect(fault(proxy.authenticate(Credentials(proxyName: "other", headers: headers))) != nil)
    let found = user(proxy.authenticate(Credentials(proxyName: "front", headers: headers)))
    #expect(found == UserInfo(name: "eve", groups: ["a", "b"], extra: [("example.com/scope", ["1", "2"])]))
    #expect(isAbsent(proxy.authenticate(Credentials(proxyName: "front"))))
  }

  @Test func `an authenticator that has to ask is waited for, and the rest come after it`() async throws {
    struct Asking: Authenticator {
      let answer: AuthenticationVerdict
      func authenticate(_ credentials: Credentials) -> AuthenticationVerdict { .later { answer } }
    }
    func result(_ answer: AuthenticationVerdict, _ token: String?) async throws -> AuthenticationVerdict {
      let chain = AuthenticatorChain([Asking(answer: answer), try #require(Self.tokens)], anonymous: .everywhere)
      guard case .later(let work) = chain.authenticate(Credentials(authorization: token.map { "Bearer \($0)" })) else {
        return .absent
      }
      return await work()
    }
    #expect(user(try await result(.user(UserInfo(name: "hook")), "x"))?.groups == ["system:authenticated"])
    #expect(user(try await result(.absent, "secret-1"))?.name == "alice")
    #expect(user(try await result(.invalid("down"), "secret-1"))?.name == "alice")
    #expect(fault(try await result(.invalid("down"), "wrong")) == "down")
    #expect(user(try await result(.absent, nil)) == .anonymous)
  }

  @Test func `a user may be remembered where only the credentials decide, until somebody else is asked`() throws {
    struct Asking: Authenticator {
      func authenticate(_ credentials: Credentials) -> AuthenticationVerdict { .absent }
    }
    let tokens = try #require(Self.tokens)
    let chain = AuthenticatorChain([CertificateAuthenticator(), tokens, Asking()], anonymous: .everywhere)
    func steadyUser(_ authorization: String?) -> UserInfo? {
      let (verdict, isSteady) = chain.identify(Credentials(authorization: authorization))
      return isSteady ? user(verdict) : nil
    }
    #expect(steadyUser("Bearer secret-1") == user(chain.authenticate(Credentials(authorization: "Bearer secret-1"))))
    // Nobody, or not known until the one who may change its mind is asked.
    for other in ["Bearer wrong", "Basic YTpi", nil] { #expect(steadyUser(other) == nil) }
    let generation = chain.generation
    chain.replace([Asking(), tokens], anonymous: .everywhere)
    #expect(chain.generation != generation)
    #expect(steadyUser("Bearer secret-1") == nil)
    #expect(AuthorizerChain([AlwaysDeny()]).allowsEverything(UserInfo(name: "a", groups: ["system:masters"])))
    #expect(!AuthorizerChain([AlwaysDeny()]).allowsEverything(UserInfo(name: "a", groups: ["masters"])))
  }

  @Test(arguments: ["a,b", "\"open,b,c", "a\"b,c,d", "\"a\"b,c,d"])
  func `a malformed token file is refused`(text: String) {
    #expect(throws: TokenFile.Malformed.self) { try TokenFile(csv: text) }
  }

  @Test func `impersonation asks for each thing by itself and adds the group of its kind`() throws {
    let requester = UserInfo(name: "admin")
    let wish = try #require(
      try Impersonation(headers: [
        ("impersonate-user", "jane"), ("impersonate-group", "devs"), ("impersonate-extra-acme.com%2fproject", "p1"),
        ("impersonate-uid", "7"),
      ]))
    #expect(
      wish.questions(by: requester).map { "\($0.verb) \($0.group)/\($0.resource)/\($0.subresource) \($0.name)" } == [
        "impersonate /users/ jane", "impersonate /groups/ devs",
        "impersonate authentication.k8s.io/userextras/acme.com/project p1",
        "impersonate authentication.k8s.io/uids/ 7",
      ])
    #expect(
      wish.user
        == UserInfo(
          name: "jane", uid: "7", groups: ["devs", "system:authenticated"], extra: [("acme.com/project", ["p1"])]))

    let account = try #require(try Impersonation(headers: [("impersonate-user", "system:serviceaccount:ns:robot")]))
    #expect(
      account.questions(by: requester).map { "\($0.resource) \($0.namespace)/\($0.name)" } == [
        "serviceaccounts ns/robot"
      ])
    #expect(account.user.groups == ["system:serviceaccounts", "system:serviceaccounts:ns", "system:authenticated"])

    #expect(
      try Impersonation(headers: [("impersonate-user", "system:anonymous")])?.user.groups == ["system:unauthenticated"])
    #expect(try Impersonation(headers: [("accept", "x")]) == nil)
    for (headers, user) in [
      (
        [("impersonate-group", "g"), ("impersonate-group", "h")],
        #"UID:"", Groups:[]string{"g", "h"}, Extra:map[string][]string(nil)"#
      ),
      ([("impersonate-uid", "7")], #"UID:"7", Groups:[]string(nil), Extra:map[string][]string(nil)"#),
      (
        [
          ("impersonate-extra-b", "1"), ("impersonate-extra-a", "\""), ("impersonate-extra-b", "2"),
          ("impersonate-user", ""),
        ],
        #"UID:"", Groups:[]string(nil), Extra:map[string][]string{"a":[]string{"\""}, "b":[]string{"1", "2"}}"#
      ),
    ] as [([(name: String, value: String)], String)] {
      #expect(
        throws: Status.badRequest("requested &user.DefaultInfo{Name:\"\", \(user)} without impersonating a user name")
      ) { try Impersonation(headers: headers) }
    }
  }

  /// (endpoints/filters/impersonation/mode.go.)
  @Test(
    arguments: [
      (
        [
          ("impersonate-user", "jane"), ("impersonate-group", "devs"), ("impersonate-extra-acme.com%2fproject", "p1"),
          ("impersonate-uid", "7"),
        ], "user-info",
        [
          "impersonate-on:user-info:list /nodes/ ", "impersonate:user-info authentication.k8s.io/users/ jane",
          "impersonate:user-info authentication.k8s.io/uids/ 7",
          "impersonate:user-info authentication.k8s.io/groups/ devs",
          "impersonate:user-info authentication.k8s.io/userextras/acme.com/project p1",
        ]
      ),
      (
        [("impersonate-user", "jane"), ("impersonate-group", "system:masters")], "user-info",
        [
          "impersonate-on:user-info:list /nodes/ ", "impersonate:user-info authentication.k8s.io/users/ jane",
          #"groups.authentication.k8s.io "system:masters" is forbidden: User "admin" cannot impersonate:user-info resource "groups" in API group "authentication.k8s.io" at the cluster scope: impersonating the system:masters group is not allowed"#,
          "impersonate:user-info authentication.k8s.io/groups/ system:masters",
        ]
      ),
      (
        [("impersonate-user", "jane"), ("impersonate-extra-b", "1")], "user-info",
        [
          "impersonate-on:user-info:list /nodes/ ", "impersonate:user-info authentication.k8s.io/users/ jane",
          #"userextras.authentication.k8s.io is forbidden: User "admin" cannot impersonate:user-info resource "userextras" in API group "authentication.k8s.io" at the cluster scope: impersonating an invalid key in extra is not allowed: extra.key: Invalid value: "b": must be a domain-prefixed path (such as "acme.io/foo")"#,
          "impersonate:user-info authentication.k8s.io/userextras/b 1",
        ]
      ),
      (
        [("impersonate-user", "system:node:n1")], "arbitrary-node",
        ["impersonate-on:arbitrary-node:list /nodes/ ", "impersonate:arbitrary-node authentication.k8s.io/nodes/ n1"]
      ),
      (
        [("impersonate-user", "system:serviceaccount:ns:robot")], "serviceaccount",
        [
          "impersonate-on:serviceaccount:list /nodes/ ",
          "impersonate:serviceaccount authentication.k8s.io/serviceaccounts/ robot",
        ]
      ),
      (
        [("impersonate-user", "system:node:n1"), ("impersonate-group", "g")], "",
        ["impersonate /users/ system:node:n1", "impersonate /groups/ g"]
      ),
      (
        [("impersonate-user", "system:node:N 1")], "user-info",
        [
          "impersonate-on:user-info:list /nodes/ ",
          "impersonate:user-info authentication.k8s.io/users/ system:node:N 1",
        ]
      ),
    ] as [([(name: String, value: String)], String, [String])])
  func `there is a way for each kind of user before the old one`(
    headers: [(name: String, value: String)], kind: String, steps: [String]
  ) throws {
    let wish = try #require(try Impersonation(headers: headers))
    let modes = wish.modes(
      for: AccessAttributes(UserInfo(name: "admin"), "list", group: "", version: "v1", resource: "nodes"))
    #expect(modes.count == (kind.isEmpty ? 1 : 2) && modes.last?.constraint == "" && modes.last?.user == wish.user)
    #expect(modes.first?.constraint == (kind.isEmpty ? "" : "impersonate:\(kind)"))
    let found = (modes.first?.steps ?? []).map { step in
      switch step {
      case .ask(let question):
        "\(question.verb) \(question.group)/\(question.resource)/\(question.subresource) \(question.name)"
      case .refuse(let status): status.message
      }
    }
    #expect(found == steps)
    if kind == "arbitrary-node" {
      #expect(
        modes.first?.user.groups == ["system:nodes", "system:authenticated"]
          && wish.user.groups == ["system:authenticated"])
    }
  }
}
