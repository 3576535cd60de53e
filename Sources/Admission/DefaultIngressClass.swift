public import Access
public import Machinery
public import Registry
import JSON

/// An ingress that names no class gets the default one, if there is one. (Kubernetes:
/// plugin/pkg/admission/network/defaultingressclass)
public struct DefaultIngressClass: AdmissionPlugin {
  public static let name = "DefaultIngressClass"
  public static let ingressClasses = GroupResource(group: "networking.k8s.io", resource: "ingressclasses")
  private static let ingresses = GroupResource(group: "networking.k8s.io", resource: "ingresses")

  private let defaultClass: RememberedAnswer<String?>

  /// `classes`: the store of ingress classes.
  public init(_ classes: Store) {
    defaultClass = .newestDefault(classes, marks: ["ingressclass.kubernetes.io/is-default-class"])
  }

  public func concerns(_ user: UserInfo, _ resource: ResourceInfo) -> Bool { resource.groupResource == Self.ingresses }

  public func mutate(_ request: inout AdmissionRequest, by user: UserInfo) async throws(Status) {
    guard request.operation == .create, request.subresource == .main, let ingress = request.new else { return }
    // An empty name is one, too; so is that of old.
    if let name = ingress["spec"]?["ingressClassName"], !name.isNull { return }
    if ingress["metadata"]?["annotations"]?["kubernetes.io/ingress.class"] != nil { return }
    guard let name = try await defaultClass() else { return }
    var spec = ingress["spec"]?.object ?? JSONObject()
    // It stands before all others.
    let others = spec.members.filter { $0.name != "ingressClassName" }
    spec = JSONObject(unchecked: [JSONObject.Member("ingressClassName", .string(name))] + others)
    request.new?["spec"] = .object(spec)
  }
}
