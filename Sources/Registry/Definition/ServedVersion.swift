public import JSON
import Machinery

/// A version in which a resource is served.
public struct ServedVersion: Sendable {
  /// The group, where it is not the resource's own: events are served in two.
  public let group: String?
  public let version: String
  /// Between this version and the stored one; nil where they differ in apiVersion alone.
  public let conversion: Conversion?
  /// False for one that objects are stored in and nobody can ask for.
  public let isServed: Bool
  /// What everybody hears who asks for it in this version; nil for most.
  public let deprecation: String?

  /// What no type of the model says of this version; nil for built-in kinds.
  public let custom: CustomVersion?

  /// The type in the model, where it is not named as Kubernetes' are.
  let typeName: String?

  public init(
    _ version: String, group: String? = nil, typeName: String? = nil, conversion: Conversion? = nil,
    isServed: Bool = true, deprecation: String? = nil, custom: CustomVersion? = nil
  ) {
    self.version = version
    self.group = group
    self.typeName = custom == nil ? typeName : CustomVersion.typeName
    self.custom = custom
    self.conversion = conversion
    self.isServed = isServed
    self.deprecation = deprecation
  }

  public static let v1 = ServedVersion("v1")

  /// Both ways. Objects are whole and their members stand in the order of the type that they are given in; the result's
  /// need not. Neither touches kind, apiVersion and metadata. (Kubernetes: `runtime.Scheme`'s conversion functions.)
  public struct Conversion: Sendable {
    public let toStored: @Sendable (JSONValue) -> JSONValue
    public let fromStored: @Sendable (JSONValue) -> JSONValue
    /// A selectable field's name in the stored version, by its name in this one; nil for none.
    public let field: @Sendable (String) -> String?
    public init(
      toStored: @escaping @Sendable (JSONValue) -> JSONValue, fromStored: @escaping @Sendable (JSONValue) -> JSONValue,
      field: @escaping @Sendable (String) -> String? = { $0 }
    ) {
      self.toStored = toStored
      self.fromStored = fromStored
      self.field = field
    }
  }

  func groupVersion(in group: String) -> GroupVersion { GroupVersion(group: self.group ?? group, version: version) }

  /// `io.k8s.api.coordination.v1.Lease`
  func typeName(_ kind: String, _ groupVersion: GroupVersion) -> String {
    if let typeName { return typeName }
    let group = groupVersion.group.split(separator: ".").first.map(String.init) ?? "core"
    return "io.k8s.api.\(group).\(version).\(kind)"
  }
}
