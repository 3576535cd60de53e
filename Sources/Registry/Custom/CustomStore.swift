import ByteBuffers
import Cacher
import FieldManagement
import JSON
import Machinery
import Schema
import Storage

/// What a store of a custom kind does in its own way: between what is stored and the version that clients speak. A write
/// is made in the client's version from beginning to end, and converted only to be stored.
final class CustomStore: Sendable {
  let version: CustomVersion
  private let kind: CustomKind
  private let info: ResourceInfo
  private let stored: ResourceInfo
  private let storedForm: any ObjectForm
  /// Under which an object keeps what it looks like in this version.
  private let encoding: EncodingID
  private static let firstEncoding: UInt32 = 1 << 16

  /// `place`: of the served version in the definition. nil for built-in kinds.
  init?(_ definition: ResourceDefinition, version place: Int) {
    guard let kind = definition.custom, let version = definition.versions[place].custom,
      let stored = definition.versions.first?.custom
    else { return nil }
    self.kind = kind
    self.version = version
    info = definition.infos[place]
    self.stored = definition.infos[0]
    storedForm = stored.form
    encoding = EncodingID(Self.firstEncoding + UInt32(place))
  }

  /// Do objects look otherwise in this version than as they are stored?
  var isConverted: Bool { info.groupVersion != stored.groupVersion }
  /// Does somebody else have to be asked for that?
  var isConvertedElsewhere: Bool { kind.conversion != nil && (isConverted || kind.hasOlderObjects) }

  /// The version that an object has: mostly the stored one.
  private func version(of object: JSONValue) -> GroupVersion {
    GroupVersion(parsing: object["apiVersion"]?.string ?? "")
  }

  /// Can objects be selected by a field in this version?
  func allows(_ field: String) -> Bool {
    field == "metadata.name" || field == "metadata.namespace" || version.fields.contains(ByteString(field))
  }

  /// Throws why nothing can be created.
  func checkCreation(_ object: JSONValue) throws(Status) {
    try kind.mayCreate(object["metadata"]?["name"]?.string ?? "")
  }

  // MARK: rules

  /// What is wrong with a new object. (`customResourceValidator.Validate`)
  func problems(_ object: JSONValue, isNamespaced: Bool) async -> ObjectFindings {
    let type = typeProblems(object)
    if !type.isEmpty { return ObjectFindings(errors: type) }
    let metadata = MetaValidation.validate(
      object["metadata"]?.object ?? JSONObject(), isNamespaced: isNamespaced, nameRule: MetaValidation.subdomainName)
    var found = await version.form.findings(object, old: nil, .main)
    found.errors = metadata + found.errors
    return found
  }

  /// The same of a change.
  func problems(_ object: JSONValue, replacing old: JSONValue, _ part: Subresource) async -> ObjectFindings {
    let type = typeProblems(object)
    if !type.isEmpty { return ObjectFindings(errors: type) }
    var found = await version.form.findings(object, old: old, part)
    // Upstream looks at what no update may change here once more, and tells it twice.
    let again = MetaValidation.validateUpdate(
      object["metadata"]?.object ?? JSONObject(), old["metadata"]?.object ?? JSONObject())
    found.errors = again + found.errors
    return found
  }

  /// (`ValidateTypeMeta`)
  private func typeProblems(_ object: JSONValue) -> [FieldError] {
    var errors: [FieldError] = []
    let kind = object["kind"]?.string ?? ""
    if kind != info.kind { errors.append(.invalid("kind", kind, "must be \(info.kind)")) }
    let apiVersion = object["apiVersion"]?.string ?? ""
    if apiVersion != info.groupVersion.description {
      errors.append(.invalid("apiVersion", apiVersion, "must be \(info.groupVersion)"))
    }
    return errors
  }

  // MARK: trees

  /// A stored object in this version.
  func served(_ object: JSONValue) async throws(Status) -> JSONValue {
    guard isConverted || isConvertedElsewhere else { return object }
    guard let conversion = kind.conversion else { return renamed(object) }
    let given = version(of: object)
    if given == info.groupVersion { return object }
    var bare = object
    // The webhook is not told, and what it says of it does not count.
    bare["metadata"]?["resourceVersion"] = nil
    guard
      var converted = try await conversion.convert(
        [bare], from: given, to: info.groupVersion
      ).first
    else { throw .internalError("a conversion gave nothing") }
    version.form.restore(&converted)
    if let revision = object["metadata"]?["resourceVersion"] { converted["metadata"]?["resourceVersion"] = revision }
    converted.sortByName()
    return converted
  }

  private func renamed(_ object: JSONValue) -> JSONValue {
    var object = object
    object["apiVersion"] = .string(info.groupVersion.description)
    version.form.restore(&object)
    object.sortByName()
    return object
  }

  /// An object of this version as it is stored: what the stored version does not know is lost.
  func toStored(_ object: JSONValue) async throws(Status) -> JSONValue {
    var tree = object
    if isConverted {
      if let conversion = kind.conversion {
        tree["metadata"]?["resourceVersion"] = nil
        guard
          let converted = try await conversion.convert(
            [tree], from: info.groupVersion, to: stored.groupVersion
          ).first
        else { throw .internalError("a conversion gave nothing") }
        tree = converted
      } else {
        tree["apiVersion"] = .string(stored.groupVersion.description)
      }
      storedForm.restore(&tree)
    }
    tree.sortByName()
    return tree
  }

  // MARK: objects

  /// An object that was converted; it is shown as it is.
  private struct Shown: Sendable {}
  /// In lists, too, objects say what they are.
  private static let itemOffset = 1

  /// What an object looks like in this version, where nobody has to be asked for it.
  func shown(_ object: CachedObject) -> CachedObject {
    guard isConverted, !(object.facts is Shown), kind.conversion == nil else { return object }
    return object.form(encoding) {
      guard let tape = try? JSONTape.parse(object.object) else { return object }
      let tree = renamed(JSONValue(tape.root, leavingUnread: "fieldsV1"))
      return object.remade(as: tree, itemOffset: Self.itemOffset, facts: Shown())
    }
  }

  /// The same of many, whoever has to be asked. They are not converted again by `shown`.
  func shown(_ objects: [CachedObject]) async throws(Status) -> [CachedObject] {
    if objects.isEmpty || objects.allSatisfy({ $0.facts is Shown }) { return objects }
    guard let conversion = kind.conversion else { return isConverted ? objects.map(shown) : objects }
    let trees = objects.map { object -> JSONValue in
      let tape = try? JSONTape.parse(object.object)
      return tape.map { JSONValue($0.root, leavingUnread: "fieldsV1") } ?? .object(JSONObject())
    }
    var shown = objects
    // Mostly all have one version.
    let places = Dictionary(grouping: trees.indices) { version(of: trees[$0]) }
    for (given, places) in places where given != info.groupVersion {
      let bare = places.map { place in
        var tree = trees[place]
        // The webhook is not told, and what it says of it does not count.
        tree["metadata"]?["resourceVersion"] = nil
        return tree
      }
      let converted = try await conversion.convert(bare, from: given, to: info.groupVersion)
      guard converted.count == bare.count else { throw .internalError("a conversion gave too little") }
      // A webhook may answer otherwise the next time: nothing is kept.
      for (place, tree) in zip(places, converted) {
        var tree = tree
        version.form.restore(&tree)
        if let revision = trees[place]["metadata"]?["resourceVersion"] {
          tree["metadata"]?["resourceVersion"] = revision
        }
        tree.sortByName()
        shown[place] = objects[place].remade(as: tree, itemOffset: Self.itemOffset, facts: Shown())
      }
    }
    return shown
  }

  // MARK: ownership

  /// Who owns what of an object.
  func fieldManager(_ definition: ResourceDefinition, version place: Int) -> FieldManager {
    var others: [ByteString: MergeSchema] = [:]
    for (other, info) in definition.infos.enumerated() where other != place {
      if let schema = definition.versions[other].custom?.form.ownership {
        others[ByteString(info.groupVersion.description)] = schema
      }
    }
    let forms = Dictionary(
      zip(definition.infos, definition.versions).compactMap { info, version in
        version.custom.map { (ByteString(info.groupVersion.description), $0.form) }
      }, uniquingKeysWith: { first, _ in first })
    let empty: JSONValue = .object(JSONObject())
    return FieldManager(
      version.form.ownership, kind: GroupVersionKind(info.groupVersion, kind: info.kind), empty: empty, others: others
    ) { object, apiVersion in
      guard let form = forms[ByteString(apiVersion)] else { return nil }
      var object = object
      object["apiVersion"] = .string(apiVersion)
      form.restore(&object)
      return object
    }
  }
}
