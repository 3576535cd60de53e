import Machinery

/// What the API shows of one resource: enough for routes, discovery and OpenAPI.
public struct ResourceDescription: Sendable {
  public let group: String
  public let version: String
  /// `nodes`.
  public let plural: String
  public let singular: String
  public let kind: String
  public let shortNames: [String]
  public let categories: [String]
  public let isNamespaced: Bool
  public let hasStatus: Bool
  /// The OpenAPI name of the type (`io.k8s.api.core.v1.Node`).
  public let schemaName: String

  public init(
    group: String = "", version: String = "v1", plural: String, singular: String, kind: String, shortNames: [String] = [],
    categories: [String] = [], isNamespaced: Bool, hasStatus: Bool, schemaName: String
  ) {
    self.group = group
    self.version = version
    self.plural = plural
    self.singular = singular
    self.kind = kind
    self.shortNames = shortNames
    self.categories = categories
    self.isNamespaced = isNamespaced
    self.hasStatus = hasStatus
    self.schemaName = schemaName
  }

  var groupVersion: GroupVersion { GroupVersion(group: group, version: version) }
  var groupResource: GroupResource { GroupResource(group: group, resource: plural) }
  /// `/api/v1` or `/apis/apps/v1`.
  var rootPath: String { group.isEmpty ? "/api/\(version)" : "/apis/\(group)/\(version)" }
}
