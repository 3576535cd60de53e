import JSON

/// The type model as flat rows, in the order in which the decoder needs them: a member is found by comparing bytes, and
/// its name and what an absent member shows are values that already exist.
struct DecodeTables: Sendable {
  /// One struct: the rows `first..<end`.
  struct Structure: Sendable {
    let first: Int
    let end: Int
    /// What a body without any member shows.
    let zero: JSONValue
  }

  /// One member. `code` and `element` are places in `shapes`.
  struct Field: Sendable {
    let name: String
    let nameStart: Int32
    let nameCount: Int32
    let shape: Int32
    let isPointer: Bool
    let omission: TypeModel.Omission
    /// What an answer shows where the member is absent or null; nil leaves it out.
    let absent: JSONValue?
  }

  enum Code: UInt8, Sendable {
    case string, bool, int32, int64, double, quantity, time, microTime, intOrString, bytes, raw, json, structure, list,
      map
    /// A struct or a list of it, a truth, a list of texts; `inner` is the struct's place.
    case orArray, orBool, orStrings
  }

  /// What a value is; `inner` is a struct's place, or the place in `shapes` of a list's or map's elements.
  struct Shape: Sendable {
    let code: Code
    let inner: Int32
    var isEither: Bool { code == .orArray || code == .orBool || code == .orStrings }
  }

  private(set) var structures: [Structure] = []
  private(set) var fields: [Field] = []
  private(set) var shapes: [Shape] = []
  /// All names, one after the other.
  private(set) var names: [UInt8] = []

  init(_ model: [TypeModel.Structure]) {
    var zeros = ZeroValues(model)
    fields.reserveCapacity(model.reduce(0) { $0 + $1.fields.count })
    for (place, structure) in model.enumerated() {
      let first = fields.count
      for field in structure.fields {
        let start = names.count
        names.append(contentsOf: field.name.utf8)
        fields.append(
          Field(
            name: field.name, nameStart: Int32(start), nameCount: Int32(names.count - start), shape: shape(field.shape),
            isPointer: field.isPointer,
            omission: Self.tellsEmpty(field, of: structure) ? .never : field.omission, absent: zeros.absent(field)))
      }
      structures.append(Structure(first: first, end: fields.count, zero: zeros.zero(place)))
    }
  }

  /// Lists that are never stored empty, of which a refusal says whether they were given empty or not at all.
  private static func tellsEmpty(_ field: TypeModel.Field, of structure: TypeModel.Structure) -> Bool {
    field.name == "cidrs" && structure.name == "io.k8s.api.networking.v1.ServiceCIDRSpec"
  }

  private mutating func shape(_ shape: TypeModel.Shape) -> Int32 {
    let made: Shape =
      switch shape {
      case .string: Shape(code: .string, inner: 0)
      case .bool: Shape(code: .bool, inner: 0)
      case .int32: Shape(code: .int32, inner: 0)
      case .int64: Shape(code: .int64, inner: 0)
      case .double: Shape(code: .double, inner: 0)
      case .quantity: Shape(code: .quantity, inner: 0)
      case .time: Shape(code: .time, inner: 0)
      case .microTime: Shape(code: .microTime, inner: 0)
      case .intOrString: Shape(code: .intOrString, inner: 0)
      case .bytes: Shape(code: .bytes, inner: 0)
      case .raw: Shape(code: .raw, inner: 0)
      case .json: Shape(code: .json, inner: 0)
      case .structure(let id): Shape(code: .structure, inner: Int32(id.index))
      case .either(let id, .array): Shape(code: .orArray, inner: Int32(id.index))
      case .either(let id, .bool): Shape(code: .orBool, inner: Int32(id.index))
      case .either(let id, .strings): Shape(code: .orStrings, inner: Int32(id.index))
      case .list(let element): Shape(code: .list, inner: self.shape(element))
      case .map(let element): Shape(code: .map, inner: self.shape(element))
      }
    shapes.append(made)
    return Int32(shapes.count - 1)
  }
}

/// What Go writes for zero values: omitempty does not see into structs, so those that are not pointers are always
/// written.
private struct ZeroValues {
  let model: [TypeModel.Structure]
  private var known: [Int: JSONValue] = [:]

  init(_ model: [TypeModel.Structure]) { self.model = model }

  /// A struct nobody has set anything in. Ends, because a Go struct can't contain itself except through a pointer, list
  /// or map.
  mutating func zero(_ place: Int) -> JSONValue {
    if let value = known[place] { return value }
    var members: [JSONObject.Member] = []
    for field in model[place].fields {
      if let value = absent(field) { members.append(JSONObject.Member(field.name, value)) }
    }
    let value = JSONValue.object(JSONObject(unchecked: members))
    known[place] = value
    return value
  }

  mutating func absent(_ field: TypeModel.Field) -> JSONValue? {
    if field.isPointer { return field.omission == .never ? JSONValue.null : nil }
    switch field.shape {
    case .structure(let id): return field.omission == .whenZero ? nil : zero(id.index)
    case .time, .microTime: return field.omission == .whenZero ? nil : JSONValue.null
    default: break
    }
    guard field.omission == .never else { return nil }
    switch field.shape {
    case .string: return ""
    case .bool: return false
    case .int32, .int64, .double, .intOrString: return 0
    case .quantity: return "0"
    default: return JSONValue.null
    }
  }
}
