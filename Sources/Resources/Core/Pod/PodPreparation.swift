import JSON
import Machinery
import Registry

/// What becomes of a pod that is written. (Kubernetes: pkg/registry/core/pod, `podStrategy` and its siblings)
enum PodPreparation {
  private static let order = TypeOrder("io.k8s.api.core.v1.PodStatus")
  private static let conditionOrder = TypeOrder("io.k8s.api.core.v1.PodCondition")
  private static let contextOrder = TypeOrder("io.k8s.api.core.v1.SecurityContext")
  private static let containerOrder = TypeOrder("io.k8s.api.core.v1.Container")
  private static let selectorOrder = TypeOrder("io.k8s.apimachinery.pkg.apis.meta.v1.LabelSelector")

  /// A pod begins as pending, whatever the client says.
  static func begin(_ pod: inout JSONValue) {
    // A class that is given is kept, as upstream computes it only where there is none.
    let given = pod["status"]?.string(at: "qosClass") ?? ""
    pod.edit("spec") { PodGates.dropFromSpec(&$0, old: nil) }
    var status: JSONValue = ["phase": "Pending"]
    if pod["spec"]?.array(at: "schedulingGates").isEmpty == false {
      order.set("conditions", [gated], in: &status)
    }
    order.set("qosClass", .string(given.isEmpty ? PodQoS.qosClass(of: pod["spec"] ?? .null) : given), in: &status)
    pod["status"] = status
    mergeLabelKeys(in: &pod)
    readAppArmorAnnotations(in: &pod)
  }

  private static var gated: JSONValue {
    [
      "type": "PodScheduled", "status": "False", "lastProbeTime": .null,
      "lastTransitionTime": .string(Timestamp.text(Timestamp.now)), "reason": "SchedulingGated",
      "message": "Scheduling is blocked due to non-empty scheduling gates",
    ]
  }

  // MARK: selectors that take their values from the pod

  private static func mergeLabelKeys(in pod: inout JSONValue) {
    let labels = pod["metadata"]?["labels"]?.object ?? JSONObject()
    pod.edit("spec") { spec in
      spec.edit("affinity") { affinity in
        for kind in ["podAffinity", "podAntiAffinity"] {
          affinity.edit(kind) { affinity in
            affinity.editEach("requiredDuringSchedulingIgnoredDuringExecution") { mergeLabelKeys(in: &$0, labels) }
            affinity.editEach("preferredDuringSchedulingIgnoredDuringExecution") { weighted in
              weighted.edit("podAffinityTerm") { mergeLabelKeys(in: &$0, labels) }
            }
          }
        }
      }
      spec.editEach("topologySpreadConstraints") { mergeLabelKeys(in: &$0, labels) }
    }
  }

  private static func mergeLabelKeys(in term: inout JSONValue, _ labels: JSONObject) {
    func requirements(_ member: String, _ operation: JSONValue) -> [JSONValue] {
      term.array(at: member).compactMap { key in
        guard let name = key.string, let value = labels[name] else { return nil }
        return ["key": key, "operator": operation, "values": [value]]
      }
    }
    let added = requirements("matchLabelKeys", "In") + requirements("mismatchLabelKeys", "NotIn")
    if added.isEmpty { return }
    term.edit("labelSelector") { selector in
      selectorOrder.set("matchExpressions", .array(selector.array(at: "matchExpressions") + added), in: &selector)
    }
  }

  // MARK: profiles that are annotations

  /// Containers whose profile only an annotation tells, with what it stands for; nil where that is nothing.
  private static func annotated(_ pod: JSONValue) -> [(list: String, place: Int, key: String, profile: JSONValue?)] {
    guard let annotations = pod["metadata"]?["annotations"]?.object, let spec = pod["spec"],
      annotations.members.contains(where: { $0.name.hasPrefix(PodAnnotationRules.appArmor) }),
      spec["os"]?.string(at: "name") != "windows"
    else { return [] }
    var found: [(list: String, place: Int, key: String, profile: JSONValue?)] = []
    PodFacts.containers(of: spec) { container, list, place in
      let key = PodAnnotationRules.appArmor + container.string(at: "name")
      guard let annotation = annotations[key]?.string,
        container["securityContext"]?.isSet("appArmorProfile") != true
      else { return }
      found.append((list, place, key, AppArmorAnnotation.profile(annotation)))
    }
    return found
  }

  /// (`applyAppArmorVersionSkew`)
  private static func readAppArmorAnnotations(in pod: inout JSONValue) {
    let ofPod = pod["spec"]?["securityContext"]?["appArmorProfile"]
    for (list, place, _, profile) in annotated(pod) {
      guard let profile, !RuleContext.areSame(profile, ofPod) else { continue }
      var at = -1
      pod.edit("spec") { spec in
        spec.editEach(list) { container in
          at += 1
          guard at == place else { return }
          containerOrder.fillPointer("securityContext", .object(JSONObject()), in: &container)
          container.edit("securityContext") { contextOrder.set("appArmorProfile", profile, in: &$0) }
        }
      }
    }
  }

  /// What is to be said of those annotations, asked before they are read.
  static func appArmorWarnings(_ pod: JSONValue) -> [String] {
    let ofPod = pod["spec"]?["securityContext"]?["appArmorProfile"]
    return annotated(pod).compactMap { _, _, key, profile in
      if let profile, RuleContext.areSame(profile, ofPod) { return nil }
      return AppArmorAnnotation.warning(key, "")
    }
  }

  // MARK: updates

  static func change(_ pod: inout JSONValue, _ old: JSONValue) {
    pod.edit("spec") { PodGates.dropFromSpec(&$0, old: old["spec"]) }
  }

  static func changeStatus(_ pod: inout JSONValue, _ old: JSONValue) {
    pod.edit("metadata") { meta in
      meta["deletionTimestamp"] = old["metadata"]?["deletionTimestamp"]
      meta["ownerReferences"] = old["metadata"]?["ownerReferences"]
      if let object = meta.object { meta = .object(MetadataOrder.sorted(object)) }
    }
    let before = old["status"] ?? .object(JSONObject())
    if !pod.isSet("status") { pod["status"] = .object(JSONObject()) }
    pod.edit("status") { status in
      if status.string(at: "qosClass").isEmpty, let known = before["qosClass"] {
        order.set("qosClass", known, in: &status)
      }
      if status.int(at: "observedGeneration") == 0, let known = before["observedGeneration"] {
        order.set("observedGeneration", known, in: &status)
      }
      keepGenerations(&status, before)
    }
  }

  /// Who writes a condition and does not know of generations does not lose them. (`preserveOldObservedGeneration`)
  private static func keepGenerations(_ status: inout JSONValue, _ before: JSONValue) {
    let known = before.array(at: "conditions").filter { $0.int(at: "observedGeneration") != 0 }
    if known.isEmpty { return }
    var used = Set<Int>()
    let all = before.array(at: "conditions")
    status.editEach("conditions") { condition in
      let type = condition.string(at: "type")
      guard let place = all.indices.first(where: { !used.contains($0) && all[$0].string(at: "type") == type }) else {
        return
      }
      used.insert(place)
      let generation = all[place].int(at: "observedGeneration")
      if generation != 0 { conditionOrder.fill("observedGeneration", generation, in: &condition) }
    }
  }

  // MARK: going

  /// How many seconds a pod is given that is asked to go: none when nobody runs it. (`CheckGracefulDelete`)
  static func grace(_ pod: JSONValue, asked: Int64?) -> Int64 {
    let phase = pod["status"]?.string(at: "phase") ?? ""
    if pod["spec"]?.string(at: "nodeName").isEmpty != false || phase == "Failed" || phase == "Succeeded" { return 0 }
    let period = asked ?? pod["spec"]?.int(at: "terminationGracePeriodSeconds") ?? 0
    return period < 0 ? 1 : period
  }
}
