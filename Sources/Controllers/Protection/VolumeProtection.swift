import JSON
public import Registry

/// Keeps a volume that is bound to a claim. (Kubernetes: pkg/controller/volume/pvprotection)
public final class VolumeProtection: Controller {
  public static let flagName = "persistentvolume-protection-controller"
  public let name = flagName
  public let queue = WorkQueue("pvprotection")
  private let volumes: ProtectedObjects

  public init(volumes: Store, _ client: SystemClient) {
    self.volumes = ProtectedObjects(store: volumes, client: client, finalizer: "kubernetes.io/pv-protection")
  }

  public var sources: [EventSource] { [volumes.source] }

  public func sync(_ key: ObjectName) async throws -> SyncOutcome {
    try await volumes.sync(key) { $0["status"]?["phase"]?.string == "Bound" }
  }
}
