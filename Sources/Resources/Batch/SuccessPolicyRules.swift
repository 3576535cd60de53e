import JSON
import Machinery
import Registry

/// Rules for when an indexed job has done enough. (Kubernetes: pkg/apis/batch/validation, `validateSuccessPolicy`)
enum SuccessPolicyRules {
  private static let textMax = 64 << 10

  static let check: Rule.Function = { context in
    guard let spec = context.value, let policy = spec["successPolicy"], !policy.isNull else { return }
    guard JobRules.isIndexed(spec) else {
      let shown = InternalForm.text(of: policy, as: "io.k8s.api.batch.v1.SuccessPolicy")
      return context.report(
        .invalid(context.path("successPolicy"), bare: shown, "requires indexed completion mode"))
    }
    let rules = policy.array(at: "rules")
    let path: [RuleContext.Part] = ["successPolicy", "rules"]
    if rules.isEmpty {
      context.report(
        .required(context.path(path), "at least one rules must be specified when the successPolicy is specified"))
    }
    if rules.count > 20 { context.report(.tooMany(context.path(path), count: rules.count, limit: 20)) }
    for (place, rule) in rules.enumerated() {
      context.look(at: rule, path + [.index(place)]) { check(rule, spec["completions"]?.int, &$0) }
    }
  }

  /// `completions`: nil where they are missing, which is told elsewhere.
  private static func check(_ rule: JSONValue, _ completions: Int64?, _ context: inout RuleContext) {
    let indexes = rule["succeededIndexes"]?.string
    let count = rule["succeededCount"]?.int
    if indexes == nil && count == nil {
      context.needs(detail: "at least one of succeededCount or succeededIndexes must be specified")
    }
    var total: Int64 = 0
    if let indexes {
      if indexes.utf8.count > textMax {
        context.report(.tooLong(context.path("succeededIndexes"), limit: textMax))
      }
      if let completions {
        do { total = try JobIndexes.count(indexes, below: completions) } catch {
          context.refuses(indexes, "error parsing succeededIndexes: \(error.text)", at: "succeededIndexes")
        }
      }
    }
    guard let count else { return }
    if count < 0 {
      context.refuses(value: .int(count), "must be greater than or equal to 0", at: "succeededCount")
    }
    guard let completions else { return }
    if count > completions {
      context.refuses(
        value: .int(count), "must be less than or equal to \(completions) (the number of specified completions)",
        at: "succeededCount")
    }
    if indexes != nil && count > total {
      context.refuses(
        value: .int(count),
        "must be less than or equal to \(total) (the number of indexes in the specified succeededIndexes field)",
        at: "succeededCount")
    }
  }
}
