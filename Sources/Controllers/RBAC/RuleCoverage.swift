import JSON

/// A rule of a role, to be compared with others.
struct PolicyRule {
  var verbs: [String]
  var groups: [String]
  var resources: [String]
  var names: [String]
  var urls: [String]

  init(verb: String, group: String? = nil, resource: String? = nil, name: String? = nil, url: String? = nil) {
    verbs = [verb]
    groups = group.map { [$0] } ?? []
    resources = resource.map { [$0] } ?? []
    names = name.map { [$0] } ?? []
    urls = url.map { [$0] } ?? []
  }

  init(_ rule: JSONValue) {
    func texts(_ member: String) -> [String] { (rule[member]?.array ?? []).compactMap(\.string) }
    verbs = texts("verbs")
    groups = texts("apiGroups")
    resources = texts("resources")
    names = texts("resourceNames")
    urls = texts("nonResourceURLs")
  }

  /// In the order of the type.
  var object: JSONValue {
    let lists = [
      ("verbs", verbs), ("apiGroups", groups), ("resources", resources), ("resourceNames", names),
      ("nonResourceURLs", urls),
    ]
    let members = lists.filter { !$0.1.isEmpty }.map { JSONObject.Member($0.0, .array($0.1.map { .string($0) })) }
    return .object(JSONObject(unchecked: members))
  }

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

  private static func covers(_ own: String, _ url: String) -> Bool {
    if own == url { return true }
    guard own.utf8.last == UInt8(ascii: "*") else { return false }
    let start = own.utf8.reversed().drop { $0 == UInt8(ascii: "*") }
    return url.utf8.starts(with: start.reversed())
  }

  /// What `rules` allow and `owned` do not, in parts. (`Covers`)
  static func missing(from owned: [JSONValue], of rules: [JSONValue]) -> [JSONValue] {
    if owned == rules { return [] }
    let owned = owned.map { PolicyRule($0) }
    return rules.flatMap { PolicyRule($0).parts }.filter { part in !owned.contains { $0.covers(part) } }.map(\.object)
  }
}
