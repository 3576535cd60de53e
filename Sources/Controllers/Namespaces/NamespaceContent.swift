import Cacher
import JSON
import Machinery
import Registry

/// Deletes all that is in a namespace. (Kubernetes:
/// pkg/controller/namespace/deletion/namespaced_resources_deleter.go)
struct NamespaceContent: Sendable {
  /// What one round has left.
  struct Left {
    var conditions = NamespaceConditions()
    /// Seconds until the rest may be gone; 0 where nothing is left.
    var estimate: Int64 = 0
    /// Where something is left.
    var stores: [Store] = []
  }

  private let client: SystemClient
  private let resources: @Sendable () -> [Store]

  /// Deletions at a time, of all resources of a namespace together: enough for the storage to write many in one go, few
  /// enough for others to have their turn.
  private static let workers = 16
  private static let pods = GroupResource(resource: "pods")
  /// How long it may take whoever removes finalizers.
  private static let finalizerSeconds: Int64 = 15

  init(_ client: SystemClient, _ resources: @escaping @Sendable () -> [Store]) {
    self.client = client
    self.resources = resources
  }

  /// `since`: the deletionTimestamp of the namespace.
  func delete(from namespace: String, since: JSONValue) async -> Left {
    var left = Left()
    let stores = resources().filter { $0.info.isNamespaced && $0.info.verbs.contains("delete") }
    // Pods go before what they may be using.
    if let pods = stores.first(where: { $0.info.groupResource == Self.pods }) {
      await delete(pods, namespace, since, &left, whatFails: "failed to delete pods for namespace: \(namespace), err: ")
      if !left.conditions.isEmpty { return left }
    }
    for store in stores where store.info.groupResource != Self.pods {
      await delete(store, namespace, since, &left)
    }
    return left
  }

  private func delete(
    _ store: Store, _ namespace: String, _ since: JSONValue, _ left: inout Left, whatFails: String = ""
  ) async {
    do throws(Status) {
      let here = try await objects(of: store, namespace)
      if here.isEmpty { return }
      var estimate = store.info.groupResource == Self.pods ? try await graceful(store, here, since) : 0
      var options = DeleteOptions()
      // Nobody is made an orphan: all of it goes.
      options.propagationPolicy = "Background"
      if store.info.verbs.contains("deletecollection") {
        try await client.deleteCollection(in: store, namespace: namespace, options, workers: Self.workers)
      } else {
        for object in here {
          do throws(Status) { try await client.delete(store.objectName(of: object.key), in: store, options) } catch {
            if error.code != 404 { throw error }
          }
        }
      }
      let rest = try await objects(of: store, namespace)
      if rest.isEmpty { return }
      left.stores.append(store)
      var finalizers: [ByteString: Int] = [:]
      for object in rest {
        for finalizer in try store.tree(of: object)["metadata"]?["finalizers"]?.array ?? [] {
          finalizers[finalizer.string ?? "", default: 0] += 1
        }
      }
      left.conditions.add(.init(resource: store.info.groupResource, count: rest.count), finalizers: finalizers)
      if estimate == 0 {
        guard !finalizers.isEmpty else {
          let version = store.info.groupVersion
          throw .internalError(
            "unexpected items still remain in namespace: \(namespace) for gvr: "
              + "\(version.group)/\(version.version), Resource=\(store.info.plural)")
        }
        estimate = Self.finalizerSeconds
      }
      left.estimate = max(left.estimate, estimate)
    } catch { left.conditions.failures.append(whatFails + error.message) }
  }

  private func objects(of store: Store, _ namespace: String) async throws(Status) -> [CachedObject] {
    try await store.list(try store.prepareList(ListOptions(), namespace: namespace)).objects
  }

  /// How long pods may take to end by themselves.
  private func graceful(_ store: Store, _ pods: [CachedObject], _ since: JSONValue) async throws(Status) -> Int64 {
    var longest: Int64 = 0
    for pod in pods {
      let tree = try store.tree(of: pod)
      let phase = tree["status"]?["phase"]?.string
      if phase == "Succeeded" || phase == "Failed" { continue }
      longest = max(longest, tree["spec"]?["terminationGracePeriodSeconds"]?.int ?? 0)
    }
    guard longest > 0, let begun = since.string.flatMap({ try? Timestamp.parse($0).seconds }) else { return longest }
    return max(0, min(longest, 86_400) - max(0, Timestamp.now - begun))
  }
}
