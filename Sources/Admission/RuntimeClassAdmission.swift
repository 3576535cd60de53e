public import Access
import Cacher
import JSON
public import Machinery
public import Registry

/// A pod that names a runtime class takes over what that costs, and where it runs. (Kubernetes:
/// plugin/pkg/admission/runtimeclass)
public struct RuntimeClassAdmission: AdmissionPlugin {
  public static let name = "RuntimeClass"
  public static let runtimeClasses = GroupResource(group: "node.k8s.io", resource: "runtimeclasses")

  private let store: Store

  /// `store`: that of runtime classes.
  public init(_ store: Store) { self.store = store }

  public func concerns(_ user: UserInfo, _ resource: ResourceInfo) -> Bool {
    resource.groupResource == PodAdmission.pods
  }

  public func mutate(_ request: inout AdmissionRequest, by user: UserInfo) async throws(Status) {
    guard isNewPod(request), let runtimeClass = try await runtimeClass(of: request) else { return }
    if let fixed = runtimeClass["overhead"]?["podFixed"], runtimeClass["overhead"]?.isNull == false {
      let own = request.new?["spec"]?["overhead"]?.object ?? JSONObject()
      if !own.isEmpty && !RuleContext.areSame(.object(own), fixed) { throw refusal(request, Self.mismatch) }
      PodAdmission.set("overhead", fixed, in: &request)
    }
    guard let scheduling = runtimeClass["scheduling"], !scheduling.isNull else { return }
    try select(scheduling["nodeSelector"]?.object, &request)
    let merged = TolerationMerge.all(
      request.new?["spec"]?["tolerations"]?.array ?? [], scheduling["tolerations"]?.array ?? [])
    PodAdmission.set("tolerations", merged.isEmpty ? nil : .array(merged), in: &request)
  }

  public func validate(_ request: AdmissionRequest, by user: UserInfo) async throws(Status) {
    guard isNewPod(request) else { return }
    let own = request.new?["spec"]?["overhead"]?.object ?? JSONObject()
    let runtimeClass = try await runtimeClass(of: request)
    guard let overhead = runtimeClass?["overhead"], !overhead.isNull else {
      if own.isEmpty { return }
      throw refusal(request, "pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead")
    }
    let fixed = overhead["podFixed"]?.object ?? JSONObject()
    if !RuleContext.areSame(.object(fixed), .object(own)) { throw refusal(request, Self.mismatch) }
  }

  private static let mismatch = "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead"

  private func isNewPod(_ request: AdmissionRequest) -> Bool {
    PodAdmission.isPod(request) && request.operation == .create
  }

  private func refusal(_ request: AdmissionRequest, _ why: String) -> Status {
    .forbidden(request.resource, name: request.shownName, why)
  }

  /// What the class wants of nodes, beside what the pod wants.
  private func select(_ wanted: JSONObject?, _ request: inout AdmissionRequest) throws(Status) {
    guard let wanted, !wanted.isEmpty else { return }
    var selector = request.new?["spec"]?["nodeSelector"]?.object ?? JSONObject()
    for label in wanted.members {
      let value = label.value.string ?? ""
      if let own = selector[label.name]?.string, own != value {
        throw refusal(
          request,
          "conflict: runtimeClass.scheduling.nodeSelector[\(label.name)] = \(value); "
            + "pod.spec.nodeSelector[\(label.name)] = \(own)")
      }
      selector[label.name] = label.value
    }
    selector.sortByName()
    PodAdmission.set("nodeSelector", .object(selector), in: &request)
  }

  /// The class that a pod names; nil where it names none.
  private func runtimeClass(of request: AdmissionRequest) async throws(Status) -> JSONValue? {
    guard let name = request.new?["spec"]?["runtimeClassName"]?.string else { return nil }
    do throws(Status) {
      let object = try await store.known(name).object
      return try? JSONValue(parsing: object)
    } catch {
      guard error.code == 404 || error.code == 400 else { throw error }
      throw refusal(request, "pod rejected: RuntimeClass \(GoText.quoted(name)) not found")
    }
  }
}

/// Tolerations of two lists, without those that others include. (Kubernetes: pkg/util/tolerations,
/// `MergeTolerations`)
enum TolerationMerge {
  /// Each is compared with all others: of more than these, which no pod has, all are kept.
  private static let comparedMax = 1_000

  static func all(_ first: [JSONValue], _ second: [JSONValue]) -> [JSONValue] {
    let all = first + second
    if all.count > comparedMax { return all }
    var merged: [JSONValue] = []
    for (place, toleration) in all.enumerated() {
      let isRedundant =
        merged.contains { includes($0, toleration) }
        || all[(place + 1)...].contains { !RuleContext.areSame($0, toleration) && includes($0, toleration) }
      if !isRedundant { merged.append(toleration) }
    }
    return merged
  }

  /// Does one tolerate all that another does? (`isSuperset`)
  private static func includes(_ one: JSONValue, _ other: JSONValue) -> Bool {
    if RuleContext.areSame(one, other) { return true }
    func text(_ toleration: JSONValue, _ member: String) -> String { toleration[member]?.string ?? "" }
    let (operation, effect) = (text(one, "operator"), text(one, "effect"))
    if text(one, "key") != text(other, "key"), !text(one, "key").isEmpty || operation != "Exists" { return false }
    if effect != text(other, "effect") && !effect.isEmpty { return false }
    if effect == "NoExecute", let seconds = one["tolerationSeconds"]?.int {
      guard let others = other["tolerationSeconds"]?.int, others <= seconds else { return false }
    }
    switch operation {
    case "Exists": return true
    case "Equal", "": return text(other, "operator") == "Equal" && text(one, "value") == text(other, "value")
    default: return false
    }
  }
}
