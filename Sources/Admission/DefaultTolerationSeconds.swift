public import Access
import JSON
public import Machinery
public import Registry

/// A pod that does not say stays for a while on a node that is not ready, or can't be reached. (Kubernetes:
/// plugin/pkg/admission/defaulttolerationseconds)
public struct DefaultTolerationSeconds: AdmissionPlugin {
  public static let name = "DefaultTolerationSeconds"

  private let tolerations: [JSONValue]

  /// For how many seconds.
  public init(notReady: Int64 = 300, unreachable: Int64 = 300) {
    tolerations = [("not-ready", notReady), ("unreachable", unreachable)].map { taint, seconds in
      [
        "key": .string("node.kubernetes.io/\(taint)"), "operator": "Exists", "effect": "NoExecute",
        "tolerationSeconds": .int(seconds),
      ]
    }
  }

  public func concerns(_ user: UserInfo, _ resource: ResourceInfo) -> Bool {
    resource.groupResource == PodAdmission.pods
  }

  public func mutate(_ request: inout AdmissionRequest, by user: UserInfo) async throws(Status) {
    guard PodAdmission.isPod(request), let spec = request.new?["spec"] else { return }
    var all = spec["tolerations"]?.array ?? []
    let given = all
    for toleration in tolerations {
      let isGiven = given.contains { other in
        let (key, effect) = (other["key"]?.string ?? "", other["effect"]?.string ?? "")
        return (key.isEmpty || key == toleration["key"]?.string) && (effect.isEmpty || effect == "NoExecute")
      }
      if !isGiven { all.append(toleration) }
    }
    if all.count > given.count { PodAdmission.set("tolerations", .array(all), in: &request) }
  }
}
