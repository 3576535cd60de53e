public import JSON
public import Machinery

/// What differs from resource to resource. All functions work on an object's tree, whose members stand in the order of
/// answers. (Kubernetes: `rest.RESTCreateStrategy` and its siblings.)
public protocol RESTStrategy: Sendable {
  var info: ResourceInfo { get }
  /// May a PUT create?
  var allowsCreateOnUpdate: Bool { get }
  /// May a PUT leave resourceVersion out?
  var allowsUnconditionalUpdate: Bool { get }

  /// Defaults that Go code sets, beyond those of the schema. Runs on every decoded object.
  func applyDefaults(_ object: inout JSONValue)
  /// Drops what a client may not set.
  func prepareForCreate(_ object: inout JSONValue)
  /// Restores what this kind of update may not change.
  func prepareForUpdate(_ object: inout JSONValue, old: JSONValue, subresource: Subresource)
  /// Paths of members that this kind of write can't change, so that nobody comes to own them by it. (`GetResetFields`)
  func resetFields(_ subresource: Subresource) -> [[String]]
  func validate(_ object: JSONValue) -> [FieldError]
  /// `isMetaGood`: the generic rules for metadata found nothing.
  func validateUpdate(_ object: JSONValue, old: JSONValue, subresource: Subresource, isMetaGood: Bool) -> [FieldError]
  func warnings(_ object: JSONValue) -> [String]

  /// The fields that selectors may ask for, with an object's values.
  func selectableFields(_ object: FieldReader) -> [(name: String, value: String)]
  /// The names of those fields.
  var selectableFieldNames: [String] { get }

  var columns: [TableColumn] { get }
  /// Cells of a row, as many as there are columns. `now`: seconds since 1970.
  func cells(_ root: JSONNode, now: Int64) -> [JSONValue]
}

/// Which part of an object an update is about.
public enum Subresource: Sendable, Equatable { case main, status }

/// A column of a Table answer.
public struct TableColumn: Sendable {
  public let name: String
  public let type: String
  public let format: String
  public let description: String
  public let priority: Int
  public init(_ name: String, type: String = "string", format: String = "", description: String, priority: Int = 0) {
    self.name = name
    self.type = type
    self.format = format
    self.description = description
    self.priority = priority
  }
}
