import Cacher
import JSON
import Machinery
public import Registry

/// Says of APIServices that this server answers by itself that they are available, should one say otherwise.
/// (Kubernetes: kube-aggregator/pkg/controllers/status/local)
public final class LocalAPIServices: StartHook, Controller {
  public let name = "apiservice-status-local-available-controller"
  public let queue = WorkQueue("LocalAvailabilityController")
  private let store: Store
  private let client: SystemClient

  /// `store`: that of APIServices.
  public init(_ store: Store, _ client: SystemClient) {
    self.store = store
    self.client = client
  }

  public func check() {}

  public var sources: [EventSource] { [EventSource(objectsOf: store)] }

  public func sync(_ key: ObjectName) async throws -> SyncOutcome {
    guard let found = try await client.get(key, in: store) else { return .done }
    var service = try store.tree(of: found)
    if let remote = service["spec"]?["service"], !remote.isNull { return .done }
    var conditions = service["status"]?["conditions"]?.array ?? []
    let place = conditions.firstIndex { $0["type"] == "Available" }
    let before = place.map { conditions[$0] }
    let isAvailable = before?["status"] == "True"
    let time = (isAvailable ? before?["lastTransitionTime"] : nil) ?? .string(Timestamp.text(Timestamp.now))
    let condition: JSONValue = [
      "type": "Available", "status": "True", "lastTransitionTime": time, "reason": "Local",
      "message": "Local APIServices are always available",
    ]
    if before == condition { return .done }
    if let place { conditions[place] = condition } else { conditions.append(condition) }
    service["status"] = ["conditions": .array(conditions)]
    try await client.update(service, in: store, subresource: .status)
    return .done
  }
}
