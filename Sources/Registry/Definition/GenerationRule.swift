public import JSON
import Machinery

/// How `metadata.generation` is counted. A deletion that marks an object raises what is counted, too. (Kubernetes: what
/// the strategies' `PrepareForCreate` and `PrepareForUpdate` do with it.)
public struct GenerationRule: Sendable {
  public typealias Change = @Sendable (_ new: JSONValue, _ old: JSONValue) -> Bool

  /// What a creation sets; nil where it leaves what is given.
  let first: Int64?
  /// Has what is counted changed? nil where no update raises it.
  private let hasChanged: Change?

  private init(first: Int64?, _ hasChanged: Change?) {
    self.first = first
    self.hasChanged = hasChanged
  }

  /// It is not counted: what a client gives is kept from creation on.
  public static let none = GenerationRule(first: nil, nil)
  /// Always 1.
  public static let fixed = GenerationRule(first: 1, nil)
  /// 1, and one more whenever the spec changes.
  public static let ofSpec = following("spec")
  /// 1, and one more whenever one of these top-level members changes. `fromCreation`: false where upstream sets it at the
  /// first change only.
  public static func following(_ members: String..., fromCreation: Bool = true) -> GenerationRule {
    GenerationRule(first: fromCreation ? 1 : nil) { new, old in members.contains { new[$0] != old[$0] } }
  }
  /// 1, and one more whenever `hasChanged` says so.
  public static func when(_ hasChanged: @escaping Change) -> GenerationRule {
    GenerationRule(first: 1, hasChanged)
  }

  /// Raises the generation of an update, which so far is that of `old`.
  func follow(_ new: inout JSONValue, _ old: JSONValue) {
    guard let hasChanged, hasChanged(new, old) else { return }
    let before = old["metadata"]?["generation"]?.int ?? 0
    guard before < .max, var meta = new["metadata"]?.object else { return }
    meta["generation"] = .int(before + 1)
    new["metadata"] = .object(MetadataOrder.sorted(meta))
  }
}
