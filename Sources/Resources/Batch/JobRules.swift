import JSON
import Machinery
import Registry

/// Rules for what jobs are to do, their own and what a cron job makes of its template. (Kubernetes:
/// pkg/apis/batch/validation, `validateJobSpec`)
enum JobRules {
  static let spec: [Rule] = [
    .at("parallelism", .atLeast(0)),
    .at("completions", .atLeast(0)),
    .at("activeDeadlineSeconds", .atLeast(0)),
    .at("backoffLimit", .atLeast(0)),
    .at("ttlSecondsAfterFinished", .atLeast(0)),
    .at("backoffLimitPerIndex", .atLeast(0)),
    .at("maxFailedIndexes", .atLeast(0)),
    .custom { context in
      if context.value?.isSet("maxFailedIndexes") == true, context.value?.isSet("backoffLimitPerIndex") == false {
        context.needs("backoffLimitPerIndex", detail: "when maxFailedIndexes is specified")
      }
    },
    .at("managedBy", .custom(managedBy)),
    .custom(completionMode),
    .custom(PodFailurePolicyRules.check),
    .custom(SuccessPolicyRules.check),
    .custom(podReplacementPolicy),
    .at("template", PodTemplateRules.all),
    .custom(restartPolicy),
  ]

  private static let indexed = "Indexed"

  static func isIndexed(_ spec: JSONValue?) -> Bool { spec?.string(at: "completionMode") == indexed }

  private static let managedBy: Rule.Function = { context in
    guard let text = context.value?.string else { return }
    for error in NameValidation.domainPrefixedPath(context.path(), text) { context.report(error) }
    if text.utf8.count > 63 { context.report(.tooLong(context.path(), limit: 63)) }
  }

  private static let completionMode: Rule.Function = { context in
    guard let spec = context.value else { return }
    let mode = spec["completionMode"]?.string
    if let mode, mode != indexed, mode != "NonIndexed" {
      context.knowsOnly(["NonIndexed", indexed], not: mode, at: "completionMode")
    }
    if mode == indexed { return counts(spec, &context) }
    if mode == nil || mode == "NonIndexed" {
      for member in ["backoffLimitPerIndex", "maxFailedIndexes"] {
        guard let number = spec[member]?.int else { continue }
        context.refuses(value: .int(number), "requires indexed completion mode", at: .member(member))
      }
    }
  }

  /// How many indexes a job may have, so that its status can list them.
  private static func counts(_ spec: JSONValue, _ context: inout RuleContext) {
    let (indexMax, manyMax) = (Int64(100_000), Int64(10_000))
    let completions = spec["completions"]?.int
    let parallelism = spec["parallelism"]?.int ?? 0
    let failedMax = spec["maxFailedIndexes"]?.int
    func refuse(_ member: String, _ number: Int64, _ detail: String) {
      context.refuses(value: .int(number), "must be less than or equal to \(detail)", at: .member(member))
    }
    if completions == nil { context.needs("completions", detail: "when completion mode is Indexed") }
    if parallelism > indexMax { refuse("parallelism", parallelism, "\(indexMax) when completion mode is Indexed") }
    if let completions, let failedMax, failedMax > completions { refuse("maxFailedIndexes", failedMax, "completions") }
    if let failedMax, failedMax > indexMax { refuse("maxFailedIndexes", failedMax, "\(indexMax)") }
    guard let completions, completions > indexMax, spec.isSet("backoffLimitPerIndex") else { return }
    let detail = "\(manyMax) when completions are above \(indexMax) and used with backoff limit per index"
    if failedMax == nil {
      context.needs("maxFailedIndexes", detail: "must be specified when completions is above \(indexMax)")
    }
    if parallelism > manyMax { refuse("parallelism", parallelism, detail) }
    if let failedMax, failedMax > manyMax { refuse("maxFailedIndexes", failedMax, detail) }
  }

  private static let podReplacementPolicy: Rule.Function = { context in
    guard let spec = context.value, let policy = spec["podReplacementPolicy"]?.string else { return }
    let known = spec.isSet("podFailurePolicy") ? ["Failed"] : ["Failed", "TerminatingOrFailed"]
    if !known.contains(policy) { context.knowsOnly(known, not: policy, at: "podReplacementPolicy") }
  }

  private static let restartPolicy: Rule.Function = { context in
    guard let spec = context.value else { return }
    let policy = spec["template"]?["spec"]?.string(at: "restartPolicy") ?? ""
    switch policy {
    case "", "Always":
      context.needs("template", "spec", "restartPolicy", detail: "valid values: \"OnFailure\", \"Never\"")
    case "Never": break
    case "OnFailure":
      if spec.isSet("podFailurePolicy") {
        context.refuses(
          value: .string(policy), "only \"Never\" is supported when podFailurePolicy is specified", at: "template",
          "spec", "restartPolicy")
      }
    default: context.knowsOnly(["OnFailure", "Never"], not: policy, at: "template", "spec", "restartPolicy")
    }
  }
}
