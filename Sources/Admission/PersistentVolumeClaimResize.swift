public import Access
import JSON
public import Machinery
public import Registry

/// A claim grows only once it has its volume, and if its class lets it. (Kubernetes:
/// plugin/pkg/admission/storage/persistentvolume/resize)
public struct PersistentVolumeClaimResize: AdmissionPlugin {
  public static let name = "PersistentVolumeClaimResize"
  public static let storageClasses = StorageClasses.resource

  private let classes: StorageClasses

  /// `store`: that of storage classes.
  public init(_ store: Store) { classes = StorageClasses(store) }

  public func concerns(_ user: UserInfo, _ resource: ResourceInfo) -> Bool {
    resource.groupResource == StorageClasses.claims
  }

  public func validate(_ request: AdmissionRequest, by user: UserInfo) async throws(Status) {
    guard request.resource == StorageClasses.claims, request.operation == .update, request.subresource == .main,
      let new = request.new, let old = request.old, let before = Self.size(old), let after = Self.size(new),
      after > before
    else { return }
    func refusal(_ why: String) -> Status { .forbidden(request.resource, name: request.shownName, why) }
    if old["status"]?["phase"]?.string != "Bound" {
      throw refusal("Only bound persistent volume claims can be expanded")
    }
    if let name = StorageClasses.asked(by: new), !name.isEmpty, name == StorageClasses.asked(by: old),
      await classes.letsGrow(name)
    {
      return
    }
    throw refusal(
      "only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize"
    )
  }

  /// What is not asked for counts as nothing.
  private static func size(_ claim: JSONValue) -> Quantity? {
    try? Quantity(parsing: claim["spec"]?["resources"]?["requests"]?["storage"]?.string ?? "0")
  }
}
