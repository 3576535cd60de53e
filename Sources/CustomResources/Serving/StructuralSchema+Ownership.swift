import FieldManagement
import Schema

extension StructuralSchema {
  /// What of the objects of a version can be owned by itself. Whatever the schema says of them, apiVersion, kind and
  /// metadata are those of every object, also of those inside of others. (kube-openapi:
  /// `schemaconv.ToSchemaFromOpenAPI`, of what apiextensions-apiserver publishes)
  func ownership() -> MergeSchema {
    let model = TypeModel.builtin
    guard let metadata = model.type("io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta") else { return .untyped }
    return MergeSchema(OwnershipForm(metadata: .type(metadata)).of(self, keepsUnknown: false, isResource: true), model)
  }
}

/// Recursion follows the schema, whose depth is bounded where it is read.
private struct OwnershipForm {
  let metadata: MergeForm

  /// `keepsUnknown`: something above keeps what it does not know. All below does so then, as upstream.
  func of(_ schema: StructuralSchema, keepsUnknown: Bool, isResource: Bool = false) -> MergeForm {
    let keeps = keepsUnknown || schema.preservesUnknown == true
    switch schema.type {
    case "object":
      let (fields, others) = members(schema, keeps, isResource: isResource || schema.isEmbeddedResource)
      let object = MergeForm.object(fields: fields, others: others)
      return schema.isAtomicMap ? .atomic(object) : object
    case "array": return list(schema, keeps)
    case "boolean": return .bool
    case "integer", "number": return .number
    // A text with a format of its own may be any scalar.
    case "string": return schema.format.isEmpty || schema.format == "byte" ? .string : .scalar
    default:
      // It may be anything, int-or-string too; but an object has what is said of its members.
      if schema.properties.isEmpty, schema.additional == nil { return .anything }
      let (fields, others) = members(schema, keeps, isResource: isResource)
      return .anythingWith(fields: fields, others: others)
    }
  }

  private func members(
    _ schema: StructuralSchema, _ keeps: Bool, isResource: Bool
  ) -> (fields: [MergeForm.Field], others: MergeForm?) {
    var fields: [MergeForm.Field] = []
    if isResource {
      fields = [MergeForm.Field("apiVersion", .string), MergeForm.Field("kind", .string)]
      fields.append(MergeForm.Field("metadata", metadata))
    }
    let own = fields.map(\.name)
    for (name, inner) in schema.properties where !own.contains(name) {
      fields.append(MergeForm.Field(name, of(inner, keepsUnknown: keeps)))
    }
    switch schema.additional {
    case .schema(let inner)?: return (fields, of(inner, keepsUnknown: keeps))
    case .allowed?: return (fields, .anything)
    case .forbidden?: return (fields, nil)
    // Without any member that is known it is an object of any form.
    case nil: return (fields, keeps || fields.isEmpty ? .anything : nil)
    }
  }

  private func list(_ schema: StructuralSchema, _ keeps: Bool) -> MergeForm {
    let item = schema.items.map { of($0, keepsUnknown: keeps) } ?? .anything
    switch schema.listType {
    case .set?: return .set(item)
    case .map?:
      let keys = schema.listMapKeys.map { MergeForm.Key($0, defaultValue: schema.items?.property($0)?.defaultValue) }
      return .keyed(item, keys: keys)
    case .atomic?, nil: return .list(item)
    }
  }
}
