import ByteBuffers
import JSON
import Machinery
import Registry

/// What a pod gets that does not say, and what a template gets. (Kubernetes: pkg/apis/core/v1, `SetDefaults_Pod` and
/// others, and its conversions)
enum PodDefaults {
  private static let spec = TypeOrder("io.k8s.api.core.v1.PodSpec")

  /// The template at a path of members. Where there is none, nothing happens.
  static func applyToTemplate(_ template: inout JSONValue) {
    dropOldAnnotations(&template)
    template.edit("spec") { applyToSpec(&$0) }
  }

  /// What pods and templates have in common.
  static func applyToSpec(_ pod: inout JSONValue) {
    pod.editEach("volumes", VolumeDefaults.apply)
    for list in ["initContainers", "containers", "ephemeralContainers"] { pod.editEach(list, ContainerDefaults.apply) }
    spec.fill("dnsPolicy", "ClusterFirst", in: &pod)
    spec.fill("restartPolicy", "Always", in: &pod)
    spec.fillPointer("securityContext", .object(JSONObject()), in: &pod)
    spec.fillPointer("terminationGracePeriodSeconds", 30, in: &pod)
    spec.fill("schedulerName", "default-scheduler", in: &pod)
    pod.edit("overhead") { ContainerDefaults.round(&$0) }
    pod.edit("resources") { resources in
      resources.edit("limits") { ContainerDefaults.round(&$0) }
      resources.edit("requests") { ContainerDefaults.round(&$0) }
    }
    // Two names of one thing.
    let account = pod.string(at: "serviceAccountName")
    let name = account.isEmpty ? pod.string(at: "serviceAccount") : account
    guard !name.isEmpty else { return }
    spec.set("serviceAccountName", .string(name), in: &pod)
    spec.set("serviceAccount", .string(name), in: &pod)
  }

  /// What a pod alone gets, before the rest.
  static func applyToPod(_ pod: inout JSONValue) {
    dropOldAnnotations(&pod)
    pod.edit("spec") { spec in
      let isOnHost = spec.bool(at: "hostNetwork")
      for list in ["containers", "initContainers"] {
        spec.editEach(list) { container in
          ContainerDefaults.copyLimits(in: &container)
          if isOnHost { ContainerDefaults.copyPorts(in: &container) }
        }
      }
      PodResourceDefaults.apply(&spec)
      Self.spec.fillPointer("enableServiceLinks", true, in: &spec)
      applyToSpec(&spec)
      if spec.int(at: "terminationGracePeriodSeconds") < 0 { spec["terminationGracePeriodSeconds"] = 1 }
    }
    pod.edit("status") { PodStatusDefaults.apply(&$0) }
  }

  private static let oldAnnotations = [
    "pod.beta.kubernetes.io/init-containers", "pod.alpha.kubernetes.io/init-containers",
    "pod.beta.kubernetes.io/init-container-statuses", "pod.alpha.kubernetes.io/init-container-statuses",
  ]

  /// Init containers were annotations once.
  private static func dropOldAnnotations(_ object: inout JSONValue) {
    guard let annotations = object["metadata"]?["annotations"]?.object,
      annotations.members.contains(where: { oldAnnotations.contains($0.name) })
    else { return }
    let kept = annotations.members.filter { !oldAnnotations.contains($0.name) }
    object["metadata"]?["annotations"] = kept.isEmpty ? nil : .object(JSONObject(unchecked: kept))
  }
}

/// What a pod's status gets.
enum PodStatusDefaults {
  private static let order = TypeOrder("io.k8s.api.core.v1.PodStatus")

  static func apply(_ status: inout JSONValue) {
    let address = status.string(at: "podIP")
    let list = status.array(at: "podIPs")
    if !address.isEmpty, list.first?.string(at: "ip") != address {
      order.set("podIPs", [["ip": .string(address)]], in: &status)
    } else if let first = list.first?.string(at: "ip"), address != first {
      order.set("podIP", .string(first), in: &status)
    }
    for list in ["initContainerStatuses", "containerStatuses", "ephemeralContainerStatuses"] {
      status.editEach(list) { container in
        container.edit("allocatedResources") { ContainerDefaults.round(&$0) }
        container.edit("resources") { resources in
          resources.edit("limits") { ContainerDefaults.round(&$0) }
          resources.edit("requests") { ContainerDefaults.round(&$0) }
        }
      }
    }
  }
}
