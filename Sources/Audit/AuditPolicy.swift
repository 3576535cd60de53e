public import Access
import ByteBuffers
public import ConfigurationFiles
public import JSON
import Machinery

/// Which requests are audited, and how closely: the first rule that fits decides. (audit.k8s.io/v1 `Policy`; apiserver
/// `audit/policy`.)
public struct AuditPolicy: Sendable {
  public typealias Problem = ConfigurationProblem

  /// What the policy says of one request.
  public struct Decision: Sendable, Equatable {
    public var level: AuditLevel
    var omittedStages: Set<AuditStage> = []
    var omitsManagedFields = false
  }

  private struct Resources: Sendable {
    var group: String
    var resources: [String]
    var names: [String]
  }

  private struct Rule: Sendable {
    var users: Set<ByteString>
    var groups: Set<ByteString>
    var verbs: Set<ByteString>
    var resources: [Resources]
    var namespaces: Set<ByteString>
    var paths: [String]
    var decision: Decision
  }

  private let rules: [Rule]
  /// Of what no rule fits.
  private let rest: Decision

  /// Reads the tree of a file. `duplicates`: complaints of names given twice, which only the text shows. Throws
  /// `Problem`. Unknown members are refused here: a rule with a slip in it would leave unseen what it was written for.
  /// (kube-apiserver warns and goes on.)
  public init(_ tree: JSONValue, duplicates: [String] = []) throws(Problem) {
    try ConfigurationTree.check(tree, kind: "Policy", versions: ["audit.k8s.io/v1"], duplicates: duplicates)
    try ConfigurationTree.check(
      tree, "", ["kind", "apiVersion", "metadata", "rules", "omitStages", "omitManagedFields"])
    let stages = try Self.stages(tree["omitStages"], "omitStages")
    let omits = try Self.flag(tree["omitManagedFields"], "omitManagedFields") ?? false
    rest = Decision(level: .none, omittedStages: stages, omitsManagedFields: omits)
    var rules: [Rule] = []
    for (place, rule) in try ConfigurationTree.items(tree["rules"], "rules").enumerated() {
      rules.append(try Self.rule(rule, "rules[\(place)]", stages, omits))
    }
    if rules.isEmpty { throw Problem(description: "loaded illegal policy with 0 rules") }
    self.rules = rules
  }

  private static func rule(
    _ tree: JSONValue, _ path: String, _ stages: Set<AuditStage>, _ omits: Bool
  ) throws(Problem) -> Rule {
    try ConfigurationTree.check(
      tree, path,
      [
        "level", "users", "userGroups", "verbs", "resources", "namespaces", "nonResourceURLs", "omitStages",
        "omitManagedFields",
      ])
    let text = tree["level"]?.string ?? ""
    if text.isEmpty { throw Problem(.required("\(path).level", "")) }
    guard let level = AuditLevel(rawValue: text) else {
      throw Problem(.notSupported("\(path).level", text, AuditLevel.allCases.map(\.rawValue)))
    }
    let paths = try strings(tree["nonResourceURLs"], "\(path).nonResourceURLs")
    for (place, url) in paths.enumerated() where url != "*" {
      let field = "\(path).nonResourceURLs[\(place)]"
      if !url.hasPrefix("/") {
        throw Problem(.invalid(field, url, "non-resource URL rules must begin with a '/' character"))
      }
      if url.dropLast().contains("*") {
        throw Problem(.invalid(field, url, "non-resource URL wildcards '*' must be the final character of the rule"))
      }
    }
    var resources: [Resources] = []
    for (place, entry) in try ConfigurationTree.items(tree["resources"], "\(path).resources").enumerated() {
      let at = "\(path).resources[\(place)]"
      try ConfigurationTree.check(entry, at, ["group", "resources", "resourceNames"])
      let one = Resources(
        group: entry["group"]?.string ?? "", resources: try strings(entry["resources"], "\(at).resources"),
        names: try strings(entry["resourceNames"], "\(at).resourceNames"))
      if !one.group.isEmpty, one.group != "*", let problem = NameValidation.dns1123Subdomain(one.group).first {
        throw Problem(.invalid("\(path).resources.group", one.group, problem))
      }
      if !one.names.isEmpty && one.resources.isEmpty {
        throw Problem(
          .invalid(
            "\(path).resources.resourceNames", bare: (entry["resourceNames"] ?? []).encoded().text,
            "using resourceNames requires at least one resource"))
      }
      resources.append(one)
    }
    let namespaces = try strings(tree["namespaces"], "\(path).namespaces")
    if !paths.isEmpty && !(resources.isEmpty && namespaces.isEmpty) {
      let shown = (tree["nonResourceURLs"] ?? []).encoded().text
      throw Problem(
        .invalid(
          "\(path).nonResourceURLs", bare: shown, "rules cannot apply to both regular resources and non-resource URLs"))
    }
    let decision = Decision(
      level: level, omittedStages: stages.union(try self.stages(tree["omitStages"], "\(path).omitStages")),
      omitsManagedFields: try flag(tree["omitManagedFields"], "\(path).omitManagedFields") ?? omits)
    return Rule(
      users: Set(try strings(tree["users"], "\(path).users")),
      groups: Set(try strings(tree["userGroups"], "\(path).userGroups")),
      verbs: Set(try strings(tree["verbs"], "\(path).verbs")), resources: resources, namespaces: Set(namespaces),
      paths: paths, decision: decision)
  }

  // MARK: reading

  private static func strings(_ value: JSONValue?, _ path: String) throws(Problem) -> [String] {
    var out: [String] = []
    for (place, item) in try ConfigurationTree.items(value, path).enumerated() {
      guard let text = item.string else { throw Problem(description: "\(path)[\(place)]: it must be a string") }
      out.append(text)
    }
    return out
  }

  private static func flag(_ value: JSONValue?, _ path: String) throws(Problem) -> Bool? {
    guard let value, !value.isNull else { return nil }
    guard let flag = value.bool else { throw Problem(description: "\(path): it must be true or false") }
    return flag
  }

  private static func stages(_ value: JSONValue?, _ path: String) throws(Problem) -> Set<AuditStage> {
    var stages: Set<AuditStage> = []
    for (place, text) in try strings(value, path).enumerated() {
      guard let stage = AuditStage(rawValue: text) else {
        let known = AuditStage.allCases.map(\.rawValue).joined(separator: ",")
        throw Problem(.invalid("\(path)[\(place)]", text, "allowed stages are \(known)"))
      }
      stages.insert(stage)
    }
    return stages
  }

  // MARK: deciding

  /// What is kept of a request. `user`: nil where nobody was recognized.
  public func decide(_ request: AccessAttributes, isKnown: Bool = true) -> Decision {
    rules.first { Self.fits($0, request, isKnown) }?.decision ?? rest
  }

  private static func fits(_ rule: Rule, _ request: AccessAttributes, _ isKnown: Bool) -> Bool {
    if !rule.users.isEmpty && !(isKnown && rule.users.contains(request.user.name)) { return false }
    if !rule.groups.isEmpty && !(isKnown && request.user.groups.contains(where: rule.groups.contains)) { return false }
    if !rule.verbs.isEmpty && !rule.verbs.contains(request.verb) { return false }
    if !rule.namespaces.isEmpty || !rule.resources.isEmpty { return fits(rule.resources, rule.namespaces, request) }
    if !rule.paths.isEmpty { return !request.isResource && rule.paths.contains { isMatch($0, request.path) } }
    return true
  }

  private static func isMatch(_ rule: String, _ path: String) -> Bool {
    if rule == "*" || rule == path { return true }
    return rule.hasSuffix("*") && path.hasPrefix(String(rule.dropLast()))
  }

  private static func fits(_ resources: [Resources], _ namespaces: Set<ByteString>, _ request: AccessAttributes) -> Bool
  {
    guard request.isResource else { return false }
    if !namespaces.isEmpty && !namespaces.contains(request.namespace) { return false }
    if resources.isEmpty { return true }
    let whole = request.subresource.isEmpty ? request.resource : "\(request.resource)/\(request.subresource)"
    return resources.contains { entry in
      guard entry.group == request.group || entry.group == "*" else { return false }
      if entry.resources.isEmpty { return true }
      guard entry.names.isEmpty || entry.names.contains(request.name) else { return false }
      return entry.resources.contains { pattern in
        pattern == whole || pattern == "*" || !request.subresource.isEmpty && pattern == "*/\(request.subresource)"
          || pattern == "\(request.resource)/*"
      }
    }
  }
}
