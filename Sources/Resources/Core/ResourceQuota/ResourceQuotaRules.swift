import JSON
import Machinery
import Registry

/// Rules for resource quotas. (Kubernetes: pkg/apis/core/validation, `ValidateResourceQuota`,
/// `ValidateResourceQuotaUpdate` and `ValidateResourceQuotaStatusUpdate`)
enum ResourceQuotaRules {
  static let all: [Rule] = [
    .name(.subdomain),
    .on(.main, .at("spec", .all(spec), .onUpdate(.at("scopes", .custom(scopesStay))))),
    .onCreate(status),
    .on(.status, status),
  ]

  private static let spec: [Rule] = [
    .at("hard", .custom(amounts)),
    .custom(scopes),
    .custom(scopeSelector),
  ]
  private static let status = Rule.at("status", .at("hard", .custom(amounts)), .at("used", .custom(amounts)))

  private static let amounts: Rule.Function = { context in
    guard case .object(let amounts)? = context.value else { return }
    for amount in amounts.members {
      let path = context.path(.key(amount.name))
      let name = JSONValue.string(amount.name).encoded().text
      for problem in ResourceNames.quotaProblems(amount.name) { context.report(.invalid(path, bare: name, problem)) }
      let text = amount.value.string ?? ""
      for problem in ResourceAmounts.problems(text, of: amount.name) { context.report(.invalid(path, text, problem)) }
    }
  }

  // MARK: scopes

  private static let known: Set<ByteString> = [
    "Terminating", "NotTerminating", "BestEffort", "NotBestEffort", "PriorityClass", "VolumeAttributesClass",
    "CrossNamespacePodAffinity",
  ]

  private static let scopes: Rule.Function = { context in
    let scopes = texts(context.value?["scopes"])
    let path = context.path("scopes")
    func complain(_ detail: String) { context.report(.invalid(path, bare: shown(scopes), detail)) }
    for scope in scopes {
      if !known.contains(scope) { complain("unsupported scope") }
      for _ in strangers(to: scope, in: context.value) { complain("unsupported scope applied to resource") }
    }
    for _ in 0..<conflicts(scopes) { complain("conflicting scopes") }
  }

  private static let scopeSelector: Rule.Function = { context in
    guard let selector = context.value?["scopeSelector"], !selector.isNull else { return }
    let terms = selector["matchExpressions"]?.array ?? []
    let path = context.path("scopeSelector", "matchExpressions")
    for term in terms {
      let scope = term["scopeName"]?.string ?? ""
      if !known.contains(scope) {
        context.report(.invalid("\(path).scopeName", bare: asJSON(scope), "unsupported scope"))
      }
      for _ in strangers(to: scope, in: context.value) {
        context.report(.invalid(path, bare: shown(selector), "unsupported scope applied to resource"))
      }
      values(of: term, scope, path, &context)
    }
    for _ in 0..<conflicts(terms.map { $0["scopeName"]?.string ?? "" }) {
      // Upstream shows the other list here.
      let scopes = context.value?["scopes"] ?? .null
      context.report(.invalid(path, bare: scopes.encoded().text, "conflicting scopes"))
    }
  }

  private static func values(of term: JSONValue, _ scope: String, _ path: String, _ context: inout RuleContext) {
    let operation = term["operator"]?.string ?? ""
    let values = texts(term["values"])
    if known.contains(scope), scope != "PriorityClass", scope != "VolumeAttributesClass", operation != "Exists" {
      let detail =
        "must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, "
        + "ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or "
        + "ResourceQuotaScopeCrossNamespacePodAffinity"
      context.report(.invalid("\(path).operator", bare: asJSON(operation), detail))
    }
    switch operation {
    case "In", "NotIn":
      if values.isEmpty {
        let detail = "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector"
        context.report(.required("\(path).values", detail))
      }
    case "Exists", "DoesNotExist":
      if !values.isEmpty {
        let detail = "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector"
        context.report(.invalid("\(path).values", bare: shown(values), detail))
      }
    default: context.report(.invalid("\(path).operator", bare: asJSON(operation), "not a valid selector operator"))
    }
  }

  /// They are compared as sets.
  private static let scopesStay: Rule.Function = { context in
    let (before, after) = (texts(context.old), texts(context.value))
    if Set(before.map { ByteString($0) }) != Set(after.map { ByteString($0) }) {
      context.report(.invalid(context.path(), bare: context.shown(context.value).encoded().text, "field is immutable"))
    }
  }

  /// How many pairs of scopes exclude each other.
  private static func conflicts(_ scopes: [String]) -> Int {
    [("BestEffort", "NotBestEffort"), ("Terminating", "NotTerminating")]
      .count { scopes.contains($0.0) && scopes.contains($0.1) }
  }

  /// What a quota counts that has nothing to do with a scope. (`IsResourceQuotaScopeValidForResource`)
  private static func strangers(to scope: String, in spec: JSONValue?) -> [String] {
    let friends: [String]
    switch scope {
    case "Terminating", "NotTerminating", "NotBestEffort", "PriorityClass", "CrossNamespacePodAffinity":
      friends = ["pods", "cpu", "memory", "limits.cpu", "limits.memory", "requests.cpu", "requests.memory"]
    case "BestEffort": friends = ["pods"]
    case "VolumeAttributesClass": friends = ["persistentvolumeclaims", "requests.storage"]
    default: return []
    }
    return (spec?["hard"]?.object?.members ?? []).map(\.name)
      .filter { ResourceNames.isOfQuotas($0) && !friends.contains($0) }
  }

  // MARK: texts

  private static func texts(_ list: JSONValue?) -> [String] { (list?.array ?? []).map { $0.string ?? "" } }
  private static func shown(_ list: [String]) -> String { JSONValue.array(list.map { .string($0) }).encoded().text }
  private static func asJSON(_ text: String) -> String { JSONValue.string(text).encoded().text }

  /// Upstream prints its internal type here.
  private static func shown(_ selector: JSONValue) -> String {
    let terms = selector["matchExpressions"]?.array.map { terms in
      JSONValue.array(
        terms.map { term in
          [
            "ScopeName": term["scopeName"] ?? "", "Operator": term["operator"] ?? "", "Values": term["values"] ?? .null,
          ]
        })
    }
    let shown: JSONValue = ["MatchExpressions": terms ?? .null]
    return shown.encoded().text
  }
}
