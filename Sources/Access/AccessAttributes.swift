public import Machinery

/// What somebody wants to do: what authorizers decide about. (Kubernetes: `authorizer.Attributes`.)
public struct AccessAttributes: Sendable {
  public var user: UserInfo
  /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, `deletecollection`, `impersonate`; for paths the
  /// method in small letters.
  public var verb: String
  /// False for a path that is no resource: then only `path` says what it is about.
  public var isResource: Bool
  public var group = ""
  public var version = ""
  public var resource = ""
  public var subresource = ""
  public var namespace = ""
  /// Of one object; of a collection whose field selector names one, that name.
  public var name = ""
  public var path = ""

  /// Of a resource.
  public init(
    _ user: UserInfo, _ verb: String, group: String, version: String = "", resource: String, subresource: String = "",
    namespace: String = "", name: String = "",
    path: String = ""
  ) {
    self.user = user
    self.verb = verb
    isResource = true
    self.group = group
    self.version = version
    self.resource = resource
    self.subresource = subresource
    self.namespace = namespace
    self.name = name
    self.path = path
  }

  /// Of a path.
  public init(_ user: UserInfo, _ verb: String, path: String) {
    self.user = user
    self.verb = verb
    isResource = false
    self.path = path
  }

  var isReadOnly: Bool { verb == "get" || verb == "list" || verb == "watch" }

  /// The 403 of whoever may not. (apiserver `responsewriters.ForbiddenStatusError`.)
  public func forbidden(_ reason: String) -> Status {
    let user = GoText.quoted(user.name)
    var text: String
    if isResource {
      let what = subresource.isEmpty ? resource : "\(resource)/\(subresource)"
      let place = namespace.isEmpty ? "at the cluster scope" : "in the namespace \(GoText.quoted(namespace))"
      text = "User \(user) cannot \(verb) resource \(GoText.quoted(what)) in API group \(GoText.quoted(group)) \(place)"
    } else {
      text = "User \(user) cannot \(verb) path \(GoText.quoted(path))"
    }
    // Nothing that a browser could take for markup.
    if text.utf8.contains(where: { $0 == UInt8(ascii: "&") || $0 == UInt8(ascii: "<") || $0 == UInt8(ascii: ">") }) {
      // By code points: with an accent behind it a bracket is one all the same.
      text = text.unicodeScalars.map { $0 == "&" ? "&amp;" : $0 == "<" ? "&lt;" : $0 == ">" ? "&gt;" : String($0) }
        .joined()
    }
    return .forbidden(
      isResource ? GroupResource(group: group, resource: resource) : nil, name: name,
      reason.isEmpty ? text : "\(text): \(reason)")
  }
}
