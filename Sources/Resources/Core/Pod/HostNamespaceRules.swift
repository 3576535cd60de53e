import JSON
import Machinery
import Registry

/// Rules for pods that share something with their node.
enum HostNamespaceRules {
  /// (`validatePodHostNetworkDeps`)
  static let ports: Rule.Function = { context in
    guard let spec = context.value, spec.bool(at: "hostNetwork") else { return }
    let isPod = context.pod.isPod
    for (place, container) in spec.array(at: "containers").enumerated() {
      for (number, port) in container.array(at: "ports").enumerated() {
        let hostPort = port.int(at: "hostPort")
        guard isPod || hostPort != 0, hostPort != port.int(at: "containerPort") else { continue }
        context.refuses(
          value: .int(hostPort), "must match `containerPort` when `hostNetwork` is true", at: "containers",
          .index(place), "ports", .index(number), "hostPort")
      }
    }
  }

  /// Pods with users of their own. (`validateHostUsers`)
  static let users: Rule.Function = { context in
    guard let spec = context.value, spec["hostUsers"]?.bool == false else { return }
    let detail = "when `hostUsers` is false"
    if spec.bool(at: "hostNetwork") && !context.pod.mayJoinHostNetworkWithOwnUsers {
      context.forbids("hostNetwork", detail: detail)
    }
    // So upstream names them.
    if spec.bool(at: "hostPID") { context.forbids("HostPID", detail: detail) }
    if spec.bool(at: "hostIPC") { context.forbids("HostIPC", detail: detail) }
    if context.pod.mayHaveDevicesForOwnUsers { return }
    var found: [[RuleContext.Part]] = []
    PodFacts.containers(of: spec) { container, list, place in
      if !container.array(at: "volumeDevices").isEmpty {
        found.append([.member(list), .index(place), "volumeDevices"])
      }
    }
    for path in found { context.report(.forbidden(context.path(path), detail)) }
  }
}
