import Cacher
import JSON
public import Registry

/// Keeps a class of attributes that a claim or a volume names. (Kubernetes: pkg/controller/volume/vacprotection)
public final class AttributesClassProtection: Controller {
  public static let flagName = "volumeattributesclass-protection-controller"
  public let name = flagName
  public let queue = WorkQueue("vacprotection")
  private let classes: ProtectedObjects
  private let claims: Store
  private let volumes: Store

  public init(classes: Store, claims: Store, volumes: Store, _ client: SystemClient) {
    self.classes = ProtectedObjects(store: classes, client: client, finalizer: "kubernetes.io/vac-protection")
    self.claims = claims
    self.volumes = volumes
  }

  /// Stands for all classes that want to go: one of them may be used no more.
  private static let allToGo = ObjectName("")

  public var sources: [EventSource] {
    // What it named before an event does not say.
    let users = [claims, volumes].map { store in
      EventSource(store) { event, _ in event.kind == .added ? [] : [Self.allToGo] }
    }
    return [classes.source] + users
  }

  public func sync(_ key: ObjectName) async throws -> SyncOutcome {
    if key == Self.allToGo {
      for name in try await classes.toGo() { queue.add(name) }
      return .done
    }
    return try await classes.sync(key) { [self] _ in
      for volume in try await volumes.all() where Self.names(key, try volumes.tree(of: volume)) { return true }
      for claim in try await claims.all() where Self.names(key, try claims.tree(of: claim)) { return true }
      return false
    }
  }

  /// Does a claim or a volume name the class, or want to, or has it not left it yet?
  private static func names(_ name: ObjectName, _ user: JSONValue) -> Bool {
    let status = user["status"]
    return [
      user["spec"]?["volumeAttributesClassName"], status?["currentVolumeAttributesClassName"],
      status?["modifyVolumeStatus"]?["targetVolumeAttributesClassName"],
    ].contains { $0?.string == name.name }
  }
}
