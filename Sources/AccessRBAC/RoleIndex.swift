import Access
public import JSON
import Machinery
import Synchronization

/// All roles and bindings, found by who has them: what RBAC goes by. It is told of each object when it comes, changes
/// and goes, and is asked on every request, on any thread: nothing of it waits for anything but the moment that a
/// change takes. (Kubernetes: pkg/registry/rbac/validation, `DefaultRuleResolver`)
public final class RoleIndex: Sendable {
  /// What an object is.
  public enum Kind: Sendable, CaseIterable { case role, clusterRole, roleBinding, clusterRoleBinding }

  private let state = Mutex(State())

  public init() {}

  /// An object is there, as it now is. `namespace`: empty for what stands in none.
  public func set(_ kind: Kind, _ name: String, namespace: String = "", _ object: JSONValue) {
    switch kind {
    case .role, .clusterRole:
      let rules = PolicyRule.rules(of: object)
      state.withLock { $0.roles[namespace, default: [:]][name] = rules }
    case .roleBinding, .clusterRoleBinding:
      let binding = Binding(name, namespace: namespace, object)
      state.withLock { $0.bindings[namespace, default: Bindings()].set(binding) }
    }
  }

  /// An object is gone.
  public func remove(_ kind: Kind, _ name: String, namespace: String = "") {
    state.withLock { state in
      switch kind {
      case .role, .clusterRole:
        state.roles[namespace]?[name] = nil
        if state.roles[namespace]?.isEmpty == true { state.roles[namespace] = nil }
      case .roleBinding, .clusterRoleBinding:
        state.bindings[namespace]?.remove(name)
        if state.bindings[namespace]?.isEmpty == true { state.bindings[namespace] = nil }
      }
    }
  }

  /// Forgets all of a kind but those that `keeps` says are there.
  public func keep(_ kind: Kind, where keeps: (_ name: String, _ namespace: String) -> Bool) {
    for (name, namespace) in names(kind) where !keeps(name, namespace) { remove(kind, name, namespace: namespace) }
  }

  private func names(_ kind: Kind) -> [(name: String, namespace: String)] {
    let isCluster = kind == .clusterRole || kind == .clusterRoleBinding
    return state.withLock { state in
      switch kind {
      case .role, .clusterRole:
        state.roles.filter { $0.key.text.isEmpty == isCluster }.flatMap { space in
          space.value.keys.map { ($0.text, space.key.text) }
        }
      case .roleBinding, .clusterRoleBinding:
        state.bindings.filter { $0.key.text.isEmpty == isCluster }.flatMap { space in
          space.value.names.map { ($0, space.key.text) }
        }
      }
    }
  }

  // MARK: questions

  /// Those of a role; nil where it is not there. `namespace`: empty for one of the cluster.
  func rules(ofRole name: String, namespace: String) -> [PolicyRule]? {
    state.withLock { $0.roles[namespace]?[name] }
  }

  /// By which binding somebody may do what they ask; what is missing where none lets them.
  enum Answer {
    case allowed
    /// Roles that are bound and are not there, each told once.
    case notAllowed(missing: [String])
  }

  /// Allocates nothing for who may.
  func answer(_ attributes: AccessAttributes) -> Answer {
    state.withLock { state in
      var missing: [String] = []
      let isAllowed = state.visit(attributes.user, attributes.namespace) { grant, rules in
        guard let rules else {
          missing.addOnce(grant.binding.missingRole)
          return true
        }
        return !rules.contains { $0.allows(attributes) }
      }
      return isAllowed ? .notAllowed(missing: missing) : .allowed
    }
  }

  /// `ClusterRoleBinding "NAME" of ClusterRole "r" to Group "g"`; nil where nobody allows it.
  func source(of attributes: AccessAttributes) -> String? {
    state.withLock { state in
      var source: String?
      _ = state.visit(attributes.user, attributes.namespace) { grant, rules in
        guard rules?.contains(where: { $0.allows(attributes) }) == true else { return true }
        source = grant.text
        return false
      }
      return source
    }
  }

  /// All that somebody may do in a namespace, and what could not be found of it. (`RulesFor`)
  func rules(for user: UserInfo, namespace: String) -> (rules: [PolicyRule], missing: [String]) {
    state.withLock { state in
      var found: [PolicyRule] = []
      var missing: [String] = []
      // Somebody may have a binding several times over.
      var seen: Set<ObjectIdentifier> = []
      _ = state.visit(user, namespace) { grant, rules in
        guard seen.insert(ObjectIdentifier(grant.binding)).inserted else { return true }
        if let rules { found += rules } else { missing.addOnce(grant.binding.missingRole) }
        return true
      }
      return (found, missing)
    }
  }
}

extension [String] {
  fileprivate mutating func addOnce(_ text: String) {
    if !contains(text) { append(text) }
  }

  /// As Go shows several errors that are one. (`utilerrors.NewAggregate`)
  var aggregated: String { count == 1 ? self[0] : "[\(joined(separator: ", "))]" }
}

/// Roles and bindings, by namespace; those of the whole cluster under the empty one.
private struct State {
  var roles: [ByteString: [ByteString: [PolicyRule]]] = [:]
  var bindings: [ByteString: Bindings] = [:]

  /// Shows each grant of a user with the rules of its role, nil where that is not there, until `body` says no. True when
  /// it never did. Bindings of the cluster come first.
  func visit(_ user: UserInfo, _ namespace: String, _ body: (Grant, [PolicyRule]?) -> Bool) -> Bool {
    if let bindings = bindings[""], !visit(bindings, user, body) { return false }
    if namespace.isEmpty { return true }
    if let bindings = bindings[namespace] { return visit(bindings, user, body) }
    return true
  }

  private func visit(_ bindings: Bindings, _ user: UserInfo, _ body: (Grant, [PolicyRule]?) -> Bool) -> Bool {
    if let grants = bindings.users[user.name], !visit(grants, body) { return false }
    if bindings.groups.isEmpty { return true }
    for group in user.groups {
      if let grants = bindings.groups[group], !visit(grants, body) { return false }
    }
    return true
  }

  private func visit(_ grants: [Grant], _ body: (Grant, [PolicyRule]?) -> Bool) -> Bool {
    for grant in grants {
      let binding = grant.binding
      if !body(grant, roles[binding.isOfClusterRole ? "" : binding.namespace]?[binding.roleName]) { return false }
    }
    return true
  }
}

/// The bindings of a namespace, or of the cluster.
private struct Bindings {
  /// Service accounts are users by their whole names.
  private(set) var users: [ByteString: [Grant]] = [:]
  private(set) var groups: [ByteString: [Grant]] = [:]
  private var byName: [ByteString: Binding] = [:]

  var isEmpty: Bool { byName.isEmpty }
  var names: [String] { byName.keys.map(\.text) }

  mutating func set(_ binding: Binding) {
    remove(binding.name)
    byName[binding.name] = binding
    for (place, subject) in binding.subjects.enumerated() {
      let grant = Grant(binding: binding, subject: place)
      if let user = subject.user(in: binding.namespace) {
        users[user, default: []].append(grant)
      } else if subject.kind == "Group" {
        groups[subject.name, default: []].append(grant)
      }
    }
  }

  mutating func remove(_ name: String) {
    guard let binding = byName.removeValue(forKey: name) else { return }
    for subject in binding.subjects {
      if let user = subject.user(in: binding.namespace) {
        users[user]?.removeAll { $0.binding === binding }
        if users[user]?.isEmpty == true { users[user] = nil }
      } else {
        groups[subject.name]?.removeAll { $0.binding === binding }
        if groups[subject.name]?.isEmpty == true { groups[subject.name] = nil }
      }
    }
  }
}

/// One of those whom a binding names.
private struct Grant {
  let binding: Binding
  let subject: Int

  var text: String {
    let (own, subject) = (binding, binding.subjects[subject])
    let kind = own.namespace.isEmpty ? "ClusterRoleBinding" : "RoleBinding"
    let name = own.namespace.isEmpty ? own.name : "\(own.name)/\(own.namespace)"
    let role = "\(own.isOfClusterRole ? "ClusterRole" : "Role") \(GoText.quoted(own.roleName))"
    var who = subject.name
    if subject.kind == "ServiceAccount" { who += "/" + (subject.namespace.isEmpty ? own.namespace : subject.namespace) }
    return "\(kind) \(GoText.quoted(name)) of \(role) to \(subject.kind) \(GoText.quoted(who))"
  }
}

/// A binding, read once.
private final class Binding: Sendable {
  let name: String
  /// Empty for those of the cluster.
  let namespace: String
  let isOfClusterRole: Bool
  let roleName: String
  let subjects: [Subject]

  init(_ name: String, namespace: String, _ object: JSONValue) {
    self.name = name
    self.namespace = namespace
    let role = object["roleRef"]
    isOfClusterRole = role?["kind"]?.string == "ClusterRole"
    roleName = role?["name"]?.string ?? ""
    subjects = (object["subjects"]?.array ?? []).map(Subject.init)
  }

  /// What is told where it is not there.
  var missingRole: String {
    "\(isOfClusterRole ? "clusterrole" : "role").rbac.authorization.k8s.io \(GoText.quoted(roleName)) not found"
  }
}

/// Whom a binding names.
private struct Subject: Sendable {
  let kind: String
  let name: String
  let namespace: String

  init(_ subject: JSONValue) {
    kind = subject["kind"]?.string ?? ""
    name = subject["name"]?.string ?? ""
    namespace = subject["namespace"]?.string ?? ""
  }

  /// The name of the one user that this is; nil for a group. A binding in a namespace may leave that of an account out.
  func user(in own: String) -> String? {
    switch kind {
    case "User": return name
    case "ServiceAccount":
      let space = namespace.isEmpty ? own : namespace
      return space.isEmpty ? nil : "system:serviceaccount:\(space):\(name)"
    default: return nil
    }
  }
}
