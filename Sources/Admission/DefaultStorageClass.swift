public import Access
import JSON
public import Machinery
public import Registry

/// A claim that asks for no class gets the one that is the default. (Kubernetes:
/// plugin/pkg/admission/storage/storageclass/setdefault)
public struct DefaultStorageClass: AdmissionPlugin {
  public static let name = "DefaultStorageClass"
  public static let storageClasses = StorageClasses.resource

  private let classes: StorageClasses

  /// `store`: that of storage classes.
  public init(_ store: Store) { classes = StorageClasses(store) }

  public func concerns(_ user: UserInfo, _ resource: ResourceInfo) -> Bool {
    resource.groupResource == StorageClasses.claims
  }

  public func mutate(_ request: inout AdmissionRequest, by user: UserInfo) async throws(Status) {
    guard request.resource == StorageClasses.claims, request.operation == .create, request.subresource == .main,
      let claim = request.new, StorageClasses.asked(by: claim) == nil
    else { return }
    let found: String?
    do throws(Status) { found = try await classes.defaultName() } catch {
      throw .forbidden(request.resource, name: request.shownName, error.message)
    }
    guard let name = found else { return }
    // Behind these, where the type has it.
    let before = ["accessModes", "selector", "resources", "volumeName"]
    var members = (claim["spec"]?.object?.members ?? []).filter { $0.name != "storageClassName" }
    let place = members.lastIndex { before.contains($0.name) }.map { $0 + 1 } ?? 0
    members.insert(JSONObject.Member("storageClassName", .string(name)), at: place)
    request.new?["spec"] = .object(JSONObject(unchecked: members))
  }
}
