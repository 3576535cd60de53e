import Cacher
import JSON
public import Machinery
public import Registry
import Synchronization

/// Makes an APIService for each group version that this server answers by itself, when it starts: one that somebody
/// deletes or changes later is his until then. (Kubernetes: kube-aggregator/pkg/controllers/autoregister)
///
/// Those of group versions that it could serve and does not are taken away; of all others it knows nothing, and custom
/// resources are not its to look after.
public final class APIServiceRegistration: StartHook, Controller {
  public let name = "kube-apiserver-autoregistration"
  public let queue = WorkQueue("autoregister")
  private let store: Store
  private let client: SystemClient
  /// What each shall say, by name.
  private let wanted: [ByteString: JSONValue]
  private let unwanted: Set<ByteString>
  private let progress: Mutex<Progress>

  private struct Progress {
    var missing: Set<ByteString>
    /// Looked at once, which is enough.
    var synced: Set<ByteString> = []
    /// Those that were there before this server had made any.
    var atStart: Set<ByteString>?
  }

  /// `store`: that of APIServices. `known`: the group versions that could be served.
  public init(_ store: Store, served: [GroupVersion], known: [GroupVersion], _ client: SystemClient) {
    self.store = store
    self.client = client
    var wanted: [ByteString: JSONValue] = [:]
    for groupVersion in served {
      guard let priority = APIServicePriorities.of(groupVersion) else { continue }
      wanted[Self.name(of: groupVersion)] = RegisteredAPIService.spec(
        groupVersion, groupPriority: priority.group, versionPriority: priority.version)
    }
    self.wanted = wanted
    unwanted = Set(known.map(Self.name)).subtracting(wanted.keys)
    progress = Mutex(Progress(missing: Set(wanted.keys)))
  }

  private static func name(of groupVersion: GroupVersion) -> ByteString {
    ByteString(RegisteredAPIService.name(of: groupVersion))
  }

  public func check() throws {
    let missing = progress.withLock { $0.missing.map(\.text).sorted() }
    if !missing.isEmpty { throw Missing(names: missing) }
  }
  private struct Missing: Error, CustomStringConvertible {
    let names: [String]
    var description: String { "missing APIService: [\(names.joined(separator: " "))]" }
  }

  public func begin() {
    for name in Array(wanted.keys) + unwanted { queue.add(ObjectName(name.text)) }
  }

  /// Nothing that changes later is this controller's concern.
  public var sources: [EventSource] { [EventSource(store) { _, _ in [] }] }

  public func sync(_ key: ObjectName) async throws -> SyncOutcome {
    let name = ByteString(key.name)
    if progress.withLock({ $0.synced.contains(name) }) { return .done }
    try await lookAround()
    try await settle(key, wanted[name])
    progress.withLock {
      $0.synced.insert(name)
      $0.missing.remove(name)
    }
    return .done
  }

  /// Finds out what was there before. Several may look at a time; the first to know has looked before anything was
  /// made.
  private func lookAround() async throws {
    if progress.withLock({ $0.atStart != nil }) { return }
    var options = ListOptions()
    options.resourceVersion = "0"
    let found = try await store.list(try store.prepareList(options, namespace: ""))
    let names = Set(found.objects.map { ByteString(store.objectName(of: $0.key).name) })
    progress.withLock { $0.atStart = $0.atStart ?? names }
  }

  private func settle(_ key: ObjectName, _ spec: JSONValue?) async throws {
    guard let found = try await client.get(key, in: store) else {
      guard let spec else { return }
      return try await client.createIfMissing(
        RegisteredAPIService.object(key.name, mode: "onstart", spec), in: store)
    }
    var service = try store.tree(of: found)
    switch service["metadata"]?["labels"]?[RegisteredAPIService.label]?.string {
    case "true": break
    case "onstart":
      let wasThere = progress.withLock { $0.atStart?.contains(ByteString(key.name)) == true }
      if !wasThere { return }
    default: return
    }
    do throws(Status) {
      guard let spec else { return try await delete(key, service["metadata"]?["uid"]?.string) }
      if service["spec"].map({ $0.isSameValue(as: spec) }) == true { return }
      service["spec"] = spec
      try await client.update(service, in: store)
    } catch {
      // Somebody has changed or deleted it meanwhile: it is looked at again.
      if error.code == 404 && spec == nil { return }
      throw error
    }
  }

  private func delete(_ key: ObjectName, _ uid: String?) async throws(Status) {
    var options = DeleteOptions()
    options.uid = uid
    try await client.delete(key, in: store, options)
  }
}
