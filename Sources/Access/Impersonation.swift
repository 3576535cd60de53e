public import Machinery

/// A wish to act as somebody else, from a request's `Impersonate-*` headers. (Kubernetes:
/// endpoints/filters/impersonation.)
public struct Impersonation: Sendable {
  let userName: String
  let serviceAccount: (namespace: String, name: String)?
  let groups: [String]
  let extra: [(key: String, value: String)]
  let uid: String

  /// nil where nobody is impersonated. `headers`: names in small letters. Throws 400 where groups, uid or extras come
  /// without a user.
  public init?(headers: [(name: String, value: String)]) throws(Status) {
    func first(_ name: String) -> String { headers.first { $0.name == name }?.value ?? "" }
    let extraLead = "impersonate-extra-"
    userName = first("impersonate-user")
    groups = headers.filter { $0.name == "impersonate-group" }.map(\.value)
    uid = first("impersonate-uid")
    extra = headers.filter { $0.name.hasPrefix(extraLead) }.map {
      (ExtraKey.unescape(String($0.name.dropFirst(extraLead.count))), $0.value)
    }
    serviceAccount = UserInfo.serviceAccount(userName)
    if userName.isEmpty {
      if groups.isEmpty && uid.isEmpty && extra.isEmpty { return nil }
      throw .badRequest(
        "requested \(Self.described(groups, Self.gathered(extra), uid)) without impersonating a user name")
    }
  }

  /// The values of each key together.
  static func gathered(_ extra: [(key: String, value: String)]) -> [(key: String, values: [String])] {
    var all: [(key: String, values: [String])] = []
    var places: [ByteString: Int] = [:]
    for (key, value) in extra {
      if let place = places[key] {
        all[place].values.append(value)
      } else {
        places[key] = all.count
        all.append((key, [value]))
      }
    }
    return all
  }

  /// The user as Go prints the struct.
  private static func described(_ groups: [String], _ extra: [(key: String, values: [String])], _ uid: String) -> String
  {
    func list(_ texts: [String]) -> String {
      texts.isEmpty ? "[]string(nil)" : "[]string{\(texts.map { GoText.quoted($0) }.joined(separator: ", "))}"
    }
    let members = extra.sorted { $0.key < $1.key }.map { "\(GoText.quoted($0.key)):\(list($0.values))" }
    let map = members.isEmpty ? "map[string][]string(nil)" : "map[string][]string{\(members.joined(separator: ", "))}"
    return "&user.DefaultInfo{Name:\"\", UID:\(GoText.quoted(uid)), Groups:\(list(groups)), Extra:\(map)}"
  }

  /// Everything that the requester must be allowed to do for this: one question each.
  public func questions(by requester: UserInfo) -> [AccessAttributes] {
    var questions: [AccessAttributes] = []
    if let serviceAccount {
      questions.append(
        AccessAttributes(
          requester, "impersonate", group: "", version: "v1", resource: "serviceaccounts",
          namespace: serviceAccount.namespace, name: serviceAccount.name))
    } else {
      questions.append(
        AccessAttributes(requester, "impersonate", group: "", version: "v1", resource: "users", name: userName))
    }
    questions += groups.map {
      AccessAttributes(requester, "impersonate", group: "", version: "v1", resource: "groups", name: $0)
    }
    questions += extra.map {
      AccessAttributes(
        requester, "impersonate", group: "authentication.k8s.io", version: "v1", resource: "userextras",
        subresource: $0.key, name: $0.value)
    }
    if !uid.isEmpty {
      questions.append(
        AccessAttributes(
          requester, "impersonate", group: "authentication.k8s.io", version: "v1", resource: "uids", name: uid))
    }
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
    user.extra = Self.gathered(extra)
    return Self.withGroupOfItsKind(user)
  }

  static func withGroupOfItsKind(_ user: UserInfo) -> UserInfo {
    var user = user
    if user.name == UserInfo.anonymousName {
      if !user.isIn(UserInfo.unauthenticatedGroup) { user.groups.append(UserInfo.unauthenticatedGroup) }
    } else if !user.isIn(UserInfo.authenticatedGroup) && !user.isIn(UserInfo.unauthenticatedGroup) {
      user.groups.append(UserInfo.authenticatedGroup)
    }
    return user
  }
}
