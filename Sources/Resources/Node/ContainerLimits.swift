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
      for problem in ResourceNames.containerProblems(limit.name) { context.report(.invalid(path, bare: name, problem)) }
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
    return limits.members.contains { $0.name.hasPrefix(ResourceNames.hugePages) }
      && !limits.members.contains { $0.name == "cpu" || $0.name == "memory" }
  }

  // MARK: huge pages

  static func areHugePages(_ name: String) -> Bool { name.hasPrefix(ResourceNames.hugePages) }

  /// Is there an amount of huge pages that is no whole number of them?
  static func haveOddPages(_ amounts: JSONValue?) -> Bool {
    guard case .object(let amounts)? = amounts else { return false }
    return amounts.members.contains {
      areHugePages($0.name) && !areWholePages($0.value.string ?? "", of: $0.name)
    }
  }

  /// (`IsHugePageResourceValueDivisible`)
  static func areWholePages(_ amount: String, of name: String) -> Bool {
    guard let size = try? Quantity(parsing: String(name.dropFirst(ResourceNames.hugePages.utf8.count))), size.isInteger,
      let page = size.wholeValue, page > 0, let bytes = (try? Quantity(parsing: amount))?.wholeValue
    else { return false }
    return bytes % page == 0
  }
}
