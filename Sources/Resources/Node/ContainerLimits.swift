import JSON
import Machinery
import Registry

/// What a container may use. (Kubernetes: `ValidateContainerResourceRequirements` of pkg/apis/core/validation, as far
/// as it is about limits)
enum ContainerLimits {
  static let check: Rule.Function = { context in
    guard case .object(let limits)? = context.value else { return }
    for limit in limits.members {
      let path = context.path(.key(limit.name))
      let name = JSONValue.string(limit.name).encoded().text
      let amount = limit.value.string ?? ""
      for problem in nameProblems(limit.name) { context.report(.invalid(path, bare: name, problem)) }
      for problem in ResourceAmounts.problems(amount, of: limit.name) {
        context.report(.invalid(path, amount, problem))
      }
      if areHugePages(limit.name), !areWholePages(amount, of: limit.name) {
        context.report(.invalid(path, amount, "\(amount) is not positive integer multiple of \(limit.name)"))
      }
    }
  }

  /// Are there huge pages, but neither cpu nor memory?
  static func lackCompute(_ limits: JSONValue?) -> Bool {
    guard case .object(let limits)? = limits else { return false }
    return limits.members.contains { $0.name.hasPrefix(hugePages) }
      && !limits.members.contains { $0.name == "cpu" || $0.name == "memory" }
  }

  // MARK: names

  private static let hugePages = "hugepages-"
  private static let ofContainers = ["cpu", "memory", "ephemeral-storage"]
  /// What quotas can be about, with what is of containers.
  private static let standard =
    ofContainers + [
      "requests.cpu", "requests.memory", "requests.ephemeral-storage", "limits.cpu", "limits.memory",
      "limits.ephemeral-storage", "pods", "resourcequotas", "services", "replicationcontrollers", "secrets",
      "configmaps", "persistentvolumeclaims", "storage", "requests.storage", "services.nodeports",
      "services.loadbalancers",
    ]

  /// What is wrong with a name, whoever asks. (`validateResourceName`)
  static func plainNameProblems(_ name: String) -> [String] {
    let problems = NameValidation.qualifiedName(name)
    let isKnown =
      !problems.isEmpty || name.utf8.contains(UInt8(ascii: "/")) || areHugePages(name)
      || name.hasPrefix("requests.\(hugePages)") || standard.contains(name)
    return isKnown ? problems : ["must be a standard resource type or fully qualified"]
  }

  /// A name without a domain is complained about twice: it is none that there is, and none of containers.
  static func nameProblems(_ name: String) -> [String] {
    var problems = plainNameProblems(name)
    if name.utf8.contains(UInt8(ascii: "/")) {
      if !ResourceAmounts.isNative(name) && !ResourceAmounts.isExtended(name) {
        problems.append("doesn't follow extended resource name standard")
      }
      return problems
    }
    if !areHugePages(name) && !ofContainers.contains(name) {
      problems.append("must be a standard resource for containers")
    }
    return problems
  }

  // MARK: huge pages

  static func areHugePages(_ name: String) -> Bool { name.hasPrefix(hugePages) }

  /// Is there an amount of huge pages that is no whole number of them?
  static func haveOddPages(_ amounts: JSONValue?) -> Bool {
    guard case .object(let amounts)? = amounts else { return false }
    return amounts.members.contains {
      areHugePages($0.name) && !areWholePages($0.value.string ?? "", of: $0.name)
    }
  }

  /// (`IsHugePageResourceValueDivisible`)
  static func areWholePages(_ amount: String, of name: String) -> Bool {
    guard let size = try? Quantity(parsing: String(name.dropFirst(hugePages.utf8.count))), size.isInteger,
      let page = size.wholeValue, page > 0, let bytes = (try? Quantity(parsing: amount))?.wholeValue
    else { return false }
    return bytes % page == 0
  }
}
