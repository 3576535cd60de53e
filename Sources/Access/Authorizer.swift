/// What an authorizer says.
public enum AccessDecision: Sendable, Equatable {
  case allow
  /// No, whatever the others say.
  case deny(String)
  /// Nothing for it, nothing against it.
  case noOpinion(String)
}

/// A decision, or what has to be waited for to have one.
public enum AccessVerdict: Sendable {
  case now(AccessDecision)
  /// Throws what kept it from deciding.
  case later(@Sendable () async throws -> AccessDecision)
}

/// Decides who may do what. (Kubernetes: `authorizer.Authorizer`.) Called on a reactor: never blocks.
public protocol Authorizer: Sendable {
  func authorize(_ attributes: AccessAttributes) -> AccessVerdict
  /// Does it allow a user whatever they ask, at any time? False where it would have to be asked.
  func allowsEverything(_ user: UserInfo) -> Bool
  /// What a user may do in a namespace, as far as this authorizer can tell.
  func rules(for user: UserInfo, namespace: String) -> AccessRules
  /// Why it allows what it has allowed, for who asks; empty where there is nothing to be told.
  func reason(ofAllowing attributes: AccessAttributes) -> String
}

/// What a user may do, for `kubectl auth can-i --list`. (Kubernetes: `authorizer.RuleResolver`.)
public struct AccessRules: Sendable, Equatable {
  public struct ResourceRule: Sendable, Equatable {
    public var verbs: [String]
    public var groups: [String]
    public var resources: [String]
    public var names: [String] = []
    public init(verbs: [String], groups: [String], resources: [String], names: [String] = []) {
      self.verbs = verbs
      self.groups = groups
      self.resources = resources
      self.names = names
    }
  }
  public struct PathRule: Sendable, Equatable {
    public var verbs: [String]
    public var paths: [String]
    public init(verbs: [String], paths: [String]) {
      self.verbs = verbs
      self.paths = paths
    }
  }
  public var resources: [ResourceRule] = []
  public var paths: [PathRule] = []
  /// Is there more than is listed?
  public var isIncomplete = false
  /// Why, if it is known.
  public var error = ""
  public init() {}
}

extension Authorizer {
  public func allowsEverything(_ user: UserInfo) -> Bool { false }
  public func reason(ofAllowing attributes: AccessAttributes) -> String { "" }

  /// May it be done? One that fails has not allowed it.
  public func allows(_ attributes: AccessAttributes) async -> Bool { (try? await decide(attributes)) == .allow }

  /// The decision, waited for if need be.
  public func decide(_ attributes: AccessAttributes) async throws -> AccessDecision {
    switch authorize(attributes) {
    case .now(let decision): return decision
    case .later(let work): return try await work()
    }
  }
}

/// Authorizers in order; the first that allows or denies decides. The privileged group is let through before them.
/// (Kubernetes: `union.New`, `authorizerfactory.NewPrivilegedGroups`.)
public struct AuthorizerChain: Authorizer {
  private let members: [any Authorizer]
  public init(_ members: [any Authorizer]) { self.members = members }

  public func authorize(_ attributes: AccessAttributes) -> AccessVerdict {
    if allowsEverything(attributes.user) { return .now(.allow) }
    return ask(members[...], attributes, reasons: [])
  }

  public func allowsEverything(_ user: UserInfo) -> Bool { user.isIn(UserInfo.privilegedGroup) }

  private func ask(
    _ rest: ArraySlice<any Authorizer>, _ attributes: AccessAttributes, reasons: [String]
  ) -> AccessVerdict {
    var reasons = reasons
    for (place, member) in zip(rest.indices, rest) {
      switch member.authorize(attributes) {
      case .now(.noOpinion(let why)): if !why.isEmpty { reasons.append(why) }
      case .now(let decision): return .now(decision)
      case .later(let work):
        return .later { [reasons] in
          // One that fails has no opinion; its failure is told if nobody else has one.
          var decision = AccessDecision.noOpinion("")
          var failure: (any Error)?
          do { decision = try await work() } catch { failure = error }
          guard case .noOpinion(let why) = decision else { return decision }
          switch ask(rest[(place + 1)...], attributes, reasons: why.isEmpty ? reasons : reasons + [why]) {
          case .now(let last): decision = last
          case .later(let more): decision = try await more()
          }
          if let failure, case .noOpinion = decision { throw failure }
          return decision
        }
      }
    }
    return .now(.noOpinion(reasons.joined(separator: "\n")))
  }

  /// Of the first who has one: those before were not those who allowed it.
  public func reason(ofAllowing attributes: AccessAttributes) -> String {
    if allowsEverything(attributes.user) { return "" }
    return members.lazy.map { $0.reason(ofAllowing: attributes) }.first { !$0.isEmpty } ?? ""
  }

  public func rules(for user: UserInfo, namespace: String) -> AccessRules {
    // Nothing for the privileged group: upstream does not ask who lets it through.
    var all = AccessRules()
    for member in members { all.add(member.rules(for: user, namespace: namespace)) }
    return all
  }
}

extension AccessRules {
  mutating func add(_ other: AccessRules) {
    resources += other.resources
    paths += other.paths
    isIncomplete = isIncomplete || other.isIncomplete
    if !other.error.isEmpty { error = error.isEmpty ? other.error : "\(error), \(other.error)" }
  }
}

/// `--authorization-mode=AlwaysAllow`.
public struct AlwaysAllow: Authorizer {
  public init() {}
  public func authorize(_ attributes: AccessAttributes) -> AccessVerdict { .now(.allow) }
  public func rules(for user: UserInfo, namespace: String) -> AccessRules {
    var rules = AccessRules()
    rules.resources = [.init(verbs: ["*"], groups: ["*"], resources: ["*"])]
    rules.paths = [.init(verbs: ["*"], paths: ["*"])]
    return rules
  }
}

/// `--authorization-mode=AlwaysDeny`.
public struct AlwaysDeny: Authorizer {
  public init() {}
  public func authorize(_ attributes: AccessAttributes) -> AccessVerdict {
    .now(.noOpinion("Everything is forbidden."))
  }
  public func rules(for user: UserInfo, namespace: String) -> AccessRules { AccessRules() }
}

/// Paths that everyone may read, whoever they are. (kube-apiserver: `--authorization-always-allow-paths`.)
public struct AllowedPaths: Authorizer {
  private let exact: Set<ByteString>
  private let prefixes: [String]

  /// A path that ends in `*` stands for all that begin so.
  public init(_ paths: [String]) {
    exact = Set(paths.filter { !$0.hasSuffix("*") }.map { $0.hasPrefix("/") ? $0 : "/" + $0 })
    prefixes = paths.filter { $0.hasSuffix("*") }.map { String($0.dropLast()) }.map {
      $0.hasPrefix("/") ? $0 : "/" + $0
    }
  }

  public func authorize(_ attributes: AccessAttributes) -> AccessVerdict {
    guard !attributes.isResource else { return .now(.noOpinion("")) }
    let isAllowed = exact.contains(attributes.path) || prefixes.contains { attributes.path.hasPrefix($0) }
    return .now(isAllowed ? .allow : .noOpinion(""))
  }

  public func rules(for user: UserInfo, namespace: String) -> AccessRules { AccessRules() }
}
