public import Machinery

/// The ways in which somebody may be let act as somebody else: those that are for one kind of user and one kind of
/// request first, and then the old one, which is for all. (endpoints/filters/impersonation/mode.go, kep.k8s.io/5284.)
extension Impersonation {
  public struct Mode: Sendable {
    public enum Step: Sendable {
      /// Has to be allowed.
      case ask(AccessAttributes)
      /// Never is.
      case refuse(Status)
    }
    public var steps: [Step]
    /// Who the request is by, when all of it is allowed.
    public let user: UserInfo
    /// The verb that stands for this way; empty for the old one.
    public let constraint: String
  }

  private static let authentication = GroupVersion(group: "authentication.k8s.io", version: "v1")

  /// In the order in which they are tried. `request`: what is to be done, by the requester. The way that is for the
  /// pods of a node alone is not there: nobody is known by a token of a pod.
  public func modes(for request: AccessAttributes) -> [Mode] {
    let requester = request.user
    let isPlain = groups.isEmpty && extra.isEmpty && uid.isEmpty
    var modes: [Mode] = []
    if let node = nodeName {
      if isPlain {
        let user = Self.withGroupOfItsKind(UserInfo(name: userName, groups: [UserInfo.nodesGroup]))
        modes.append(constrained("arbitrary-node", request, user) { [question($0, requester, "nodes", name: node)] })
      }
    } else if let serviceAccount {
      if isPlain {
        modes.append(
          constrained("serviceaccount", request, user) {
            [question($0, requester, "serviceaccounts", namespace: serviceAccount.namespace, name: serviceAccount.name)]
          })
      }
    } else {
      modes.append(constrained("user-info", request, user) { userInfoSteps($0, requester) })
    }
    return modes + [Mode(steps: questions(by: requester).map { .ask($0) }, user: user, constraint: "")]
  }

  private var nodeName: String? {
    let lead = "system:node:"
    guard userName.hasPrefix(lead) else { return nil }
    let name = String(userName.dropFirst(lead.count))
    return NameValidation.dns1123Subdomain(name).isEmpty ? name : nil
  }

  /// May the request be made in this way, and then: may this user be taken?
  private func constrained(
    _ name: String, _ request: AccessAttributes, _ user: UserInfo, _ steps: (String) -> [Mode.Step]
  ) -> Mode {
    var on = request
    on.verb = "impersonate-on:\(name):\(request.verb)"
    return Mode(steps: [.ask(on)] + steps("impersonate:\(name)"), user: user, constraint: "impersonate:\(name)")
  }

  private func question(
    _ verb: String, _ requester: UserInfo, _ resource: String, subresource: String = "", namespace: String = "",
    name: String
  ) -> Mode.Step {
    .ask(attributes(verb, requester, resource, subresource: subresource, namespace: namespace, name: name))
  }

  private func attributes(
    _ verb: String, _ requester: UserInfo, _ resource: String, subresource: String = "", namespace: String = "",
    name: String
  ) -> AccessAttributes {
    let version = Self.authentication
    return AccessAttributes(
      requester, verb, group: version.group, version: version.version, resource: resource, subresource: subresource,
      namespace: namespace, name: name)
  }

  private func userInfoSteps(_ verb: String, _ requester: UserInfo) -> [Mode.Step] {
    var steps = [question(verb, requester, "users", name: userName)]
    if !uid.isEmpty { steps.append(question(verb, requester, "uids", name: uid)) }
    func refuse(_ resource: String, name: String = "", _ why: String) {
      steps.append(.refuse(attributes(verb, requester, resource, name: name).forbidden(why)))
    }
    if groups.contains("") {
      refuse("groups", "impersonating the empty string group is not allowed")
    } else if groups.contains(UserInfo.privilegedGroup) {
      refuse("groups", name: UserInfo.privilegedGroup, "impersonating the system:masters group is not allowed")
    }
    steps += groups.map { question(verb, requester, "groups", name: $0) }
    let extra = Self.gathered(extra)
    if let why = extra.lazy.compactMap({ Self.problem(ofExtra: $0.key, $0.values) }).first { refuse("userextras", why) }
    for (key, values) in extra {
      steps += values.map { question(verb, requester, "userextras", subresource: key, name: $0) }
    }
    return steps
  }

  private static func problem(ofExtra key: String, _ values: [String]) -> String? {
    if key.isEmpty { return "impersonating the empty string key in extra is not allowed" }
    let errors = NameValidation.domainPrefixedPath("extra.key", key)
    if !errors.isEmpty {
      return "impersonating an invalid key in extra is not allowed: \(FieldError.aggregate(errors.map(\.message)))"
    }
    if key != key.lowercased() {
      return "impersonating a non-lowercase key in extra is not allowed: \(GoText.quoted(key))"
    }
    if values.contains("") { return "impersonating the empty string value in extra is not allowed" }
    return nil
  }
}
