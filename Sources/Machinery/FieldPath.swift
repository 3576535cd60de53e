/// A place in an object, as messages name it: `spec.taints[0].key`, `metadata.labels[a]`. (Kubernetes: `field.Path`.)
public struct FieldPath: Sendable, Equatable, CustomStringConvertible {
  public let description: String

  private init(_ text: String) { description = text }

  /// A path that begins with these names.
  public init(_ name: String, _ more: String...) { description = ([name] + more).joined(separator: ".") }

  /// `spec` → `spec.taints`
  public func child(_ name: String) -> FieldPath { FieldPath("\(description).\(name)") }

  /// `taints` → `taints[0]`
  public func index(_ place: Int) -> FieldPath { FieldPath("\(description)[\(place)]") }

  /// `labels` → `labels[a]`
  public func key(_ name: String) -> FieldPath { FieldPath("\(description)[\(name)]") }
}
