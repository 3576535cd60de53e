import JSON
import Machinery
import Registry

/// Rules for leases. (Kubernetes: pkg/apis/coordination/validation, `ValidateLease` and `ValidateLeaseUpdate`)
enum LeaseRules {
  static let all: [Rule] = [
    .name(.subdomain, checksFinalizers: false),
    .at(
      "spec",
      .at("leaseDurationSeconds", .above(0)),
      .at("leaseTransitions", .atLeast(0)),
      .at("strategy", .custom(coordinatedStrategy)),
      .forbiddenUnless("preferredHolder", "strategy", detail: "may only be specified if `strategy` is defined")),
  ]

  /// One of Kubernetes' own, or a name with a domain. (`ValidateCoordinatedLeaseStrategy`, which names the member
  /// twice)
  static let coordinatedStrategy: Rule.Function = { context in
    guard let strategy = context.value?.string else { return }
    let known = ["OldestEmulationVersion"]
    let shown = JSONValue.string(strategy).encoded().text
    if !strategy.utf8.contains(UInt8(ascii: "/")) {
      guard !known.contains(strategy) else { return }
      return context.report(.notSupported(context.path("strategy"), bare: shown, known))
    }
    for problem in NameValidation.qualifiedName(strategy) {
      context.report(.invalid(context.path("strategy"), bare: shown, problem))
    }
  }
}
