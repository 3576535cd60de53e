import Cacher
import JSON
public import Registry
import Synchronization

/// Keeps the namespaces that a cluster can't be without.
public final class SystemNamespaces: StartHook, Controller {
  public static let names = ["kube-system", "kube-public", "kube-node-lease", "default"]

  public let name = "start-system-namespaces-controller"
  public let queue = WorkQueue("system_namespaces")
  /// All at once, so that the storage writes them in one go.
  public let workers = names.count
  private let store: Store
  private let client: SystemClient
  private let missing = Mutex(Set<ByteString>(names))

  /// `store`: that of namespaces.
  public init(_ store: Store, _ client: SystemClient) {
    self.store = store
    self.client = client
  }

  public func check() throws {
    let missing = missing.withLock { $0.map(\.text).sorted() }
    if !missing.isEmpty { throw Missing(names: missing) }
  }
  private struct Missing: Error, CustomStringConvertible {
    let names: [String]
    var description: String { "the system's namespaces are not there yet: \(names.joined(separator: ", "))" }
  }

  public func begin() {
    for name in Self.names { queue.add(ObjectName(name)) }
  }

  public var sources: [EventSource] {
    let names = Set<ByteString>(Self.names)
    return [
      EventSource(store) { [store] event, object in
        let gone = store.objectName(of: object.key)
        return event.kind == .deleted && names.contains(gone.name) ? [gone] : []
      }
    ]
  }

  public func sync(_ key: ObjectName) async throws -> SyncOutcome {
    try await client.createIfMissing(["metadata": ["name": .string(key.name)]], in: store)
    missing.withLock { _ = $0.remove(key.name) }
    return .done
  }
}
