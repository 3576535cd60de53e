import Cacher
import JSON
public import Registry

/// Keeps a claim that a pod uses. (Kubernetes: pkg/controller/volume/pvcprotection)
public final class ClaimProtection: Controller {
  public static let flagName = "persistentvolumeclaim-protection-controller"
  public let name = flagName
  public let queue = WorkQueue("pvcprotection")
  private let claims: ProtectedObjects
  private let pods: Store?

  /// `pods`: nil while nobody serves them; then nobody uses a claim.
  public init(claims: Store, pods: Store?, _ client: SystemClient) {
    self.claims = ProtectedObjects(store: claims, client: client, finalizer: "kubernetes.io/pvc-protection")
    self.pods = pods
  }

  public var sources: [EventSource] {
    guard let pods else { return [claims.source] }
    return [claims.source, EventSource(pods) { event, object in Self.released(event, object, pods) }]
  }

  /// The claims that a pod has let go of, perhaps.
  private static func released(_ event: WatchEvent, _ object: CachedObject, _ pods: Store) -> [ObjectName] {
    guard let pod = try? pods.tree(of: object), event.kind == .deleted || PodClaims.isOver(pod) else { return [] }
    let namespace = pods.objectName(of: object.key).namespace
    return PodClaims.of(pod).map { ObjectName($0.claim, namespace: namespace) }
  }

  public func sync(_ key: ObjectName) async throws -> SyncOutcome {
    try await claims.sync(key) { [pods] claim in
      guard let pods else { return false }
      for pod in try await pods.all(in: key.namespace) where PodClaims.uses(try pods.tree(of: pod), claim) {
        return true
      }
      return false
    }
  }
}

/// Which claims a pod names.
enum PodClaims {
  struct Use {
    let claim: String
    /// Was it made for this pod?
    let isEphemeral: Bool
  }

  static func of(_ pod: JSONValue) -> [Use] {
    let name = pod["metadata"]?["name"]?.string ?? ""
    return (pod["spec"]?["volumes"]?.array ?? []).compactMap { volume in
      if let claim = volume["persistentVolumeClaim"]?["claimName"]?.string {
        return Use(claim: claim, isEphemeral: false)
      }
      guard volume["ephemeral"]?.object != nil, let own = volume["name"]?.string else { return nil }
      return Use(claim: "\(name)-\(own)", isEphemeral: true)
    }
  }

  /// Has a pod run to its end, or is it on its way there?
  static func isOver(_ pod: JSONValue) -> Bool {
    ["Succeeded", "Failed"].contains(pod["status"]?["phase"]?.string ?? "")
      || pod["metadata"]?["deletionTimestamp"].map { !$0.isNull } ?? false
  }

  /// Is the node done with a pod, or was it taken away by force?
  private static func isShutDown(_ pod: JSONValue) -> Bool {
    let meta = pod["metadata"]
    return meta?["deletionTimestamp"].map { !$0.isNull } ?? false && meta?["deletionGracePeriodSeconds"]?.int == 0
  }

  /// Does a pod keep a claim that wants to go? One without a node does not: none would start it any more.
  static func uses(_ pod: JSONValue, _ claim: JSONValue) -> Bool {
    guard !(pod["spec"]?["nodeName"]?.string ?? "").isEmpty, let name = claim["metadata"]?["name"]?.string else {
      return false
    }
    return of(pod).contains { use in
      use.claim == name && (!use.isEphemeral || !isShutDown(pod) && owns(pod, claim))
    }
  }

  private static func owns(_ pod: JSONValue, _ claim: JSONValue) -> Bool {
    guard let uid = pod["metadata"]?["uid"]?.string else { return false }
    return (claim["metadata"]?["ownerReferences"]?.array ?? []).contains {
      $0["uid"]?.string == uid && $0["controller"] == true
    }
  }
}
