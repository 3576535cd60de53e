import JSON
import Machinery
import Registry

/// Rules for events, in the form of the core group. Those who write by events.k8s.io are asked more: their writes carry
/// the option `strict`. (Kubernetes: pkg/apis/core/validation/events.go)
enum EventRules {
  /// The option of writes that come by another version than the core group's.
  static let strict = "events.k8s.io/v1"

  static let all: [Rule] = [
    .custom(legacy),
    .ifOption(strict, .onCreate(creation), .onUpdate(update)),
  ]

  private static let creation: [Rule] = [
    .metadata(.subdomain),
    .at("series", series),
    .at("eventTime", .required),
    .custom { context in
      let type = context.value?["type"]?.string ?? ""
      if type != "Normal" && type != "Warning" {
        context.report(.invalid(context.path("type"), "", "has invalid value: \(type)"))
      }
    },
    unset("firstTimestamp"), unset("lastTimestamp"), unset("count"), unset("source"),
  ]

  private static let update: [Rule] = [
    .metadataUpdate,
    .at("series", .ratcheting(series)),
    .at("involvedObject", .custom(staysReference)),
    .at("reason", .immutable),
    .at("message", .immutable),
    .at("source", .custom(staysSource)),
    .at("firstTimestamp", .immutable),
    .at("lastTimestamp", .immutable),
    .at("count", .immutable),
    // Upstream asks it twice.
    .at("reason", .immutable),
    .at("type", .immutable),
    .at("eventTime", .immutable),
    .at("action", .immutable),
    .at("related", .custom(staysReference)),
    .at("reportingComponent", .said(at: "reportingController", .immutable)),
    .at("reportingInstance", .immutable),
  ]

  private static let series = Rule.custom { context in
    guard let series = context.value else { return }
    if series["count"]?.int ?? 0 < 2 { context.report(.invalid("series.count", "", "should be at least 2")) }
    if series["lastObservedTime"]?.string == nil { context.report(.required("series.lastObservedTime", "")) }
  }

  private static func unset(_ name: String) -> Rule {
    .custom { context in
      guard let value = context.value?[name], !RuleContext.isZero(value) else { return }
      context.report(.invalid(context.path(.member(name)), "", "needs to be unset"))
    }
  }

  // MARK: what must not change, shown as Go holds it

  private static let staysReference: Rule.Function = { context in
    stays(
      [
        ("Kind", "kind"), ("Namespace", "namespace"), ("Name", "name"), ("UID", "uid"), ("APIVersion", "apiVersion"),
        ("ResourceVersion", "resourceVersion"), ("FieldPath", "fieldPath"),
      ], &context)
  }
  private static let staysSource: Rule.Function = { context in
    stays([("Component", "component"), ("Host", "host")], &context)
  }

  private static func stays(_ members: [(shown: String, name: String)], _ context: inout RuleContext) {
    if RuleContext.areSame(context.value, context.old) { return }
    var shown = JSONValue.null
    if let value = context.value {
      shown = .object(
        JSONObject(unchecked: members.map { JSONObject.Member($0.shown, value[$0.name] ?? "") }))
    }
    context.report(.invalid(context.path(), bare: shown.encoded().text, "field is immutable"))
  }

  // MARK: what every event is asked

  private static let legacy: Rule.Function = { context in
    guard let event = context.value else { return }
    func text(_ name: String) -> String { event[name]?.string ?? "" }
    let namespace = event["metadata"]?["namespace"]?.string ?? ""
    let involved = event["involvedObject"]?["namespace"]?.string ?? ""
    let isNew = !text("eventTime").isEmpty
    let agrees =
      if involved.isEmpty { ["default", isNew ? "kube-system" : ""].contains(namespace) } else {
        isNew || namespace == involved
      }
    if !agrees {
      context.report(
        .invalid(context.path("involvedObject", "namespace"), involved, "does not match event.namespace"))
    }
    if isNew {
      let controller = text("reportingComponent")
      let field = context.options.contains(strict) ? "reportingController" : "reportingComponent"
      if controller.isEmpty { context.report(.required(field, "")) }
      for problem in NameValidation.qualifiedName(controller) { context.report(.invalid(field, controller, problem)) }
      for (name, limit, isNeeded) in [
        ("reportingInstance", 128, true), ("action", 128, true), ("reason", 128, true), ("message", 1024, false),
      ] {
        let text = text(name)
        if isNeeded && text.isEmpty { context.report(.required(name, "")) }
        if text.utf8.count > limit {
          context.report(.invalid(name, "", "can have at most \(limit) characters"))
        }
      }
    }
    for problem in NameValidation.dns1123Subdomain(namespace) {
      context.report(.invalid("namespace", namespace, problem))
    }
  }
}
