import JSON
import Machinery
import Registry

extension ResourceDefinition {
  /// How important pods are. (Kubernetes: pkg/registry/scheduling/priorityclass)
  static let priorityClasses = ResourceDefinition(
    "priorityclasses.scheduling.k8s.io", kind: "PriorityClass", shortNames: ["pc"], scope: .cluster,
    folder: "priorityclasses", versions: [.v1],
    rules: PriorityClassRules.all,
    generation: .fixed,
    deletion: DeletionRule {
      $0.refusal = { name in
        SystemPriorityClasses.named(name).map { _ in "this is a system priority class and cannot be deleted" }
      }
    },
    defaults: { priorityClass in
      let policy = priorityClass["preemptionPolicy"]
      if policy == nil || policy == .null { priorityClass["preemptionPolicy"] = "PreemptLowerPriority" }
    },
    columns: [
      .name,
      TableColumn("Value", type: "integer", description: "What pods of the class are given.") { priorityClass, _ in
        .int(priorityClass["value"]?.int ?? 0)
      },
      TableColumn(
        "Global-Default", type: "boolean", description: "Is it that of pods which name none?"
      ) { priorityClass, _ in
        .bool(priorityClass["globalDefault"]?.bool ?? false)
      },
      .age,
      .text(
        "PreemptionPolicy", at: "preemptionPolicy", description: "May its pods take the place of lesser ones?"),
    ])
}

/// Rules for priority classes. (Kubernetes: pkg/apis/scheduling/validation, `ValidatePriorityClass` and
/// `ValidatePriorityClassUpdate`)
enum PriorityClassRules {
  static let all: [Rule] = [
    .name(.subdomain),
    .onCreate(.custom(value), .at("preemptionPolicy", .custom(policy))),
    .onUpdate(
      .at("value", .custom(valueStays)),
      .at("preemptionPolicy", .immutable)),
  ]

  /// The highest that is anybody's to choose.
  private static let highest: Int64 = 1_000_000_000

  private static let value: Rule.Function = { context in
    let name = context.value?["metadata"]?["name"]?.string ?? ""
    let value = context.value?["value"]?.int ?? 0
    if name.hasPrefix("system-") {
      guard let why = problem(name, value, isDefault: context.value?["globalDefault"]?.bool ?? false) else { return }
      let detail = "priority class names with 'system-' prefix are reserved for system use only. error: \(why)"
      context.report(.forbidden("metadata.name", detail))
    } else if value > highest {
      context.report(.forbidden("value", "maximum allowed value of a user defined priority is \(highest)"))
    }
  }

  /// Why it is none of the system's classes. (`IsKnownSystemPriorityClass`)
  private static func problem(_ name: String, _ value: Int64, isDefault: Bool) -> String? {
    guard let known = SystemPriorityClasses.named(name) else { return "\(name) is not a known system priority class" }
    let wanted = known["value"]?.int ?? 0
    if wanted != value { return "value of \(name) PriorityClass must be \(wanted)" }
    return isDefault ? "globalDefault of \(name) PriorityClass must be false" : nil
  }

  private static let policy: Rule.Function = { context in
    guard let policy = context.value?.string else { return }
    if policy.isEmpty { return context.report(.required(context.path(), "")) }
    let known = ["PreemptLowerPriority", "Never"]
    if known.contains(policy) { return }
    let listed = known.map { GoText.quoted($0) }.joined(separator: ", ")
    let shown = JSONValue.string(policy).encoded().text
    context.report(FieldError(.notSupported, context.path(), value: shown, detail: "supported values: \(listed)"))
  }

  private static let valueStays: Rule.Function = { context in
    if context.value?.int ?? 0 != context.old?.int ?? 0 {
      context.report(.forbidden(context.path(), "may not be changed in an update."))
    }
  }
}
