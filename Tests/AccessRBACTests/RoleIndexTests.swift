import Access
import AccessRBAC
import JSON
import Testing

@Suite("Roles found by who has them")
struct RoleIndexTests {
  @Test func `random roles and bindings allow what a plain look at each of them allows`() {
    var random = Dice(seed: 7)
    var (yes, no) = (0, 0)
    for _ in 0..<500 {
      let world = World(&random)
      let index = RoleIndex()
      // Some that come and go before the rest is there.
      let passing = World(&random)
      passing.add(to: index)
      passing.remove(from: index)
      world.add(to: index)
      let authorizer = RBACAuthorizer(index)
      for _ in 0..<200 {
        let question = random.question()
        let expected = world.allows(question)
        guard case .now(let decision) = authorizer.authorize(question) else {
          Issue.record("it waits")
          return
        }
        #expect((decision == .allow) == expected, "\(question)")
        #expect(authorizer.reason(ofAllowing: question).isEmpty != expected)
        if expected { yes += 1 } else { no += 1 }
      }
    }
    #expect(yes + no == 100_000)
    #expect(yes > 1_000 && no > 1_000, "\(yes) yes, \(no) no")
  }

  @Test func `a binding that changes, goes or comes back counts at once`() throws {
    let index = RoleIndex()
    let authorizer = RBACAuthorizer(index)
    let alice = UserInfo(name: "alice", groups: ["devs"])
    let question = AccessAttributes(alice, "get", group: "", resource: "pods", subresource: "log", namespace: "a")
    let role: JSONValue = ["rules": [["verbs": ["get"], "apiGroups": [""], "resources": ["pods/log"]]]]
    func binding(_ kind: JSONValue, _ name: JSONValue, _ role: JSONValue = "reader") -> JSONValue {
      ["roleRef": ["kind": "Role", "name": role], "subjects": [["kind": kind, "name": name]]]
    }
    index.set(.role, "reader", namespace: "a", role)
    index.set(.roleBinding, "b", namespace: "a", binding("User", "alice"))
    #expect(authorizer.authorize(question).decision == .allow)
    #expect(
      authorizer.reason(ofAllowing: question)
        == #"RBAC: allowed by RoleBinding "b/a" of Role "reader" to User "alice""#)
    index.set(.roleBinding, "b", namespace: "a", binding("Group", "ops"))
    #expect(authorizer.authorize(question).decision == .noOpinion(""))
    index.set(.roleBinding, "b", namespace: "a", binding("Group", "devs"))
    #expect(authorizer.authorize(question).decision == .allow)
    index.remove(.role, "reader", namespace: "a")
    #expect(
      authorizer.authorize(question).decision
        == .noOpinion(#"RBAC: role.rbac.authorization.k8s.io "reader" not found"#))
    index.set(.roleBinding, "c", namespace: "a", binding("User", "alice", "gone"))
    #expect(
      authorizer.authorize(question).decision
        == .noOpinion(
          #"RBAC: [role.rbac.authorization.k8s.io "gone" not found, "#
            + #"role.rbac.authorization.k8s.io "reader" not found]"#))
    index.keep(.roleBinding) { name, _ in name == "c" }
    index.set(.role, "gone", namespace: "a", role)
    #expect(authorizer.authorize(question).decision == .allow)
    index.remove(.roleBinding, "c", namespace: "a")
    #expect(authorizer.authorize(question).decision == .noOpinion(""))
  }

  @Test func `stars in paths stand at the end alone`() {
    let index = RoleIndex()
    index.set(
      .clusterRole, "r", ["rules": [["verbs": ["get"], "nonResourceURLs": ["/pre*", "/a/*/c", "/metrics"]]]])
    index.set(
      .clusterRoleBinding, "b",
      ["roleRef": ["kind": "ClusterRole", "name": "r"], "subjects": [["kind": "User", "name": "u"]]])
    let user = UserInfo(name: "u")
    func allows(_ path: String) -> Bool {
      RBACAuthorizer(index).authorize(AccessAttributes(user, "get", path: path)).decision == .allow
    }
    for path in ["/pre", "/prefix", "/pre/fix", "/a/*/c", "/metrics"] { #expect(allows(path), "\(path)") }
    for path in ["/pr", "/a/b/c", "/metrics/", "/metricsx"] { #expect(!allows(path), "\(path)") }
  }

  @Test func `who gives away what they don't hold is told what that is`() {
    let index = RoleIndex()
    index.set(
      .role, "r", namespace: "a",
      ["rules": [["verbs": ["get", "list"], "apiGroups": [""], "resources": ["pods", "*/scale"]]]])
    index.set(
      .roleBinding, "b", namespace: "a",
      [
        "roleRef": ["kind": "Role", "name": "r"],
        "subjects": [["kind": "ServiceAccount", "name": "bot"]],
      ])
    let bot = UserInfo(name: "system:serviceaccount:a:bot", groups: ["g", "h"])
    func rule(_ verbs: JSONValue, _ resources: JSONValue) -> PolicyRule {
      PolicyRule(["verbs": verbs, "apiGroups": ["", "apps"], "resources": resources])
    }
    let held = PolicyRule(["verbs": ["list"], "apiGroups": [""], "resources": ["pods", "deployments/scale"]])
    #expect(index.escalation(of: [held], by: bot, namespace: "a") == nil)
    #expect(index.escalation(of: [held], by: bot, namespace: "b") != nil)
    #expect(
      index.escalation(of: [rule(["get", "watch", "update"], ["pods"])], by: bot, namespace: "a")
        == #"""
        user "system:serviceaccount:a:bot" (groups=["g" "h"]) is attempting to grant RBAC permissions not currently held:
        {APIGroups:[""], Resources:["pods"], Verbs:["watch" "update"]}
        {APIGroups:["apps"], Resources:["pods"], Verbs:["get" "watch" "update"]}
        """#)
    #expect(!index.hasFullAuthority(bot))
  }
}

extension AccessVerdict {
  /// What it says at once; nil where it waits.
  fileprivate var decision: AccessDecision? { if case .now(let decision) = self { decision } else { nil } }
}

/// Roles and bindings as plain data, and the rules of RBAC as its documentation has them.
private struct World {
  struct Rule {
    var verbs: [String], groups: [String], resources: [String], names: [String], urls: [String]
  }
  struct Role {
    var namespace: String, name: String, rules: [Rule]
  }
  struct Subject {
    var kind: String, name: String, namespace: String
  }
  struct Binding {
    var namespace: String, name: String, isOfClusterRole: Bool, role: String, subjects: [Subject]
  }
  var roles: [Role] = []
  var bindings: [Binding] = []

  init(_ dice: inout Dice) {
    for namespace in ["", "a", "b"] {
      for name in Dice.roles where !dice.isLucky(4) {
        let rules = (0..<(1 + dice.number(3))).map { _ in
          dice.isLucky(4) && namespace.isEmpty
            ? Rule(verbs: dice.some(Dice.verbs), groups: [], resources: [], names: [], urls: dice.some(Dice.urls))
            : Rule(
              verbs: dice.some(Dice.verbs), groups: dice.some(Dice.groups), resources: dice.some(Dice.resources),
              names: dice.isLucky(3) ? dice.some(["x", "y"]) : [], urls: [])
        }
        roles.append(Role(namespace: namespace, name: name, rules: rules))
      }
      for name in ["p", "q"] where !dice.isLucky(4) {
        let subjects = (0..<(1 + dice.number(2))).map { _ in
          Subject(
            kind: dice.one(of: ["User", "Group", "ServiceAccount"]), name: dice.one(of: ["alice", "bot", "devs"]),
            namespace: dice.one(of: ["", "a", "b"]))
        }
        bindings.append(
          Binding(
            namespace: namespace, name: name, isOfClusterRole: namespace.isEmpty || dice.isLucky(2),
            role: dice.one(of: Dice.roles), subjects: subjects))
      }
    }
  }

  func add(to index: RoleIndex) {
    func list(_ texts: [String]) -> JSONValue { .array(texts.map { .string($0) }) }
    for role in roles {
      let rules = role.rules.map { rule -> JSONValue in
        [
          "verbs": list(rule.verbs), "apiGroups": list(rule.groups), "resources": list(rule.resources),
          "resourceNames": list(rule.names), "nonResourceURLs": list(rule.urls),
        ]
      }
      index.set(
        role.namespace.isEmpty ? .clusterRole : .role, role.name, namespace: role.namespace, ["rules": .array(rules)])
    }
    for binding in bindings {
      let subjects = binding.subjects.map { subject -> JSONValue in
        [
          "kind": .string(subject.kind), "name": .string(subject.name), "namespace": .string(subject.namespace),
        ]
      }
      index.set(
        binding.namespace.isEmpty ? .clusterRoleBinding : .roleBinding, binding.name, namespace: binding.namespace,
        [
          "roleRef": [
            "kind": binding.isOfClusterRole ? "ClusterRole" : "Role", "name": .string(binding.role),
          ], "subjects": .array(subjects),
        ])
    }
  }

  func remove(from index: RoleIndex) {
    for role in roles {
      index.remove(role.namespace.isEmpty ? .clusterRole : .role, role.name, namespace: role.namespace)
    }
    for binding in bindings {
      index.remove(
        binding.namespace.isEmpty ? .clusterRoleBinding : .roleBinding, binding.name, namespace: binding.namespace)
    }
  }

  func allows(_ question: AccessAttributes) -> Bool {
    bindings.contains { binding in
      (binding.namespace.isEmpty || binding.namespace == question.namespace)
        && binding.subjects.contains { isOf($0, binding, question.user) }
        && roles.contains { role in
          role.name == binding.role && role.namespace == (binding.isOfClusterRole ? "" : binding.namespace)
            && role.rules.contains { allows($0, question) }
        }
    }
  }

  private func isOf(_ subject: Subject, _ binding: Binding, _ user: UserInfo) -> Bool {
    switch subject.kind {
    case "User": return subject.name == user.name
    case "Group": return user.groups.contains(subject.name)
    default:
      let namespace = subject.namespace.isEmpty ? binding.namespace : subject.namespace
      return !namespace.isEmpty && user.name == "system:serviceaccount:\(namespace):\(subject.name)"
    }
  }

  private func allows(_ rule: Rule, _ question: AccessAttributes) -> Bool {
    func has(_ list: [String], _ text: String) -> Bool { list.contains("*") || list.contains(text) }
    guard has(rule.verbs, question.verb) else { return false }
    if !question.isResource {
      return rule.urls.contains { $0 == question.path || $0.hasSuffix("*") && question.path.hasPrefix($0.dropLast()) }
    }
    let part = question.subresource
    let whole = part.isEmpty ? question.resource : "\(question.resource)/\(part)"
    return has(rule.groups, question.group)
      && (has(rule.resources, whole) || !part.isEmpty && rule.resources.contains("*/\(part)"))
      && (rule.names.isEmpty || rule.names.contains(question.name))
  }
}

/// The same numbers each time.
private struct Dice {
  static let roles = ["r", "s", "t"]
  static let verbs = ["get", "list", "*"]
  static let groups = ["", "apps", "*"]
  static let resources = ["pods", "pods/log", "*/log", "nodes", "pods/*", "*"]
  static let urls = ["/x", "/x*", "*", "/y/z"]
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func number(_ count: Int) -> Int {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return Int(state >> 33) % count
  }
  mutating func isLucky(_ sides: Int) -> Bool { number(sides) == 0 }
  mutating func one(of texts: [String]) -> String { texts[number(texts.count)] }
  mutating func some(_ texts: [String]) -> [String] {
    let chosen = texts.filter { _ in number(4) == 0 }
    return chosen.isEmpty ? [one(of: texts)] : chosen
  }

  mutating func question() -> AccessAttributes {
    let user = UserInfo(
      name: one(of: ["alice", "bob", "system:serviceaccount:a:bot", "system:serviceaccount:b:bot"]),
      groups: isLucky(2) ? ["devs", "others"] : [])
    let verb = one(of: ["get", "list", "delete"])
    if isLucky(4) { return AccessAttributes(user, verb, path: one(of: ["/x", "/xy", "/y", "/y/z"])) }
    return AccessAttributes(
      user, verb, group: one(of: ["", "apps"]), resource: one(of: ["pods", "nodes"]),
      subresource: one(of: ["", "", "log", "status"]), namespace: one(of: ["", "a", "b"]),
      name: one(of: ["", "x", "z"]))
  }
}
