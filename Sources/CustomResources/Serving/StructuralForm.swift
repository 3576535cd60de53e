import ByteBuffers
import FieldManagement
import JSON
import Machinery
import Registry
import Schema

/// The form of the objects of one version of a custom resource, as its schema has it.
final class StructuralForm: ObjectForm {
  private let schema: StructuralSchema
  /// `openAPIV3Schema` as it is written.
  private let written: JSONValue
  private let hasStatus: Bool
  /// The fields that selectors may ask for.
  private let selectable: [String]
  let ownership: MergeSchema

  /// `version`: one of a definition's.
  init(_ version: JSONValue) {
    written = version["schema"]?["openAPIV3Schema"] ?? .object(JSONObject())
    schema = StructuralSchema(written)
    hasStatus = version["subresources"]?["status"]?.object != nil
    selectable = (version["selectableFields"]?.array ?? []).compactMap { $0["jsonPath"]?.string }
      .map { $0.hasPrefix(".") ? String($0.dropFirst()) : $0 }
    ownership = .untyped
  }

  func complete(_ object: inout JSONValue) throws(DecodeError) -> CompletedObject {
    let unknown = schema.prune(&object, tellsUnknown: true)
    StructuralSchema.dropNulls(&object, schema)
    StructuralSchema.setDefaults(&object, schema)
    return CompletedObject(unknown: unknown)
  }

  func restore(_ object: inout JSONValue) {
    let metadata = object["metadata"]
    object["metadata"] = nil
    _ = schema.prune(&object, tellsUnknown: false)
    StructuralSchema.dropNulls(&object, schema)
    StructuralSchema.setDefaults(&object, schema)
    object["metadata"] = metadata
  }

  func findings(_ object: JSONValue, old: JSONValue?, _ part: Subresource) async -> ObjectFindings { ObjectFindings() }

  func openAPISchema(_ dialect: OpenAPIDialect) -> JSONValue {
    PublishedSchema.of(written, dialect, selectable: selectable)
  }
}
