public import ByteBuffers
public import JSON
import Machinery

/// A body that is no protobuf message, in the words of Go's generated code.
public struct ProtobufError: Error, Equatable, CustomStringConvertible {
  public let description: String
  init(_ description: String) { self.description = description }
  static let end = ProtobufError("unexpected EOF")
}

/// What stands around an object: four bytes and a `runtime.Unknown`.
public struct ProtobufEnvelope: Sendable {
  public static let magic: [UInt8] = [0x6B, 0x38, 0x73, 0x00]
  public var apiVersion = ""
  public var kind = ""
  /// The object's own message.
  public var raw = ByteSlice(.empty)
  public var contentEncoding = ""
  public var contentType = ""

  /// Throws for what has no such envelope.
  public init(_ body: ByteSlice) throws(ProtobufError) {
    guard body.count >= 4, body.withUnsafeBytes({ $0.prefix(4).elementsEqual(Self.magic) }) else {
      throw ProtobufError("provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]")
    }
    let start = 4
    var cursor = ProtobufCursor(body.dropFirst(start))
    while let (number, wire) = try cursor.nextTag() {
      switch (number, wire) {
      case (1, 2):
        var inner = ProtobufCursor(try cursor.slice())
        while let (number, wire) = try inner.nextTag() {
          switch (number, wire) {
          case (1, 2): apiVersion = try inner.slice().text
          case (2, 2): kind = try inner.slice().text
          default: try inner.skip(wire)
          }
        }
      case (2, 2): raw = try cursor.slice()
      case (3, 2): contentEncoding = try cursor.slice().text
      case (4, 2): contentType = try cursor.slice().text
      default: try cursor.skip(wire)
      }
    }
  }
}

extension ProtobufEnvelope {
  /// What stands before a message of `count` bytes.
  public static func head(apiVersion: String, kind: String, count: Int) -> [UInt8] {
    var type = ProtobufWriter(.builtin, capacity: 64)
    type.text(apiVersion, 1)
    type.text(kind, 2)
    var head = ProtobufWriter(.builtin, capacity: 96)
    head.data(type.bytes, 1)
    return magic + head.bytes + ProtobufWriter.lead(2, count: count)
  }

  /// What stands behind it: no encoding, no content type.
  public static let tail: [UInt8] = [0x1A, 0, 0x22, 0]

  /// An object with what the envelope says of its type.
  public func named(_ object: JSONValue) -> JSONValue {
    let type = [JSONObject.Member("kind", .string(kind)), JSONObject.Member("apiVersion", .string(apiVersion))]
    return .object(JSONObject(unchecked: type + (object.object?.members ?? [])))
  }
}

extension ByteSlice {
  /// The members of a message that have a length, by their numbers; of a repeated one the last. Throws for what is no
  /// message.
  public func protobufMembers() throws(ProtobufError) -> [UInt32: ByteSlice] {
    var members: [UInt32: ByteSlice] = [:]
    var cursor = ProtobufCursor(self)
    while let (number, wire) = try cursor.nextTag() {
      if wire == 2 { members[number] = try cursor.slice() } else { try cursor.skip(wire) }
    }
    return members
  }
}

/// Walks a message. Every read is checked against its end.
struct ProtobufCursor {
  private let source: ByteSlice
  private var place = 0

  init(_ source: ByteSlice) { self.source = source }

  private func byte(_ at: Int) -> UInt8 { source.withUnsafeBytes { $0[at] } }

  mutating func varint() throws(ProtobufError) -> UInt64 {
    var value: UInt64 = 0
    var shift: UInt64 = 0
    while true {
      guard shift < 64 else { throw ProtobufError("proto: integer overflow") }
      guard place < source.count else { throw .end }
      let next = byte(place)
      place += 1
      value |= UInt64(next & 0x7F) << shift
      if next < 0x80 { return value }
      shift += 7
    }
  }

  /// The next field; nil at the end.
  mutating func nextTag() throws(ProtobufError) -> (number: UInt32, wire: UInt8)? {
    guard place < source.count else { return nil }
    let tag = try varint()
    let wire = UInt8(tag & 7)
    guard let number = UInt32(exactly: tag >> 3), number > 0, number < 1 << 29 else {
      throw ProtobufError("proto: illegal tag \(tag >> 3) (wire type \(wire))")
    }
    return (number, wire)
  }

  mutating func slice() throws(ProtobufError) -> ByteSlice {
    guard let length = Int(exactly: try varint()) else {
      throw ProtobufError("proto: negative length found during unmarshaling")
    }
    guard length <= source.count - place else { throw .end }
    defer { place += length }
    return ByteSlice(source.owner, offset: source.offset + place, count: length)
  }

  mutating func fixed64() throws(ProtobufError) -> UInt64 {
    guard source.count - place >= 8 else { throw .end }
    defer { place += 8 }
    return (0..<8).reduce(0) { $0 | UInt64(byte(place + $1)) << UInt64($1 * 8) }
  }

  mutating func skip(_ wire: UInt8) throws(ProtobufError) {
    switch wire {
    case 0: _ = try varint()
    case 1: _ = try fixed64()
    case 2: _ = try slice()
    case 5:
      guard source.count - place >= 4 else { throw .end }
      place += 4
    default: throw ProtobufError("proto: illegal wireType \(wire)")
    }
  }

  var isAtEnd: Bool { place >= source.count }
}

extension TypeModel {
  /// The message of an object of a type as JSON; without kind and apiVersion, which stand in the envelope. Unknown
  /// fields are passed over, as Go does.
  public func decodeProtobuf(_ message: ByteSlice, as type: TypeID) throws(ProtobufError) -> JSONValue {
    .object(try ProtobufReader(model: self).structure(message, type, depth: 0))
  }

  /// A body with its envelope as JSON of a named type, the envelope's kind and apiVersion first.
  public func object(ofProtobuf body: ByteSlice, as typeName: String) throws(ProtobufError) -> JSONValue {
    let envelope = try ProtobufEnvelope(body)
    guard let type = type(typeName) else { throw ProtobufError("no facts about \(typeName)") }
    return envelope.named(try decodeProtobuf(envelope.raw, as: type))
  }
}

private struct ProtobufReader {
  let model: TypeModel
  /// As deep as JSON may be: schemas contain themselves.
  static let depthMax = JSONValue.maxDepth

  func structure(_ message: ByteSlice, _ type: TypeModel.TypeID, depth: Int) throws(ProtobufError) -> JSONObject {
    guard depth < Self.depthMax else { throw ProtobufError("proto: nesting deeper than \(Self.depthMax)") }
    let fields = model[type].fields
    var found = [JSONValue?](repeating: nil, count: fields.count)
    /// Messages by field, in pieces: together they are one, as a message may come in several.
    var pieces: [Int: [ByteSlice]] = [:]
    var lists: [Int: [JSONValue]] = [:]
    var maps: [Int: [JSONObject.Member]] = [:]
    /// Of the message itself, or of one that holds an embedded struct: `outer`, from the outside in. No deeper than the
    /// facts say.
    func read(_ message: ByteSlice, in outer: [UInt32]) throws(ProtobufError) {
      var cursor = ProtobufCursor(message)
      while let (number, wire) = try cursor.nextTag() {
        guard let place = fields.firstIndex(where: { $0.number == number && $0.outerNumbers == outer }) else {
          let inner = outer + [number]
          if wire == 2, fields.contains(where: { $0.outerNumbers.starts(with: inner) }) {
            try read(try cursor.slice(), in: inner)
          } else {
            try cursor.skip(wire)
          }
          continue
        }
        let field = fields[place]
        switch field.shape {
        case .list(let item): try items(item, &cursor, wire, field.name, depth, into: &lists[place, default: []])
        case .map(let item):
          guard wire == 2 else { throw wrong(wire, field.name) }
          maps[place, default: []].append(try entry(try cursor.slice(), item, field.name, depth))
        case .structure:
          guard wire == 2 else { throw wrong(wire, field.name) }
          pieces[place, default: []].append(try cursor.slice())
        default: found[place] = try single(field.shape, &cursor, wire, field.name, depth)
        }
      }
    }
    try read(message, in: [])
    for (place, parts) in pieces {
      guard case .structure(let inner) = fields[place].shape else { continue }
      let whole = parts.count == 1 ? parts[0] : ByteSlice(SharedBytes(parts.flatMap(\.array)))
      found[place] = .object(try structure(whole, inner, depth: depth + 1))
    }
    var members: [JSONObject.Member] = []
    members.reserveCapacity(fields.count)
    for (place, field) in fields.enumerated() {
      if let value = found[place] {
        members.append(JSONObject.Member(field.name, value))
      } else if let list = lists[place] {
        members.append(JSONObject.Member(field.name, .array(list)))
      } else if let map = maps[place] {
        var object = JSONObject(uniquing: map)
        object.sortByName()
        members.append(JSONObject.Member(field.name, .object(object)))
      }
    }
    return JSONObject(unchecked: members)
  }

  private func wrong(_ wire: UInt8, _ name: String) -> ProtobufError {
    ProtobufError("proto: wrong wireType = \(wire) for field \(name.prefix(1).uppercased() + name.dropFirst())")
  }

  /// One item, or several numbers in one piece.
  private func items(
    _ shape: TypeModel.Shape, _ cursor: inout ProtobufCursor, _ wire: UInt8, _ name: String, _ depth: Int,
    into list: inout [JSONValue]
  ) throws(ProtobufError) {
    switch shape {
    case .int32, .int64, .bool:
      guard wire == 2 else { break }
      var packed = ProtobufCursor(try cursor.slice())
      while !packed.isAtEnd { list.append(try single(shape, &packed, 0, name, depth)) }
      return
    default: break
    }
    list.append(try single(shape, &cursor, wire, name, depth))
  }

  private func entry(
    _ message: ByteSlice, _ shape: TypeModel.Shape, _ name: String, _ depth: Int
  ) throws(ProtobufError) -> JSONObject.Member {
    var key = ""
    var value: JSONValue?
    var cursor = ProtobufCursor(message)
    while let (number, wire) = try cursor.nextTag() {
      switch number {
      case 1:
        guard wire == 2 else { throw wrong(wire, name) }
        key = try cursor.slice().text
      case 2:
        guard case .list(let item) = shape else {
          value = try single(shape, &cursor, wire, name, depth)
          continue
        }
        guard wire == 2 else { throw wrong(wire, name) }
        var list: [JSONValue] = []
        var inner = ProtobufCursor(try cursor.slice())
        while let (number, wire) = try inner.nextTag() {
          if number == 1 { try items(item, &inner, wire, name, depth, into: &list) } else { try inner.skip(wire) }
        }
        value = .array(list)
      default: try cursor.skip(wire)
      }
    }
    return JSONObject.Member(key, value ?? zero(shape))
  }

  private func zero(_ shape: TypeModel.Shape) -> JSONValue {
    switch shape {
    case .string, .bytes: ""
    case .quantity: "0"
    case .bool: false
    case .int32, .int64: 0
    case .list: []
    case .structure, .map: [:]
    default: .null
    }
  }

  private func single(
    _ shape: TypeModel.Shape, _ cursor: inout ProtobufCursor, _ wire: UInt8, _ name: String, _ depth: Int
  ) throws(ProtobufError) -> JSONValue {
    switch shape {
    case .bool, .int32, .int64:
      guard wire == 0 else { throw wrong(wire, name) }
      let bits = try cursor.varint()
      switch shape {
      case .bool: return .bool(bits != 0)
      case .int32: return .int(Int64(Int32(truncatingIfNeeded: bits)))
      default: return .int(Int64(bitPattern: bits))
      }
    case .double:
      guard wire == 1 else { throw wrong(wire, name) }
      let value = Double(bitPattern: try cursor.fixed64())
      guard value.isFinite else { throw ProtobufError("json: unsupported value: \(value)") }
      return .double(value)
    default: break
    }
    guard wire == 2 else { throw wrong(wire, name) }
    let part = try cursor.slice()
    switch shape {
    case .string: return .string(part.text)
    case .bytes: return .string(Base64.text(part.array))
    case .quantity: return .string(try text(part, 1))
    case .time, .microTime: return try instant(part, isMicro: { if case .microTime = shape { true } else { false } }())
    case .intOrString: return try intOrString(part)
    case .raw, .json: return try raw(part)
    case .either(let type, let other): return try either(part, type, other, name, depth: depth + 1)
    case .structure(let type): return .object(try structure(part, type, depth: depth + 1))
    case .list, .map, .bool, .int32, .int64, .double: throw ProtobufError("proto: a list in a list")
    }
  }

  /// What a union holds; null for nothing.
  private func either(
    _ message: ByteSlice, _ type: TypeModel.TypeID, _ other: TypeModel.Alternative, _ name: String, depth: Int
  ) throws(ProtobufError) -> JSONValue {
    var pieces: [ByteSlice] = []
    var list: [JSONValue] = []
    var isTrue = false
    let structureNumber: UInt32 = other == .bool ? 2 : 1
    var cursor = ProtobufCursor(message)
    while let (number, wire) = try cursor.nextTag() {
      switch (number, other) {
      case (structureNumber, _):
        guard wire == 2 else { throw wrong(wire, "schema") }
        pieces.append(try cursor.slice())
      case (1, .bool):
        guard wire == 0 else { throw wrong(wire, "allows") }
        isTrue = try cursor.varint() != 0
      case (2, .array):
        guard wire == 2 else { throw wrong(wire, "JSONSchemas") }
        list.append(.object(try structure(try cursor.slice(), type, depth: depth)))
      case (2, .strings):
        guard wire == 2 else { throw wrong(wire, "property") }
        list.append(.string(try cursor.slice().text))
      default: try cursor.skip(wire)
      }
    }
    if !list.isEmpty { return .array(list) }
    if !pieces.isEmpty {
      let whole = pieces.count == 1 ? pieces[0] : ByteSlice(SharedBytes(pieces.flatMap(\.array)))
      return .object(try structure(whole, type, depth: depth))
    }
    return other == .bool ? .bool(isTrue) : .null
  }

  /// The text of a message that has one.
  private func text(_ message: ByteSlice, _ wanted: UInt32) throws(ProtobufError) -> String {
    var result = ""
    var cursor = ProtobufCursor(message)
    while let (number, wire) = try cursor.nextTag() {
      if number == wanted && wire == 2 { result = try cursor.slice().text } else { try cursor.skip(wire) }
    }
    return result
  }

  private func instant(_ message: ByteSlice, isMicro: Bool) throws(ProtobufError) -> JSONValue {
    // A message without anything is no time.
    if message.count == 0 { return .null }
    var seconds: Int64 = 0
    var nanoseconds: Int64 = 0
    var cursor = ProtobufCursor(message)
    while let (number, wire) = try cursor.nextTag() {
      switch (number, wire) {
      case (1, 0): seconds = Int64(bitPattern: try cursor.varint())
      case (2, 0): nanoseconds = Int64(bitPattern: try cursor.varint())
      default: try cursor.skip(wire)
      }
    }
    // Years 1 to 9999: what a text can say.
    guard (-62_135_596_800...253_402_300_799).contains(seconds), (0...999_999_999).contains(nanoseconds) else {
      throw ProtobufError("Time.MarshalJSON: year outside of range [0,9999]")
    }
    return .string(isMicro ? Timestamp.micro(seconds, Int(nanoseconds)) : Timestamp.text(seconds))
  }

  private func intOrString(_ message: ByteSlice) throws(ProtobufError) -> JSONValue {
    var type: UInt64 = 0
    var number: Int64 = 0
    var string = ""
    var cursor = ProtobufCursor(message)
    while let (field, wire) = try cursor.nextTag() {
      switch (field, wire) {
      case (1, 0): type = try cursor.varint()
      case (2, 0): number = Int64(Int32(truncatingIfNeeded: try cursor.varint()))
      case (3, 2): string = try cursor.slice().text
      default: try cursor.skip(wire)
      }
    }
    return type == 1 ? .string(string) : .int(number)
  }

  /// JSON inside of a message.
  private func raw(_ message: ByteSlice) throws(ProtobufError) -> JSONValue {
    var value = JSONValue.null
    var cursor = ProtobufCursor(message)
    while let (number, wire) = try cursor.nextTag() {
      guard number == 1 && wire == 2 else {
        try cursor.skip(wire)
        continue
      }
      let text = try cursor.slice()
      do { value = text.count == 0 ? .null : try JSONValue(parsing: text) } catch {
        throw ProtobufError(error.description)
      }
    }
    return value
  }
}
