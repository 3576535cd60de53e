import Machinery

/// Names of what can be limited and counted: `cpu`, `hugepages-2Mi`, `requests.storage`, `example.org/device`.
/// (Kubernetes: pkg/apis/core/helper and pkg/apis/core/validation)
enum ResourceNames {
  static let hugePages = "hugepages-"

  private static let ofContainers: Set<ByteString> = ["cpu", "memory", "ephemeral-storage"]
  /// What both limits and quotas can be about. (`standardResources`)
  private static let ofAll: Set<ByteString> = ofContainers.union([
    "requests.cpu", "requests.memory", "requests.ephemeral-storage", "limits.cpu", "limits.memory",
    "limits.ephemeral-storage", "pods", "resourcequotas", "services", "replicationcontrollers", "secrets",
    "configmaps", "persistentvolumeclaims", "storage", "requests.storage", "services.nodeports",
    "services.loadbalancers",
  ])

  /// What is wrong with a name. (`validateResourceName`)
  static func problems(_ name: String) -> [String] {
    let problems = NameValidation.qualifiedName(name)
    if !problems.isEmpty || hasDomain(name) || isQuotaHugePages(name) || ofAll.contains(name) { return problems }
    return ["must be a standard resource type or fully qualified"]
  }

  /// What is wrong with a name as that of what a container uses. One without a domain is complained about twice: it is
  /// none that there is, and none of containers. (`validateContainerResourceName`)
  static func containerProblems(_ name: String) -> [String] {
    var problems = problems(name)
    if !hasDomain(name) {
      if !isOfContainers(name) { problems.append("must be a standard resource for containers") }
    } else if !ResourceAmounts.isNative(name) && !ResourceAmounts.isExtended(name) {
      problems.append("doesn't follow extended resource name standard")
    }
    return problems
  }

  /// What is wrong with a name as that of what a quota counts. (`ValidateResourceQuotaResourceName`)
  static func quotaProblems(_ name: String) -> [String] {
    problems(name) + (hasDomain(name) || isOfQuotas(name) ? [] : ["must be a standard resource for quota"])
  }

  /// (`IsStandardContainerResourceName`)
  private static func isOfContainers(_ name: String) -> Bool {
    ofContainers.contains(name) || name.hasPrefix(hugePages)
  }

  /// Does the quota system know it? (`IsStandardQuotaResourceName`)
  static func isOfQuotas(_ name: String) -> Bool {
    ofAll.contains(name) && name != "storage" || isQuotaHugePages(name)
  }

  private static func isQuotaHugePages(_ name: String) -> Bool {
    name.hasPrefix(hugePages) || name.hasPrefix("requests.\(hugePages)")
  }

  private static func hasDomain(_ name: String) -> Bool { name.utf8.contains(UInt8(ascii: "/")) }

  /// May less be there than is promised? (`IsOvercommitAllowed`)
  static func mayBeOvercommitted(_ name: String) -> Bool {
    ResourceAmounts.isNative(name) && !name.hasPrefix(hugePages)
  }
}
