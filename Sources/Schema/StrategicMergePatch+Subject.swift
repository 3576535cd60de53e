import JSON

extension StrategicMergePatch {
  /// What is merged: tells how its members merge. (upstream: `LookupPatchMeta`)
  struct Subject {
    let model: TypeModel
    let shape: TypeModel.Shape
    /// As messages name it, where it follows from nothing else.
    let goType: String?

    /// How a member merges, and what it or its elements are.
    struct Member {
      let subject: Subject
      /// `merge`, `replace`, or nothing.
      let strategy: String
      let mergeKey: String
    }

    /// (`LookupPatchMetadataForStruct`)
    func member(_ name: String) throws(Failure) -> Member {
      let field = try field(name)
      return Member(
        subject: Subject(model: model, shape: field.shape, goType: field.goType), strategy: strategy(field),
        mergeKey: field.patchMergeKey ?? "")
    }

    /// A member that is a list. (`LookupPatchMetadataForSlice`)
    func list(_ name: String) throws(Failure) -> Member {
      let field = try field(name)
      guard case .list(let item) = field.shape else { throw .other("expected slice or array type, but got: \(kind)") }
      if case .list = item { throw .other("unexpected slice of slice") }
      return Member(
        subject: Subject(model: model, shape: item, goType: nil), strategy: strategy(field),
        mergeKey: field.patchMergeKey ?? "")
    }

    private func strategy(_ field: TypeModel.Field) -> String {
      field.patchStrategies.first { $0 != "retainKeys" } ?? ""
    }

    private func field(_ name: String) throws(Failure) -> TypeModel.Field {
      switch shape {
      case .structure(let id):
        guard let field = model.field(name, of: id) else {
          throw .other("unable to find api field in struct \(model[id].shortName) for the json field \"\(name)\"")
        }
        return field
      case .raw, .json, .either:
        let type = (goType ?? model.goType(shape)).split(separator: ".").last.map(String.init) ?? ""
        throw .other("unable to find api field in struct \(type) for the json field \"\(name)\"")
      default: throw .other("merging an object in json but data type is not struct, instead is: \(kind)")
      }
    }

    /// The kind of Go's type.
    var kind: String {
      switch shape {
      case .structure, .either, .raw, .json, .quantity, .time, .microTime, .intOrString: "struct"
      case .string: "string"
      case .bool: "bool"
      case .int32: "int32"
      case .int64: "int64"
      case .double: "float64"
      case .bytes, .list: "slice"
      case .map: "map"
      }
    }
  }
}
