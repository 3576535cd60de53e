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
    var path = path
    self = path.withUTF8 { bytes in
      let bytes = UnsafeRawBufferPointer(bytes)
      return RequestInfo(method: method, bytes, ResourcePath(bytes), query: query)
    }
  }

  /// The same of a path that was parsed; `bytes` are its, decoded.
  public init(method: String, _ bytes: UnsafeRawBufferPointer, _ place: ResourcePath, query: (String) -> String?) {
    path = String(decoding: bytes, as: UTF8.self)
    verb = method.lowercased()
    guard place.isResource else { return }
    isResource = true
    group = bytes.text(place.group)
    version = bytes.text(place.version)
    // kube-apiserver fails before it asks who may.
    if place.isIncomplete { return }
    switch (place.special, method) {
    case (.watch, _): verb = "watch"
    case (.proxy, _): verb = "proxy"
    case (.none, "POST"): verb = "create"
    case (.none, "GET"), (.none, "HEAD"): verb = "get"
    case (.none, "PUT"): verb = "update"
    case (.none, "PATCH"): verb = "patch"
    case (.none, "DELETE"): verb = "delete"
    case (.none, _): verb = ""
    }
    namespace = bytes.text(place.namespace)
    resource = bytes.text(place.resource)
    name = bytes.text(place.name)
    subresource = bytes.text(place.subresource)
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
