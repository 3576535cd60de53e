import JSON
import Machinery
import Registry

/// Rules for security contexts. (Kubernetes: pkg/apis/core/validation, `validatePodSpecSecurityContext` and
/// `ValidateSecurityContext`)
enum PodSecurityRules {
  /// Of a whole pod.
  static let pod: [Rule] = [
    .at("fsGroup", id),
    .at("runAsUser", id),
    .at("runAsGroup", id),
    .at("supplementalGroups", .each(id)),
    .custom(processNamespace),
    .at("sysctls", .custom(SysctlRules.check)),
    .at("fsGroupChangePolicy", .oneOf("Always", "OnRootMismatch")),
    .at("seccompProfile", seccomp),
    .at("windowsOptions", WindowsRules.options),
    .at("appArmorProfile", .custom(appArmor)),
    .at("supplementalGroupsPolicy", .oneOf("Merge", "Strict")),
    .at("seLinuxChangePolicy", .oneOf("MountOption", "Recursive")),
  ]

  /// Of a container. Privileged ones are let in, as with `--allow-privileged`.
  static let container: [Rule] = [
    .at("runAsUser", id),
    .at("runAsGroup", id),
    .at("procMount", .custom(procMount)),
    .at("seccompProfile", seccomp),
    .custom(escalation),
    .at("windowsOptions", WindowsRules.options),
    .at("appArmorProfile", .custom(appArmor)),
  ]

  /// A user or a group.
  private static let id = Rule.between(0, Int64(Int32.max))

  /// Upstream has the pod's namespaces in its security context, and names them there.
  private static let processNamespace: Rule.Function = { context in
    let spec = context.pod.spec
    if spec.bool(at: "shareProcessNamespace") && spec.bool(at: "hostPID") {
      context.refuses(
        value: true, "ShareProcessNamespace and HostPID cannot both be enabled", at: "shareProcessNamespace")
    }
  }

  private static let procMount: Rule.Function = { context in
    guard let type = context.value?.string else { return }
    if type != "Default" && type != "Unmasked" { context.knowsOnly(["Default", "Unmasked"], not: type) }
    if type == "Unmasked" && context.pod.usesHostUsers {
      context.refuses(value: "Unmasked", "`hostUsers` must be false to use `Unmasked`")
    }
  }

  private static let escalation: Rule.Function = { context in
    guard let given = context.value, given["allowPrivilegeEscalation"]?.bool == false else { return }
    func complain(_ what: String, _ context: inout RuleContext) {
      let shown = InternalForm.text(of: given, as: "io.k8s.api.core.v1.SecurityContext")
      context.report(
        .invalid(context.path(), bare: shown, "cannot set `allowPrivilegeEscalation` to false and \(what)"))
    }
    if given["privileged"]?.bool == true { complain("`privileged` to true", &context) }
    for capability in given["capabilities"]?.array(at: "add") ?? [] where capability == "CAP_SYS_ADMIN" {
      complain("`capabilities.Add` CAP_SYS_ADMIN", &context)
    }
  }

  // MARK: profiles

  private static let profileTypes = ["Localhost", "RuntimeDefault", "Unconfined"]

  /// (`validateSeccompProfileField`)
  private static let seccomp: [Rule] = [
    .custom { context in
      guard let profile = context.value else { return }
      let type = profile.string(at: "type")
      if type.isEmpty {
        context.needs("type", detail: "type is required when seccompProfile is set")
      } else if !profileTypes.contains(type) {
        context.knowsOnly(profileTypes, not: type, at: "type")
      }
      let local = profile["localhostProfile"]?.string
      if type == "Localhost" {
        guard let local else {
          return context.needs("localhostProfile", detail: "must be set when seccomp type is Localhost")
        }
        context.refuses(local, each: PathRules.descending(local), at: "localhostProfile")
      } else if local != nil {
        let shown = InternalForm.text(of: profile, as: "io.k8s.api.core.v1.SeccompProfile")
        let detail = "can only be set when seccomp type is Localhost"
        context.report(.invalid(context.path("localhostProfile"), bare: shown, detail))
      }
    }
  ]

  /// (`ValidateAppArmorProfileField`)
  private static let appArmor: Rule.Function = { context in
    guard let profile = context.value else { return }
    let local = profile["localhostProfile"]?.string
    switch profile.string(at: "type") {
    case "Localhost":
      guard let local else {
        return context.needs("localhostProfile", detail: "must be set when AppArmor type is Localhost")
      }
      if GoSpace.isPadded(local) {
        context.refuses(local, "must not be padded with whitespace", at: "localhostProfile")
      } else if local.isEmpty {
        context.needs("localhostProfile", detail: "must be set when AppArmor type is Localhost")
      }
      if local.utf8.count > 4095 { context.report(.tooLong(context.path("localhostProfile"), limit: 4095)) }
    case "RuntimeDefault", "Unconfined":
      guard let local else { return }
      context.refuses(
        value: .string(local), "can only be set when AppArmor type is Localhost", at: "localhostProfile")
    case "": context.needs("type", detail: "type is required when appArmorProfile is set")
    case let other: context.knowsOnly(profileTypes, not: other, at: "type")
    }
  }
}
