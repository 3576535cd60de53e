import Access
public import JSON
import Machinery

/// A rule of a role: what may be done to what. (rbac/v1 `PolicyRule`; pkg/apis/rbac/v1/evaluation_helpers.go)
public struct PolicyRule: Sendable, Equatable {
  public var verbs: [String]
  public var groups: [String]
  public var resources: [String]
  public var names: [String]
  public var urls: [String]

  init(verb: String, group: String? = nil, resource: String? = nil, name: String? = nil, url: String? = nil) {
    verbs = [verb]
    groups = group.map { [$0] } ?? []
    resources = resource.map { [$0] } ?? []
    names = name.map { [$0] } ?? []
    urls = url.map { [$0] } ?? []
  }

  /// All verbs on all resources.
  static let allResources = PolicyRule(verb: "*", group: "*", resource: "*")
  /// All verbs on all paths.
  static let allPaths = PolicyRule(verb: "*", url: "*")

  /// `rule`: as a role has it.
  public init(_ rule: JSONValue) {
    func texts(_ member: String) -> [String] { (rule[member]?.array ?? []).compactMap(\.string) }
    verbs = texts("verbs")
    groups = texts("apiGroups")
    resources = texts("resources")
    names = texts("resourceNames")
    urls = texts("nonResourceURLs")
  }

  /// Those of a role, in its order.
  public static func rules(of role: JSONValue) -> [PolicyRule] { (role["rules"]?.array ?? []).map { PolicyRule($0) } }

  /// In the order of the type.
  public var object: JSONValue {
    let lists = [
      ("verbs", verbs), ("apiGroups", groups), ("resources", resources), ("resourceNames", names),
      ("nonResourceURLs", urls),
    ]
    let members = lists.filter { !$0.1.isEmpty }.map { JSONObject.Member($0.0, .array($0.1.map { .string($0) })) }
    return .object(JSONObject(unchecked: members))
  }

  /// As refusals list it: `{APIGroups:["apps"], Resources:["deployments"], Verbs:["get"]}`. (`CompactString`)
  public var compactText: String {
    let lists = [
      ("APIGroups", groups), ("Resources", resources), ("NonResourceURLs", urls), ("ResourceNames", names),
      ("Verbs", verbs),
    ]
    let parts = lists.filter { !$0.1.isEmpty }.map { "\($0.0):\(GoText.quoted($0.1))" }
    return "{\(parts.joined(separator: ", "))}"
  }

  // MARK: requests

  /// May it be done by this rule? (`RuleAllows`) Allocates nothing: it is asked on every request.
  func allows(_ attributes: AccessAttributes) -> Bool {
    guard Self.has(verbs, attributes.verb) else { return false }
    guard attributes.isResource else { return urls.contains { Self.covers($0, attributes.path) } }
    return Self.has(groups, attributes.group)
      && resources.contains { Self.covers(resource: $0, attributes.resource, attributes.subresource) }
      && (names.isEmpty || names.contains(attributes.name))
  }

  private static func has(_ list: [String], _ wanted: String) -> Bool {
    list.contains { $0 == wanted || $0 == "*" }
  }

  /// `pods`, `pods/log`, `*/scale`, `*`. (`ResourceMatches`)
  private static func covers(resource own: String, _ resource: String, _ subresource: String) -> Bool {
    if own == "*" { return true }
    if subresource.isEmpty { return own == resource }
    var (own, resource) = (own, resource)
    let (count, part) = (own.utf8.count, subresource.utf8.count)
    guard count > part + 1 else { return false }
    return own.withUTF8 { own in
      guard own[count - part - 1] == UInt8(ascii: "/"), own[(count - part)...].elementsEqual(subresource.utf8) else {
        return false
      }
      let lead = own[..<(count - part - 1)]
      return lead.count == 1 && lead[0] == UInt8(ascii: "*") || resource.withUTF8 { lead.elementsEqual($0) }
    }
  }

  // MARK: other rules

  /// The rules that say the same with one verb, group, resource, name and path each. (`BreakdownRule`)
  var parts: [PolicyRule] {
    var parts: [PolicyRule] = []
    for group in groups {
      for resource in resources {
        for verb in verbs {
          if names.isEmpty { parts.append(PolicyRule(verb: verb, group: group, resource: resource)) }
          for name in names { parts.append(PolicyRule(verb: verb, group: group, resource: resource, name: name)) }
        }
      }
    }
    for url in urls {
      for verb in verbs { parts.append(PolicyRule(verb: verb, url: url)) }
    }
    return parts
  }

  /// Does it allow all that a part of another rule does? (`ruleCovers`)
  func covers(_ part: PolicyRule) -> Bool {
    func all(_ own: [String], _ wanted: [String]) -> Bool { own.contains("*") || wanted.allSatisfy(own.contains) }
    return all(verbs, part.verbs) && all(groups, part.groups) && part.resources.allSatisfy(coversResource)
      && part.urls.allSatisfy { url in urls.contains { Self.covers($0, url) } }
      && (names.isEmpty || !part.names.isEmpty && part.names.allSatisfy(names.contains))
  }

  /// `*/status` stands for that part of all resources.
  private func coversResource(_ resource: String) -> Bool {
    if resources.contains("*") || resources.contains(resource) { return true }
    guard let slash = resource.utf8.firstIndex(of: UInt8(ascii: "/")) else { return false }
    return resources.contains("*" + resource[slash...])
  }

  /// In paths a star at the end alone is a pattern. (`NonResourceURLMatches`)
  private static func covers(_ own: String, _ url: String) -> Bool {
    if own == url { return true }
    guard own.utf8.last == UInt8(ascii: "*") else { return false }
    return url.utf8.starts(with: own.utf8.dropLast(own.utf8.reversed().prefix { $0 == UInt8(ascii: "*") }.count))
  }

  /// What `rules` allow and `owned` do not, in parts. (`Covers`)
  public static func missing(from owned: [PolicyRule], of rules: [PolicyRule]) -> [PolicyRule] {
    if owned == rules { return [] }
    return rules.flatMap(\.parts).filter { part in !owned.contains { $0.covers(part) } }
  }

  /// With the verbs of one resource, or of one name, joined in their order. (`CompactRules`)
  static func compact(_ parts: [PolicyRule]) -> [PolicyRule] {
    var joined: [PolicyRule] = []
    var places: [[ByteString]: Int] = [:]
    for part in parts {
      guard part.urls.isEmpty, part.names.count <= 1, part.groups.count == 1, part.resources.count == 1 else {
        joined.append(part)
        continue
      }
      let key = (part.groups + part.resources + part.names).map { ByteString($0) }
      if let place = places[key] {
        joined[place].verbs += part.verbs
      } else {
        places[key] = joined.count
        joined.append(part)
      }
    }
    return joined
  }
}
