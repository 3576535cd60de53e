import ByteBuffers
import Cacher
import FieldManagement
import JSON
import Machinery
import Schema

/// Between the stored version of a resource and another one in which it is served.
struct VersionConverter: Sendable {
  private let stored: ResourceInfo
  private let served: ResourceInfo
  private let conversion: ServedVersion.Conversion?
  private let model: TypeModel
  private let storedType: TypeModel.TypeID
  private let servedType: TypeModel.TypeID
  private let defaults: ResourceDefinition.Hook
  /// Under which an object keeps what it looks like in this version.
  private let form: EncodingID
  /// `{"kind":"Event","apiVersion":"events.k8s.io/v1",`
  private let headCount: Int

  /// Above those that APIServer gives out.
  private static let firstForm: UInt32 = 1 << 16

  /// `place`: of the served version in the definition; nil for the stored one.
  init?(_ definition: ResourceDefinition, version place: Int, model: TypeModel) {
    guard place > 0, let stored = definition.infos.first, definition.infos.indices.contains(place),
      let storedType = model.type(stored.typeName), let servedType = model.type(definition.infos[place].typeName)
    else { return nil }
    self.stored = stored
    served = definition.infos[place]
    conversion = definition.versions[place].conversion
    self.model = model
    self.storedType = storedType
    self.servedType = servedType
    defaults = definition.defaults
    form = EncodingID(Self.firstForm + UInt32(place))
    headCount = #"{"kind":"\#(served.kind)","apiVersion":"\#(served.groupVersion)","#.utf8.count
  }

  /// A selectable field's name in the stored version; nil where it is none.
  func field(_ name: String) -> String? { conversion.map { $0.field(name) } ?? name }

  // MARK: trees

  /// An object of the served version as it is stored.
  func toStored(_ object: JSONValue) -> JSONValue {
    var tree = typed(conversion?.toStored(object) ?? object, as: storedType, of: stored)
    defaults(&tree)
    return tree
  }

  /// A stored object as it is served.
  func toServed(_ object: JSONValue) -> JSONValue {
    typed(conversion?.fromStored(object) ?? object, as: servedType, of: served)
  }

  /// With members in the type's order. A conversion makes what its type can hold; should it not, members that don't fit
  /// are worth less than the object.
  private func typed(_ object: JSONValue, as type: TypeModel.TypeID, of info: ResourceInfo) -> JSONValue {
    var named = object
    named["kind"] = .string(info.kind)
    named["apiVersion"] = .string(info.groupVersion.description)
    // Metadata reads the same in every version: it is not gone through again, large as the owners' fields may be.
    var bare = named
    bare["metadata"] = .object(JSONObject())
    guard var decoded = try? model.decode(tree: bare, as: type).value else { return named }
    if let metadata = object["metadata"] { decoded["metadata"] = metadata }
    return decoded
  }

  // MARK: objects

  /// What an object looks like in the served version; made once, and kept beside it while there is room.
  func shown(_ object: CachedObject) -> CachedObject { object.form(form) { made(of: object) } }

  private func made(of object: CachedObject) -> CachedObject {
    guard let tape = try? JSONTape.parse(object.object) else { return object }
    return object.remade(as: toServed(JSONValue(tape.root, leavingUnread: "fieldsV1")), itemOffset: headCount)
  }

  // MARK: ownership

  /// What may be owned in the other versions, by apiVersion.
  static func schemas(
    _ definition: ResourceDefinition, except place: Int, model: TypeModel
  ) -> [ByteString: MergeSchema] {
    var schemas: [ByteString: MergeSchema] = [:]
    for (other, info) in definition.infos.enumerated() where other != place {
      if let type = model.type(info.typeName) {
        schemas[ByteString(info.groupVersion.description)] = MergeSchema(model, root: type)
      }
    }
    return schemas
  }

  /// An object of any version in another one.
  static func between(
    _ definition: ResourceDefinition, model: TypeModel
  ) -> @Sendable (JSONValue, String) -> JSONValue? {
    guard definition.infos.count > 1 else { return FieldManager.renamed }
    let names = definition.infos.map(\.groupVersion.description)
    let converters = names.indices.map { VersionConverter(definition, version: $0, model: model) }
    return { object, apiVersion in
      guard let from = names.firstIndex(of: object["apiVersion"]?.string ?? ""),
        let to = names.firstIndex(of: apiVersion)
      else { return nil }
      let stored = converters[from]?.toStored(object) ?? object
      return converters[to]?.toServed(stored) ?? stored
    }
  }
}
