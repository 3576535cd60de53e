import Access
import ConfigurationFiles
import JSON
import Machinery
import Testing

@testable import Audit

@Suite struct `Audit policies` {
  private func policy(_ rules: JSONValue, _ more: JSONObject = [:]) throws -> AuditPolicy {
    var tree: JSONObject = ["apiVersion": "audit.k8s.io/v1", "kind": "Policy", "rules": rules]
    for member in more.members { tree[member.name] = member.value }
    return try AuditPolicy(.object(tree))
  }
  private let alice = UserInfo(name: "alice", groups: ["devs", "system:authenticated"])
  private func nodes(
    _ verb: String, name: String = "", subresource: String = "", namespace: String = "", resource: String = "nodes",
    group: String = ""
  ) -> AccessAttributes {
    AccessAttributes(
      alice, verb, group: group, version: "v1", resource: resource, subresource: subresource, namespace: namespace,
      name: name)
  }

  @Test(arguments: ["users", "userGroups", "verbs", "namespaces", "resources", "nonResourceURLs"])
  func `an equivalent name is another name`(member: String) throws {
    func rule(_ name: String) -> JSONValue {
      var rule: JSONObject = ["level": "None"]
      switch member {
      case "resources": rule[member] = [["group": "", "resources": [.string(name)]]]
      case "nonResourceURLs": rule[member] = [.string("/\(name)*")]
      default: rule[member] = [.string(name)]
      }
      return .object(rule)
    }
    let policy = try policy([rule("Kim"), ["level": "Metadata"]])
    func level(_ name: String) -> AuditLevel {
      let user = UserInfo(name: name, groups: [name])
      if member == "nonResourceURLs" { return policy.decide(AccessAttributes(user, "get", path: "/\(name)/x")).level }
      return policy.decide(
        AccessAttributes(user, name, group: "", version: "v1", resource: name, namespace: name, name: "")
      ).level
    }
    #expect(level("Kim") == .none && level("\u{212A}im") == .metadata)
  }

  @Test func `the first rule that fits decides, and what none fits is not audited`() throws {
    let policy = try policy([
      ["level": "None", "users": ["system:kube-proxy"]], ["level": "Metadata", "verbs": ["get", "list"]],
      ["level": "Request", "userGroups": ["devs"]],
      ["level": "RequestResponse", "users": ["bob"]],
    ])
    #expect(policy.decide(nodes("get")).level == .metadata)
    #expect(policy.decide(nodes("create")).level == .request)
    var other = nodes("create")
    other.user = UserInfo(name: "bob")
    #expect(policy.decide(other).level == .requestResponse)
    other.user = UserInfo(name: "system:kube-proxy")
    #expect(policy.decide(other).level == .none)
    other.user = UserInfo(name: "eve")
    #expect(policy.decide(other).level == .none)
    // A stranger is in no rule about users, whatever they call themselves.
    #expect(policy.decide(nodes("create"), isKnown: false).level == .none)
  }

  @Test(
    arguments: [
      (["group": "", "resources": ["nodes"]], true, false),
      (["group": "", "resources": ["nodes/status"]], false, true),
      (["group": "", "resources": ["nodes/*"]], true, true),
      (["group": "", "resources": ["*/status"]], false, true), (["group": "*", "resources": ["*"]], true, true),
      (["group": "apps"], false, false), (["group": ""], true, true),
      (["resources": ["nodes"], "resourceNames": ["b"]], false, false),
      (["resources": ["nodes"], "resourceNames": ["a"]], true, false),
    ] as [(JSONValue, Bool, Bool)])
  func `a rule names resources and subresources`(entry: JSONValue, whole: Bool, status: Bool) throws {
    let policy = try policy([["level": "Metadata", "resources": .array([entry])]])
    #expect((policy.decide(nodes("get", name: "a")).level == .metadata) == whole)
    #expect((policy.decide(nodes("get", name: "a", subresource: "status")).level == .metadata) == status)
    #expect(policy.decide(AccessAttributes(alice, "get", path: "/version")).level == .none)
  }

  @Test func `a rule names namespaces or paths`() throws {
    let spaces = try policy([["level": "Metadata", "namespaces": ["a", ""]]])
    #expect(
      spaces.decide(nodes("get")).level == .metadata && spaces.decide(nodes("get", namespace: "a")).level == .metadata)
    #expect(spaces.decide(nodes("get", namespace: "b")).level == .none)
    let paths = try policy([["level": "Metadata", "nonResourceURLs": ["/healthz*", "/version"]]])
    for (path, fits) in [
      ("/healthz", true), ("/healthz/ping", true), ("/version", true), ("/version/x", false), ("/metrics", false),
    ] {
      #expect((paths.decide(AccessAttributes(alice, "get", path: path)).level == .metadata) == fits, "\(path)")
    }
    #expect(paths.decide(nodes("get")).level == .none)
  }

  @Test func `stages and managed fields are left out by all or by one`() throws {
    let policy = try policy(
      [
        ["level": "Metadata", "users": ["alice"], "omitStages": ["ResponseStarted"], "omitManagedFields": false],
        ["level": "Request"],
      ],
      ["omitStages": ["RequestReceived"], "omitManagedFields": true])
    let mine = policy.decide(nodes("get"))
    #expect(mine.omittedStages == [.requestReceived, .responseStarted] && !mine.omitsManagedFields)
    var other = nodes("get")
    other.user = UserInfo(name: "bob")
    #expect(policy.decide(other).omittedStages == [.requestReceived] && policy.decide(other).omitsManagedFields)
  }

  @Test(arguments: [
    ("[]", "loaded illegal policy with 0 rules"), (#"[{}]"#, "rules[0].level: Required value"),
    (
      #"[{"level":"All"}]"#,
      #"rules[0].level: Unsupported value: "All": supported values: "None", "Metadata", "Request", "RequestResponse""#
    ),
    (#"[{"level":"None","user":["a"]}]"#, #"strict decoding error: unknown field "rules[0].user""#),
    (
      #"[{"level":"None","omitStages":["Never"]}]"#,
      #"rules[0].omitStages[0]: Invalid value: "Never": allowed stages are RequestReceived,ResponseStarted,ResponseComplete,Panic"#
    ),
    (
      #"[{"level":"None","nonResourceURLs":["x"]}]"#,
      #"rules[0].nonResourceURLs[0]: Invalid value: "x": non-resource URL rules must begin with a '/' character"#
    ),
    (
      #"[{"level":"None","nonResourceURLs":["/a*b"]}]"#,
      #"rules[0].nonResourceURLs[0]: Invalid value: "/a*b": non-resource URL wildcards '*' must be the final character of the rule"#
    ),
    (
      #"[{"level":"None","nonResourceURLs":["/a"],"namespaces":["b"]}]"#,
      #"rules[0].nonResourceURLs: Invalid value: ["/a"]: rules cannot apply to both regular resources and non-resource URLs"#
    ),
    (
      #"[{"level":"None","resources":[{"resourceNames":["a"]}]}]"#,
      #"rules[0].resources.resourceNames: Invalid value: ["a"]: using resourceNames requires at least one resource"#
    ),
    (#"[{"level":"None","users":"a"}]"#, "rules[0].users: it must be a list"),
  ])
  func `a policy that makes no sense is refused`(rules: String, problem: String) throws {
    #expect(throws: AuditPolicy.Problem(description: problem)) { try self.policy(try JSONValue(parsing: rules)) }
  }

  @Test func `a file of another kind is refused`() {
    #expect(throws: AuditPolicy.Problem.self) {
      try AuditPolicy(["apiVersion": "audit.k8s.io/v1beta1", "kind": "Policy", "rules": [["level": "None"]]])
    }
    #expect(throws: AuditPolicy.Problem.self) { try AuditPolicy(.null) }
  }
}
