public import Access
public import Machinery
public import Registry
import ByteBuffers
import Cacher
import JSON

/// Devices that others use are looked after from namespaces that are labelled for it. No plug-in of kube-apiserver's,
/// and always on: there it belongs to the rules, which look at nothing but the object here. (Kubernetes:
/// pkg/registry/resource, `AuthorizedForAdmin` and `AuthorizedForAdminStatus`)
public struct DeviceAdminAccess: AdmissionPlugin {
  public static let name = "DeviceAdminAccess"
  private static let group = "resource.k8s.io"
  private static let claims = GroupResource(group: group, resource: "resourceclaims")
  private static let templates = GroupResource(group: group, resource: "resourceclaimtemplates")
  private static let label = "resource.kubernetes.io/admin-access"

  private let store: Store

  /// `store`: that of namespaces.
  public init(_ store: Store) { self.store = store }

  public func concerns(_ user: UserInfo, _ resource: ResourceInfo) -> Bool {
    resource.groupResource == Self.claims || resource.groupResource == Self.templates
  }

  public func validate(_ request: AdmissionRequest, by user: UserInfo) async throws(Status) {
    guard let path = Self.wish(request) else { return }
    let kind = request.resource == Self.claims ? "ResourceClaim" : "ResourceClaimTemplate"
    func refuse(_ error: FieldError) -> Status {
      .invalid(kind, group: Self.group, name: request.shownName, [error])
    }
    let labels: JSONValue?
    do {
      let namespace = try await store.get(request.namespace, namespace: "")
      labels = try JSONValue(parsing: namespace.object)["metadata"]?["labels"]
    } catch {
      let why = (error as? Status)?.message ?? "\(error)"
      throw refuse(.internalError(path, "could not retrieve namespace to verify admin access: \(why)"))
    }
    if labels?[Self.label]?.string == "true" { return }
    throw refuse(
      .forbidden(
        path, "admin access to devices requires the `\(Self.label): true` label on the containing namespace"))
  }

  /// Where the write asks for such access anew; nil where it does not.
  private static func wish(_ request: AdmissionRequest) -> String? {
    func asks(_ part: JSONValue) -> Bool { part["adminAccess"]?.bool == true }
    func results(_ claim: JSONValue?) -> [JSONValue] {
      claim?["status"]?["allocation"]?["devices"]?["results"]?.array ?? []
    }
    switch request.operation {
    case .create:
      let spec = request.new?["spec"]
      let claim = request.resource == templates ? spec?["spec"] : spec
      let requests = claim?["devices"]?["requests"]?.array ?? []
      // Upstream names the place so in templates, too.
      return requests.firstIndex { $0["exactly"].map(asks) ?? false }.map { "spec.devices.requests[\($0)].adminAccess" }
    case .update where request.subresource == .status:
      if results(request.old).contains(where: asks) { return nil }
      return results(request.new).firstIndex(where: asks).map {
        "status.allocation.devices.results[\($0)].adminAccess"
      }
    case .update, .delete: return nil
    }
  }
}
