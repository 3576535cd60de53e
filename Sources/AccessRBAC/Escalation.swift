public import Access
import Machinery

extension RoleIndex {
  /// Why somebody may not give these rules away in a namespace: they don't have all of them. nil where they do.
  /// (`ConfirmNoEscalation`)
  public func escalation(of rules: [PolicyRule], by user: UserInfo, namespace: String) -> String? {
    let (owned, unfound) = self.rules(for: user, namespace: namespace)
    let missing = PolicyRule.missing(from: owned, of: rules)
    if missing.isEmpty { return nil }
    let lines = Set(PolicyRule.compact(missing).map { ByteString($0.compactText) }).sorted().map(\.text)
    let who = "user \(GoText.quoted(user.name)) (groups=\(GoText.quoted(user.groups)))"
    var text = "\(who) is attempting to grant RBAC permissions not currently held:\n\(lines.joined(separator: "\n"))"
    if !unfound.isEmpty { text += "; resolution errors: [\(unfound.aggregated)]" }
    return text
  }

  /// May somebody do all that there is?
  public func hasFullAuthority(_ user: UserInfo) -> Bool {
    escalation(of: [.allResources, .allPaths], by: user, namespace: "") == nil
  }

  /// The rules of the role that a binding in a namespace names; nil where there is none. (`GetRoleReferenceRules`)
  public func rules(ofRole name: String, isClusterRole: Bool, namespace: String) -> [PolicyRule]? {
    rules(ofRole: name, namespace: isClusterRole ? "" : namespace)
  }
}
