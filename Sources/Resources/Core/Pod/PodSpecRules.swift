import JSON
import Machinery
import Registry

/// Rules for the spec of a pod, and of a pod's template wherever there is one: see `PodTemplateRules`. (Kubernetes:
/// pkg/apis/core/validation, `ValidatePodSpec`)
enum PodSpecRules {
  static let ofPod: [Rule] = all(isPod: true)
  static let ofTemplate: [Rule] = all(isPod: false)

  private static func all(isPod: Bool) -> [Rule] {
    [
      PodFacts.begin(isPod: isPod),
      .at("terminationGracePeriodSeconds", .required),
      .at("volumes", PodVolumeRules.all),
      .at("resourceClaims", .custom(PodClaimRules.claims)),
      .at("containers", ContainerRules.containers),
      .at("initContainers", ContainerRules.initContainers),
      .at("ephemeralContainers", ContainerRules.ephemeralContainers),
      .at("resources", .custom(PodResourceRules.check)),
      .custom(HostNamespaceRules.ports),
      .at("restartPolicy", .required, .oneOf("Always", "OnFailure", "Never")),
      .at("dnsPolicy", .required, .oneOf("ClusterFirstWithHostNet", "ClusterFirst", "Default", "None")),
      .at("nodeSelector", .labels),
      .at("securityContext", PodSecurityRules.pod),
      .at("affinity", AffinityRules.all),
      .custom(DNSRules.config),
      .at("readinessGates", .each(.at("conditionType", .format(.qualifiedName)))),
      .at("schedulingGates", .custom(schedulingGates)),
      .at("topologySpreadConstraints", .custom(TopologySpreadRules.check)),
      .custom(WindowsRules.hostProcess),
      .custom(HostNamespaceRules.users),
      .at("hostnameOverride", .custom(DNSRules.hostnameOverride)),
      .at("serviceAccountName", .optional, .format(.dns1123Subdomain)),
      .at("nodeName", .optional, .format(.dns1123Subdomain)),
      .at("activeDeadlineSeconds", .between(1, Int64(Int32.max))),
      .at("hostname", .optional, .format(.dns1123Label)),
      .at("subdomain", .optional, .format(.dns1123Label)),
      .at("tolerations", Tolerations.each),
      .at(
        "hostAliases",
        .each(.at("ip", .custom(DNSRules.address)), .at("hostnames", .each(.format(.dns1123Subdomain))))),
      .at("priorityClassName", .optional, .format(.dns1123Subdomain)),
      .at("runtimeClassName", .format(.dns1123Subdomain)),
      .at("preemptionPolicy", .custom(preemptionPolicy)),
      .at("overhead", .custom(overhead)),
      .custom(WindowsRules.os),
      .custom(EnvRules.filesAreInVolumes),
    ]
  }

  private static let schedulingGates: Rule.Function = { context in
    var seen = Set<ByteString>()
    for (place, gate) in (context.value?.array ?? []).enumerated() {
      let name = gate.string(at: "name")
      context.refuses(name, each: NameValidation.qualifiedName(name), at: .index(place))
      if !seen.insert(name).inserted {
        context.report(.duplicate(context.path(.index(place)), bare: GoText.quoted(name)))
      }
    }
  }

  private static let preemptionPolicy: Rule.Function = { context in
    guard let policy = context.value?.string else { return }
    if policy.isEmpty { return context.needs() }
    let known = ["PreemptLowerPriority", "Never"]
    if !known.contains(policy) { context.knowsOnly(known, not: policy) }
  }

  private static let overhead: Rule.Function = { context in
    guard case .object(let limits)? = context.value, !limits.isEmpty else { return }
    ResourceRules.check(limits: limits, requests: JSONObject(), claims: [], &context)
  }
}
