/// An API group and version; the core group is "".
public struct GroupVersion: Hashable, Sendable, CustomStringConvertible {
  public let group: String
  public let version: String
  public init(group: String = "", version: String) {
    self.group = group
    self.version = version
  }
  /// Takes the value of an `apiVersion` apart.
  public init(parsing text: String) {
    let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    self.init(group: parts.count == 2 ? parts[0] : "", version: parts.last ?? "")
  }
  /// `v1`, `apps/v1`: the value of `apiVersion`.
  public var description: String { group.isEmpty ? version : "\(group)/\(version)" }
  /// `/api/v1`, `/apis/apps/v1`: where it is served.
  public var rootPath: String { group.isEmpty ? "/api/\(version)" : "/apis/\(self)" }
}

/// A kind in a group and version.
public struct GroupVersionKind: Hashable, Sendable {
  public let groupVersion: GroupVersion
  public let kind: String
  public init(_ groupVersion: GroupVersion, kind: String) {
    self.groupVersion = groupVersion
    self.kind = kind
  }
  public var group: String { groupVersion.group }
  public var version: String { groupVersion.version }
}

/// A resource (`nodes`) in a group.
public struct GroupResource: Hashable, Sendable, CustomStringConvertible {
  public let group: String
  public let resource: String
  public init(group: String = "", resource: String) {
    self.group = group
    self.resource = resource
  }
  /// `nodes`, `deployments.apps`: how messages name it.
  public var description: String { group.isEmpty ? resource : "\(resource).\(group)" }
}
