import Cacher
import JSON
public import Logging
import Machinery
public import Registry
import Resources
import Synchronization

/// Makes the roles and bindings that a cluster begins with, and gives those that are there what newer versions expect of
/// them. (Kubernetes: pkg/registry/rbac/rest, `EnsureRBACPolicy`)
///
/// All at once, so that the storage writes them in few goes; what is right already is not written.
public final class BootstrapRolesHook: StartHook {
  public struct Stores: Sendable {
    let clusterRoles: Store
    let clusterRoleBindings: Store
    let roles: Store
    let roleBindings: Store
    let namespaces: Store

    public init(
      clusterRoles: Store, clusterRoleBindings: Store, roles: Store, roleBindings: Store, namespaces: Store
    ) {
      self.clusterRoles = clusterRoles
      self.clusterRoleBindings = clusterRoleBindings
      self.roles = roles
      self.roleBindings = roleBindings
      self.namespaces = namespaces
    }
  }

  public let name = "rbac/bootstrap-roles"
  private let stores: Stores
  private let client: SystemClient
  private let isDone = Atomic<Bool>(false)

  public init(_ stores: Stores, _ client: SystemClient) {
    self.stores = stores
    self.client = client
  }

  public func check() throws {
    if !isDone.load(ordering: .relaxed) { throw Missing() }
  }
  private struct Missing: Error, CustomStringConvertible {
    var description: String { "the roles that a cluster begins with are not there yet" }
  }

  /// How soon again while something could not be made.
  private static let pause: Duration = .seconds(1)

  public func run(_ logger: Logger) async {
    while !Task.isCancelled {
      let problems = await ensure(BootstrapRoles())
      if problems.isEmpty { return isDone.store(true, ordering: .relaxed) }
      for problem in problems.prefix(3) where !Task.isCancelled {
        logger.warning("unable to reconcile roles", metadata: ["problem": "\(problem)"])
      }
      do { try await Task.sleep(for: Self.pause) } catch { return }
    }
  }

  /// One try; returns what went wrong.
  func ensure(_ wanted: BootstrapRoles) async -> [String] {
    do {
      try await moveRules()
      try await splitBindings(wanted.clusterRoleBindings)
    } catch { return ["\(error)"] }
    return await withTaskGroup(of: [String].self) { group in
      group.addTask { await self.ensure(wanted.clusterRoles, in: self.stores.clusterRoles, RoleReconciliation.role) }
      group.addTask {
        await self.ensure(
          wanted.clusterRoleBindings, in: self.stores.clusterRoleBindings, RoleReconciliation.binding)
      }
      group.addTask {
        // What stands in a namespace needs it, and who makes those may not have done so yet.
        let namespaces = Set((wanted.roles + wanted.roleBindings).map { ByteString(Self.namespace($0)) })
        let problems = await self.ensure(
          namespaces.map { ["metadata": ["name": .string($0.text)]] }, in: self.stores.namespaces
        ) { _, _ in .nothing }
        if !problems.isEmpty { return problems }
        async let roles = self.ensure(wanted.roles, in: self.stores.roles, RoleReconciliation.role)
        async let bindings = self.ensure(
          wanted.roleBindings, in: self.stores.roleBindings, RoleReconciliation.binding)
        return await roles + bindings
      }
      return await group.reduce([]) { $0 + $1 }
    }
  }

  private typealias Reconcile = @Sendable (_ existing: JSONValue, _ expected: JSONValue) -> RoleReconciliation

  private static func namespace(_ object: JSONValue) -> String { object["metadata"]?["namespace"]?.string ?? "" }

  /// So many objects of a resource are under way at a time: enough for the storage to write all in a few goes, each of
  /// which waits for the disk once; few enough to leave no trace in memory.
  private static let width = 24

  private func ensure(_ objects: [JSONValue], in store: Store, _ reconcile: @escaping Reconcile) async -> [String] {
    await withTaskGroup(of: String?.self) { group in
      var problems: [String] = []
      for (place, object) in objects.enumerated() {
        if place >= Self.width, let problem = await group.next() ?? nil { problems.append(problem) }
        group.addTask {
          do throws(Status) {
            try await self.ensure(object, in: store, reconcile)
            return nil
          } catch { return "\(store.info.plural) \(object["metadata"]?["name"]?.string ?? ""): \(error.message)" }
        }
      }
      return await group.reduce(into: problems) { if let problem = $1 { $0.append(problem) } }
    }
  }

  /// Tries of one object, where others write it too.
  private static let triesMax = 5

  private func ensure(_ wanted: JSONValue, in store: Store, _ reconcile: Reconcile) async throws(Status) {
    let namespace = Self.namespace(wanted)
    let name = ObjectName(wanted["metadata"]?["name"]?.string ?? "", namespace: namespace)
    var tries = 1
    while true {
      do throws(Status) {
        let found = tries == 1 ? try await client.get(name, in: store) : try await client.live(name, in: store)
        guard let found else {
          try await client.create(wanted, in: store, namespace: namespace)
          return
        }
        let existing = try store.tree(of: found)
        switch reconcile(existing, wanted) {
        case .nothing: return
        case .update(let object):
          try await client.update(object, in: store)
          return
        case .replacement:
          var options = DeleteOptions()
          options.uid = existing["metadata"]?["uid"]?.string
          do throws(Status) { try await client.delete(name, in: store, options) } catch {
            if error.code != 404 { throw error }
          }
          try await client.create(wanted, in: store, namespace: namespace)
          return
        }
      } catch {
        // Somebody else has made, changed or removed it meanwhile.
        guard [404, 409].contains(error.code), tries < Self.triesMax else { throw error }
        tries += 1
      }
    }
  }

  // MARK: what older versions left

  /// What somebody added to a role that gathers its rules now is kept under the name that these went to.
  /// (`primeAggregatedClusterRoles`)
  private func moveRules() async throws(Status) {
    for (from, to) in BootstrapRoles.movedRules {
      if try await client.get(ObjectName(to), in: stores.clusterRoles) != nil { continue }
      guard let old = try await client.get(ObjectName(from), in: stores.clusterRoles) else { continue }
      let role = try stores.clusterRoles.tree(of: old)
      if role["aggregationRule"].map({ !$0.isNull }) ?? false { return }
      try await copy(role, as: to, in: stores.clusterRoles)
    }
  }

  /// Who was given a binding out of which another came is given that, too. (`primeSplitClusterRoleBindings`)
  private func splitBindings(_ wanted: [JSONValue]) async throws(Status) {
    for (from, to) in BootstrapRoles.splitBindings {
      if try await client.get(ObjectName(to), in: stores.clusterRoleBindings) != nil { continue }
      guard let old = try await client.get(ObjectName(from), in: stores.clusterRoleBindings),
        var binding = wanted.first(where: { $0["metadata"]?["name"]?.string == to })
      else { continue }
      let existing = try stores.clusterRoleBindings.tree(of: old)
      binding["subjects"] = existing["subjects"]
      for map in ["labels", "annotations"] { binding["metadata"]?[map] = existing["metadata"]?[map] }
      try await copy(binding, as: to, in: stores.clusterRoleBindings)
    }
  }

  private func copy(_ object: JSONValue, as name: String, in store: Store) async throws(Status) {
    var copy = object
    copy["metadata"] = ["name": .string(name)]
    for map in ["labels", "annotations"] { copy["metadata"]?[map] = object["metadata"]?[map] }
    do throws(Status) { try await client.create(copy, in: store) } catch {
      if error.reason != "AlreadyExists" { throw error }
    }
  }
}
