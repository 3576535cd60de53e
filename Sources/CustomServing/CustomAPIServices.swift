import ByteBuffers
import Cacher
public import Controllers
import JSON
import Machinery
public import Registry
import Synchronization

/// Keeps an APIService for each group version that clients have defined a resource in, and takes it away with the last.
/// (Kubernetes: pkg/controlplane/controller/crdregistration, kube-aggregator/pkg/controllers/autoregister)
public final class CustomAPIServices: StartHook, Controller {
  public let name = "crd-registration"
  public let queue = WorkQueue("crd_registration")
  private let services: Store
  private let definitions: Store
  private let client: SystemClient
  /// What each definition needs, by its key.
  private let known = Mutex<[ByteString: Set<ByteString>]>([:])

  /// `services`: those of APIServices. `definitions`: where those are that clients have made.
  public init(_ services: Store, definitions: Store, _ client: SystemClient) {
    self.services = services
    self.definitions = definitions
    self.client = client
  }

  public func check() {}

  private static let groupPriority: Int64 = 1_000
  private static let versionPriority: Int64 = 100

  public var sources: [EventSource] {
    [
      EventSource(definitions) { [self] event, object in
        let versions = event.kind == .deleted ? [] : Self.versions(of: object)
        let key = ByteString(object.key)
        let before = known.withLock { known in
          defer { known[key] = versions.isEmpty ? nil : versions }
          return known[key] ?? []
        }
        return before.union(versions).map { ObjectName($0.text) }
      },
      // One that somebody changes or deletes is put right. What has lost its last definition meanwhile goes, too.
      EventSource(objectsOf: services, deleted: true),
    ]
  }

  /// The names of the APIServices that a definition needs.
  private static func versions(of definition: CachedObject) -> Set<ByteString> {
    guard let spec = try? JSONTape.parse(definition.object).root["spec"], let group = spec["group"]?.string else {
      return []
    }
    let served = spec["versions"].map { $0.elements.filter { $0["served"]?.bool == true } } ?? []
    return Set(
      served.compactMap { $0["name"]?.string }.map {
        ByteString(RegisteredAPIService.name(of: GroupVersion(group: group, version: $0)))
      })
  }

  public func sync(_ key: ObjectName) async throws -> SyncOutcome {
    let parts = key.name.split(separator: ".", maxSplits: 1).map(String.init)
    guard parts.count == 2 else { return .done }
    let wanted = RegisteredAPIService.spec(
      GroupVersion(group: parts[1], version: parts[0]), groupPriority: Self.groupPriority,
      versionPriority: Self.versionPriority)
    let isServed = try await isServed(key.name)
    do throws(Status) {
      guard let found = try await client.get(key, in: services) else {
        if isServed {
          try await client.createIfMissing(RegisteredAPIService.object(key.name, mode: "true", wanted), in: services)
        }
        return .done
      }
      var service = try services.tree(of: found)
      // Somebody else's.
      guard service["metadata"]?["labels"]?[RegisteredAPIService.label]?.string == "true" else { return .done }
      guard isServed else {
        var options = DeleteOptions()
        options.uid = service["metadata"]?["uid"]?.string
        try await client.delete(key, in: services, options)
        return .done
      }
      if service["spec"].map({ $0.isSameValue(as: wanted) }) == true { return .done }
      service["spec"] = wanted
      try await client.update(service, in: services)
    } catch {
      if error.code == 404 { return .done }
      throw error
    }
    return .done
  }

  /// Before one is taken away for which nobody has been seen, all definitions are looked at.
  private func isServed(_ name: String) async throws -> Bool {
    let key = ByteString(name)
    if known.withLock({ $0.values.contains { $0.contains(key) } }) { return true }
    let page = try await definitions.list(try definitions.prepareList(ListOptions(), namespace: ""))
    return page.objects.contains { Self.versions(of: $0).contains(key) }
  }
}
