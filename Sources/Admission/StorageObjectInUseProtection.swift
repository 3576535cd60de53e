public import Access
import JSON
public import Machinery
public import Registry

/// Volumes, claims and classes of attributes begin with a finalizer, which somebody takes away when they are no longer
/// in use. (Kubernetes: plugin/pkg/admission/storage/storageobjectinuseprotection)
public struct StorageObjectInUseProtection: AdmissionPlugin {
  public static let name = "StorageObjectInUseProtection"
  private static let finalizers: [GroupResource: String] = [
    GroupResource(group: "", resource: "persistentvolumes"): "kubernetes.io/pv-protection",
    GroupResource(group: "", resource: "persistentvolumeclaims"): "kubernetes.io/pvc-protection",
    GroupResource(group: "storage.k8s.io", resource: "volumeattributesclasses"): "kubernetes.io/vac-protection",
  ]

  public init() {}

  public func concerns(_ user: UserInfo, _ resource: ResourceInfo) -> Bool {
    Self.finalizers[resource.groupResource] != nil
  }

  public func mutate(_ request: inout AdmissionRequest, by user: UserInfo) async throws(Status) {
    guard request.operation == .create, request.subresource == .main, let finalizer = Self.finalizers[request.resource],
      var object = request.new
    else { return }
    var finalizers = object["metadata"]?["finalizers"]?.array ?? []
    if finalizers.contains(.string(finalizer)) { return }
    finalizers.append(.string(finalizer))
    var meta = object["metadata"]?.object ?? JSONObject()
    meta["finalizers"] = .array(finalizers)
    object["metadata"] = .object(MetadataOrder.sorted(meta))
    request.new = object
  }
}
