public import Access
import Cacher
import JSON
public import Machinery
public import Registry

/// One priority class at most is that of pods which name none. (Kubernetes: plugin/pkg/admission/priority.)
///
/// The other half, which looks up the class of a pod, belongs into `mutate`, by `defaultClass` and the store.
public struct Priority: AdmissionPlugin {
  public static let name = "Priority"
  public static let priorityClasses = GroupResource(group: "scheduling.k8s.io", resource: "priorityclasses")

  private let store: Store

  /// `store`: that of priority classes.
  public init(_ store: Store) { self.store = store }

  public func concerns(_ user: UserInfo, _ resource: ResourceInfo) -> Bool {
    resource.groupResource == Self.priorityClasses
  }

  public func validate(_ request: AdmissionRequest, by user: UserInfo) async throws(Status) {
    guard request.resource == Self.priorityClasses, request.subresource == .main, request.operation != .delete,
      request.new?["globalDefault"]?.bool == true, let other = try await defaultClass()
    else { return }
    if request.operation == .create || other != request.new?["metadata"]?["name"]?.string {
      throw .forbidden(
        request.resource, name: request.shownName,
        "PriorityClass \(other) is already marked as default. Only one default can exist")
    }
  }

  /// The name of the class that is the default; of several, which a race may leave, that with the lowest value.
  private func defaultClass() async throws(Status) -> String? {
    var lowest: (name: String, value: Int64)?
    for object in try await all() {
      guard let root = try? JSONTape.parse(object.object).root, root["globalDefault"]?.bool == true else { continue }
      let value = root["value"]?.int ?? 0
      if lowest.map({ value < $0.value }) ?? true {
        lowest = (root["metadata"]?["name"]?.string ?? "", value)
      }
    }
    return lowest?.name
  }

  /// What the cache knows, if it has all that this process wrote.
  private func all() async throws(Status) -> [CachedObject] {
    var options = ListOptions()
    options.resourceVersion = "0"
    let list = try store.prepareList(options, namespace: "")
    if let now = store.listNow(list) { return now.objects }
    return try await store.list(list).objects
  }
}
