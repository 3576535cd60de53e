public import JSON
import Machinery

/// Who a request is by. (Kubernetes: `user.Info`.)
public struct UserInfo: Sendable, Equatable {
  public var name: String
  public var uid: String
  public var groups: [String]
  /// In the order of first appearance.
  public var extra: [(key: String, values: [String])]

  public init(name: String, uid: String = "", groups: [String] = [], extra: [(key: String, values: [String])] = []) {
    self.name = name
    self.uid = uid
    self.groups = groups
    self.extra = extra
  }

  public static let anonymousName = "system:anonymous"
  /// Everyone whose credentials were found good.
  public static let authenticatedGroup = "system:authenticated"
  public static let unauthenticatedGroup = "system:unauthenticated"
  /// Those who may do everything, whatever the authorizers say.
  public static let privilegedGroup = "system:masters"
  public static let nodesGroup = "system:nodes"

  public static let anonymous = UserInfo(name: anonymousName, groups: [unauthenticatedGroup])
  /// Whoever reaches a port that asks for no credentials. (kube-apiserver's insecure port, while it had one.)
  public static let unsecured = UserInfo(name: "system:unsecured", groups: [privilegedGroup, authenticatedGroup])

  public func isIn(_ group: String) -> Bool { groups.contains(group) }

  /// With the group that every authenticated user is in. (`group.AuthenticatedGroupAdder`: those who are anonymous, or
  /// say so, are left alone.)
  var authenticated: UserInfo {
    if name == Self.anonymousName || groups.contains(Self.authenticatedGroup)
      || groups.contains(Self.unauthenticatedGroup)
    {
      return self
    }
    var user = self
    user.groups.append(Self.authenticatedGroup)
    return user
  }

  /// The node that this user is the identity of; nil for everyone else. (`nodeidentifier`.)
  public var nodeName: String? {
    let lead = "system:node:"
    guard name.hasPrefix(lead), isIn(Self.nodesGroup) else { return nil }
    return String(name.dropFirst(lead.count))
  }

  /// The namespace and name in `system:serviceaccount:NS:NAME`; nil for every other name. (`serviceaccount.SplitUsername`)
  public static func serviceAccount(_ name: String) -> (namespace: String, name: String)? {
    let parts = name.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count == 4, parts[0] == "system", parts[1] == "serviceaccount" else { return nil }
    let (namespace, name) = (String(parts[2]), String(parts[3]))
    guard NameValidation.dns1123Label(namespace).isEmpty, NameValidation.dns1123Subdomain(name).isEmpty else {
      return nil
    }
    return (namespace, name)
  }

  /// As reviews and audit events show it. (authentication.k8s.io/v1 `UserInfo`)
  public var json: JSONValue {
    var info: JSONObject = ["username": .string(name)]
    if !uid.isEmpty { info["uid"] = .string(uid) }
    if !groups.isEmpty { info["groups"] = .array(groups.map { .string($0) }) }
    if !extra.isEmpty {
      let members = extra.sorted { $0.key < $1.key }.map {
        JSONObject.Member($0.key, .array($0.values.map { .string($0) }))
      }
      info["extra"] = .object(JSONObject(unchecked: members))
    }
    return .object(info)
  }

  public static func == (a: UserInfo, b: UserInfo) -> Bool {
    a.name == b.name && a.uid == b.uid && a.groups == b.groups && a.extra.map(\.key) == b.extra.map(\.key)
      && a.extra.map(\.values) == b.extra.map(\.values)
  }
}
