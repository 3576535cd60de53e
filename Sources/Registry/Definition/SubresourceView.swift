import FieldManagement
public import JSON
public import Machinery
import Schema

/// A part of an object that clients read and write as an object of another kind: how many there shall be of something
/// is a Scale. What is written to it changes the object as a write to the object itself does: the same preparation, the
/// same rules. (Kubernetes: a `rest.Patcher` of its own over the store of another kind, as `ScaleREST`.)
public final class SubresourceView: Sendable {
  /// What an object looks like through it, without metadata: `metadata(of:)` gives that.
  public typealias Show = @Sendable (_ object: JSONValue) throws(Status) -> JSONValue
  /// What a written view makes of an object. Metadata is none of its business.
  public typealias Take = @Sendable (_ object: inout JSONValue, _ view: JSONValue) throws(Status) -> Void

  /// What clients are told in a way of its own; nil where it is as of any kind.
  public struct Refusals: Sendable {
    /// Why a body of another type than the view's can't be read.
    public var otherType: String?
    /// Why a configuration can't be applied, where it would change something.
    public var application: String?
    /// Is a uid in a view that is not the object's a conflict? (A PUT is told so in any case.)
    public var refusesOtherUID = true
    public init() {}
  }

  /// The kind.
  public let info: ResourceInfo
  public let columns: [TableColumn]
  public let reader: ObjectReader
  /// What has to be true of a view.
  let rules: CompiledRules
  let refusals: Refusals
  let type: TypeModel.TypeID
  let fields: FieldManager
  private let mapping: FieldMapping
  private let show: Show
  private let begin: Show
  private let take: Take

  /// `typeName`: of the view, in the model. `field`: the one of the view's that is owned in objects, where it stands at
  /// `fields`, by apiVersion; nowhere in a version that has no such view. Who owns something in another version is
  /// forgotten. `begin`: what a write begins
  /// with, where that is not what is shown.
  public init(
    _ kind: GroupVersionKind, typeName: String, plural: String, isNamespaced: Bool = true, rules: [Rule] = [],
    columns: [TableColumn], field: [String], at fields: [String: [String]], refusals: Refusals = Refusals(),
    show: @escaping Show,
    begin: Show? = nil, take: @escaping Take
  ) {
    let model = TypeModel.builtin
    guard let type = model.type(typeName) else { preconditionFailure("no facts about \(typeName)") }
    info = ResourceInfo(
      groupVersion: kind.groupVersion, plural: plural, singular: kind.kind.lowercased(), kind: kind.kind,
      isNamespaced: isNamespaced, verbs: ["get", "patch", "update"], storagePath: "", typeName: typeName)
    self.columns = columns
    self.rules = CompiledRules(rules, type: type, model: model, isNamespaced: isNamespaced)
    self.refusals = refusals
    self.type = type
    mapping = FieldMapping(fields, as: field, in: kind.groupVersion.description)
    self.show = show
    self.begin = begin ?? show
    self.take = take
    reader = ObjectReader(info, model: model, type: type, otherType: refusals.otherType)
    // An object of nothing decodes, or the facts are broken.
    let empty = (try? model.decode(tree: .object(JSONObject()), as: type).value) ?? .object(JSONObject())
    self.fields = FieldManager(model, type: type, kind: kind, empty: empty)
  }

  public var kind: GroupVersionKind { GroupVersionKind(info.groupVersion, kind: info.kind) }

  // MARK: between object and view

  /// What clients see of an object.
  func view(of object: JSONValue) throws(Status) -> JSONValue { whole(try show(object), of: object) }

  /// What a write begins with: with owners. `fields`: those of the object.
  func beginning(of object: JSONValue, _ fields: FieldManager) throws(Status) -> JSONValue {
    var view = whole(try begin(object), of: object)
    let owners = try fields.owners(ofView: mapping, object["metadata"]?["managedFields"])
    if let owners { view["metadata"]?["managedFields"] = owners }
    return view
  }

  private func whole(_ content: JSONValue, of object: JSONValue) -> JSONValue {
    var members = [
      JSONObject.Member("kind", .string(info.kind)),
      JSONObject.Member("apiVersion", .string(info.groupVersion.description)),
      JSONObject.Member("metadata", Self.metadata(of: object)),
    ]
    members += content.object?.members ?? []
    return .object(JSONObject(unchecked: members))
  }

  /// Which object it is: of metadata, a view shows that alone.
  private static func metadata(of object: JSONValue) -> JSONValue {
    let metadata = object["metadata"]
    let names = ["name", "namespace", "uid", "resourceVersion", "creationTimestamp"]
    return .object(
      JSONObject(unchecked: names.compactMap { name in metadata?[name].map { JSONObject.Member(name, $0) } }))
  }

  /// The object after its view was written. `store`: the object's. Throws what is wrong with the view.
  func written(_ view: JSONValue, to object: JSONValue, _ store: Store, _ part: Subresource) throws(Status) -> JSONValue
  {
    let name = object["metadata"]?["name"]?.string ?? ""
    let errors = rules.check(view)
    if !errors.isEmpty { throw .invalid(info.kind, group: info.groupVersion.group, name: name, errors) }
    let (asked, known) = (view["metadata"]?["uid"]?.string ?? "", object["metadata"]?["uid"]?.string ?? "")
    if refusals.refusesOtherUID, !asked.isEmpty, asked != known {
      let resource = store.info.groupResource
      throw .conflict(
        GroupResource(group: resource.group, resource: "\(resource.resource)/\(part.name)"), name,
        "Precondition failed: UID in precondition: \(asked), UID in object meta: \(known)")
    }
    var changed = object
    try take(&changed, view)
    guard var metadata = changed["metadata"]?.object else { return changed }
    if let revision = view["metadata"]?["resourceVersion"], revision.string?.isEmpty == false {
      metadata["resourceVersion"] = revision
    }
    metadata["managedFields"] = try store.fields.owners(
      metadata["managedFields"], afterView: mapping, view["metadata"]?["managedFields"])
    changed["metadata"] = .object(metadata)
    return changed
  }
}
