public import JSON
public import Schema

/// How a place of a type that no model has merges, and what of it can be owned by itself.
public indirect enum MergeForm: Sendable {
  case string, bool, number
  /// Any text, number or bool.
  case scalar
  /// A type of the model.
  case type(TypeModel.TypeID)
  /// Anything, by what it is: members of objects are owned one by one, at any depth; all else as a whole.
  case anything
  /// The same, but objects have members of which something is known. `others`: what those are that have no name here;
  /// nil where there may be none.
  case anythingWith(fields: [Field], others: MergeForm?)
  case object(fields: [Field], others: MergeForm?)
  /// Owned and replaced as a whole; what it is made of is only checked.
  case atomic(MergeForm)
  /// Owned as a whole.
  case list(MergeForm)
  /// A list that is a set of scalars.
  case set(MergeForm)
  /// A list of objects that some of their members tell apart.
  case keyed(MergeForm, keys: [Key])

  /// A member by its name.
  public struct Field: Sendable {
    public let name: String
    let form: MergeForm
    public init(_ name: String, _ form: MergeForm) {
      self.name = name
      self.form = form
    }
  }

  /// A member that tells items apart.
  public struct Key: Sendable {
    let name: String
    let defaultValue: JSONValue?
    /// `defaultValue`: what counts where an item leaves the member out.
    public init(_ name: String, defaultValue: JSONValue?) {
      self.name = name
      self.defaultValue = defaultValue
    }
  }
}

extension MergeSchema {
  /// Of a type that no model has, but perhaps for parts of it. `model`: has the types that are named.
  public init(_ form: MergeForm, _ model: TypeModel) {
    var builder = Builder(model: model)
    let root = builder.form(form)
    self.init(nodes: builder.nodes, root: root)
  }
}

extension MergeSchema.Builder {
  /// Recursion follows the form, whose depth is that of a schema, which is bounded where it is read.
  fileprivate mutating func form(_ form: MergeForm) -> MergeSchema.ID {
    switch form {
    case .string: return add(.scalar(.string))
    case .bool: return add(.scalar(.bool))
    case .number: return add(.scalar(.number))
    case .scalar: return add(.scalar(.any))
    case .type(let type): return structure(type)
    case .anything: return add(.deduced)
    case .anythingWith(let fields, let others): return object(.deduced, fields, others)
    case .object(let fields, let others):
      guard fields.isEmpty, let others else { return object(.structure, fields, others) }
      let entry = self.form(others)
      return add(.map(entry))
    case .atomic(let inner):
      let whole = self.form(inner)
      return add(.atomic(whole))
    case .list(let item):
      let item = self.form(item)
      let whole = add(.list(item))
      return add(.atomic(whole))
    case .set(let item):
      let item = self.form(item)
      return add(.set(item))
    case .keyed(let item, let keys):
      let item = self.form(item)
      return add(.keyed(item, keys.map { MergeSchema.Key(name: $0.name, defaultValue: $0.defaultValue) }))
    }
  }

  private mutating func object(
    _ kind: MergeSchema.Kind, _ fields: [MergeForm.Field], _ others: MergeForm?
  ) -> MergeSchema.ID {
    var places: [ByteString: MergeSchema.ID] = [:]
    for field in fields { places[ByteString(field.name)] = form(field.form) }
    let others = others.map { form($0) }
    return add(kind, fields: places, others: others)
  }
}
