import JSON
import Machinery
import Registry

/// Rules for flow schemas. (Kubernetes: pkg/apis/flowcontrol/validation, `ValidateFlowSchema`)
enum FlowSchemaRules {
  static let all: [Rule] = [
    .on(
      .main,
      .metadata(.subdomain),
      .at(
        "spec",
        .at("matchingPrecedence", .custom(precedence)),
        .at("distinguisherMethod", .custom(distinguisher)),
        .at(
          "priorityLevelConfiguration",
          .at("name", .required("must reference a priority level"), .format(.dns1123Subdomain))),
        .at(
          "rules",
          .each(
            .at("subjects", .required("subjects must contain at least one value"), .each(.custom(subject))),
            .custom(matchesAnything),
            .at("resourceRules", .each(resourceRule)),
            .at("nonResourceRules", .each(nonResourceRule)))),
        .custom(isAsItMustBe))),
    FlowControlConditions.rule,
  ]

  private static let precedence: Rule.Function = { context in
    guard let number = context.value?.int else { return }
    func complain(_ detail: String) { context.report(.invalid(context.path(), bare: String(number), detail)) }
    if number <= 0 { complain("must be a positive value") }
    if number > 10_000 { complain("must not be greater than 10000") }
    if number == 1 && context.object["metadata"]?["name"]?.string != "exempt" {
      complain("only the schema named 'exempt' may have matchingPrecedence 1")
    }
  }

  /// Upstream shows the method as a whole, in its internal type.
  private static let distinguisher: Rule.Function = { context in
    guard let method = context.value, !method.isNull else { return }
    let known = ["ByNamespace", "ByUser"]
    let type = method["type"]?.string ?? ""
    if known.contains(type) { return }
    let shown = InternalForm.text(of: method, as: "io.k8s.api.flowcontrol.v1.FlowDistinguisherMethod")
    context.report(.notSupported(context.path("type"), bare: shown, known))
  }

  /// What the objects that are built in say is fixed.
  private static let isAsItMustBe: Rule.Function = { context in
    guard let name = context.object["metadata"]?["name"]?.string, let spec = context.value,
      let fixed = BootstrapFlowControl.mandatoryFlowSchemas.first(where: { $0["metadata"]?["name"]?.string == name }),
      !InternalForm.areSame(spec, fixed["spec"] ?? .null, as: BootstrapFlowControl.schemaSpec)
    else { return }
    let shown = InternalForm.text(of: spec, as: BootstrapFlowControl.schemaSpec)
    context.report(.invalid(context.path(), bare: shown, "spec of '\(name)' must equal the fixed value"))
  }

  // MARK: who

  /// What a subject of each kind is said in, and how its being there is complained about.
  private static let members = [("ServiceAccount", "serviceAccount"), ("User", "user"), ("Group", "group")]

  private static let subject: Rule.Function = { context in
    let kind = context.value?["kind"]?.string ?? ""
    guard let own = members.first(where: { $0.0 == kind })?.1 else {
      return context.report(
        .notSupported(context.path("kind"), named: .string(kind), ["Group", "ServiceAccount", "User"]))
    }
    func isThere(_ member: String) -> Bool { context.value?[member].map { !$0.isNull } ?? false }
    if isThere(own) {
      who(own, context.value?[own] ?? .null, &context)
    } else {
      context.report(.required(context.path(.member(own)), "\(own) is required when subject kind is '\(kind)'"))
    }
    for (other, member) in members where member != own && isThere(member) {
      context.report(
        .forbidden(context.path(.member(member)), "\(member) is forbidden when subject kind is not '\(other)'"))
    }
  }

  private static func who(_ member: String, _ value: JSONValue, _ context: inout RuleContext) {
    let name = value["name"]?.string ?? ""
    func path(_ part: RuleContext.Part) -> String { context.path(.member(member), part) }
    if name.isEmpty { context.report(.required(path("name"), "")) }
    guard member == "serviceAccount" else { return }
    if !name.isEmpty && name != "*" {
      for problem in NameValidation.dns1123Subdomain(name) { context.report(.invalid(path("name"), name, problem)) }
    }
    let namespace = value["namespace"]?.string ?? ""
    if namespace.isEmpty {
      context.report(.required(path("namespace"), "must specify namespace for service account"))
    } else {
      for problem in NameValidation.dns1123Label(namespace) {
        context.report(.invalid(path("namespace"), namespace, problem))
      }
    }
  }

  // MARK: what

  private static let matchesAnything: Rule.Function = { context in
    func isGiven(_ member: String) -> Bool { !(context.value?[member]?.array ?? []).isEmpty }
    if isGiven("resourceRules") || isGiven("nonResourceRules") { return }
    context.report(
      .required(context.path(), "at least one of resourceRules and nonResourceRules has to be non-empty"))
  }

  private static let resourceRule: [Rule] = [
    .at("verbs", .required("verbs must contain at least one value"), .custom(verbs)),
    .at(
      "apiGroups", .required("resource rules must supply at least one api group"),
      .custom { starStandsAlone(&$0, "api groups") }),
    .at(
      "resources", .required("resource rules must supply at least one resource"),
      .custom { starStandsAlone(&$0, "resources") }),
    .custom(namespaces),
  ]

  private static let nonResourceRule: [Rule] = [
    .at("verbs", .required("verbs must contain at least one value"), .custom(verbs)),
    .at(
      "nonResourceURLs", .required("nonResourceURLs must contain at least one value"),
      .custom { context in
        if starStandsAlone(&context, "non-resource URLs") { return }
        for (place, url) in texts(context.value).enumerated() {
          guard let problem = problem(withURL: url) else { continue }
          context.report(.invalid(context.path(.index(place)), url, problem))
        }
      }),
  ]

  private static func texts(_ list: JSONValue?) -> [String] { (list?.array ?? []).map { $0.string ?? "" } }

  /// Is there a star in the list? Then there must be nothing else.
  @discardableResult private static func starStandsAlone(_ context: inout RuleContext, _ what: String) -> Bool {
    let all = texts(context.value)
    guard all.contains("*") else { return false }
    if all.count > 1 {
      let shown = context.value?.encoded().text ?? ""
      context.report(
        .invalid(context.path(), bare: shown, "if '*' is present, must not specify other \(what)"))
    }
    return true
  }

  private static let verbs: Rule.Function = { context in
    if starStandsAlone(&context, "verbs") { return }
    let known = ["create", "delete", "deletecollection", "get", "list", "patch", "proxy", "update", "watch"]
    if texts(context.value).allSatisfy(known.contains) { return }
    context.report(.notSupported(context.path(), bare: context.value?.encoded().text ?? "", known))
  }

  private static let namespaces: Rule.Function = { context in
    let isOfCluster = context.value?["clusterScope"]?.bool ?? false
    let list = context.value?["namespaces"] ?? .array([])
    if texts(list).isEmpty {
      if isOfCluster { return }
      let detail = "resource rules that are not cluster scoped must supply at least one namespace"
      return context.report(.required(context.path("namespaces"), detail))
    }
    context.look(at: list, "namespaces") { context in
      if starStandsAlone(&context, "namespaces") { return }
      for (place, namespace) in texts(context.value).enumerated() {
        for problem in NameValidation.dns1123Label(namespace) {
          let detail = "each member of this list must be '*' or a DNS-1123 label; \(problem)"
          context.report(.invalid(context.path(.index(place)), namespace, detail))
        }
      }
    }
  }

  /// (`ValidateNonResourceURLPath`)
  static func problem(withURL url: String) -> String? {
    let bytes = Array(url.utf8)
    if bytes.isEmpty { return "must not be empty" }
    let (slash, star) = (UInt8(ascii: "/"), UInt8(ascii: "*"))
    if bytes == [slash] { return nil }
    if bytes[0] != slash { return "must start with slash" }
    if bytes.contains(UInt8(ascii: " ")) { return "must not contain white-space" }
    if zip(bytes, bytes.dropFirst()).contains(where: { $0 == slash && $1 == slash }) {
      return "must not contain double slash"
    }
    let stars = bytes.count { $0 == star }
    if stars > 1 || stars == 1 && bytes.suffix(2) != [slash, star] { return "wildcard can only do suffix matching" }
    return nil
  }
}

/// Rules for the conditions of either kind. (`ValidateFlowSchemaStatus`, `ValidatePriorityLevelConfigurationStatus`)
enum FlowControlConditions {
  static let rule = Rule.at("status", .at("conditions", .custom(each)))

  private static let each: Rule.Function = { context in
    var seen = Set<ByteString>()
    for (place, condition) in (context.value?.array ?? []).enumerated() {
      let type = condition["type"]?.string ?? ""
      let path = context.path(.index(place), "type")
      if !seen.insert(ByteString(type)).inserted {
        context.report(.duplicate(path, bare: JSONValue.string(type).encoded().text))
      }
      if type.isEmpty { context.report(.required(path, "")) }
    }
  }
}
