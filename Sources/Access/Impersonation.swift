public import Machinery

/// A wish to act as somebody else, from a request's `Impersonate-*` headers. (Kubernetes: endpoints/filters/impersonation.)
public struct Impersonation: Sendable {
  private let userName: String
  private let serviceAccount: (namespace: String, name: String)?
  private let groups: [String]
  private let extra: [(key: String, value: String)]
  private let uid: String

  /// nil where nobody is impersonated. `headers`: names in small letters. Throws 400 where groups, uid or extras come without a user.
  public init?(headers: [(name: String, value: String)]) throws(Status) {
    func first(_ name: String) -> String { headers.first { $0.name == name }?.value ?? "" }
    let extraLead = "impersonate-extra-"
    userName = first("impersonate-user")
    groups = headers.filter { $0.name == "impersonate-group" }.map(\.value)
    uid = first("impersonate-uid")
    extra = headers.filter { $0.name.hasPrefix(extraLead) }.map { (ExtraKey.unescape(String($0.name.dropFirst(extraLead.count))), $0.value) }
    serviceAccount = Self.account(userName)
    if userName.isEmpty {
      if groups.isEmpty && uid.isEmpty && extra.isEmpty { return nil }
      throw .badRequest("requested \(Self.described(groups, extra, uid)) without impersonating a user")
    }
  }

  /// The namespace and name of `system:serviceaccount:NS:NAME`.
  private static func account(_ user: String) -> (namespace: String, name: String)? {
    let parts = user.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count == 4, parts[0] == "system", parts[1] == "serviceaccount", !parts[2].isEmpty, !parts[3].isEmpty else { return nil }
    return (String(parts[2]), String(parts[3]))
  }

  /// The references as Go prints their structs.
  private static func described(_ groups: [String], _ extra: [(key: String, value: String)], _ uid: String) -> String {
    var parts = groups.map { "{Group  \($0)    }" }
    parts += extra.map { "{UserExtra  \($0.value)  authentication.k8s.io/v1  \($0.key)}" }
    if !uid.isEmpty { parts.append("{UID  \(uid)  authentication.k8s.io/v1  }") }
    return "[\(parts.joined(separator: " "))]"
  }

  /// Everything that the requester must be allowed to do for this: one question each.
  public func questions(by requester: UserInfo) -> [AccessAttributes] {
    var questions: [AccessAttributes] = []
    if let serviceAccount {
      questions.append(AccessAttributes(
        requester, "impersonate", group: "", version: "v1", resource: "serviceaccounts", namespace: serviceAccount.namespace, name: serviceAccount.name))
    } else {
      questions.append(AccessAttributes(requester, "impersonate", group: "", version: "v1", resource: "users", name: userName))
    }
    questions += groups.map { AccessAttributes(requester, "impersonate", group: "", version: "v1", resource: "groups", name: $0) }
    questions += extra.map {
      AccessAttributes(requester, "impersonate", group: "authentication.k8s.io", version: "v1", resource: "userextras", subresource: $0.key, name: $0.value)
    }
    if !uid.isEmpty { questions.append(AccessAttributes(requester, "impersonate", group: "authentication.k8s.io", version: "v1", resource: "uids", name: uid)) }
    return questions
  }

  /// Who the request is by from now on.
  public var user: UserInfo {
    var user = UserInfo(name: userName, uid: uid)
    if let serviceAccount, groups.isEmpty {
      user.groups = ["system:serviceaccounts", "system:serviceaccounts:\(serviceAccount.namespace)"]
    } else {
      user.groups = groups
    }
    var places: [String: Int] = [:]
    for (key, value) in extra {
      if let place = places[key] {
        user.extra[place].values.append(value)
      } else {
        places[key] = user.extra.count
        user.extra.append((key, [value]))
      }
    }
    if userName == UserInfo.anonymousName {
      if !user.isIn(UserInfo.unauthenticatedGroup) { user.groups.append(UserInfo.unauthenticatedGroup) }
    } else if !user.isIn(UserInfo.authenticatedGroup) && !user.isIn(UserInfo.unauthenticatedGroup) {
      user.groups.append(UserInfo.authenticatedGroup)
    }
    return user
  }
}
