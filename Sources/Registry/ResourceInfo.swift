public import ByteBuffers
public import Machinery

/// What the API says of a resource: names, scope, verbs, where it is stored.
public struct ResourceInfo: Sendable {
  public let groupVersion: GroupVersion
  /// `nodes`
  public let plural: String
  /// `node`
  public let singular: String
  public let kind: String
  /// That of lists: `NodeList`
  public let listKind: String
  public let isNamespaced: Bool
  public let shortNames: [String]
  public let categories: [String]
  public let verbs: [String]
  /// Sub-resources with their verbs: `status`.
  public let subresources: [(name: String, verbs: [String])]
  /// Of what kind a sub-resource is, where it is not the object's own.
  public let subresourceKinds: [ByteString: GroupVersionKind]
  /// As what a sub-resource is read and written, where that is not the object.
  public let views: [ByteString: ResourceInfo]
  /// The folder under the storage prefix: `minions`; empty for what is not stored.
  public let storagePath: String
  /// In which group and version it is stored.
  public let storedVersion: GroupVersion
  /// The part of an object by whose writes a node shows that it lives: a server that hears none takes living nodes for
  /// dead. nil for all other resources.
  public let heartbeat: Subresource?
  /// What everybody hears who asks for it; nil for nothing.
  public let deprecation: String?
  /// False for what is answered and forgotten, or made when it is read.
  public var isStored: Bool { !storagePath.isEmpty }
  /// The type in the model.
  public let typeName: String
  /// What no type says of a kind that a client has defined; nil for built-in ones.
  public let form: (any ObjectForm)?
  /// Is it of a kind that a client has defined?
  public var isCustom: Bool { form != nil }

  public init(
    groupVersion: GroupVersion, plural: String, singular: String, kind: String, listKind: String? = nil,
    isNamespaced: Bool,
    shortNames: [String] = [], categories: [String] = [],
    verbs: [String], subresources: [(name: String, verbs: [String])] = [],
    subresourceKinds: [ByteString: GroupVersionKind] = [:], views: [ByteString: ResourceInfo] = [:],
    storagePath: String,
    storedVersion: GroupVersion? = nil, heartbeat: Subresource? = nil, deprecation: String? = nil, typeName: String,
    form: (any ObjectForm)? = nil
  ) {
    self.groupVersion = groupVersion
    self.plural = plural
    self.singular = singular
    self.kind = kind
    self.listKind = listKind ?? kind + "List"
    self.isNamespaced = isNamespaced
    self.shortNames = shortNames
    self.categories = categories
    self.verbs = verbs
    self.subresources = subresources
    self.subresourceKinds = subresourceKinds
    self.views = views
    self.storagePath = storagePath
    self.storedVersion = storedVersion ?? groupVersion
    self.heartbeat = heartbeat
    self.deprecation = deprecation
    self.typeName = typeName
    self.form = form
  }

  public var groupResource: GroupResource { GroupResource(group: groupVersion.group, resource: plural) }
}
