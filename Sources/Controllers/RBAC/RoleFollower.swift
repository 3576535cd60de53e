public import AccessRBAC
import Cacher
import JSON
public import Logging
public import Machinery
public import Registry
import Storage
import Synchronization

/// Keeps the index of roles as the stores are: each server for itself, from its own memory. (Kubernetes: the informers
/// of the RBAC authorizer)
public final class RoleFollower: StartHook {
  public let name = "rbac/roles-followed"
  private let index: RoleIndex
  private let sources: [(kind: RoleIndex.Kind, store: Store)]
  /// The kinds whose objects are all known.
  private let known = Mutex<Set<RoleIndex.Kind>>([])

  /// `store`: that of a resource. nil where roles and bindings are not served.
  public init?(_ index: RoleIndex, store: (GroupResource) -> Store?) {
    func stores(_ kind: RoleIndex.Kind, _ plural: String) -> (kind: RoleIndex.Kind, store: Store)? {
      store(GroupResource(group: "rbac.authorization.k8s.io", resource: plural)).map { (kind, $0) }
    }
    self.index = index
    sources = [
      stores(.role, "roles"), stores(.clusterRole, "clusterroles"), stores(.roleBinding, "rolebindings"),
      stores(.clusterRoleBinding, "clusterrolebindings"),
    ].compactMap(\.self)
    if sources.count < RoleIndex.Kind.allCases.count { return nil }
  }

  public func check() throws {
    if known.withLock({ $0.count }) < sources.count { throw Missing() }
  }
  private struct Missing: Error, CustomStringConvertible {
    var description: String { "not all roles and bindings are known yet" }
  }

  /// How soon again where a watch is lost.
  private static let pause: Duration = .milliseconds(50)

  /// Until the task is cancelled.
  public func run(_ logger: Logger) async {
    await withTaskGroup(of: Void.self) { group in
      for (kind, store) in sources { group.addTask { await self.follow(kind, store, logger) } }
    }
  }

  private func follow(_ kind: RoleIndex.Kind, _ store: Store, _ logger: Logger) async {
    while !Task.isCancelled {
      // Of those that are there when the watch begins; what has gone while there was none is told by nobody.
      var present: Set<ObjectName>? = []
      do {
        try await EventSource(objectsOf: store).follow(caughtUp: {
          let there = present ?? []
          present = nil
          index.keep(kind) { there.contains(ObjectName($0, namespace: $1)) }
          known.withLock { _ = $0.insert(kind) }
        }) { event in
          guard let object = event.object else { return }
          let name = store.objectName(of: object.key)
          if event.kind == .deleted {
            present?.remove(name)
            return index.remove(kind, name.name, namespace: name.namespace)
          }
          present?.insert(name)
          do { index.set(kind, name.name, namespace: name.namespace, try store.tree(of: object)) } catch {
            // What can't be read gives nobody anything.
            index.remove(kind, name.name, namespace: name.namespace)
            logger.warning("unreadable role", metadata: ["key": "\(object.key)", "problem": "\(error)"])
          }
        }
      } catch {
        logger.debug("no watch", metadata: ["resource": "\(store.info.plural)", "problem": "\(error)"])
      }
      do { try await Task.sleep(for: Self.pause) } catch { return }
    }
  }
}
