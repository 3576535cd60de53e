public import Machinery

/// A part of an object that is a stream from elsewhere: a log, a shell, what a web server of it says.
public struct SubresourceConnection: Sendable {
  /// What upstream's handler of it is.
  public enum Form: Sendable {
    /// Read like an object, with options in the query. (Kubernetes: a `rest.GetterWithOptions`)
    case read
    /// Connected to, with options in the query. (Kubernetes: a `rest.Connecter`)
    case stream
    /// The same, with a path behind it that is not ours, and with any method.
    case proxy
  }

  /// Who asks for what.
  public struct Request: Sendable {
    public let name: String
    public let namespace: String
    /// That of the object.
    public let store: Store
    /// What the query says under a name.
    public let query: @Sendable (String) -> String?
    /// Those of other resources, where they are served.
    public let stores: @Sendable (GroupResource) -> Store?

    public init(
      name: String, namespace: String, store: Store, query: @escaping @Sendable (String) -> String?,
      stores: @escaping @Sendable (GroupResource) -> Store?
    ) {
      self.name = name
      self.namespace = namespace
      self.store = store
      self.query = query
      self.stores = stores
    }
  }

  /// Returns where there is nothing to stream: the answer has no body then. Throws why there can be no stream.
  public typealias Open = @Sendable (Request) async throws(Status) -> Void

  public let kind: GroupVersionKind
  public let form: Form
  /// Finds the other end. Of a proxy, it returns where that is known.
  public let open: Open

  public init(_ kind: GroupVersionKind, _ form: Form, open: @escaping Open) {
    self.kind = kind
    self.form = form
    self.open = open
  }
}

extension SubresourceDefinition {
  /// A part to which one is connected. `kind`: that of its options, in the core group.
  public static func connected(
    _ name: String, kind: String, _ form: SubresourceConnection.Form, open: @escaping SubresourceConnection.Open
  ) -> SubresourceDefinition {
    let verbs =
      switch form {
      case .read: ["get"]
      case .stream: ["create", "get"]
      case .proxy: ["create", "delete", "get", "patch", "update"]
      }
    let kind = GroupVersionKind(GroupVersion(group: "", version: "v1"), kind: kind)
    return SubresourceDefinition(
      Subresource(name), verbs: verbs, keeps: [], connection: SubresourceConnection(kind, form, open: open))
  }
}
