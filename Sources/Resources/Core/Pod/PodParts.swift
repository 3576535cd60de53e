import JSON
import Machinery
import Registry
import Schema

/// Parts of a pod's spec that are written by themselves; whatever else such a write brings is as if it were not there.
/// (Kubernetes: pkg/registry/core/pod, `podEphemeralContainersStrategy` and `podResizeStrategy`)
enum PodParts {
  static let ephemeralContainers = SubresourceDefinition(
    PodRules.ephemeralContainers, keeps: ["status"], disowned: others(than: ["ephemeralContainers"]),
    raisesGeneration: true,
    prepare: { pod, old in
      let given = pod["spec"]?["ephemeralContainers"]
      restore(&pod, old)
      pod.edit("spec") { spec in
        spec["ephemeralContainers"] = nil
        if let given { PodMembers.spec.set("ephemeralContainers", given, in: &spec) }
        PodGates.dropFromSpec(&spec, old: old["spec"])
      }
    })

  static let resize = SubresourceDefinition(
    PodRules.resize, keeps: ["status"], disowned: others(than: ["containers", "initContainers"]),
    raisesGeneration: true,
    prepare: { pod, old in
      let lists = ["containers", "initContainers"]
      let given = lists.map { pod["spec"]?.array(at: $0) ?? [] }
      let before = lists.map { old["spec"]?.array(at: $0) ?? [] }
      // Other containers than there are are complained of later.
      guard zip(given, before).allSatisfy({ $0.count == $1.count }) else { return }
      let resources = pod["spec"]?["resources"]
      restore(&pod, old)
      pod.edit("spec") { spec in
        spec["resources"] = nil
        if let resources { PodMembers.spec.set("resources", resources, in: &spec) }
        for (place, list) in lists.enumerated() where !given[place].isEmpty {
          PodMembers.spec.set(list, .array(resized(given[place], before[place])), in: &spec)
        }
      }
    })

  private static let containerOrder = TypeOrder("io.k8s.api.core.v1.Container")

  /// Containers as they were, but for what they ask for.
  private static func resized(_ given: [JSONValue], _ before: [JSONValue]) -> [JSONValue] {
    var all: [JSONValue] = []
    for (new, old) in zip(given, before) {
      if new.string(at: "name") != old.string(at: "name") { return given }
      var container = old
      for member in ["resources", "resizePolicy"] {
        if let value = new[member] {
          containerOrder.set(member, value, in: &container)
        } else {
          container[member] = nil
        }
      }
      all.append(container)
    }
    return all
  }

  /// Takes the spec and what clients write of the metadata as they were. (`ResetObjectMetaForStatus`)
  private static func restore(_ pod: inout JSONValue, _ old: JSONValue) {
    pod["spec"] = old["spec"]
    pod.edit("metadata") { meta in
      for member in ["deletionTimestamp", "labels", "annotations", "finalizers", "ownerReferences"] {
        meta[member] = old["metadata"]?[member]
      }
      if let object = meta.object { meta = .object(MetadataOrder.sorted(object)) }
    }
  }

  /// Paths of what nobody comes to own by such a write.
  private static func others(than members: [String]) -> [[String]] {
    let model = TypeModel.builtin
    let names = model.type("io.k8s.api.core.v1.PodSpec").map { model[$0].fields.map(\.name) } ?? []
    return [["metadata"]] + names.filter { !members.contains($0) }.map { ["spec", $0] }
  }
}
