public import JSON
public import Machinery

/// What the controllers of definitions make of their status. Pure: who calls reads the definitions, and writes through
/// the status sub-resource what comes back. Every function answers nil where nothing is to be written.
/// (apiextensions-apiserver: `pkg/controller`)
public enum DefinitionStatus {
  /// Holds a definition that was deleted until its instances are gone.
  public static let finalizer = "customresourcecleanup.apiextensions.k8s.io"

  /// A definition with the names it may have. `all`: every definition there is, itself too. Whose turn comes first has
  /// the names: the others of its group are asked again when it has changed or gone. (`NamingConditionController`)
  public static func named(_ definition: JSONValue, among all: [JSONValue], now: Int64 = Timestamp.now) -> JSONValue? {
    let wanted = DefinitionNames(definition["spec"]?["names"])
    let before = DefinitionNames(definition["status"]?["acceptedNames"])
    if wanted == before { return nil }
    let (names, accepted) = NameClaims(all, group: definition["spec"]?["group"]?.string ?? "").decide(wanted, before)
    if names == before, accepted == DefinitionCondition(.namesAccepted, of: definition) { return nil }
    var established =
      DefinitionCondition(.established, of: definition)
      ?? DefinitionCondition(.established, false, "NotAccepted", "not all names are accepted")
    if established.status != "True", accepted.status == "True" {
      established = DefinitionCondition(.established, false, "Installing", "the initial names have been accepted")
    }
    var new = definition
    edit(&new) { $0["acceptedNames"] = names.value }
    accepted.set(&new, now: now)
    established.set(&new, now: now)
    return new
  }

  /// A definition whose names were accepted, as it is once it is served. `hasGoodCABundle`: false where that of its
  /// conversion webhook holds no certificate. (`EstablishingController`)
  public static func established(
    _ definition: JSONValue, hasGoodCABundle: Bool = true, now: Int64 = Timestamp.now
  ) -> JSONValue? {
    guard DefinitionCondition.isTrue(.namesAccepted, definition) else { return nil }
    if DefinitionCondition.isTrue(.established, definition) { return nil }
    let condition =
      hasGoodCABundle
      ? DefinitionCondition(.established, true, "InitialNamesAccepted", "the initial names have been accepted")
      : DefinitionCondition(.established, false, "InvalidCABundle", "The conversion webhook CABundle is invalid")
    return with(condition, definition, now)
  }

  /// A definition in one of Kubernetes' own groups, with what its annotation says about its approval.
  /// (`KubernetesAPIApprovalPolicyConformantConditionController`)
  public static func approved(_ definition: JSONValue, now: Int64 = Timestamp.now) -> JSONValue? {
    guard APIApproval.isNeeded(for: definition["spec"]?["group"]?.string ?? "") else { return nil }
    let (state, text) = APIApproval.state(of: definition)
    let reason =
      switch state {
      case .invalid: "InvalidAnnotation"
      case .missing: "MissingAnnotation"
      case .approved: "ApprovedAnnotation"
      case .bypassed: "UnapprovedAnnotation"
      }
    return with(DefinitionCondition(.approvalConformant, state == .approved, reason, text), definition, now)
  }

  // MARK: the end of a definition

  /// How far the deletion of its instances is. (`CRDFinalizer`)
  public enum Cleanup: Sendable, Equatable {
    /// A DELETE has marked the definition.
    case pending
    case inProgress
    /// The instances could not be read, or not be deleted: `could not list instances: …`
    case failed(String)
    /// Some are still there after the time that they were given.
    case unconfirmed(String)
    case completed
    /// It was never served, so that there is nothing to delete.
    case neverEstablished
    /// Its instances would be those of a built-in resource, which must stay.
    case overlapping

    /// The finalizer may go.
    public var isOver: Bool { [.completed, .neverEstablished, .overlapping].contains(self) }

    var condition: DefinitionCondition {
      switch self {
      case .pending:
        DefinitionCondition(
          .terminating, true, "InstanceDeletionPending",
          "CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon")
      case .inProgress:
        DefinitionCondition(.terminating, true, "InstanceDeletionInProgress", "CustomResource deletion is in progress")
      case .failed(let message): DefinitionCondition(.terminating, true, "InstanceDeletionFailed", message)
      case .unconfirmed(let why):
        DefinitionCondition(
          .terminating, true, "InstanceDeletionCheck", "could not confirm zero CustomResources remaining: \(why)")
      case .completed:
        DefinitionCondition(.terminating, false, "InstanceDeletionCompleted", "removed all instances")
      case .neverEstablished:
        DefinitionCondition(.terminating, false, "NeverEstablished", "resource was never established")
      case .overlapping:
        DefinitionCondition(
          .terminating, false, "OverlappingBuiltInResource", "instances overlap with built-in resources in storage")
      }
    }
  }

  /// Is a definition to be cleaned up after: marked, and held by the finalizer?
  public static func needsCleanup(_ definition: JSONValue) -> Bool {
    isTerminating(definition) && (definition["metadata"]?["finalizers"]?.array ?? []).contains(.string(finalizer))
  }

  /// Was a definition asked to go?
  public static func isTerminating(_ definition: JSONValue) -> Bool {
    definition["metadata"]?["deletionTimestamp"]?.string != nil
  }

  /// A definition with how far its deletion is, and without the finalizer where that is over.
  public static func cleaned(_ definition: JSONValue, _ step: Cleanup, now: Int64 = Timestamp.now) -> JSONValue? {
    guard needsCleanup(definition) || step == .pending else { return nil }
    if !step.isOver { return with(step.condition, definition, now) }
    var new = definition
    step.condition.set(&new, now: now)
    let others = (definition["metadata"]?["finalizers"]?.array ?? []).filter { $0 != .string(finalizer) }
    new["metadata"]?["finalizers"] = others.isEmpty ? nil : .array(others)
    return new
  }

  // MARK: what is served

  /// Is a definition's resource to be served: were its names accepted at some time?
  public static func isServed(_ definition: JSONValue) -> Bool {
    DefinitionCondition.isTrue(.established, definition)
  }

  private static func with(_ condition: DefinitionCondition, _ definition: JSONValue, _ now: Int64) -> JSONValue? {
    if DefinitionCondition(condition.kind, of: definition) == condition { return nil }
    var new = definition
    condition.set(&new, now: now)
    return new
  }

  /// Changes a status, whose members stay in the order of answers.
  static func edit(_ definition: inout JSONValue, _ change: (inout JSONObject) -> Void) {
    var status = definition["status"]?.object ?? JSONObject()
    change(&status)
    let order = ["conditions", "acceptedNames", "storedVersions", "observedGeneration"]
    definition["status"] = .object(
      JSONObject(unchecked: order.compactMap { name in status.index(of: name).map { status.members[$0] } }))
  }
}

/// The names that the definitions of a group have.
private struct NameClaims {
  private var resources = Set<ByteString>()
  private var kinds = Set<ByteString>()

  init(_ definitions: [JSONValue], group: String) {
    for definition in definitions where definition["spec"]?["group"]?.string ?? "" == group {
      let names = DefinitionNames(definition["status"]?["acceptedNames"])
      resources.formUnion(([names.plural, names.singular] + names.shortNames).map { ByteString($0) })
      kinds.formUnion([names.kind, names.listKind].map { ByteString($0) })
    }
  }

  /// The names that a definition gets, and whether those are all that it wants. Of several conflicts the last is told.
  func decide(
    _ wanted: DefinitionNames, _ before: DefinitionNames
  ) -> (names: DefinitionNames, condition: DefinitionCondition) {
    var names = before
    var conflict: (reason: String, message: String)?
    func settle(_ name: WritableKeyPath<DefinitionNames, String>, _ taken: Set<ByteString>, _ reason: String) {
      let text = wanted[keyPath: name]
      if text == before[keyPath: name] || !taken.contains(ByteString(text)) {
        names[keyPath: name] = text
      } else {
        conflict = (reason, inUse(text))
      }
    }
    settle(\.plural, resources, "PluralConflict")
    settle(\.singular, resources, "SingularConflict")
    let taken = wanted.shortNames.filter { !before.shortNames.contains($0) && resources.contains(ByteString($0)) }
    if taken.isEmpty {
      names.shortNames = wanted.shortNames
    } else {
      conflict = ("ShortNamesConflict", FieldError.aggregate(taken.map(inUse)))
    }
    settle(\.kind, kinds, "KindConflict")
    settle(\.listKind, kinds, "ListKindConflict")
    names.categories = wanted.categories
    if let conflict { return (names, DefinitionCondition(.namesAccepted, false, conflict.reason, conflict.message)) }
    return (names, DefinitionCondition(.namesAccepted, true, "NoConflicts", "no conflicts found"))
  }

  private func inUse(_ name: String) -> String { "\(GoText.quoted(name)) is already in use" }
}
