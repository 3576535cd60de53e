public import Access
import Cacher
import JSON
public import Machinery
public import Registry

/// A pod has the priority of its class, and one class at most is that of pods which name none. (Kubernetes:
/// plugin/pkg/admission/priority.)
public struct Priority: AdmissionPlugin {
  public static let name = "Priority"
  public static let priorityClasses = GroupResource(group: "scheduling.k8s.io", resource: "priorityclasses")

  private let store: Store
  /// The class that is the default; of several, which a race may leave, that with the lowest value.
  private let defaultClass: RememberedAnswer<Class?>

  /// `store`: that of priority classes.
  public init(_ store: Store) {
    self.store = store
    defaultClass = RememberedAnswer(store) { classes in
      classes.compactMap(Class.init).filter(\.isDefault).min { $0.value < $1.value }
    }
  }

  public func concerns(_ user: UserInfo, _ resource: ResourceInfo) -> Bool {
    resource.groupResource == Self.priorityClasses || resource.groupResource == PodAdmission.pods
  }

  public func mutate(_ request: inout AdmissionRequest, by user: UserInfo) async throws(Status) {
    guard PodAdmission.isPod(request), let spec = request.new?["spec"] else { return }
    let members = ["priority", "preemptionPolicy"]
    if request.operation == .update {
      // Who replaces a pod does not have to repeat what was filled in.
      for member in members where spec[member].map(\.isNull) ?? true {
        guard let known = request.old?["spec"]?[member], !known.isNull else { continue }
        PodAdmission.set(member, known, in: &request)
      }
      return
    }
    let named = spec["priorityClassName"]?.string ?? ""
    let found = try await named.isEmpty ? defaultClass() : `class`(named, of: request)
    let priority = found?.value ?? 0
    if named.isEmpty, let found { PodAdmission.set("priorityClassName", .string(found.name), in: &request) }
    if let given = spec["priority"]?.int, given != priority {
      throw .forbidden(
        request.resource, name: request.shownName,
        "the integer value of priority (\(given)) must not be provided in pod spec; priority admission controller "
          + "computed \(priority) from the given PriorityClass name")
    }
    PodAdmission.set("priority", .int(priority), in: &request)
    guard let policy = found.map(\.preemptionPolicy) ?? "PreemptLowerPriority" else { return }
    if let given = spec["preemptionPolicy"]?.string, given != policy {
      throw .forbidden(
        request.resource, name: request.shownName,
        "the string value of PreemptionPolicy (\(given)) must not be provided in pod spec; priority admission "
          + "controller computed \(policy) from the given PriorityClass name")
    }
    PodAdmission.set("preemptionPolicy", .string(policy), in: &request)
  }

  public func validate(_ request: AdmissionRequest, by user: UserInfo) async throws(Status) {
    guard request.resource == Self.priorityClasses, request.subresource == .main, request.operation != .delete,
      request.new?["globalDefault"]?.bool == true, let other = try await defaultClass()?.name
    else { return }
    if request.operation == .create || other != request.new?["metadata"]?["name"]?.string {
      throw .forbidden(
        request.resource, name: request.shownName,
        "PriorityClass \(other) is already marked as default. Only one default can exist")
    }
  }

  /// What of a class becomes part of pods.
  private struct Class: Sendable {
    let name: String
    let value: Int64
    let preemptionPolicy: String?

    init?(_ object: CachedObject) {
      guard let root = try? JSONTape.parse(object.object).root else { return nil }
      name = root["metadata"]?["name"]?.string ?? ""
      value = root["value"]?.int ?? 0
      preemptionPolicy = root["preemptionPolicy"]?.string
      isDefault = root["globalDefault"]?.bool == true
    }
    let isDefault: Bool
  }

  /// The class that a pod names.
  private func `class`(_ name: String, of request: AdmissionRequest) async throws(Status) -> Class? {
    do throws(Status) {
      return Class(try await store.known(name))
    } catch {
      guard error.code == 404 || error.code == 400 else { throw error }
      throw .forbidden(
        request.resource, name: request.shownName, "no PriorityClass with name \(name) was found")
    }
  }
}
