import ByteBuffers
public import JSON
import Machinery

/// A body that a type can't hold; the text is Go's.
public struct DecodeError: Error, Equatable, CustomStringConvertible {
  public let description: String
}

/// What came of a body.
public struct Decoded: Sendable {
  /// Members in the order of answers, unknown ones dropped, quantities and times canonical, omitted and zero values as
  /// kube-apiserver writes them. Encoding it gives the bytes that kube-apiserver would send.
  public var value: JSONValue
  /// Complaints of strict decoding in the order of the body, each once and a hundred at most: `unknown field
  /// "spec.nope"`, `duplicate field "metadata.labels.a"`.
  public let strictProblems: [String]

  /// The text of a strict failure.
  public var strictMessage: String { "strict decoding error: " + strictProblems.joined(separator: ", ") }
}

extension TypeModel {
  /// Reads a parsed body as a type, by the rules of Go's decoder as apimachinery uses it: names are case-sensitive,
  /// null leaves the zero value, unknown names are dropped and reported, and so are repeated names. Of those the last
  /// value counts; structs, lists and maps given twice are laid over each other, as Go does.
  ///
  /// A wrong type does not end the reading, since a value that can't be parsed (a time, a quantity) further on takes
  /// precedence; the first of its kind is thrown.
  ///
  /// `leavesRawUnread`: objects in members of any form (FieldsV1) stay text where they are written as `JSONWriter`
  /// would.
  public func decode(_ node: JSONNode, as id: TypeID, leavesRawUnread: Bool = false) throws(DecodeError) -> Decoded {
    let source = leavesRawUnread ? node.source : nil
    return try node.withView { view, place in
      tables.withPointers { tables -> Result<Decoded, DecodeError> in
        var decoder = Decoder(view: view, tables: tables, model: self, unreadSource: source)
        do throws(DecodeError) {
          let value = try decoder.root(place, id.index)
          if let error = decoder.savedError { return .failure(error) }
          return .success(Decoded(value: value, strictProblems: decoder.problems))
        } catch { return .failure(error) }
      }
    }.get()
  }

  /// An edited tree as the type holds it: the same as encoding it and reading it again.
  public func canonicalise(_ value: JSONValue, as id: TypeID) throws(DecodeError) -> Decoded {
    let tape: JSONTape
    do { tape = try JSONTape.parse(value.encoded()) } catch { throw DecodeError(description: error.description) }
    return try decode(tape.root, as: id)
  }
}

extension DecodeTables {
  /// The tables without bounds checks and reference counts; valid inside `withPointers` only. Places come from the
  /// model and the tape, never from a body.
  struct Pointers {
    let structures: UnsafePointer<Structure>
    let fields: UnsafePointer<Field>
    let shapes: UnsafePointer<Shape>
    let names: UnsafePointer<UInt8>
  }

  func withPointers<R>(_ body: (Pointers) -> R) -> R {
    structures.withUnsafeBufferPointer { structures in
      fields.withUnsafeBufferPointer { fields in
        shapes.withUnsafeBufferPointer { shapes in
          names.withUnsafeBufferPointer { names in
            guard let structures = structures.baseAddress, let fields = fields.baseAddress,
              let shapes = shapes.baseAddress, let names = names.baseAddress
            else { preconditionFailure("a type model without types") }
            return body(Pointers(structures: structures, fields: fields, shapes: shapes, names: names))
          }
        }
      }
    }
  }
}

/// One decoding. Recursion follows types and is bounded by `JSONValue.maxDepth`.
///
/// Bodies mostly come in the order of the type: then members are appended as they are read (`structure`). At the first
/// that is out of order the struct goes on with one slot a member (`unordered`).
struct Decoder {
  let view: JSONView
  let tables: DecodeTables.Pointers
  let model: TypeModel
  /// The first wrong type; thrown at the end unless something harder comes.
  private(set) var savedError: DecodeError?
  private(set) var problems: [String] = []
  private var seenProblems = Set<ByteString>()
  /// Bytes of all complaints that were spelled out, repeated ones too.
  private var spelled = 0
  private var path: [PathPart] = []

  /// Members of maps that were laid over each other, as a map is that comes twice.
  private var overlaid = 0
  /// No client sends a map twice but by mistake; one that is sent thousands of times is an attack.
  private static let maxOverlaid = 1_000_000

  /// As upstream, so that a body of unknown names can't grow the answer without end.
  private static let maxProblems = 100

  /// Where the decoder is; spelled out only in messages.
  private enum PathPart {
    /// A member: place of its row, and of the struct it belongs to.
    case field(Int, of: Int)
    case index(Int)
    /// A map's key: its place in the tape.
    case key(Int)
  }

  /// What unread parts are cut from; nil where there are to be none.
  private let unreadSource: ByteSlice?

  init(view: JSONView, tables: DecodeTables.Pointers, model: TypeModel, unreadSource: ByteSlice?) {
    self.unreadSource = unreadSource
    self.view = view
    self.tables = tables
    self.model = model
    path.reserveCapacity(16)
  }

  mutating func root(_ place: Int, _ type: Int) throws(DecodeError) -> JSONValue {
    try structure(place, type, over: nil) ?? tables.structures[type].zero
  }

  // MARK: structs

  /// nil where the value is no object, which has been noted, or is null.
  private mutating func structure(_ place: Int, _ id: Int, over base: JSONValue?) throws(DecodeError) -> JSONValue? {
    guard view.kind(place) == .object else {
      if view.kind(place) != .null { mismatch(place, "v1.\(model.structures[id].shortName)") }
      return base
    }
    guard path.count < JSONValue.maxDepth else { throw DecodeError(description: "exceeded max depth") }
    let type = tables.structures[id]
    let end = view.next(place)
    var at = place + 1
    if case .object(let before)? = base {
      return try unordered(id, from: at, to: end, members: before.members, given: 0)
    }
    var members: [JSONObject.Member] = []
    members.reserveCapacity(min(view.count(place), type.end - type.first) + 2)
    var expected = type.first
    var given: UInt64 = 0
    while at < end {
      let value = at + 1
      guard let row = find(at, type, from: expected) else {
        reportUnknown(at)
        at = view.next(value)
        continue
      }
      if row < expected { return try unordered(id, from: at, to: end, members: members, given: given) }
      while expected < row {
        if let absent = tables.fields[expected].absent {
          members.append(JSONObject.Member(tables.fields[expected].name, absent))
        }
        expected += 1
      }
      given |= 1 << UInt64(row - type.first)
      path.append(.field(row, of: id))
      let decoded = try member(value, row, over: nil)
      path.removeLast()
      if let shown = shown(decoded, row) { members.append(JSONObject.Member(tables.fields[row].name, shown)) }
      expected = row + 1
      at = view.next(value)
    }
    while expected < type.end {
      if let absent = tables.fields[expected].absent {
        members.append(JSONObject.Member(tables.fields[expected].name, absent))
      }
      expected += 1
    }
    return .object(JSONObject(unchecked: members))
  }

  /// Goes on with one slot a member. `members`: what there is so far, in the order of the type. `given`: one bit a
  /// member that this object has had.
  private mutating func unordered(
    _ id: Int, from start: Int, to end: Int, members: [JSONObject.Member], given: UInt64
  ) throws(DecodeError) -> JSONValue {
    let type = tables.structures[id]
    var slots = [JSONValue?](repeating: nil, count: type.end - type.first)
    var row = type.first
    for member in members {
      while row < type.end, tables.fields[row].name != member.name { row += 1 }
      guard row < type.end else { break }
      slots[row - type.first] = member.value
      row += 1
    }
    var given = given
    var at = start
    var expected = type.first
    while at < end {
      let value = at + 1
      guard let row = find(at, type, from: expected) else {
        reportUnknown(at)
        at = view.next(value)
        continue
      }
      let bit: UInt64 = 1 << UInt64(row - type.first)
      if given & bit != 0 { report("duplicate field", tables.fields[row].name) }
      given |= bit
      path.append(.field(row, of: id))
      slots[row - type.first] = try member(value, row, over: slots[row - type.first])
      path.removeLast()
      expected = row + 1
      at = view.next(value)
    }
    var out: [JSONObject.Member] = []
    out.reserveCapacity(slots.count)
    for row in type.first..<type.end {
      if let shown = shown(slots[row - type.first], row) {
        out.append(JSONObject.Member(tables.fields[row].name, shown))
      }
    }
    return .object(JSONObject(unchecked: out))
  }

  @inline(__always)
  private func find(_ key: Int, _ type: DecodeTables.Structure, from expected: Int) -> Int? {
    if view.isEscaped(key) {
      let name = view.string(key)
      return (type.first..<type.end).first { tables.fields[$0].name == name }
    }
    let content = view.content(key)
    for row in expected..<max(expected, type.end) where matches(row, content) { return row }
    for row in type.first..<min(expected, type.end) where matches(row, content) { return row }
    return nil
  }

  @inline(__always)
  private func matches(_ row: Int, _ content: UnsafeRawBufferPointer) -> Bool {
    let count = Int(tables.fields[row].nameCount)
    guard count == content.count else { return false }
    let name = tables.names + Int(tables.fields[row].nameStart)
    for place in 0..<count where name[place] != content[place] { return false }
    return true
  }

  /// A member's value; nil where it counts as not given. `base`: what an earlier member of the same name left.
  @inline(__always)
  private mutating func member(_ place: Int, _ row: Int, over base: JSONValue?) throws(DecodeError) -> JSONValue? {
    let shape = tables.shapes[Int(tables.fields[row].shape)]
    guard view.kind(place) == .null else {
      let decoded = try value(place, shape, over: base)
      // The zero time is null. Go stores that even for a pointer, and finds nothing there when it reads it again for
      // the answer.
      if case .null? = decoded, shape.code == .time || shape.code == .microTime { return nil }
      return decoded
    }
    // Go sets pointers, lists and maps to nil, times to zero, and leaves the rest as it is.
    if tables.fields[row].isPointer { return nil }
    switch shape.code {
    case .list, .map, .time, .microTime, .intOrString, .bytes: return nil
    default: return base
    }
  }

  /// What an answer shows for a member: nil leaves it out.
  @inline(__always)
  private func shown(_ value: JSONValue?, _ row: Int) -> JSONValue? {
    guard let value else { return tables.fields[row].absent }
    if tables.fields[row].isPointer || tables.fields[row].omission == .never { return value }
    let isZero: Bool
    switch value {
    case .string(let text): isZero = text.isEmpty
    case .int(let number): isZero = number == 0
    case .double(let number): isZero = number == 0
    case .number: isZero = false
    case .bool(let truth): isZero = !truth
    case .array(let elements): isZero = elements.isEmpty
    case .object(let object):
      // omitempty does not see into structs; raw JSON that was given is kept.
      isZero = tables.shapes[Int(tables.fields[row].shape)].code == .map && object.isEmpty
    case .null: return tables.fields[row].absent
    case .unread: isZero = false
    }
    // Not `isZero ? nil : value`: that nil would be a JSON null, which is a value.
    if isZero { return nil }
    return value
  }

  // MARK: values

  /// A value that is not null; nil where its type is wrong, which has been noted.
  private mutating func value(
    _ place: Int, _ shape: DecodeTables.Shape, over base: JSONValue?
  ) throws(DecodeError) -> JSONValue? {
    let kind = view.kind(place)
    switch shape.code {
    case .string:
      if kind == .string { return .string(view.string(place)) }
    case .bool:
      if kind == .bool { return .bool(view.content(place).count == 4) }
    case .int32:
      if kind == .int, let number = Int32(exactly: view.int(place)) { return .int(Int64(number)) }
    case .int64:
      if kind == .int { return .int(view.int(place)) }
    case .double:
      if kind == .int { return .double(Double(view.int(place))) }
      if kind == .double, let number = Double(String(decoding: view.content(place), as: UTF8.self)), number.isFinite {
        return .double(number)
      }
    case .quantity: return try quantity(place)
    case .time, .microTime: return try time(place, isMicro: shape.code == .microTime)
    case .intOrString:
      if kind == .string { return .string(view.string(place)) }
      if kind == .int, let number = Int32(exactly: view.int(place)) { return .int(Int64(number)) }
      throw mismatched(place, "int32")
    case .bytes:
      if kind == .string { return bytes(place) }
    case .raw:
      if let text = unread(place) { return text }
      return try raw(place, depth: path.count)
    case .structure: return try structure(place, Int(shape.inner), over: base)
    case .list:
      if kind == .array { return try list(place, shape, over: base) }
    case .map:
      if kind == .object { return try map(place, shape, over: base) }
    }
    mismatch(place, nil)
    return base
  }

  /// A quantity may be a string or a bare number. Upstream looks at the bytes between the quotes, escapes and all, and
  /// ignores space around them.
  private func quantity(_ place: Int) throws(DecodeError) -> JSONValue {
    var content = view.content(place)[...]
    while let first = content.first, first == 0x20 || (0x09...0x0D).contains(first) { content = content.dropFirst() }
    while let last = content.last, last == 0x20 || (0x09...0x0D).contains(last) { content = content.dropLast() }
    switch Quantity.parse(UnsafeRawBufferPointer(rebasing: content)) {
    case .success(let quantity): return .string(quantity.description)
    case .failure(let error): throw DecodeError(description: error.description)
    }
  }

  private func time(_ place: Int, isMicro: Bool) throws(DecodeError) -> JSONValue {
    guard view.kind(place) == .string else { throw mismatched(place, "string") }
    if view.isEscaped(place) {
      var text = view.string(place)
      return try text.withUTF8 { bytes in time(UnsafeRawBufferPointer(bytes), isMicro: isMicro) }.get()
    }
    return try time(view.content(place), isMicro: isMicro).get()
  }

  private func time(_ text: UnsafeRawBufferPointer, isMicro: Bool) -> Result<JSONValue, DecodeError> {
    switch isMicro ? Timestamp.parseMicro(text) : Timestamp.parse(text) {
    case .failure(let error): return .failure(DecodeError(description: error.description))
    case .success(let instant):
      if instant.isZero { return .success(.null) }
      // Most are canonical: of 20 bytes and in UTC there is only one way to write a time.
      if !isMicro, text.count == 20, text[19] == UInt8(ascii: "Z") {
        return .success(.string(String(decoding: text, as: UTF8.self)))
      }
      return .success(
        .string(isMicro ? Timestamp.micro(instant.seconds, instant.nanoseconds) : Timestamp.text(instant.seconds)))
    }
  }

  private mutating func bytes(_ place: Int) -> JSONValue? {
    let text = view.string(place)
    var padding = 0
    for (at, byte) in text.utf8.enumerated() {
      let isDigit =
        (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte) || byte == 0x2B
        || byte == 0x2F
      if byte == UInt8(ascii: "="), at % 4 >= 2 {
        padding += 1
      } else if !isDigit || padding > 0 {
        save(DecodeError(description: "illegal base64 data at input byte \(at)"))
        return nil
      }
    }
    if text.utf8.count % 4 != 0 {
      save(DecodeError(description: "illegal base64 data at input byte \(text.utf8.count)"))
      return nil
    }
    return .string(text)
  }

  /// An object as text, if that is wanted and `JSONWriter` would write the same.
  private func unread(_ place: Int) -> JSONValue? {
    guard let source = unreadSource, view.kind(place) == .object else { return nil }
    let text = view.content(place)
    for byte in text
    where byte <= 0x20 || byte >= 0x7F || byte == UInt8(ascii: "<") || byte == UInt8(ascii: ">")
      || byte == UInt8(ascii: "&")
    { return nil }
    return .unread(
      JSONText(bytes: ByteSlice(source.owner, offset: source.offset + view.start(place), count: text.count)))
  }

  /// JSON of any form, kept as it is.
  private func raw(_ place: Int, depth: Int) throws(DecodeError) -> JSONValue {
    guard depth < JSONValue.maxDepth else { throw DecodeError(description: "exceeded max depth") }
    switch view.kind(place) {
    case .null: return .null
    case .bool: return .bool(view.content(place).count == 4)
    case .int: return .int(view.int(place))
    case .double: return .double(Double(String(decoding: view.content(place), as: UTF8.self)) ?? 0)
    case .string: return .string(view.string(place))
    case .array:
      var elements: [JSONValue] = []
      var at = place + 1
      while at < view.next(place) {
        elements.append(try raw(at, depth: depth + 1))
        at = view.next(at)
      }
      return .array(elements)
    case .object:
      var members: [JSONObject.Member] = []
      members.reserveCapacity(view.count(place))
      var at = place + 1
      while at < view.next(place) {
        members.append(JSONObject.Member(view.string(at), try raw(at + 1, depth: depth + 1)))
        at = view.next(at + 1)
      }
      return .object(JSONObject(uniquing: members))
    }
  }

  private mutating func list(
    _ place: Int, _ shape: DecodeTables.Shape, over base: JSONValue?
  ) throws(DecodeError) -> JSONValue {
    let inner = tables.shapes[Int(shape.inner)]
    let before = base?.array ?? []
    var elements: [JSONValue] = []
    elements.reserveCapacity(view.count(place))
    let end = view.next(place)
    var at = place + 1
    while at < end {
      path.append(.index(elements.count))
      elements.append(try element(at, inner, over: elements.count < before.count ? before[elements.count] : nil))
      path.removeLast()
      at = view.next(at)
    }
    return .array(elements)
  }

  /// Go writes maps sorted; keys that are given in that order, as most are, need no looking up.
  private mutating func map(
    _ place: Int, _ shape: DecodeTables.Shape, over base: JSONValue?
  ) throws(DecodeError) -> JSONValue {
    let inner = tables.shapes[Int(shape.inner)]
    var members: [JSONObject.Member] = []
    members.reserveCapacity(view.count(place))
    var seen: Set<ByteString>?
    let end = view.next(place)
    var at = place + 1
    while at < end {
      let key = view.string(at)
      if seen == nil, let last = members.last, !last.name.utf8.lexicographicallyPrecedes(key.utf8) {
        seen = Set(members.map(\.name))
      }
      if seen?.insert(key).inserted == false { report("duplicate field", key) }
      path.append(.key(at))
      members.append(JSONObject.Member(key, try element(at + 1, inner, over: nil)))
      path.removeLast()
      at = view.next(at + 1)
    }
    let before = base?.object?.members ?? []
    if before.isEmpty && seen == nil { return .object(JSONObject(unchecked: members)) }
    overlaid += before.count
    guard overlaid <= Self.maxOverlaid else { throw DecodeError(description: "a map is given too many times") }
    var object = JSONObject(uniquing: before + members)
    object.sortByName()
    return .object(object)
  }

  /// An element of a list or map: null, or a wrong type, leaves the zero value.
  @inline(__always)
  private mutating func element(
    _ place: Int, _ shape: DecodeTables.Shape, over base: JSONValue?
  ) throws(DecodeError) -> JSONValue {
    if view.kind(place) != .null, let value = try value(place, shape, over: base) { return value }
    if let base { return base }
    switch shape.code {
    case .string: return ""
    case .bool: return false
    case .int32, .int64, .double, .intOrString: return 0
    case .quantity: return "0"
    case .structure: return tables.structures[Int(shape.inner)].zero
    case .time, .microTime, .raw, .list, .map, .bytes: return .null
    }
  }

  // MARK: messages

  /// Path of a member as strict complaints spell it.
  private func pathText(_ last: String) -> String {
    var text = ""
    for part in path {
      switch part {
      case .field(let row, _): text += text.isEmpty ? tables.fields[row].name : ".\(tables.fields[row].name)"
      case .key(let place): text += text.isEmpty ? view.string(place) : ".\(view.string(place))"
      case .index(let index): text += "[\(index)]"
      }
    }
    return path.isEmpty ? last : "\(text).\(last)"
  }

  private mutating func reportUnknown(_ key: Int) { report("unknown field", view.string(key)) }

  private mutating func report(_ what: String, _ name: String) {
    guard problems.count < Self.maxProblems, spelled < StrictDocument.spelledMax else { return }
    let problem = "\(what) \(GoText.quoted(pathText(name)))"
    spelled += problem.utf8.count
    if seenProblems.insert(problem).inserted { problems.append(problem) }
  }

  private mutating func save(_ error: DecodeError) { if savedError == nil { savedError = error } }

  /// Notes a wrong type. `type`: its Go name; nil for that of the member the decoder is at.
  private mutating func mismatch(_ place: Int, _ type: String?) {
    if savedError == nil { savedError = mismatched(place, type) }
  }

  private func mismatched(_ place: Int, _ type: String?) -> DecodeError {
    let type = type ?? currentGoType
    let what: String =
      switch view.kind(place) {
      case .null: "null"
      case .bool: "bool"
      case .string: "string"
      case .array: "array"
      case .object: "object"
      // Only where a number was wanted is it shown.
      case .int, .double:
        ["int32", "int64", "float64"].contains(type)
          ? "number \(String(decoding: view.content(place), as: UTF8.self))" : "number"
      }
    // Go's path has members only: no places in lists, no keys.
    var names: [String] = []
    var owner = 0
    for case .field(let row, let structure) in path {
      names.append(tables.fields[row].name)
      owner = structure
    }
    if names.isEmpty { return DecodeError(description: "json: cannot unmarshal \(what) into Go value of type \(type)") }
    return DecodeError(
      description:
        "json: cannot unmarshal \(what) into Go struct field \(model.structures[owner].shortName).\(names.joined(separator: ".")) of type \(type)"
    )
  }

  /// The Go type of the innermost member, or of its elements as deep as the path goes behind it.
  private var currentGoType: String {
    var layers = 0
    for part in path.reversed() {
      guard case .field(let row, let structure) = part else {
        layers += 1
        continue
      }
      let field = model.structures[structure].fields[row - tables.structures[structure].first]
      var shape = field.shape
      var type = field.goType?[...]
      for _ in 0..<layers {
        switch shape {
        case .list(let element):
          shape = element
          type = type.flatMap { $0.hasPrefix("[]") ? $0.dropFirst(2) : nil }
        case .map(let element):
          shape = element
          type = type.flatMap { type in
            type.hasPrefix("map[") ? type.firstIndex(of: "]").map { type[type.index(after: $0)...] } : nil
          }
        default: break
        }
      }
      return type.map(String.init) ?? model.goType(shape)
    }
    return ""
  }
}

extension TypeModel {
  /// The Go type that a shape has unless its member says otherwise.
  func goType(_ shape: Shape) -> String {
    switch shape {
    case .string: "string"
    case .bool: "bool"
    case .int32: "int32"
    case .int64: "int64"
    case .double: "float64"
    case .quantity: "resource.Quantity"
    case .time: "v1.Time"
    case .microTime: "v1.MicroTime"
    case .intOrString: "intstr.IntOrString"
    case .bytes: "[]uint8"
    case .raw: "runtime.RawExtension"
    case .structure(let id): "v1.\(self[id].shortName)"
    case .list(let element): "[]\(goType(element))"
    case .map(let element): "map[string]\(goType(element))"
    }
  }
}
