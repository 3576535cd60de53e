import ByteBuffers
public import JSON
import Machinery

/// Writes objects as Kubernetes' protobuf messages: what is no pointer is always there, in the order of its numbers, as
/// Go's generated code does.
public struct ProtobufWriter {
  private let model: TypeModel
  public private(set) var bytes: [UInt8] = []

  public init(_ model: TypeModel, capacity: Int = 1_024) {
    self.model = model
    bytes.reserveCapacity(capacity)
  }

  // MARK: wire

  private mutating func varint(_ value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(truncatingIfNeeded: rest))
  }

  private mutating func tag(_ number: UInt32, _ wire: UInt64) { varint(UInt64(number) << 3 | wire) }

  /// A number.
  mutating func integer(_ value: Int64, _ number: UInt32) {
    tag(number, 0)
    varint(UInt64(bitPattern: value))
  }

  /// A number with a fraction.
  mutating func double(_ value: Double, _ number: UInt32) {
    tag(number, 1)
    for shift in stride(from: UInt64(0), to: 64, by: 8) {
      bytes.append(UInt8(truncatingIfNeeded: value.bitPattern >> shift))
    }
  }

  /// A text.
  public mutating func text(_ value: String, _ number: UInt32) {
    tag(number, 2)
    varint(UInt64(value.utf8.count))
    bytes.append(contentsOf: value.utf8)
  }

  /// Bytes, or a message that is written already.
  public mutating func data(_ value: some Collection<UInt8>, _ number: UInt32) {
    tag(number, 2)
    varint(UInt64(value.count))
    bytes.append(contentsOf: value)
  }

  /// A message: what `body` writes, behind its length.
  public mutating func message(_ number: UInt32, _ body: (inout ProtobufWriter) -> Void) {
    var inner = ProtobufWriter(model, capacity: 64)
    body(&inner)
    data(inner.bytes, number)
  }

  /// The length of a field's tag and length before `count` bytes, and those bytes themselves.
  public static func lead(_ number: UInt32, count: Int) -> [UInt8] {
    var writer = ProtobufWriter(.builtin, capacity: 8)
    writer.tag(number, 2)
    writer.varint(UInt64(count))
    return writer.bytes
  }

  // MARK: types

  /// The members of an object of a type; `node` nil or null stands for one without members.
  public mutating func structure(_ node: JSONNode?, _ type: TypeModel.TypeID) {
    var members: [ByteString: JSONNode] = [:]
    if let node { for (name, value) in node.members where !value.isNull { members[name.string ?? ""] = value } }
    write(model.protobufOrder[type.index][...], model.structures[type.index].fields, members, depth: 0)
  }

  /// The fields at `places`, of a message that stands `depth` messages deep in that of their type.
  private mutating func write(
    _ places: ArraySlice<Int>, _ fields: [TypeModel.Field], _ members: [ByteString: JSONNode], depth: Int
  ) {
    var rest = places
    while let place = rest.first {
      let field = fields[place]
      guard field.outerNumbers.count > depth else {
        value(members[field.name], field.shape, isOptional: field.isPointer, field.number)
        rest = rest.dropFirst()
        continue
      }
      // Go embeds a struct there: all its members, in a message that is always written.
      let outer = field.outerNumbers[depth]
      let embedded = rest.prefix { fields[$0].outerNumbers.count > depth && fields[$0].outerNumbers[depth] == outer }
      message(outer) { $0.write(embedded, fields, members, depth: depth + 1) }
      rest = rest.dropFirst(embedded.count)
    }
  }

  private mutating func value(_ node: JSONNode?, _ shape: TypeModel.Shape, isOptional: Bool, _ number: UInt32) {
    switch shape {
    case .list(let item):
      guard let node else { return }
      for element in node.elements { value(element, item, isOptional: false, number) }
    case .map(let item):
      guard let node else { return }
      for (name, element) in node.members {
        message(number) { entry in
          entry.text(name.string ?? "", 1)
          entry.mapValue(element, item)
        }
      }
    case .bytes:
      guard let node else { return }
      data(Self.decoded(node), number)
    case .raw:
      guard let node else { return }
      message(number) { $0.data(node.raw.array, 1) }
    case .json:
      guard let node else { return }
      message(number) { if !node.isNull { $0.data(node.raw.array, 1) } }
    case .either(let type, let other):
      guard let node else { return }
      message(number) { $0.either(node, type, other) }
    default:
      if node == nil && isOptional { return }
      single(node, shape, number)
    }
  }

  private mutating func mapValue(_ node: JSONNode, _ shape: TypeModel.Shape) {
    switch shape {
    // A list in a map is a message of its own, because maps of protobuf have no lists.
    case .list(let item): message(2) { $0.value(node, .list(item), isOptional: false, 1) }
    default: value(node, shape, isOptional: false, 2)
    }
  }

  private mutating func single(_ node: JSONNode?, _ shape: TypeModel.Shape, _ number: UInt32) {
    switch shape {
    case .string: text(node?.string ?? "", number)
    case .bool: integer(node?.bool == true ? 1 : 0, number)
    case .int32, .int64: integer(node?.int ?? 0, number)
    case .double: double(node?.double ?? 0, number)
    case .quantity: message(number) { $0.text(node?.string ?? "0", 1) }
    case .time: message(number) { $0.instant(node?.string.flatMap { try? Timestamp.parse($0) }) }
    case .microTime: message(number) { $0.instant(node?.string.flatMap { try? Timestamp.parseMicro($0) }) }
    case .intOrString:
      message(number) { inner in
        inner.integer(node?.string == nil ? 0 : 1, 1)
        inner.integer(node?.int ?? 0, 2)
        inner.text(node?.string ?? "", 3)
      }
    case .structure(let type): message(number) { $0.structure(node, type) }
    case .bytes, .raw, .json, .either, .list, .map: value(node, shape, isOptional: false, number)
    }
  }

  /// Each form has a field of its own; that of the truth is always there.
  private mutating func either(_ node: JSONNode, _ type: TypeModel.TypeID, _ other: TypeModel.Alternative) {
    let isStructure = node.kind == .object
    switch other {
    case .bool:
      integer(isStructure || node.bool == true ? 1 : 0, 1)
      if isStructure { message(2) { $0.structure(node, type) } }
    case .array:
      if isStructure { message(1) { $0.structure(node, type) } }
      for element in node.elements { message(2) { $0.structure(element, type) } }
    case .strings:
      if isStructure { message(1) { $0.structure(node, type) } }
      for element in node.elements { text(element.string ?? "", 2) }
    }
  }

  /// No time is a message without members.
  private mutating func instant(_ time: Timestamp.Instant?) {
    guard let time else { return }
    integer(time.seconds, 1)
    integer(Int64(time.nanoseconds), 2)
  }

  private static func decoded(_ node: JSONNode) -> [UInt8] {
    var text = node.string ?? ""
    return text.withUTF8 { Base64.decode(UnsafeRawBufferPointer($0)) }?.array ?? []
  }
}
