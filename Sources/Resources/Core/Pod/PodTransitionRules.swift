import JSON
import Machinery
import Registry

/// What has ended does not begin again, but where it is to be started anew. (Kubernetes: pkg/apis/core/validation,
/// `ValidateContainerStateTransition`)
enum PodTransitionRules {
  static func check(_ status: JSONValue, _ old: JSONValue, _ spec: JSONValue, _ context: inout RuleContext) {
    if !mayAllRestart(spec) {
      check("containerStatuses", status, old, &context) { restarts($0, in: "containers", of: spec, exitCode: $1) }
      check("initContainerStatuses", status, old, &context) {
        restarts($0, in: "initContainers", of: spec, exitCode: $1)
      }
    }
    check("ephemeralContainerStatuses", status, old, &context) { _, _ in false }
  }

  private static func check(
    _ list: String, _ status: JSONValue, _ old: JSONValue, _ context: inout RuleContext,
    _ mayRestart: (_ name: String, _ exitCode: Int64) -> Bool
  ) {
    let now = status.array(at: list)
    for (place, before) in old.array(at: list).enumerated() {
      guard let ended = before["state"]?["terminated"], !ended.isNull else { continue }
      let name = before.string(at: "name")
      let runs = now.contains { $0.string(at: "name") == name && $0["state"]?.isSet("terminated") != true }
      if runs && !mayRestart(name, ended.int(at: "exitCode")) {
        context.forbids(
          "status", .member(list), .index(place), "state", detail: "may not be transitioned to non-terminated state")
      }
    }
  }

  /// Is there a container whose end starts all anew? (`AllContainersCouldRestart`)
  private static func mayAllRestart(_ spec: JSONValue) -> Bool {
    (spec.array(at: "containers") + spec.array(at: "initContainers")).contains { container in
      container.array(at: "restartPolicyRules").contains { $0.string(at: "action") == "RestartAllContainers" }
    }
  }

  /// (`ContainerShouldRestart`)
  private static func restarts(_ name: String, in list: String, of spec: JSONValue, exitCode: Int64) -> Bool {
    guard let container = spec.array(at: list).first(where: { $0.string(at: "name") == name }) else { return false }
    var policy = spec.string(at: "restartPolicy")
    if let own = container["restartPolicy"]?.string {
      let rule = container.array(at: "restartPolicyRules").first { rule in
        guard let codes = rule["exitCodes"], !codes.isNull else { return false }
        let isListed = codes.array(at: "values").contains { $0.int == exitCode }
        switch codes.string(at: "operator") {
        case "In": return isListed
        case "NotIn": return !isListed
        default: return false
        }
      }
      let action = rule?.string(at: "action") ?? ""
      if action == "Restart" || action == "RestartAllContainers" { return true }
      if ["Always", "OnFailure", "Never"].contains(own) { policy = own }
    }
    switch policy {
    case "OnFailure": return exitCode != 0
    case "Never": return false
    default: return true
    }
  }
}
