import JSON
import Machinery
import Registry

extension JobRules {
  /// Rules for jobs. (Kubernetes: pkg/apis/batch/validation, `ValidateJob`, `ValidateJobUpdate`,
  /// `ValidateJobUpdateStatus`)
  static let all: [Rule] = [
    .on(
      .main, .metadata(.subdomain), .custom(isSelectorGenerated), .at("spec", spec), .at("spec", selector),
      .custom(namesPods)),
    .onUpdate(
      .metadataUpdate,
      // Upstream looks at the spec of an update once more.
      .on(.main, .at("spec", spec), .at("spec", selector), .at("spec", .custom(changes))),
      .on(.status, .custom(JobStatusRules.check))),
  ]

  // MARK: the selector

  private static let badValues = "selector asks for values that no label has"

  /// (`ValidateJobSpec`, what it adds)
  private static let selector: [Rule] = [
    .tolerating(
      { _, old in
        old["spec"]?["selector"].map { $0.isNull || RuleContext.isGoodLabelSelector($0) } ?? true ? [] : [badValues]
      },
      .at(
        "selector", .required, .unlessOption(badValues, .labelSelector), .ifOption(badValues, .labelSelectorOfAnyValue))
    ),
    .custom { context in
      let selector = context.value?["selector"] ?? .null
      let labels =
        context.value?["template"]?["metadata"]?["labels"] ?? context.emptied("template", "metadata", "labels") ?? .null
      if !selector.isNull {
        guard RuleContext.isGoodLabelSelector(selector) else { return }
        if LabelSelectorMatch.selects(selector, labels.object ?? JSONObject()) { return }
      }
      context.refuses(
        value: labels, "`selector` does not match template `labels`", at: "template", "metadata", "labels")
    },
  ]

  /// (`validateGeneratedSelector`)
  private static let isSelectorGenerated: Rule.Function = { context in
    guard let spec = context.value?["spec"], !spec.bool(at: "manualSelector"), spec.isSet("selector") else { return }
    let uid = context.value?["metadata"]?["uid"]?.string ?? ""
    let name = context.value?["metadata"]?["name"]?.string ?? ""
    if uid.isEmpty { context.needs("metadata", "uid") }
    var wanted: JSONObject = [:]
    func expect(_ label: String, _ value: String) {
      wanted[label] = .string(value)
      let labels =
        spec["template"]?["metadata"]?["labels"] ?? context.emptied("template", "metadata", "labels") ?? .null
      let path = context.path("spec", "template", "metadata", "labels", .key(label))
      guard let given = labels[label] else { return context.report(.required(path, "must be '\(value)'")) }
      if given.string != value { context.report(.invalid(path, bare: labels.encoded().text, "must be '\(value)'")) }
    }
    expect(JobForm.oldUIDLabel, uid)
    expect(JobForm.oldNameLabel, name)
    // Jobs of old have but the old labels.
    let before = context.oldObject.map { $0["spec"]?["template"]?["metadata"]?["labels"] ?? .null }
    if before.map({ $0[JobForm.nameLabel] != nil && $0[JobForm.uidLabel] != nil }) ?? true {
      expect(JobForm.uidLabel, uid)
      expect(JobForm.nameLabel, name)
    }
    guard let selector = spec["selector"], RuleContext.isGoodLabelSelector(selector) else { return }
    if !LabelSelectorMatch.selects(selector, wanted) {
      context.refuses(value: selector, "`selector` not auto-generated", at: "spec", "selector")
    }
  }

  /// Pods of an indexed job are named by their index.
  private static let namesPods: Rule.Function = { context in
    guard let spec = context.value?["spec"], isIndexed(spec), let completions = spec["completions"]?.int,
      completions > 0
    else { return }
    let name = context.value?["metadata"]?["name"]?.string ?? ""
    let last = "\(name)-\(completions - 1)"
    if NameValidation.dns1123Label(last).isEmpty { return }
    context.refuses(name, "will not able to create pod with invalid DNS label: \(last)", at: "metadata", "name")
  }

  // MARK: what may change (`ValidateJobSpecUpdate`)

  private static let changes: Rule.Function = { context in
    guard let new = context.value, let old = context.old else { return }
    completions(new, old, &context)
    stays("selector", new, old, &context)
    template(new, old, &context)
    for member in ["completionMode", "podFailurePolicy", "backoffLimitPerIndex", "managedBy", "successPolicy"] {
      stays(member, new, old, &context)
    }
  }

  private static func stays(_ member: String, _ new: JSONValue, _ old: JSONValue, _ context: inout RuleContext) {
    let value = new[member] ?? .null
    if RuleContext.areSame(value, old[member] ?? .null) { return }
    let types = ["podFailurePolicy": "PodFailurePolicy", "successPolicy": "SuccessPolicy"]
    let type = value.isNull ? nil : types[member]
    let traces = context.tracesInside([.member(member)])
    let shown =
      type.map { InternalForm.text(of: value, as: "io.k8s.api.batch.v1.\($0)", traces: traces) }
      ?? value.encoded().text
    context.report(.invalid(context.path(.member(member)), bare: shown, immutable))
  }

  private static let immutable = "field is immutable"

  /// An indexed job may have more or fewer, if it does them all at once.
  private static func completions(_ new: JSONValue, _ old: JSONValue, _ context: inout RuleContext) {
    guard isIndexed(new) else { return stays("completions", new, old, &context) }
    guard let after = new["completions"]?.int, old["completions"]?.int != after else { return }
    if after != new["parallelism"]?.int {
      context.refuses(value: .int(after), "can only be modified in tandem with spec.parallelism", at: "completions")
    }
  }

  /// A job that is suspended may be placed elsewhere, and be given more. (`validatePodTemplateUpdate`)
  private static func template(_ new: JSONValue, _ old: JSONValue, _ context: inout RuleContext) {
    let after = new["template"] ?? .object(JSONObject())
    let before = old["template"] ?? .object(JSONObject())
    guard mayChangeTemplate(context.oldObject) else {
      if RuleContext.areSame(after, before) { return }
      let shown = InternalForm.text(
        of: after, as: "io.k8s.api.core.v1.PodTemplateSpec", traces: context.traces?["spec"]?["template"])
      return context.report(.invalid(context.path("template"), bare: shown, immutable))
    }
    let spec = after["spec"] ?? .object(JSONObject())
    var known = before["spec"] ?? .object(JSONObject())
    for member in ["nodeSelector", "tolerations", "schedulingGates"] { known[member] = spec[member] }
    known["affinity"] = affinity(spec["affinity"], known["affinity"])
    for list in ["containers", "initContainers"] {
      let containers = spec.array(at: list)
      guard containers.count == known.array(at: list).count else { continue }
      var place = 0
      known.editEach(list) { container in
        if container["name"] == containers[place]["name"] { container["resources"] = containers[place]["resources"] }
        place += 1
      }
    }
    if RuleContext.areSame(spec, known) { return }
    let shown = InternalForm.text(
      of: spec, as: "io.k8s.api.core.v1.PodSpec", traces: context.traces?["spec"]?["template"]?["spec"])
    context.report(.invalid(context.path("template", "spec"), bare: shown, immutable))
  }

  /// The affinity as it was, but for what it says of nodes.
  private static func affinity(_ new: JSONValue?, _ old: JSONValue?) -> JSONValue? {
    let new = new.flatMap { $0.isNull ? nil : $0 }
    guard var affinity = old.flatMap({ $0.isNull ? nil : $0 }) else {
      return new.map { affinity in affinity["nodeAffinity"].map { ["nodeAffinity": $0] } ?? .object(JSONObject()) }
    }
    affinity["nodeAffinity"] = new?["nodeAffinity"]
    let isEmpty = affinity.object?.members.allSatisfy { $0.value.isNull } ?? true
    return new == nil && isEmpty ? nil : affinity
  }

  /// (`shouldAllowMutablePodTemplate`)
  private static func mayChangeTemplate(_ job: JSONValue?) -> Bool {
    guard let job, job["spec"]?.bool(at: "suspend") == true else { return false }
    let status = job["status"] ?? .object(JSONObject())
    return (!status.isSet("startTime") || JobStatusRules.has("Suspended", status)) && status.int(at: "active") == 0
  }
}
