import JSON
import Machinery
import Registry

/// Rules for what webhooks and policies are asked about. (Kubernetes: pkg/apis/admissionregistration/validation,
/// `validateRuleWithOperations` and its siblings)
enum OperationRules {
  /// Operations on resources.
  static let rule: [Rule] = [
    .at("operations", .required, .custom(isAlone("operations")), .custom(operationsAreKnown)),
    .at("apiGroups", .required, .custom(isAlone("API groups"))),
    .at("apiVersions", .required, .custom(isAlone("API versions")), .custom(noneIsEmpty)),
    .at("resources", .required, .custom(resources)),
    .at("scope", .oneOf("*", "Cluster", "Namespaced")),
  ]

  /// With names of objects.
  static let named: [Rule] = [.at("resourceNames", .custom(names)), .all(rule)]

  /// What a policy or binding matches. (`validateMatchResources`)
  static let matchResources: [Rule] = [
    .at("matchPolicy", .required, .oneOf("Equivalent", "Exact")),
    .at("namespaceSelector", .required, .labelSelector),
    .at("objectSelector", .required, .labelSelector),
    .at("resourceRules", .each(named)),
    .at("excludeResourceRules", .each(named)),
  ]

  /// Only what creates, updates or connects can be mutated; the complaints name no rule. Stands at the resources.
  static let areMutable: Rule.Function = { context in
    let path = context.path("resourceRules", "operations")
    for rule in context.value?["resourceRules"]?.array ?? [] {
      for operation in rule["operations"]?.array ?? [] where !mutable.contains(operation.string ?? "") {
        context.report(.notSupported(path, named: operation, mutable))
      }
    }
  }

  private static let mutable = ["*", "CONNECT", "CREATE", "UPDATE"]
  private static let operations = ["*", "CONNECT", "CREATE", "DELETE", "UPDATE"]

  private static func texts(_ context: RuleContext) -> [String] {
    (context.value?.array ?? []).map { $0.string ?? "" }
  }

  private static func isAlone(_ what: String) -> Rule.Function {
    { context in
      let given = texts(context)
      if given.count > 1, given.contains("*") {
        let shown = context.value?.encoded().text ?? ""
        context.report(.invalid(context.path(), bare: shown, "if '*' is present, must not specify other \(what)"))
      }
    }
  }

  private static let operationsAreKnown: Rule.Function = { context in
    for (place, operation) in (context.value?.array ?? []).enumerated()
    where !operations.contains(operation.string ?? "") {
      context.report(.notSupported(context.path(.index(place)), named: operation, operations))
    }
  }

  private static let noneIsEmpty: Rule.Function = { context in
    for (place, text) in texts(context).enumerated() where text.isEmpty {
      context.report(.required(context.path(.index(place)), ""))
    }
  }

  private static let names: Rule.Function = { context in
    var seen = Set<ByteString>()
    for (place, name) in texts(context).enumerated() {
      let path = context.path(.index(place))
      for problem in NameValidation.pathSegmentName(name) { context.report(.invalid(path, name, problem)) }
      if !seen.insert(ByteString(name)).inserted {
        context.report(.duplicate(path, bare: GoText.quoted(name)))
      }
    }
  }

  /// Resources and sub-resources: what an earlier one covers must not be said again. (`validateResources`)
  private static let resources: Rule.Function = { context in
    let given = texts(context)
    var whole = Set<ByteString>()
    var everywhere = Set<ByteString>()
    var hasBare = false
    for (place, text) in given.enumerated() {
      let path = context.path(.index(place))
      if text.isEmpty {
        context.report(.required(path, ""))
        continue
      }
      guard let slash = text.utf8.firstIndex(of: UInt8(ascii: "/")) else {
        // As upstream has it, the last one decides.
        hasBare = text != "*"
        continue
      }
      let resource = String(text[..<slash])
      let part = String(text[text.utf8.index(after: slash)...])
      if whole.contains(ByteString(resource)) {
        context.report(.invalid(path, text, "if '\(resource)/*' is present, must not specify \(text)"))
      }
      if everywhere.contains(ByteString(part)) {
        context.report(.invalid(path, text, "if '*/\(part)' is present, must not specify \(text)"))
      }
      if part == "*" { whole.insert(ByteString(resource)) }
      if resource == "*" { everywhere.insert(ByteString(part)) }
    }
    let shown = { (context: RuleContext) in context.value?.encoded().text ?? "" }
    if given.count > 1, given.contains("*/*") {
      let detail = "if '*/*' is present, must not specify other resources"
      context.report(.invalid(context.path(), bare: shown(context), detail))
    }
    if hasBare, given.contains("*") {
      let detail = "if '*' is present, must not specify other resources without subresources"
      context.report(.invalid(context.path(), bare: shown(context), detail))
    }
  }
}
