public import Access
public import JSON
public import Machinery
import Schema

/// What one resource is, whoever stores and serves it: its names, versions and verbs, its rules, and what is
/// particular about it. Built-in and custom resources alike. (Kubernetes: what a `registry.Store` is filled with.)
///
/// Hooks work on an object's tree in the stored version, whose members stand in the order of answers.
public final class ResourceDefinition: Sendable {
  public enum Scope: Sendable { case cluster, namespaced }

  /// What is particular about PUT.
  public enum PutRule: Sendable {
    /// What is not there is created. (`AllowCreateOnUpdate`)
    case mayCreate
    /// The body has to say which resourceVersion it replaces. (`AllowUnconditionalUpdate` is false.)
    case needVersion
  }

  public typealias Hook = @Sendable (_ object: inout JSONValue) -> Void
  /// `traces`: see `ReadObject`.
  public typealias TracesHook = @Sendable (_ object: inout JSONValue, _ traces: JSONValue) -> Void
  public typealias UpdateHook = @Sendable (_ object: inout JSONValue, _ old: JSONValue) -> Void
  public typealias AuthorHook = @Sendable (_ object: inout JSONValue, _ author: UserInfo) -> Void
  public typealias RowOrder = @Sendable (_ object: JSONNode) -> Int64
  public typealias EarlyWarnings = @Sendable (_ object: JSONValue) -> [String]
  public typealias Warnings = @Sendable (_ object: JSONValue, _ old: JSONValue?) -> [String]

  /// The group and the resource that is stored.
  public let groupResource: GroupResource
  public let kind: String
  public let scope: Scope
  /// The folder under the storage prefix: `minions`; empty for what is not stored.
  public let folder: String
  /// The versions that are served, the stored one first. What is stored is converted for the others.
  public let versions: [ServedVersion]
  /// What an API tells of each version, in their order.
  public let infos: [ResourceInfo]
  /// What clients have defined of a kind; nil for built-in ones.
  public let custom: CustomKind?
  /// How a write to the object itself is treated.
  public let main: SubresourceDefinition
  public let subresources: [SubresourceDefinition]
  public let allowsCreateOnUpdate: Bool
  public let allowsUnconditionalUpdate: Bool
  /// Does `generateName` get an ending? Else it is the name. (`GenerateName`)
  public let completesNames: Bool
  public let generation: GenerationRule
  public let deletion: DeletionRule
  /// What objects hold of what there is only so much of; nil for most kinds.
  public let reservations: ReservationRule?
  /// How long an object lives after it was last written; nil for good.
  public let timeToLive: Duration?
  public let selectableFields: SelectableFields
  /// The selectable field by whose values watches are told apart, so that an event visits only those that want its
  /// value; nil for none. (`TriggerFunc`)
  public let trigger: String?
  public let columns: [TableColumn]
  /// By what number the rows of a list stand, and by name where it is the same; nil where they stand by name alone.
  public let rowOrder: RowOrder?
  /// Annotations that stand for what is no metadata: metadata shown by itself, without the object, does not have them.
  /// (What a conversion to the internal version makes a member of the object.)
  public let hiddenAnnotations: [String]
  /// Collections of their own to which the same is posted as to a part of an object: the body names the object.
  public let postedCollections: [PostedCollection]

  /// What has to be true of an object.
  let rules: CompiledRules
  /// What is wrong with the definition itself, a line each. One with problems must not be served.
  public let problems: [String]

  /// Sets what Go code sets beyond the defaults of the schema. Runs on every decoded object.
  let defaults: Hook
  /// Mends what `defaults` has filled in though something empty was given, where Go sees a difference; nil for most
  /// kinds.
  let mendDefaults: TracesHook?
  /// Drops what a client may not set, and sets what the server does.
  let prepareForCreate: Hook
  /// Writes down who creates an object, after `prepareForCreate`; nil for most kinds.
  let stampAuthor: AuthorHook?
  let warnings: Warnings
  /// What is to be said of an object before it is prepared; nil for most kinds.
  let earlyWarnings: EarlyWarnings?
  /// The top-level members in the order of the type.
  let memberOrder: [String]

  /// `name`: plural and group, as `leases.coordination.k8s.io`, or `nodes`. `versions`: the stored one first.
  public init(
    _ name: String, kind: String, singular: String? = nil, listKind: String? = nil, shortNames: [String] = [],
    categories: [String] = [],
    scope: Scope, folder: String, versions: [ServedVersion],
    verbs: [String] = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"],
    puts: [PutRule] = [], completesNames: Bool = true, main: SubresourceDefinition = .main(),
    subresources: [SubresourceDefinition] = [],
    rules: [Rule] = [], generation: GenerationRule = .none, deletion: DeletionRule = DeletionRule(),
    reservations: ReservationRule? = nil,
    timeToLive: Duration? = nil,
    defaults: @escaping Hook = { _ in }, mendDefaults: TracesHook? = nil,
    prepareForCreate: @escaping Hook = { _ in }, stampAuthor: AuthorHook? = nil,
    earlyWarnings: EarlyWarnings? = nil, warnings: @escaping Warnings = { _, _ in [] },
    selectableFields: [SelectableField] = [], unknownField: SelectableFields.Complaint = .known,
    trigger: String? = nil, heartbeat: Subresource? = nil,
    columns: [TableColumn] = [.name, .age], rowOrder: RowOrder? = nil,
    hiddenAnnotations: [String] = [], postedCollections: [PostedCollection] = [], custom: CustomKind? = nil
  ) {
    let parts = name.split(separator: ".", maxSplits: 1).map(String.init)
    let plural = parts.first ?? name
    let resource = GroupResource(group: parts.count > 1 ? parts[1] : "", resource: plural)
    groupResource = resource
    self.kind = kind
    self.scope = scope
    self.folder = folder
    self.versions = versions
    self.custom = custom
    infos = versions.map { version in
      let groupVersion = version.groupVersion(in: resource.group)
      let subresources = version.custom?.subresources ?? subresources
      return ResourceInfo(
        groupVersion: groupVersion, plural: plural, singular: singular ?? kind.lowercased(), kind: kind,
        listKind: listKind, isNamespaced: scope == .namespaced, shortNames: shortNames, categories: categories,
        verbs: verbs,
        subresources: subresources.map { ($0.subresource.name, $0.verbs) },
        subresourceKinds: Dictionary(
          uniqueKeysWithValues: subresources.compactMap { part in
            (part.action?.kind ?? part.connection?.kind ?? part.view?.kind).map {
              (ByteString(part.subresource.name), $0)
            }
          }),
        views: Dictionary(
          uniqueKeysWithValues: subresources.compactMap { part in
            part.view.map { (ByteString(part.subresource.name), $0.info) }
          }), storagePath: folder,
        storedVersion: versions.first?.groupVersion(in: resource.group), heartbeat: heartbeat,
        deprecation: version.deprecation, typeName: version.typeName(kind, groupVersion),
        form: version.custom?.form)
    }
    self.main = main
    self.subresources = subresources
    allowsCreateOnUpdate = puts.contains(.mayCreate)
    allowsUnconditionalUpdate = !puts.contains(.needVersion)
    self.completesNames = completesNames
    self.generation = generation
    self.deletion = deletion
    self.reservations = reservations
    self.timeToLive = timeToLive
    self.selectableFields = SelectableFields(
      selectableFields, isNamespaced: scope == .namespaced, complaint: unknownField)
    self.trigger = trigger
    self.columns = columns
    self.rowOrder = rowOrder
    self.hiddenAnnotations = hiddenAnnotations
    self.postedCollections = postedCollections
    self.defaults = defaults
    self.mendDefaults = mendDefaults
    self.prepareForCreate = prepareForCreate
    self.stampAuthor = stampAuthor
    self.earlyWarnings = earlyWarnings
    self.warnings = warnings
    let model = TypeModel.builtin
    guard let typeName = infos.first?.typeName, let type = model.type(typeName) else {
      preconditionFailure("no facts about \(name)")
    }
    memberOrder = model.structures.first { $0.name == typeName }?.fields.map(\.name) ?? []
    self.rules = CompiledRules(rules, type: type, model: model, isNamespaced: scope == .namespaced)
    let isKnown = trigger.map(self.selectableFields.names.contains) ?? true
    problems =
      self.rules.problems + subresources.flatMap { $0.view?.rules.problems ?? [] }
      + (isKnown ? [] : ["\(name): the trigger is no selectable field"])
  }

  /// Leaves an object as it is.
  static let noHook: Hook = { _ in }

  /// What an API tells of the versions that anybody can ask for.
  public var servedInfos: [ResourceInfo] { infos.indices.filter { versions[$0].isServed }.map { infos[$0] } }

  public var isNamespaced: Bool { scope == .namespaced }

  /// How a write through a sub-resource is treated; nil for one that there is not.
  public func subresource(_ subresource: Subresource) -> SubresourceDefinition? {
    subresource == .main ? main : subresources.first { $0.subresource == subresource }
  }

  /// Puts the top-level members back where the type has them, after some were restored or set.
  func restoreOrder(_ object: inout JSONValue) {
    // Those of custom kinds stand by their names, which the encoder sees to.
    guard custom == nil, let members = object.object?.members else { return }
    var last = -1
    let isSorted = members.allSatisfy { member in
      guard let place = memberOrder.firstIndex(of: member.name) else { return true }
      defer { last = place }
      return place >= last
    }
    if isSorted { return }
    let places = members.map { memberOrder.firstIndex(of: $0.name) ?? .max }
    let sorted = members.indices.sorted { (places[$0], $0) < (places[$1], $1) }
    object = .object(JSONObject(unchecked: sorted.map { members[$0] }))
  }
}

/// How objects of a resource go.
public struct DeletionRule: Sendable {
  /// Is the answer of a DELETE the object, where others answer a Status that names it? (`ReturnDeletedObject`)
  public var answersObject = false
  /// Who owns nothing by themselves: what dependents of such an object do when the client does not say.
  public var orphansByDefault = false
  /// What a client hears who does not say what dependents do; nil for most kinds.
  public var warningWithoutPropagation: String?
  /// The propagation policy has no effect. (`rest.Unsupported`)
  public var ignoresPropagation = false
  /// Is a precondition that does not hold told of in the storage's words, of the resource and not of its kind?
  public var namesFoundInPreconditions = false
  /// Why the object of that name must not be asked to go; a collection is not asked about. (What a `Delete` of a kind's
  /// own refuses before the registry's is called.)
  public var refusal: (@Sendable (_ name: String) -> String?)?
  /// Is an object held by more than its finalizers?
  public var isHeld: (@Sendable (_ object: JSONValue) -> Bool)?
  /// How many seconds an object is given that is asked to go, `asked` being what the client wants: it is marked, and
  /// goes when it is asked again with none. Zero where it goes at once. (`RESTGracefulDeleteStrategy`)
  public var grace: (@Sendable (_ object: JSONValue, _ asked: Int64?) -> Int64)?
  /// Marks an object as going, in a way of its own; false where it is marked as all others are.
  public var mark: (@Sendable (_ object: inout JSONValue, _ options: DeleteOptions) -> Bool)?
  public init() {}
  /// With all defaults but those that `change` sets.
  public init(_ change: (inout DeletionRule) -> Void) { change(&self) }
}
