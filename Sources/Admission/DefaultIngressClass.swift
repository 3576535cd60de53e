public import Access
public import Machinery
public import Registry
import Cacher
import JSON

/// An ingress that names no class gets the default one, if there is one. (Kubernetes:
/// plugin/pkg/admission/network/defaultingressclass)
public struct DefaultIngressClass: AdmissionPlugin {
  public static let name = "DefaultIngressClass"
  public static let ingressClasses = GroupResource(group: "networking.k8s.io", resource: "ingressclasses")
  private static let ingresses = GroupResource(group: "networking.k8s.io", resource: "ingresses")
  private static let mark = "ingressclass.kubernetes.io/is-default-class"

  private let classes: Store

  /// `classes`: the store of ingress classes.
  public init(_ classes: Store) { self.classes = classes }

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

  /// That of several which was made last; of one moment's, the first by name.
  private func defaultClass() async throws(Status) -> String? {
    var options = ListOptions()
    options.resourceVersion = "0"
    let list = try await classes.list(try classes.prepareList(options, namespace: ""))
    var found: (created: String, name: String)?
    for object in list.objects {
      guard let tree = try? JSONValue(parsing: object.object),
        tree["metadata"]?["annotations"]?[Self.mark]?.string == "true"
      else { continue }
      let created = tree["metadata"]?["creationTimestamp"]?.string ?? ""
      let name = tree["metadata"]?["name"]?.string ?? ""
      if let known = found, known.created > created || known.created == created && known.name < name { continue }
      found = (created, name)
    }
    return found?.name
  }
}
