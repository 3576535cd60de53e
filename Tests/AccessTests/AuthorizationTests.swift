import JSON
import Machinery
import Testing

@testable import Access

@Suite struct `Authorization` {
  static let modes: [String: any Authorizer] = [
    "allow": AuthorizerChain([AlwaysAllow()]), "deny": AuthorizerChain([AlwaysDeny()]),
    "node": AuthorizerChain([NodeAuthorizer()]),
    "abac": AuthorizerChain([(try? ABACPolicy(lines: policy)) ?? ABACPolicy.empty]),
    "node,abac": AuthorizerChain([NodeAuthorizer(), (try? ABACPolicy(lines: policy)) ?? ABACPolicy.empty]),
  ]

  static let policy = """
    # everyone who is known may look at the version
    {"apiVersion":"abac.authorization.kubernetes.io/v1beta1","kind":"Policy","spec":{"group":"system:authenticated","readonly":true,"nonResourcePath":"/version"}}
    {"apiVersion":"abac.authorization.kubernetes.io/v1beta1","kind":"Policy","spec":{"user":"alice","namespace":"*","resource":"*","apiGroup":"*"}}
    {"apiVersion":"abac.authorization.kubernetes.io/v1beta1","kind":"Policy","spec":{"user":"bob","readonly":true,"resource":"nodes","namespace":"*","apiGroup":""}}

    {"apiVersion":"abac.authorization.kubernetes.io/v1beta1","kind":"Policy","spec":{"group":"ops","namespace":"prod","resource":"configmaps","apiGroup":"*"}}
    {"apiVersion":"abac.authorization.kubernetes.io/v1beta1","kind":"Policy","spec":{"user":"carol","group":"ops","nonResourcePath":"/metrics*"}}
    {"apiVersion":"abac.authorization.kubernetes.io/v1beta1","kind":"Policy","spec":{"user":"*","readonly":true,"resource":"leases","namespace":"*","apiGroup":"coordination.k8s.io"}}
    {"user":"old","readonly":true}
    """

  static let users: [String: UserInfo] = [
    "root": UserInfo(name: "root", groups: ["system:masters"]),
    "alice": UserInfo(name: "alice", groups: ["system:authenticated"]),
    "bob": UserInfo(name: "bob", groups: ["system:authenticated"]),
    "carol": UserInfo(name: "carol", groups: ["ops", "system:authenticated"]),
    "dave": UserInfo(name: "dave", groups: ["ops", "system:authenticated"]),
    "old": UserInfo(name: "old", groups: ["system:authenticated"]),
    "anon": .anonymous, "n1": UserInfo(name: "system:node:n1", groups: ["system:nodes", "system:authenticated"]),
    "fake": UserInfo(name: "system:node:n1", groups: ["system:authenticated"]),
    "nameless": UserInfo(name: "system:node:", groups: ["system:nodes"]),
  ]

  /// MODE USER METHOD PATH[?QUERY], or MODE USER AS USER for impersonation -> yes or no, as Kubernetes' documentation
  /// has it.
  static let table = """
    allow anon GET /api/v1/nodes yes
    allow anon DELETE /api/v1/nodes yes
    allow bob POST /anything yes
    deny anon GET /version no
    deny alice GET /api/v1/nodes no
    deny n1 GET /api/v1/nodes/n1 no
    deny root GET /api/v1/nodes yes
    deny root DELETE /api/v1/nodes yes
    deny root GET /metrics yes
    node root PUT /api/v1/nodes/x yes
    node alice GET /api/v1/nodes no
    node anon GET /version no
    node n1 GET /version no
    node n1 GET /api/v1/nodes/n1 yes
    node n1 HEAD /api/v1/nodes/n1 yes
    node n1 GET /api/v1/nodes/n2 no
    node n1 GET /api/v1/nodes no
    node n1 GET /api/v1/nodes?watch=true no
    node n1 GET /api/v1/nodes?fieldSelector=metadata.name=n1 yes
    node n1 GET /api/v1/nodes?fieldSelector=metadata.name=n2 no
    node n1 GET /api/v1/nodes?fieldSelector=metadata.name!=n1 no
    node n1 GET /api/v1/nodes?watch=1&fieldSelector=metadata.name=n1 yes
    node n1 GET /api/v1/watch/nodes/n1 yes
    node n1 GET /api/v1/watch/nodes/n2 no
    node n1 GET /api/v1/watch/nodes no
    node n1 POST /api/v1/nodes yes
    node n1 PUT /api/v1/nodes/n1 yes
    node n1 PATCH /api/v1/nodes/n1 yes
    node n1 PUT /api/v1/nodes/n1/status yes
    node n1 PATCH /api/v1/nodes/n1/status yes
    node n1 GET /api/v1/nodes/n1/status no
    node n1 DELETE /api/v1/nodes/n1 no
    node n1 DELETE /api/v1/nodes no
    node n1 PUT /api/v1/nodes/n1/proxy no
    node n1 OPTIONS /api/v1/nodes/n1 no
    node fake GET /api/v1/nodes/n1 no
    node fake PUT /api/v1/nodes/n1/status no
    node nameless POST /api/v1/nodes no
    node n1 GET /apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/n1 yes
    node n1 PUT /apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/n1 yes
    node n1 PATCH /apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/n1 yes
    node n1 DELETE /apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/n1 yes
    node n1 POST /apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases yes
    node n1 GET /apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/n2 no
    node n1 PUT /apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/n2 no
    node n1 GET /apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases no
    node n1 GET /apis/coordination.k8s.io/v1/namespaces/default/leases/n1 no
    node n1 POST /apis/coordination.k8s.io/v1/namespaces/default/leases no
    node n1 GET /apis/coordination.k8s.io/v1/leases no
    node n1 DELETE /apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases no
    node n1 GET /apis/storage.k8s.io/v1/csinodes/n1 yes
    node n1 POST /apis/storage.k8s.io/v1/csinodes yes
    node n1 PUT /apis/storage.k8s.io/v1/csinodes/n1 yes
    node n1 PUT /apis/storage.k8s.io/v1/csinodes/n2 no
    node n1 GET /apis/storage.k8s.io/v1/csinodes no
    node n1 PUT /apis/storage.k8s.io/v1/csinodes/n1/status no
    node n1 POST /api/v1/namespaces/default/events yes
    node n1 PATCH /api/v1/namespaces/default/events/e yes
    node n1 PUT /apis/events.k8s.io/v1/namespaces/default/events/e yes
    node n1 GET /api/v1/namespaces/default/events no
    node n1 DELETE /api/v1/namespaces/default/events/e no
    node n1 GET /api/v1/services yes
    node n1 GET /api/v1/services?watch=true yes
    node n1 GET /api/v1/namespaces/a/services/s yes
    node n1 POST /api/v1/namespaces/a/services no
    node n1 GET /api/v1/namespaces/a/services/s/status no
    node n1 GET /api/v1/namespaces/a/endpoints/e yes
    node n1 GET /api/v1/endpoints no
    node n1 GET /api/v1/namespaces/a/secrets/s no
    node n1 GET /api/v1/secrets no
    node n1 GET /api/v1/namespaces/a/configmaps/c no
    node n1 GET /api/v1/persistentvolumes/p no
    node n1 GET /api/v1/namespaces/a/pods/p no
    node n1 POST /api/v1/namespaces/a/serviceaccounts/s/token no
    node n1 POST /apis/authentication.k8s.io/v1/tokenreviews yes
    node n1 POST /apis/authorization.k8s.io/v1/subjectaccessreviews yes
    node n1 POST /apis/authorization.k8s.io/v1/namespaces/a/localsubjectaccessreviews yes
    node n1 GET /apis/authorization.k8s.io/v1/subjectaccessreviews no
    node n1 POST /apis/certificates.k8s.io/v1/certificatesigningrequests yes
    node n1 GET /apis/certificates.k8s.io/v1/certificatesigningrequests/c yes
    node n1 PUT /apis/certificates.k8s.io/v1/certificatesigningrequests/c/approval no
    node n1 GET /apis/storage.k8s.io/v1/csidrivers yes
    node n1 GET /apis/node.k8s.io/v1/runtimeclasses yes
    node n1 GET /apis/rbac.authorization.k8s.io/v1/clusterroles no
    abac root DELETE /api/v1/nodes yes
    abac anon GET /version no
    abac anon GET /api/v1/nodes no
    abac alice GET /version yes
    abac alice POST /version no
    abac alice GET /version/ no
    abac alice GET /api/v1/nodes yes
    abac alice PUT /api/v1/nodes/x yes
    abac alice DELETE /api/v1/namespaces/a/configmaps yes
    abac alice GET /apis/coordination.k8s.io/v1/leases yes
    abac alice GET /metrics no
    abac alice GET /api no
    abac bob GET /api/v1/nodes yes
    abac bob GET /api/v1/nodes/x yes
    abac bob GET /api/v1/nodes?watch=true yes
    abac bob GET /api/v1/watch/nodes yes
    abac bob POST /api/v1/nodes no
    abac bob PUT /api/v1/nodes/x no
    abac bob PATCH /api/v1/nodes/x/status no
    abac bob GET /api/v1/nodes/x/status yes
    abac bob DELETE /api/v1/nodes/x no
    abac bob GET /api/v1/configmaps no
    abac bob GET /apis/other.example.com/v1/nodes no
    abac bob GET /version yes
    abac carol GET /metrics yes
    abac carol GET /metrics/slis yes
    abac carol POST /metrics yes
    abac carol GET /metricsx yes
    abac carol GET /healthz no
    abac carol GET /api/v1/namespaces/prod/configmaps/c yes
    abac carol PUT /api/v1/namespaces/prod/configmaps/c yes
    abac carol DELETE /api/v1/namespaces/prod/configmaps yes
    abac carol GET /api/v1/namespaces/dev/configmaps/c no
    abac carol GET /api/v1/configmaps no
    abac carol GET /api/v1/namespaces/prod/secrets/c no
    abac carol GET /apis/group.example.com/v1/namespaces/prod/configmaps/c yes
    abac dave GET /metrics no
    abac dave POST /api/v1/namespaces/prod/configmaps yes
    abac dave GET /version yes
    abac old GET /version yes
    abac old GET /anything yes
    abac old POST /anything no
    abac old GET /api/v1/nodes yes
    abac old GET /apis/a.b/v1/namespaces/c/d/e yes
    abac old PUT /api/v1/nodes/x no
    abac old DELETE /api/v1/nodes no
    abac bob GET /apis/coordination.k8s.io/v1/leases yes
    abac bob GET /apis/coordination.k8s.io/v1/namespaces/a/leases/b yes
    abac bob PUT /apis/coordination.k8s.io/v1/namespaces/a/leases/b no
    abac anon GET /apis/coordination.k8s.io/v1/leases no
    abac n1 GET /api/v1/nodes/n1 no
    abac n1 GET /version yes
    node,abac n1 GET /api/v1/nodes/n1 yes
    node,abac n1 GET /version yes
    node,abac n1 GET /api/v1/nodes/n2 no
    node,abac n1 GET /apis/coordination.k8s.io/v1/namespaces/a/leases/b yes
    node,abac bob GET /api/v1/nodes yes
    node,abac bob PUT /api/v1/nodes/n1/status no
    node,abac alice PUT /api/v1/nodes/n1/status yes
    node,abac fake GET /api/v1/nodes/n1 no
    node,abac fake GET /version yes
    node,abac root DELETE /api/v1/nodes/n1 yes
    node,abac anon GET /api/v1/nodes/n1 no
    node,abac old GET /api/v1/nodes/n1 yes
    node,abac carol GET /api/v1/namespaces/prod/configmaps/c yes
    node,abac nameless GET /version no
    node,abac anon POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews no
    node,abac dave GET /api no
    abac alice AS bob yes
    abac alice AS system:node:n1 yes
    abac bob AS alice no
    abac carol AS system:anonymous no
    abac root AS alice yes
    abac anon AS bob no
    deny root AS bob yes
    deny alice AS bob no
    allow anon AS alice yes
    node n1 AS system:node:n2 no
    node n1 AS system:node:n1 no
    node,abac n1 AS bob no
    node,abac alice AS system:node:n2 yes
    """.split(separator: "\n").map(String.init)

  @Test func `a table of users and requests is decided as Kubernetes documents it`() async throws {
    #expect(Self.table.count >= 150)
    for line in Self.table {
      let words = line.split(separator: " ").map(String.init)
      try #require(words.count == 5, "\(line)")
      let mode = try #require(Self.modes[words[0]])
      let user = try #require(Self.users[words[1]])
      if words[2] == "AS" {
        let wish = try #require(try Impersonation(headers: [("impersonate-user", words[3])]))
        var decisions: [AccessDecision] = []
        for question in wish.questions(by: user) { decisions.append(try await mode.decide(question)) }
        #expect(
          decisions.allSatisfy { $0 == .allow } == (words[4] == "yes") && !decisions.isEmpty, "\(line): \(decisions)")
        continue
      }
      let target = words[3].split(separator: "?", maxSplits: 1).map(String.init)
      let pairs = (target.count > 1 ? target[1] : "").split(separator: "&").map {
        $0.split(separator: "=", maxSplits: 1).map(String.init)
      }
      let info = RequestInfo(method: words[2], path: target[0]) { name in pairs.first { $0[0] == name }?.last }
      let decision = try await mode.decide(info.attributes(of: user))
      #expect((decision == .allow) == (words[4] == "yes"), "\(line): \(decision)")
    }
  }

  @Test(arguments: ["/api/v1//nodes/x", "//api/v1/nodes/x", "/api//v1/nodes//x/", "/api/v1/nodes/x//"])
  func `doubled slashes do not hide what a request is about`(path: String) async throws {
    let info = RequestInfo(method: "GET", path: path) { _ in nil }
    #expect(
      info.isResource && info.verb == "get" && info.resource == "nodes" && info.name == "x" && info.subresource == "")
    // Whoever has been given a path alone has been given no resource without a name either.
    let policy = try ABACPolicy(
      lines:
        #"{"apiVersion":"abac.authorization.kubernetes.io/v1beta1","kind":"Policy","spec":{"user":"eve","nonResourcePath":"/version"}}"#
    )
    #expect(try await AuthorizerChain([policy]).decide(info.attributes(of: UserInfo(name: "eve"))) != .allow)
  }

  @Test func `who may not is told what, where and why`() async throws {
    func refusal(_ method: String, _ path: String, _ user: UserInfo, _ mode: any Authorizer) async throws -> Status {
      let attributes = RequestInfo(method: method, path: path) { _ in nil }.attributes(of: user)
      guard case .noOpinion(let why) = try await mode.decide(attributes) else { return .badRequest("allowed") }
      return attributes.forbidden(why)
    }
    let bob = UserInfo(name: "bob")
    let node = try #require(Self.users["n1"])
    let deny = AuthorizerChain([AlwaysDeny()])
    let nodes = AuthorizerChain([NodeAuthorizer(), try ABACPolicy(lines: "")])
    let list = try await refusal("GET", "/api/v1/nodes", bob, deny)
    #expect(list.code == 403 && list.reason == "Forbidden")
    #expect(
      list.message
        == #"nodes is forbidden: User "bob" cannot list resource "nodes" in API group "" at the cluster scope: Everything is forbidden."#
    )
    #expect(
      try await refusal("PUT", "/apis/a.b/v1/namespaces/ns/things/x/status", bob, deny).message
        == #"things.a.b "x" is forbidden: User "bob" cannot update resource "things/status" in API group "a.b" in the namespace "ns": Everything is forbidden."#
    )
    #expect(
      try await refusal("GET", "/metrics", UserInfo(name: "<a>&"), deny).message
        == #"forbidden: User "&lt;a&gt;&amp;" cannot get path "/metrics": Everything is forbidden."#)
    #expect(
      try await refusal("GET", "/metrics", UserInfo(name: "<\u{301}a>"), deny).message
        == "forbidden: User \"&lt;\u{301}a&gt;\" cannot get path \"/metrics\": Everything is forbidden.")
    #expect(
      try await refusal("GET", "/api/v1/nodes/n2", node, nodes).message
        == "nodes \"n2\" is forbidden: User \"system:node:n1\" cannot get resource \"nodes\" in API group \"\" at the cluster scope: "
        + "node 'n1' cannot read 'n2', only its own Node object\nNo policy matched.")
  }

  @Test func `a deny ends the question and an opinion waited for counts as much as one at once`() async throws {
    struct Fixed: Authorizer {
      let decision: AccessDecision
      var isSlow = false
      func authorize(_ attributes: AccessAttributes) -> AccessVerdict { isSlow ? .later { decision } : .now(decision) }
      func rules(for user: UserInfo, namespace: String) -> AccessRules { AccessRules() }
    }
    let question = AccessAttributes(UserInfo(name: "x"), "get", path: "/")
    func decide(_ members: Fixed...) async throws -> AccessDecision {
      try await AuthorizerChain(members).decide(question)
    }
    #expect(try await decide(Fixed(decision: .deny("no")), Fixed(decision: .allow)) == .deny("no"))
    #expect(try await decide(Fixed(decision: .noOpinion("a"), isSlow: true), Fixed(decision: .allow)) == .allow)
    #expect(
      try await decide(Fixed(decision: .noOpinion("a"), isSlow: true), Fixed(decision: .noOpinion("")))
        == .noOpinion("a"))
    #expect(
      try await decide(
        Fixed(decision: .noOpinion("a")), Fixed(decision: .deny("b"), isSlow: true), Fixed(decision: .allow))
        == .deny("b"))
    #expect(try await decide() == .noOpinion(""))
  }

  @Test func `allowed paths are open to everyone, with and without a star`() async throws {
    let chain = AuthorizerChain([AllowedPaths(["/livez", "/open/*"]), AlwaysDeny()])
    for (path, isAllowed) in [("/livez", true), ("/livez/ping", false), ("/open/a/b", true), ("/opened", false)] {
      let decision = try await chain.decide(AccessAttributes(.anonymous, "get", path: path))
      #expect((decision == .allow) == isAllowed, "\(path)")
    }
    #expect(try await chain.decide(AccessAttributes(.anonymous, "get", group: "", resource: "nodes")) != .allow)
  }

  @Test func `what a user may do is listed from the policies about them`() throws {
    let policy = try ABACPolicy(lines: Self.policy)
    let rules = policy.rules(for: try #require(Self.users["bob"]), namespace: "x")
    #expect(rules.resources.contains(.init(verbs: ["get", "list", "watch"], groups: [""], resources: ["nodes"])))
    #expect(!rules.resources.contains { $0.resources == ["configmaps"] })
    let node = AuthorizerChain([NodeAuthorizer(), policy]).rules(for: try #require(Self.users["n1"]), namespace: "")
    #expect(node.isIncomplete && node.error == "node authorizer does not support user rule resolution")
  }

  @Test(arguments: [
    "{", "[]", #"{"apiVersion":"v9","kind":"Policy"}"#,
    #"{"apiVersion":"abac.authorization.kubernetes.io/v1beta1","kind":"X"}"#,
    #"{"apiVersion":"abac.authorization.kubernetes.io/v1beta1","kind":"Policy","spec":{"user":5}}"#,
  ])
  func `a malformed policy names its line`(line: String) {
    #expect { try ABACPolicy(lines: "# first\n\(line)") } throws: { "\($0)".hasPrefix("line 2: ") }
  }
}

extension ABACPolicy {
  fileprivate static var empty: ABACPolicy { (try? ABACPolicy(lines: "")) ?? ABACPolicy.none }
  private static var none: ABACPolicy { preconditionFailure("an empty file is no malformed one") }
}
