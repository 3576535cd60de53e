import ByteBuffers
import FieldManagement
import JSON
import Machinery
import Registry
import Schema

/// The form of the objects of one version of a custom resource, as its schema has it.
final class StructuralForm: ObjectForm {
  private let schema: StructuralSchema
  private let validator: SchemaValidator
  /// Of the status alone; nil where the schema says nothing of it.
  private let statusValidator: SchemaValidator?
  /// `openAPIV3Schema` as it is written.
  private let written: JSONValue
  private let scale: CustomScale?
  /// The fields that selectors may ask for.
  private let selectable: [String]
  let ownership: MergeSchema

  /// `version`: one of a definition's.
  init(_ version: JSONValue) {
    written = version["schema"]?["openAPIV3Schema"] ?? .object(JSONObject())
    schema = StructuralSchema(written)
    validator = SchemaValidator(schema)
    statusValidator = schema.property("status").map { SchemaValidator($0) }
    scale = CustomScale(version: version)
    selectable = (version["selectableFields"]?.array ?? []).compactMap { $0["jsonPath"]?.string }
      .map { $0.hasPrefix(".") ? String($0.dropFirst()) : $0 }
    ownership = schema.ownership()
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

  /// A status that is written by itself is looked at alone. (`customResourceStrategy`, `statusStrategy`)
  func findings(_ object: JSONValue, old: JSONValue?, _ part: Subresource) async -> ObjectFindings {
    guard part == .status else {
      var errors = validator.findings(object, replacing: old).errors
      errors += scale?.problems(object, isStatus: false) ?? []
      return ObjectFindings(errors: errors + listProblems(object, old))
    }
    var errors: [FieldError] = []
    if let statusValidator, let status = object["status"] {
      errors += statusValidator.findings(status, replacing: old?["status"], at: "status").errors
    }
    errors += scale?.problems(object, isStatus: true) ?? []
    return ObjectFindings(errors: errors + listProblems(object, old))
  }

  /// Lists that were wrong before may stay so.
  private func listProblems(_ object: JSONValue, _ old: JSONValue?) -> [FieldError] {
    let problems = ListTypes.problems(object, schema)
    if problems.isEmpty { return [] }
    if let old, !ListTypes.problems(old, schema).isEmpty { return [] }
    return problems
  }

  func openAPISchema(_ dialect: OpenAPIDialect) -> JSONValue {
    PublishedSchema.of(written, dialect, selectable: selectable)
  }
}
