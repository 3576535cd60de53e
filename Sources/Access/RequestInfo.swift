import Machinery

/// What a request is about, read from its method and path alone, whether or not anything serves it: a request that may
/// not be made is refused before anybody looks whether it could be. (apiserver `request.RequestInfoFactory`.)
public struct RequestInfo: Sendable, Equatable {
  public var isResource = false
  public var verb: String
  public var path: String
  public var group = ""
  public var version = ""
  public var resource = ""
  public var subresource = ""
  public var namespace = ""
  public var name = ""

  private static let selectorBytesMax = 16 << 10

  /// `method` in capitals; `path` decoded; `query` gives a parameter's first value.
  public init(method: String, path: String, query: (String) -> String?) {
    self.path = path
    verb = method.lowercased()
    // Doubled slashes count as one, as the router counts them: what is asked about must be what would be served.
    var parts = path.split(separator: "/")[...]
    guard parts.count >= 3, let prefix = parts.first, prefix == "api" || prefix == "apis" else { return }
    parts = parts.dropFirst()
    if prefix == "apis" {
      guard parts.count >= 3 else { return }
      group = String(parts.removeFirst())
    }
    isResource = true
    version = String(parts.removeFirst())
    if parts.first == "watch" || parts.first == "proxy" {
      // Nothing after it: kube-apiserver fails before it asks who may.
      guard parts.count >= 2 else { return }
      verb = String(parts.removeFirst())
    } else {
      switch method {
      case "POST": verb = "create"
      case "GET", "HEAD": verb = "get"
      case "PUT": verb = "update"
      case "PATCH": verb = "patch"
      case "DELETE": verb = "delete"
      default: verb = ""
      }
    }
    if parts.first == "namespaces", parts.count > 1 {
      namespace = String(parts[parts.startIndex + 1])
      // What follows a namespace is a resource in it, unless it is a part of the namespace itself.
      if parts.count > 2, parts[parts.startIndex + 2] != "status", parts[parts.startIndex + 2] != "finalize" {
        parts = parts.dropFirst(2)
      }
    }
    let place = parts.startIndex
    if parts.count >= 1 { resource = String(parts[place]) }
    if parts.count >= 2 { name = String(parts[place + 1]) }
    if parts.count >= 3 && verb != "proxy" { subresource = String(parts[place + 2]) }
    if name.isEmpty && verb == "get" {
      let watch = query("watch")
      verb = watch == nil || watch == "0" || watch?.lowercased() == "false" ? "list" : "watch"
      // One that is too long to be looked at here names nobody, so that more is asked for, never less.
      if let text = query("fieldSelector"), text.utf8.count <= Self.selectorBytesMax,
        let selector = try? FieldSelector.parse(text), let selected = selector.requiredValue(of: "metadata.name"),
        NameValidation.pathSegmentName(selected).isEmpty
      {
        name = selected
      }
    }
    if name.isEmpty && verb == "delete" { verb = "deletecollection" }
  }

  /// What an authorizer is asked.
  public func attributes(of user: UserInfo) -> AccessAttributes {
    isResource
      ? AccessAttributes(
        user, verb, group: group, version: version, resource: resource, subresource: subresource, namespace: namespace,
        name: name, path: path)
      : AccessAttributes(user, verb, path: path)
  }
}
