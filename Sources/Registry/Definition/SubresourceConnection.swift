public import Machinery

/// A part of an object that is a stream from elsewhere: a log, a shell. (Kubernetes: a `rest.Connecter`.)
public struct SubresourceConnection: Sendable {
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

  public let kind: GroupVersionKind
  /// Returns where there is nothing to stream: the answer has no body then. Throws why there can be no stream.
  public let open: @Sendable (Request) async throws(Status) -> Void

  public init(_ kind: GroupVersionKind, open: @escaping @Sendable (Request) async throws(Status) -> Void) {
    self.kind = kind
    self.open = open
  }
}
