public import ByteBuffers
public import FieldManagement
public import JSON
public import Machinery
public import Schema

/// The form of the objects of one version of a kind that a client has defined: what a type of the model says of built-in
/// kinds. Members of such objects stand by their names, at every level. Immutable: a definition that changes gets new
/// ones. (apiextensions-apiserver: `customresource_handler.go`, where serializers and strategies are put together.)
public protocol ObjectForm: AnyObject, Sendable {
  /// Makes of what a client wrote what the schema holds: nulls that it does not allow go, defaults come, and what it
  /// does not know is dropped. Metadata is read already. Returns the paths of what was dropped: `spec.a.b`. Throws for
  /// metadata inside of embedded resources that is none.
  func complete(_ object: inout JSONValue) throws(DecodeError) -> CompletedObject

  /// The same of what is stored, perhaps under an older schema: nothing is refused.
  func restore(_ object: inout JSONValue)

  /// What is wrong with an object beside its metadata, and what the client is to be warned of. `old`: what an update
  /// replaces, whose faults may stay.
  func findings(_ object: JSONValue, old: JSONValue?, _ part: Subresource) async -> ObjectFindings

  /// What of an object can be owned by itself.
  var ownership: MergeSchema { get }

  /// What OpenAPI documents say of the objects, without `x-kubernetes-group-version-kind`.
  func openAPISchema(_ dialect: OpenAPIDialect) -> JSONValue
}

/// What was found while an object was completed.
public struct CompletedObject: Sendable {
  /// Unknown members of the object, then those of metadata inside of it.
  public var unknown: [String]
  public init(unknown: [String]) { self.unknown = unknown }
}

/// What validation has found.
public struct ObjectFindings: Sendable {
  public var errors: [FieldError]
  public var warnings: [String]
  public init(errors: [FieldError] = [], warnings: [String] = []) {
    self.errors = errors
    self.warnings = warnings
  }
}

/// One version of a kind that a client has defined.
public struct CustomVersion: Sendable {
  public let form: any ObjectForm
  /// Each version has its own.
  public let subresources: [SubresourceDefinition]
  public let columns: [TableColumn]
  /// The fields that selectors may ask for, beside name and namespace.
  public let fields: Set<ByteString>

  public init(
    form: any ObjectForm, subresources: [SubresourceDefinition], columns: [TableColumn], fields: Set<ByteString> = []
  ) {
    self.form = form
    self.subresources = subresources
    self.columns = columns
    self.fields = fields
  }

  /// What of the objects is of a type.
  static let typeName = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
  /// Is there a part of its own for the status?
  public var hasStatus: Bool { subresources.contains { $0.subresource == .status } }

  /// How a write to the object itself is treated.
  var main: SubresourceDefinition { .main(keeps: hasStatus ? ["status"] : []) }

  /// A creation sets no status that is written by itself. (`customResourceStrategy.PrepareForCreate`)
  func prepareNew(_ object: inout JSONValue) { if hasStatus { object["status"] = nil } }

  /// Everything but metadata, and but the status where that is written by itself, is counted.
  /// (`customResourceStrategy.PrepareForUpdate`)
  var generation: GenerationRule { hasStatus ? Self.besidesStatus : Self.ofAll }
  private static let besidesStatus = GenerationRule.when { differ($0, $1, except: ["metadata", "status"]) }
  private static let ofAll = GenerationRule.when { differ($0, $1, except: ["metadata"]) }

  private static func differ(_ new: JSONValue, _ old: JSONValue, except hidden: Set<ByteString>) -> Bool {
    func shown(_ object: JSONValue) -> [JSONObject.Member] {
      (object.object?.members ?? []).filter { !hidden.contains(ByteString($0.name)) }
        .sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
    }
    return shown(new) != shown(old)
  }

  /// The status as a part that is written by itself: of metadata nothing changes but who owns what.
  /// (`statusStrategy.PrepareForUpdate`)
  public static let status = SubresourceDefinition(.status, keeps: [], disowned: [["metadata"], ["spec"]]) {
    object, old in
    var changed = old
    changed["metadata"]?["managedFields"] = object["metadata"]?["managedFields"]
    changed["status"] = object["status"]
    object = changed
  }
}

/// Converts objects between versions of a kind, where they differ in more than apiVersion. (Kubernetes: a conversion
/// webhook.)
public protocol ObjectConversion: Sendable {
  /// The objects in another version, in their order. Throws what the client is told.
  func convert(_ objects: [JSONValue], from: GroupVersion, to: GroupVersion) async throws(Status) -> [JSONValue]
}

/// What the versions of a kind that a client has defined have in common.
public struct CustomKind: Sendable {
  /// nil where versions differ in apiVersion alone.
  public let conversion: (any ObjectConversion)?
  /// May there be objects that were stored in another version than the one that objects are stored in now?
  public let hasOlderObjects: Bool
  /// Asked before an object of that name is created; throws why it can't be.
  public let mayCreate: @Sendable (_ name: String) throws(Status) -> Void

  public init(
    conversion: (any ObjectConversion)? = nil, hasOlderObjects: Bool = false,
    mayCreate: @escaping @Sendable (String) throws(Status) -> Void = { _ in }
  ) {
    self.conversion = conversion
    self.hasOlderObjects = hasOlderObjects
    self.mayCreate = mayCreate
  }
}
