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
  /// The members that are counted, where `hasChanged` looks at members.
  private let members: [String]
  /// Is an empty list or map in them another than none?
  private let tellsEmpty: Bool

  private init(first: Int64?, members: [String] = [], tellsEmpty: Bool = false, _ hasChanged: Change?) {
    self.first = first
    self.members = members
    self.tellsEmpty = tellsEmpty
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
    GenerationRule(first: fromCreation ? 1 : nil, members: members) { new, old in
      members.contains { new[$0] != old[$0] }
    }
  }
  /// As `following`, where upstream compares by `reflect.DeepEqual`: an empty list or map counts as a change each time
  /// that it is written, since none is stored.
  public static func followingGo(_ member: String) -> GenerationRule {
    GenerationRule(first: 1, members: [member], tellsEmpty: true) { new, old in new[member] != old[member] }
  }
  /// 1, and one more whenever `hasChanged` says so.
  public static func when(_ hasChanged: @escaping Change) -> GenerationRule {
    GenerationRule(first: 1, hasChanged)
  }

  /// Raises the generation of an update, which so far is that of `old`. `traces`: see `ReadObject`.
  func follow(_ new: inout JSONValue, _ old: JSONValue, traces: JSONValue? = nil) {
    guard let hasChanged else { return }
    // What nobody sees of a body may differ from what is stored.
    let hasMore =
      traces != nil
      && members.contains {
        ReadObject.haveLooseRaw(traces?[$0]) || tellsEmpty && Self.holds(new[$0], traces?[$0])
      }
    guard hasMore || hasChanged(new, old) else { return }
    let before = old["metadata"]?["generation"]?.int ?? 0
    guard before < .max, var meta = new["metadata"]?.object else { return }
    meta["generation"] = .int(before + 1)
    new["metadata"] = .object(MetadataOrder.sorted(meta))
  }

  /// Is there something empty in a value, which nobody has filled since?
  private static func holds(_ value: JSONValue?, _ traces: JSONValue?) -> Bool {
    switch traces {
    case .object(let inner)?:
      if inner.isEmpty { return value == nil }
      return inner.members.contains { holds(value?[$0.name], $0.value) }
    case .array(let inner)?:
      if inner.isEmpty { return value == nil }
      let elements = value?.array ?? []
      return inner.indices.contains { place in
        elements.indices.contains(place) && holds(elements[place], inner[place])
      }
    default: return false
    }
  }
}
