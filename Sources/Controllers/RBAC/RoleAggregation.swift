import AccessRBAC
import Cacher
import JSON
import Machinery
public import Registry
import Storage

/// Gives cluster roles that say whose rules they gather these rules. (Kubernetes:
/// pkg/controller/clusterroleaggregation)
public final class RoleAggregation: Controller {
  public static let flagName = "clusterrole-aggregation-controller"
  public let name = flagName
  public let queue = WorkQueue("ClusterRoleAggregator")
  private let roles: Store
  private let client: SystemClient

  public init(clusterRoles: Store, _ client: SystemClient) {
    roles = clusterRoles
    self.client = client.managing(as: Self.flagName)
  }

  /// Any role may be one that others gather.
  private static let all = ObjectName("*")

  public var sources: [EventSource] { [EventSource(roles) { _, _ in [Self.all] }] }
  public var workers: Int { 1 }

  /// Looks at all roles at once: one that has gained rules may itself be gathered, which the watch tells.
  public func sync(_ key: ObjectName) async throws -> SyncOutcome {
    var options = ListOptions()
    options.resourceVersion = "0"
    let found = try await roles.list(roles.prepareList(options, namespace: "")).objects
    let all = try found.map { (labels: $0.labels, role: try roles.tree(of: $0)) }
      .sorted { Self.name($0.role) < Self.name($1.role) }
    for (_, role) in all {
      guard let aggregation = role["aggregationRule"], !aggregation.isNull else { continue }
      let rules = Self.gathered(aggregation["clusterRoleSelectors"]?.array ?? [], from: all, except: Self.name(role))
      guard let rules, rules != PolicyRule.rules(of: role) else { continue }
      var config: JSONValue = [
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
        "metadata": ["name": .string(Self.name(role))],
      ]
      if !rules.isEmpty { config["rules"] = .array(rules.map(\.object)) }
      do throws(Status) { try await client.apply(config, in: roles) } catch {
        // It has changed meanwhile, which the watch tells.
        if error.code != 409 { throw error }
      }
    }
    return .done
  }

  private static func name(_ role: JSONValue) -> String { role["metadata"]?["name"]?.string ?? "" }

  /// The rules of those whom the selectors name, in the order of their names, each once; nil where a selector can't be
  /// read. `roles`: sorted by name.
  private static func gathered(
    _ selectors: [JSONValue], from roles: [(labels: StringMap, role: JSONValue)], except own: String
  ) -> [PolicyRule]? {
    var rules: [PolicyRule] = []
    for selector in selectors {
      guard let selector = LabelSelector(object: selector) else { return nil }
      for (labels, role) in roles where name(role) != own && selector.matches(labels) {
        for rule in PolicyRule.rules(of: role) where !rules.contains(rule) { rules.append(rule) }
      }
    }
    return rules
  }
}
