import JSON
import Machinery
import Registry

/// Members of pods that several actions set.
enum PodMembers {
  static let resource = GroupResource(group: "", resource: "pods")
  static let spec = TypeOrder("io.k8s.api.core.v1.PodSpec")
  private static let status = TypeOrder("io.k8s.api.core.v1.PodStatus")

  /// Adds entries to a map of the metadata, or replaces them.
  static func merge(_ entries: JSONObject?, into member: String, of pod: inout JSONValue) {
    guard let entries, !entries.isEmpty else { return }
    var meta = pod["metadata"]?.object ?? JSONObject()
    var map = JSONObject(uniquing: (meta[member]?.object?.members ?? []) + entries.members)
    map.sortByName()
    meta[member] = .object(map)
    pod["metadata"] = .object(MetadataOrder.sorted(meta))
  }

  /// Sets a condition, with the time at which it came to be so. (`UpdatePodCondition`)
  static func note(_ condition: JSONObject, in pod: inout JSONValue) {
    var conditions = pod.array(at: "conditions")
    let place = conditions.firstIndex { $0["type"] == condition["type"] }
    let known = place.map { conditions[$0] }
    let time =
      known?["status"] == condition["status"]
      ? known?["lastTransitionTime"] : JSONValue.string(Timestamp.text(Timestamp.now))
    var members = [
      JSONObject.Member("type", condition["type"] ?? ""), .init("status", condition["status"] ?? ""),
      .init("lastProbeTime", .null), .init("lastTransitionTime", time ?? .null),
    ]
    for name in ["reason", "message"] { if let text = condition[name] { members.append(.init(name, text)) } }
    let whole = JSONValue.object(JSONObject(unchecked: members))
    if let place { conditions[place] = whole } else { conditions.append(whole) }
    status.set("conditions", .array(conditions), in: &pod)
  }
}
