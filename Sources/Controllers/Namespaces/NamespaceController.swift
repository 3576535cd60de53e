import Cacher
import JSON
import Machinery
public import Registry

/// Empties namespaces that go, and then lets them. (Kubernetes: pkg/controller/namespace)
public final class NamespaceController: Controller {
  public static let flagName = "namespace-controller"
  public let name = flagName
  public let queue: WorkQueue
  private let store: Store
  private let content: NamespaceContent
  private let client: SystemClient
  private let grace: Duration
  private let remains: RemainsWatch

  /// What stands for the content of a namespace among its finalizers.
  private static let finalizer: JSONValue = "kubernetes"

  /// `store`: that of namespaces. `resources`: the stores of all that may be in one, in one version each. `grace`: how
  /// long a namespace is left alone that has just begun to go, so that every server that makes objects knows of it.
  public init(
    _ store: Store, resources: @escaping @Sendable () -> [Store], _ client: SystemClient, grace: Duration
  ) {
    self.store = store
    self.client = client
    self.grace = grace
    content = NamespaceContent(client, resources)
    // Tried again at least every minute.
    queue = WorkQueue("namespace", pace: RetryPace { $0.longest = .seconds(60) })
    remains = RemainsWatch(queue)
  }

  public let workers = 10

  public var sources: [EventSource] {
    [
      EventSource(store) { [self] event, object in
        if event.kind != .deleted, object.isTerminating {
          // Not before its time: what comes here is queued when that is over.
          queue.add(store.objectName(of: object.key), after: grace)
        }
        return []
      }
    ]
  }

  public func end() async { await remains.endAll() }

  public func sync(_ key: ObjectName) async throws -> SyncOutcome {
    await remains.end(key)
    guard let found = try await client.live(key, in: store) else { return .done }
    var namespace = try store.tree(of: found)
    guard let since = namespace["metadata"]?["deletionTimestamp"], !since.isNull,
      !(namespace["spec"]?["finalizers"]?.array ?? []).isEmpty
    else { return .done }
    if namespace["status"]?["phase"]?.string != "Terminating" {
      namespace["status"]?["phase"] = "Terminating"
      namespace = try store.tree(of: try await client.update(namespace, in: store, subresource: .status).object)
    }
    let left = await content.delete(from: key.name, since: since)
    if left.conditions.write(into: &namespace, now: Timestamp.now) {
      namespace = try store.tree(of: try await client.update(namespace, in: store, subresource: .status).object)
    }
    if let failure = left.conditions.failures.first { throw Status.internalError(failure) }
    if left.estimate > 0 {
      // Others remove finalizers, and pods end in their own time. The wait is upstream's; mostly the watch is faster.
      remains.begin(key, left.stores)
      return .again(after: .seconds(left.estimate / 2 + 1))
    }
    try await finalize(namespace)
    return .done
  }

  /// Takes our finalizer away.
  private func finalize(_ namespace: JSONValue) async throws {
    var namespace = namespace
    let others = (namespace["spec"]?["finalizers"]?.array ?? []).filter { $0 != Self.finalizer }
    namespace["spec"]?["finalizers"] = .array(others)
    do throws(Status) {
      try await client.update(namespace, in: store, subresource: Subresource("finalize"))
    } catch {
      // Somebody else did it.
      if error.code != 404 { throw error }
    }
  }
}

extension CachedObject {
  /// Of a namespace: does it go?
  var isTerminating: Bool { (fields["status.phase"] ?? "") == "Terminating" }
}
