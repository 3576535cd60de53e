import JSON
import Machinery

/// A file of policies, one JSON object a line: the user or group, and what they may touch. (Kubernetes:
/// `--authorization-policy-file`, package `abac`.)
public struct ABACPolicy: Authorizer {
  struct Rule: Sendable, Equatable {
    var user = ""
    var group = ""
    var isReadOnly = false
    var apiGroup = ""
    var resource = ""
    var namespace = ""
    var path = ""
  }

  public struct Malformed: Error, CustomStringConvertible, Equatable {
    public let description: String
  }

  let rules: [Rule]

  /// Throws `Malformed`, naming the line. Empty lines and those that begin with `#` are passed over; a line without a
  /// version is read as the oldest form.
  public init(lines text: String) throws(Malformed) {
    var rules: [Rule] = []
    for (place, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
      let line = line.filter { $0 != "\r" }
      let content = line.drop { $0 == " " || $0 == "\t" }
      if content.isEmpty || content.hasPrefix("#") { continue }
      func malformed(_ why: String) -> Malformed { Malformed(description: "line \(place + 1): \(why)") }
      let value: JSONValue
      do { value = try JSONValue(parsing: String(content)) } catch { throw malformed("\(error)") }
      guard value.object != nil else { throw malformed("not a JSON object") }
      if value["apiVersion"] == nil && value["kind"] == nil {
        rules.append(Self.unversioned(value).starMeansAuthenticated)
        continue
      }
      let version = value["apiVersion"]?.string ?? ""
      guard version == "abac.authorization.kubernetes.io/v1beta1" else {
        throw malformed("unknown apiVersion \(GoText.quoted(version))")
      }
      guard value["kind"]?.string == "Policy" else { throw malformed("unrecognized object, kind must be \"Policy\"") }
      let spec = value["spec"]
      func text(_ name: String) throws(Malformed) -> String {
        guard let member = spec?[name], member != .null else { return "" }
        guard let text = member.string else { throw malformed("spec.\(name) must be a string") }
        return text
      }
      var rule = Rule(
        user: try text("user"), group: try text("group"), apiGroup: try text("apiGroup"),
        resource: try text("resource"), namespace: try text("namespace"),
        path: try text("nonResourcePath"))
      if let readonly = spec?["readonly"], readonly != .null {
        guard let isReadOnly = readonly.bool else { throw malformed("spec.readonly must be true or false") }
        rule.isReadOnly = isReadOnly
      }
      rules.append(rule.starMeansAuthenticated)
    }
    self.rules = rules
  }

  /// The form before there were versions: what is not named is everything. (`abac/v0` conversion.)
  private static func unversioned(_ value: JSONValue) -> Rule {
    func text(_ name: String) -> String { value[name]?.string ?? "" }
    var rule = Rule(
      user: text("user"), group: text("group"), apiGroup: "*", resource: text("resource"), namespace: text("namespace"))
    rule.isReadOnly = value["readonly"]?.bool ?? false
    if rule.user.isEmpty && rule.group.isEmpty { rule.group = UserInfo.authenticatedGroup }
    if rule.namespace.isEmpty && rule.resource.isEmpty { rule.path = "*" }
    if rule.namespace.isEmpty { rule.namespace = "*" }
    if rule.resource.isEmpty { rule.resource = "*" }
    return rule
  }

  public func authorize(_ attributes: AccessAttributes) -> AccessVerdict {
    .now(rules.contains { $0.covers(attributes) } ? .allow : .noOpinion("No policy matched."))
  }

  public func rules(for user: UserInfo, namespace: String) -> AccessRules {
    var found = AccessRules()
    for rule in rules where rule.isAbout(user) && (rule.namespace == "*" || rule.namespace == namespace) {
      let verbs = rule.isReadOnly ? ["get", "list", "watch"] : ["*"]
      if !rule.resource.isEmpty {
        found.resources.append(.init(verbs: verbs, groups: [rule.apiGroup], resources: [rule.resource]))
      }
      if !rule.path.isEmpty { found.paths.append(.init(verbs: verbs, paths: [rule.path])) }
    }
    return found
  }
}

extension ABACPolicy.Rule {
  /// `*` for a user or a group is everyone who is authenticated. (`abac` conversions.)
  fileprivate var starMeansAuthenticated: ABACPolicy.Rule {
    guard user == "*" || group == "*" else { return self }
    var rule = self
    rule.user = ""
    rule.group = UserInfo.authenticatedGroup
    return rule
  }

  /// A rule names a user, a group, or both, and then both must fit. One that names neither is about nobody.
  func isAbout(_ who: UserInfo) -> Bool {
    if user.isEmpty && group.isEmpty { return false }
    return (user.isEmpty || user == who.name) && (group.isEmpty || who.isIn(group))
  }

  func covers(_ attributes: AccessAttributes) -> Bool {
    guard isAbout(attributes.user), attributes.isReadOnly || !isReadOnly else { return false }
    if attributes.isResource {
      return (namespace == "*" || namespace == attributes.namespace)
        && (resource == "*" || resource == attributes.resource)
        && (apiGroup == "*" || apiGroup == attributes.group)
    }
    return path == "*" || path == attributes.path
      || (path.hasSuffix("*") && attributes.path.hasPrefix(String(path.dropLast())))
  }
}
