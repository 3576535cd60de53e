public import Machinery

/// Which objects a LIST or WATCH wants. (Kubernetes: `storage.SelectionPredicate`.)
public struct SelectionPredicate: Sendable, Equatable {
  public var label: LabelSelector
  public var field: FieldSelector
  public init(label: LabelSelector = .everything, field: FieldSelector = .everything) {
    self.label = label
    self.field = field
  }
  public static let everything = SelectionPredicate()
  public var isEverything: Bool { label.isEverything && field.isEverything }
  public func matches(labels: StringMap, fields: StringMap) -> Bool {
    (label.isEverything || label.matches(labels)) && (field.isEverything || field.matches(fields))
  }
}
