import JSON
import Machinery
import RegularExpressions
import Registry

/// Rules for what only one operating system knows.
enum WindowsRules {
  // MARK: options (`validateWindowsSecurityContextOptions`)

  static let options: [Rule] = [
    .at("gmsaCredentialSpecName", .format(.dns1123Subdomain)),
    .at(
      "gmsaCredentialSpec",
      .custom { context in
        guard let spec = context.value?.string else { return }
        if spec.isEmpty {
          context.refuses(value: .string(spec), "gmsaCredentialSpec cannot be an empty string")
        } else if spec.utf8.count > 64 << 10 {
          context.refuses(value: .string(spec), "gmsaCredentialSpec size must be under 64 KiB")
        }
      }),
    .at(
      "runAsUserName",
      .custom { context in
        guard let name = context.value?.string else { return }
        for problem in problems(ofUser: name) { context.refuses(value: .string(name), "runAsUserName\(problem)") }
      }),
  ]

  private static let netBios = try? GoRegexp(#"^[^\\/:\*\?"<>|\.][^\\/:\*\?"<>|]{0,14}$"#)
  private static let domain = try? GoRegexp(
    #"^[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)*$"#)

  private static func problems(ofUser name: String) -> [String] {
    if name.isEmpty { return [" cannot be an empty string"] }
    if name.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F }) { return [" cannot contain control characters"] }
    let parts = name.split(separator: "\\", omittingEmptySubsequences: false).map(String.init)
    if parts.count > 2 { return [" cannot contain more than one backslash"] }
    let user = parts.last ?? ""
    var problems: [String] = []
    if parts.count == 2 {
      if parts[0].utf8.count >= 256 { problems.append("'s Domain length must be under 256 characters") }
      if netBios?.matches(parts[0]) != true && domain?.matches(parts[0]) != true {
        problems.append("'s Domain doesn't match the NetBios nor the DNS format")
      }
    }
    if user.isEmpty {
      problems.append("'s User cannot be empty")
    } else if user.utf8.count > 104 {
      problems.append("'s User length must not be longer than 104 characters")
    }
    if !user.isEmpty, user.utf8.allSatisfy({ $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: " ") }) {
      problems.append("'s User cannot contain only periods or spaces")
    }
    if user.utf8.contains(where: { #""/\:;|=,+*?<>@[]"#.utf8.contains($0) }) {
      problems.append(#"'s User cannot contain the following characters: "/\:;|=,+*?<>@[]"#)
    }
    return problems
  }

  // MARK: processes of the host (`validateWindowsHostProcessPod`)

  static let hostProcess: Rule.Function = { context in
    guard let spec = context.value else { return }
    let ofPod = spec["securityContext"]?["windowsOptions"]?["hostProcess"]?.bool
    var count = 0
    var hostCount = 0
    var differing: [(path: [RuleContext.Part], value: Bool)] = []
    PodFacts.containers(of: spec) { container, list, place in
      count += 1
      let own = container["securityContext"]?["windowsOptions"]?["hostProcess"]?.bool
      if let own, let ofPod, own != ofPod {
        differing.append(
          ([.member(list), .index(place), "securityContext", "windowsOptions", "hostProcess"], own))
      }
      if own ?? ofPod ?? false { hostCount += 1 }
    }
    for (path, value) in differing {
      let detail = "pod hostProcess value must be identical if both are specified, was \(ofPod == true)"
      context.report(.invalid(context.path(path), bare: String(value), detail))
    }
    if hostCount == 0 { return }
    if hostCount != count {
      context.refuses(
        "", "If pod contains any hostProcess containers then all containers must be HostProcess containers")
    }
    if !spec.bool(at: "hostNetwork") {
      context.refuses(
        value: false, "hostNetwork must be true if pod contains any hostProcess containers", at: "hostNetwork")
    }
  }

  // MARK: the system of a pod (`validateOS`, `validateLinux`, `validateWindows`)

  static let os: Rule.Function = { context in
    guard let spec = context.value, let os = context.pod.os else { return }
    switch os {
    case "": context.needs("os", "name")
    case "linux":
      look(spec, [], ["windowsOptions"], ["windowsOptions"], "windows options cannot be set for a linux pod", &context)
    case "windows":
      look(spec, ofWindowsPod, ofPod, ofContainer, "cannot be set for a windows pod", &context)
    default: context.knowsOnly(["linux", "windows"], not: os, at: "os")
    }
  }

  /// What Windows does not know: of the spec itself, and of the security contexts of pods and containers.
  private static let ofWindowsPod = ["hostUsers", "hostPID", "hostIPC", "shareProcessNamespace"]
  private static let ofPod = [
    "appArmorProfile", "seLinuxOptions", "hostUsers", "hostPID", "hostIPC", "seccompProfile", "fsGroup",
    "fsGroupChangePolicy", "sysctls", "shareProcessNamespace", "runAsUser", "runAsGroup", "supplementalGroups",
    "supplementalGroupsPolicy", "seLinuxChangePolicy",
  ]
  private static let ofContainer = [
    "appArmorProfile", "seLinuxOptions", "seccompProfile", "capabilities", "readOnlyRootFilesystem", "privileged",
    "allowPrivilegeEscalation", "procMount", "runAsUser", "runAsGroup",
  ]

  /// `ofSpec`: those of `pod` that stand in the spec itself.
  private static func look(
    _ spec: JSONValue, _ ofSpec: [String], _ pod: [String], _ container: [String], _ detail: String,
    _ context: inout RuleContext
  ) {
    for member in pod {
      let isOfSpec = ofSpec.contains(member)
      guard let value = isOfSpec ? spec[member] : spec["securityContext"]?[member], !value.isNull,
        value.array?.isEmpty != true
      else { continue }
      // These are no pointers.
      if member == "hostPID" || member == "hostIPC", value.bool != true { continue }
      if isOfSpec {
        context.forbids(.member(member), detail: detail)
      } else {
        context.forbids("securityContext", .member(member), detail: detail)
      }
    }
    var found: [[RuleContext.Part]] = []
    PodFacts.containers(of: spec) { each, list, place in
      guard let given = each["securityContext"] else { return }
      for member in container where given.isSet(member) {
        found.append([.member(list), .index(place), "securityContext", .member(member)])
      }
    }
    for path in found { context.report(.forbidden(context.path(path), detail)) }
  }
}
