public import JSON
import Machinery

/// Which part of an object a request is about.
public struct Subresource: Hashable, Sendable {
  /// `status`, `finalize`; empty for the object itself.
  public let name: String
  public init(_ name: String) { self.name = name }
  public static let main = Subresource("")
  public static let status = Subresource("status")
}

/// How writes to one part of an object are treated. (Kubernetes: a `rest.RESTUpdateStrategy`.)
public struct SubresourceDefinition: Sendable {
  public let subresource: Subresource
  public let verbs: [String]
  /// The top-level members that such an update can't change. Nobody comes to own them by it. (`GetResetFields`)
  public let keeps: [String]
  /// Paths of members that nobody comes to own by such a write, beyond `keeps`.
  public let disowned: [[String]]
  /// Does a client hear warnings about the whole object?
  public let warns: Bool
  /// Does a change of what generations are about raise the generation?
  public let raisesGeneration: Bool
  /// What is posted to it; nil where it is read and written as a part of the object.
  public let action: SubresourceAction?
  /// As what it is read and written, where that is not the object; such a write is treated as one to the object itself.
  public let view: SubresourceView?
  /// What it streams; nil for most.
  public let connection: SubresourceConnection?
  let prepare: ResourceDefinition.UpdateHook

  public init(
    _ subresource: Subresource, verbs: [String] = ["get", "patch", "update"], keeps: [String],
    disowned: [[String]] = [],
    warns: Bool = false, raisesGeneration: Bool = false, action: SubresourceAction? = nil,
    connection: SubresourceConnection? = nil, view: SubresourceView? = nil,
    prepare: @escaping ResourceDefinition.UpdateHook = { _, _ in }
  ) {
    self.subresource = subresource
    self.verbs = verbs
    self.keeps = keeps
    self.disowned = disowned
    self.warns = warns
    self.raisesGeneration = raisesGeneration
    self.action = action
    self.connection = connection
    self.view = view
    self.prepare = prepare
  }

  /// A part to which something is posted.
  public static func posted(_ subresource: Subresource, _ action: SubresourceAction) -> SubresourceDefinition {
    SubresourceDefinition(subresource, verbs: ["create"], keeps: [], action: action)
  }

  /// A part that is read and written as an object of another kind.
  public static func viewed(_ subresource: Subresource, as view: SubresourceView) -> SubresourceDefinition {
    SubresourceDefinition(subresource, keeps: [], view: view)
  }

  /// The object itself. `keeps`: mostly its status, where that is written through a sub-resource.
  public static func main(
    keeps: [String] = [], disowned: [[String]] = [], prepare: @escaping ResourceDefinition.UpdateHook = { _, _ in }
  ) -> SubresourceDefinition {
    SubresourceDefinition(
      .main, verbs: [], keeps: keeps, disowned: disowned, warns: true, raisesGeneration: true, prepare: prepare)
  }

  public static func status(
    keeps: [String] = ["spec"], disowned: [[String]] = [],
    prepare: @escaping ResourceDefinition.UpdateHook = { _, _ in }
  ) -> SubresourceDefinition {
    SubresourceDefinition(.status, keeps: keeps, disowned: disowned, prepare: prepare)
  }

  /// Restores what this kind of update may not change.
  func prepareForUpdate(_ object: inout JSONValue, old: JSONValue) {
    for member in keeps { object[member] = old[member] }
    prepare(&object, old)
  }

  var resetFields: [[String]] { keeps.map { [$0] } + disowned }
}
