import JSON
import Machinery
import Registry

/// Rules for configurations of webhooks. (Kubernetes: pkg/apis/admissionregistration/validation,
/// `validateValidatingWebhook` and `validateMutatingWebhook`) Updates are asked what creations are, but not what the
/// old object did not do either.
enum WebhookRules {
  static let validating = configuration([])
  static let mutating = configuration([.at("reinvocationPolicy", .oneOf("IfNeeded", "Never"))])

  private static func configuration(_ more: [Rule]) -> [Rule] {
    let webhook = webhook(more)
    return [
      .metadata(.subdomain, checksFinalizers: false),
      .tolerating(
        whatWasThere,
        .at(
          "webhooks",
          .unlessOption(sameNames, .each(uniqueBy: "name", webhook)),
          .ifOption(sameNames, .each(webhook)))),
    ]
  }

  private static func webhook(_ more: [Rule]) -> [Rule] {
    [
      .at("name", .required, .custom(isFullyQualified)),
      .at("rules", .each(OperationRules.rule)),
      .at("failurePolicy", .oneOf("Fail", "Ignore")),
      .at("matchPolicy", .oneOf("Equivalent", "Exact")),
      .at(
        "sideEffects",
        .unlessOption(
          effects, .required("must specify one of None, NoneOnDryRun"), .oneOf("None", "NoneOnDryRun")),
        .ifOption(
          effects, .required("must specify one of None, NoneOnDryRun, Some, Unknown"),
          .oneOf("None", "NoneOnDryRun", "Some", "Unknown"))),
      .at("timeoutSeconds", .custom(timeout)),
      selector("namespaceSelector"),
      selector("objectSelector"),
      .all(more),
      .at("clientConfig", .custom(WebhookAddress.check)),
      .unlessOption(sameConditions, Expressions.matchConditions),
      .at("admissionReviewVersions", .custom(reviewVersions)),
    ]
  }

  private static func selector(_ name: String) -> Rule {
    .at(name, .unlessOption(badValues, .labelSelector), .ifOption(badValues, .labelSelectorOfAnyValue))
  }

  // MARK: what was there

  private static let sameNames = "webhooks with the same name"
  private static let effects = "webhooks with side effects"
  private static let badValues = "selectors for values that no label has"
  private static let sameConditions = "match conditions as before"
  private static let anyVersions = "webhooks that read no known version"

  private static let whatWasThere: Rule.Tolerance = { object, old in
    let new = object["webhooks"]?.array ?? []
    let before = old["webhooks"]?.array ?? []
    var tolerated: [String] = []
    var names = Set<ByteString>()
    if !before.allSatisfy({ names.insert(ByteString($0["name"]?.string ?? "")).inserted }) {
      tolerated.append(sameNames)
    }
    if !before.allSatisfy({ ["None", "NoneOnDryRun"].contains($0["sideEffects"]?.string ?? "") }) {
      tolerated.append(effects)
    }
    if before.contains(where: hasBadSelector) { tolerated.append(badValues) }
    let haveSame =
      new.count == before.count
      && zip(new, before).allSatisfy { ($0["matchConditions"] ?? []) == ($1["matchConditions"] ?? []) }
    if haveSame { tolerated.append(sameConditions) }
    if !before.allSatisfy(readsKnownVersion) { tolerated.append(anyVersions) }
    return tolerated
  }

  private static func hasBadSelector(_ webhook: JSONValue) -> Bool {
    ["namespaceSelector", "objectSelector"].contains { name in
      webhook[name].map { !RuleContext.isGoodLabelSelector($0) } ?? false
    }
  }

  private static func readsKnownVersion(_ webhook: JSONValue) -> Bool {
    let versions = webhook["admissionReviewVersions"]?.array ?? []
    return versions.isEmpty || versions.contains { isKnownVersion($0.string ?? "") }
  }

  private static func isKnownVersion(_ version: String) -> Bool { version == "v1" || version == "v1beta1" }

  // MARK: members

  /// (`IsFullyQualifiedName`)
  private static let isFullyQualified: Rule.Function = { context in
    let name = context.value?.string ?? ""
    let problems = NameValidation.dns1123Subdomain(name)
    if !problems.isEmpty { return context.invalid(name, problems.joined(separator: ",")) }
    if name.utf8.count(where: { $0 == UInt8(ascii: ".") }) < 2 {
      context.invalid(name, "should be a domain with at least three segments separated by dots")
    }
  }

  private static let timeout: Rule.Function = { context in
    guard let seconds = context.value?.int, !(1...30).contains(seconds) else { return }
    let detail = "the timeout value must be between 1 and 30 seconds"
    context.report(.invalid(context.path(), bare: String(seconds), detail))
  }

  /// (`validateAdmissionReviewVersions`)
  private static let reviewVersions: Rule.Function = { context in
    let versions = (context.value?.array ?? []).map { $0.string ?? "" }
    if versions.isEmpty { return context.report(.required(context.path(), "must specify one of v1, v1beta1")) }
    var seen = Set<ByteString>()
    for (place, version) in versions.enumerated() {
      let path = context.path(.index(place))
      guard seen.insert(ByteString(version)).inserted else {
        context.report(.invalid(path, version, "duplicate version"))
        continue
      }
      for problem in NameValidation.dns1035Label(version) { context.report(.invalid(path, version, problem)) }
    }
    if !context.options.contains(anyVersions), !versions.contains(where: isKnownVersion) {
      let shown = context.value?.encoded().text ?? ""
      context.report(.invalid(context.path(), bare: shown, "must include at least one of v1, v1beta1"))
    }
  }
}
