import JSON
public import Schema

/// How each part of a type merges, and what of it can be owned by itself; made once from the type model.
///
/// A list without a declared type is atomic, as is what has no structure of its own.
public struct MergeSchema: Sendable {
  /// A node's place.
  struct ID: Sendable, Equatable { let index: Int }

  enum Kind: Sendable {
    case scalar(Scalar)
    /// Owned and replaced as a whole; what it is made of is only checked.
    case atomic(ID)
    /// Anything at all, as a whole.
    case opaque
    case structure
    /// Anything, by what it is: members of objects are owned one by one, at any depth; all else as a whole.
    /// (`__untyped_deduced_`)
    case deduced
    /// A map of names to items.
    case map(ID)
    /// Only inside of what is atomic.
    case list(ID)
    /// A list that is a set of scalars.
    case set(ID)
    /// A list of objects that some of their members tell apart.
    case keyed(ID, [Key])
  }

  enum Scalar: Sendable { case string, bool, number, any }

  struct Key: Sendable {
    let name: String
    /// What counts where an item leaves the member out.
    let defaultValue: JSONValue?
  }

  struct Node: Sendable {
    let kind: Kind
    /// The members of a structure, or those of something deduced that are known.
    var fields: [ByteString: ID] = [:]
    /// What a structure's other members are; nil where it may have none.
    var others: ID?
    /// Is anything known of its members?
    var isKnown: Bool { !fields.isEmpty || others != nil }
  }

  private(set) var nodes: [Node] = []
  let root: ID

  subscript(id: ID) -> Node { nodes[id.index] }

  /// The node of an item or member; nil for a member that a structure does not have.
  func child(_ name: String, of id: ID) -> ID? {
    switch nodes[id.index].kind {
    case .structure: nodes[id.index].fields[name] ?? nodes[id.index].others
    case .map(let item): item
    // Where members are known, it is a structure as far as it is an object.
    case .deduced where nodes[id.index].isKnown: nodes[id.index].fields[name] ?? nodes[id.index].others
    case .deduced: id
    default: nil
    }
  }

  /// Does the type name this member? Entries of maps have names that nobody knew before.
  func isNamed(_ name: String, in id: ID) -> Bool {
    switch nodes[id.index].kind {
    // Without others there is no member but the named ones.
    case .structure: nodes[id.index].others == nil || nodes[id.index].fields[name] != nil
    case .deduced: nodes[id.index].isKnown && nodes[id.index].fields[name] != nil
    default: false
    }
  }

  public init(_ model: TypeModel, root type: TypeModel.TypeID) {
    var builder = Builder(model: model)
    root = builder.structure(type)
    nodes = builder.nodes
  }

  /// Of a kind about which nothing is known: members are owned one by one, all else as a whole.
  public static let untyped = MergeSchema(nodes: [Node(kind: .deduced)], root: ID(index: 0))

  init(nodes: [Node], root: ID) {
    self.nodes = nodes
    self.root = root
  }

  struct Builder {
    let model: TypeModel
    private(set) var nodes: [Node] = []
    private var structures: [TypeModel.TypeID: ID] = [:]

    init(model: TypeModel) { self.model = model }

    mutating func add(_ kind: Kind, fields: [ByteString: ID] = [:], others: ID? = nil) -> ID {
      nodes.append(Node(kind: kind, fields: fields, others: others))
      return ID(index: nodes.count - 1)
    }

    mutating func structure(_ type: TypeModel.TypeID) -> ID {
      // Types may contain themselves, so the place is known before the members are.
      if let known = structures[type] { return known }
      let id = add(.structure)
      structures[type] = id
      for field in model[type].fields { nodes[id.index].fields[field.name] = self.field(field) }
      return id
    }

    mutating func field(_ field: TypeModel.Field) -> ID {
      if field.isAtomicMap { return atomic(shape(field.shape)) }
      guard case .list(let item) = field.shape else { return shape(field.shape) }
      switch (field.listType, item) {
      case ("set"?, _):
        let id = shape(item)
        return add(.set(id))
      case ("map"?, .structure(let type)):
        let keys = field.mapKeys.map { name in
          Key(name: name, defaultValue: model.field(name, of: type)?.defaultValue)
        }
        let id = shape(item)
        return add(.keyed(id, keys))
      default: return atomic(list(item))
      }
    }

    mutating func shape(_ shape: TypeModel.Shape) -> ID {
      switch shape {
      case .string, .bytes: add(.scalar(.string))
      case .bool: add(.scalar(.bool))
      case .int32, .int64, .double: add(.scalar(.number))
      // Texts with a format of their own are untyped in upstream's schema.
      case .quantity, .intOrString, .time, .microTime: add(.scalar(.any))
      case .raw: add(.opaque)
      // Upstream's schema has no type for these.
      case .json, .either: add(.deduced)
      case .structure(let type): model[type].isAtomic ? atomic(structure(type)) : structure(type)
      case .list(let item): atomic(list(item))
      case .map(let item): map(item)
      }
    }

    // A call inside of `add` would change `nodes` while it is being changed.
    private mutating func atomic(_ inner: ID) -> ID { add(.atomic(inner)) }
    private mutating func list(_ item: TypeModel.Shape) -> ID {
      let id = shape(item)
      return add(.list(id))
    }

    private mutating func map(_ item: TypeModel.Shape) -> ID {
      let id = shape(item)
      return add(.map(id))
    }
  }
}
