import Cacher
public import JSON
public import Machinery

/// What is posted to a part of an object: a body of another type, by which something happens to the object.
/// (Kubernetes: a `rest.NamedCreater`.)
public struct SubresourceAction: Sendable {
  /// What is posted, and to what.
  public struct Request: Sendable {
    public let name: String
    public let namespace: String
    /// The body, decoded.
    public let body: JSONValue
    /// That of the object.
    public let store: Store
    public let options: WriteOptions
    /// Those of other resources, where they are served.
    public let stores: @Sendable (GroupResource) -> Store?

    public init(
      name: String, namespace: String, body: JSONValue, store: Store, options: WriteOptions,
      stores: @escaping @Sendable (GroupResource) -> Store?
    ) {
      self.name = name
      self.namespace = namespace
      self.body = body
      self.store = store
      self.options = options
      self.stores = stores
    }
  }

  /// What comes of it.
  public enum Outcome: Sendable {
    case success(Status)
    /// An object of the kind that was posted.
    case object(JSONValue, warnings: [String])
  }

  /// Answers a success, or throws what the client is told.
  public typealias Perform = @Sendable (Request) async throws(Status) -> Status
  public typealias Respond = @Sendable (Request) async throws(Status) -> Outcome

  /// Reads what is posted.
  public let reader: ObjectReader
  /// Bodies of another version of the kind will do.
  public let acceptsOtherVersions: Bool
  public let respond: Respond

  /// `plural`: that of the object's resource.
  public init(
    _ kind: String, in groupVersion: GroupVersion, typeName: String, plural: String, acceptsOtherVersions: Bool = false,
    perform: @escaping Perform
  ) {
    self.init(
      kind, in: groupVersion, typeName: typeName, plural: plural, acceptsOtherVersions: acceptsOtherVersions,
      answering: { (request) async throws(Status) in .success(try await perform(request)) })
  }

  /// The same where more than a success is answered.
  public init(
    _ kind: String, in groupVersion: GroupVersion, typeName: String, plural: String, acceptsOtherVersions: Bool = false,
    answering respond: @escaping Respond
  ) {
    reader = ObjectReader(
      ResourceInfo(
        groupVersion: groupVersion, plural: plural, singular: kind.lowercased(), kind: kind, isNamespaced: true,
        verbs: ["create"], storagePath: "", typeName: typeName))
    self.acceptsOtherVersions = acceptsOtherVersions
    self.respond = respond
  }

  public var kind: GroupVersionKind { GroupVersionKind(reader.info.groupVersion, kind: reader.info.kind) }
}

/// A collection to which the same is posted as to a part of an object: the body names the object.
public struct PostedCollection: Sendable {
  /// `bindings`
  public let plural: String
  public let singular: String
  /// The part that stands for it.
  public let subresource: Subresource

  public init(_ plural: String, singular: String, for subresource: Subresource) {
    self.plural = plural
    self.singular = singular
    self.subresource = subresource
  }
}

extension Store {
  /// Asks who has a say in what is posted to a part of an object.
  public func admit(_ request: SubresourceAction.Request, to subresource: Subresource) async throws(Status) {
    try await request.options.admission?.admit(
      admission(.create, request.name, namespace: request.namespace, subresource: subresource, new: request.body))
  }

  /// Changes an object in code, as a write to one of its parts; nobody comes to own anything by it, and nobody else is
  /// asked. `change` is given what is stored, perhaps several times.
  public func alter(
    _ name: String, namespace: String, subresource: Subresource, isDryRun: Bool = false,
    _ change: @escaping @Sendable (inout JSONValue) throws(Status) -> Void
  ) async throws(Status) -> JSONValue {
    var options = WriteOptions(.update)
    if isDryRun { options.dryRun = ["All"] }
    let written = try await self.change(name, namespace: namespace, subresource: subresource, options: options) {
      existing throws(Status) in
      guard var object = existing else { throw .notFound(self.info.groupResource, name) }
      try change(&object)
      return Made(object: object)
    }
    return try tree(written.object)
  }

  /// An object as it is stored. Throws 404.
  public func read(_ name: String, namespace: String) async throws(Status) -> JSONValue {
    try tree(try await get(name, namespace: namespace))
  }

  /// All objects of a namespace as they are stored.
  public func readAll(namespace: String) async throws(Status) -> [JSONValue] {
    var trees: [JSONValue] = []
    for object in try await list(try prepareList(ListOptions(), namespace: namespace)).objects {
      trees.append(try tree(object))
    }
    return trees
  }

  private func tree(_ object: CachedObject) throws(Status) -> JSONValue {
    do { return try JSONValue(parsing: object.object) } catch { throw .internalError("\(error)") }
  }
}
