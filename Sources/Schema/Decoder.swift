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
  /// What was given and `value` does not show: empty lists and maps, and `true` for raw JSON that is not written as it
  /// will be stored. A tree that leads to those and has nothing else, lists with null for elements before; nil where
  /// there are none. What was given again later on in the body may stand in it, too: whoever looks here for what is
  /// empty has not found it in `value`.
  public var traces: JSONValue?

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
      decode(place, of: TapeSource(view: view, unreadSource: source), as: id)
    }.get()
  }

  /// An edited tree as the type holds it: the same as encoding it and reading it again. What was left unread in it
  /// stays so. Trees have no repeated names, and are no deeper than code may be that walks them by recursion.
  /// `sortsRaw`: members of raw JSON are sorted, too.
  public func decode(tree: JSONValue, as id: TypeID, sortsRaw: Bool = false) throws(DecodeError) -> Decoded {
    try decode(tree, of: TreeSource(), as: id, sortsRaw: sortsRaw).get()
  }

  private func decode<Source: DecodeSource>(
    _ value: Source.Value, of source: Source, as id: TypeID, sortsRaw: Bool = false
  ) -> Result<Decoded, DecodeError> {
    tables.withPointers { tables in
      var decoder = Decoder(source: source, tables: tables, model: self)
      decoder.sortsRaw = sortsRaw
      do throws(DecodeError) {
        let value = try decoder.root(value, id.index)
        if let error = decoder.savedError { return .failure(error) }
        return .success(
          Decoded(value: value, strictProblems: decoder.problems, traces: decoder.tracesTree()))
      } catch { return .failure(error) }
    }
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

/// What bounds a decoding beside the depth of what is decoded.
enum DecodeLimits {
  /// No client sends a map twice but by mistake; one that is sent thousands of times is an attack.
  static let maxOverlaid = 1_000_000
  /// Most complaints; as upstream, so that a body of unknown names can't grow the answer without end.
  static let maxProblems = 100
  /// Most steps of all paths in `Decoded.traces`. An object as people write them has some tens.
  static let maxTraceSteps = 100_000
}

/// One decoding. Recursion follows types and is bounded by `JSONValue.maxDepth`.
///
/// Bodies mostly come in the order of the type: then members are appended as they are read (`structure`). At the first
/// that is out of order the struct goes on with one slot a member (`unordered`).
struct Decoder<Source: DecodeSource> {
  let source: Source
  let tables: DecodeTables.Pointers
  let model: TypeModel
  /// The first wrong type; thrown at the end unless something harder comes.
  var savedError: DecodeError?
  var problems: [String] = []
  var seenProblems = Set<ByteString>()
  /// Bytes of all complaints that were spelled out, repeated ones too.
  var spelled = 0
  var path: [PathPart] = []

  /// Inside of a member that Go reads by hand: the struct that the outermost of them is in. What is unknown or repeated
  /// there nobody complains of.
  var eitherOwner: Int?

  /// Is the value that was decoded last the source's own? Whoever makes another value of it says so.
  var isOwn = false

  /// Members of maps that were laid over each other, as a map is that comes twice.
  var overlaid = 0

  /// Sorts raw JSON, as Go does where it reads and writes it on the way.
  var sortsRaw = false

  /// For `Decoded.traces`.
  var traces: [Trace] = []
  /// Steps of their paths.
  var traceSteps = 0

  /// Where the decoder is; spelled out only in messages.
  enum PathPart {
    /// A member: place of its row, and of the struct it belongs to.
    case field(Int, of: Int)
    case index(Int)
    /// A map's key.
    case key(Source.Name)
  }

  init(source: Source, tables: DecodeTables.Pointers, model: TypeModel) {
    self.source = source
    self.tables = tables
    self.model = model
    path.reserveCapacity(16)
  }

  mutating func root(_ value: Source.Value, _ type: Int) throws(DecodeError) -> JSONValue {
    try structure(value, type, over: nil) ?? tables.structures[type].zero
  }

  // MARK: structs

  /// nil where the value is no object, which has been noted, or is null.
  mutating func structure(
    _ value: Source.Value, _ id: Int, over base: JSONValue?
  ) throws(DecodeError) -> JSONValue? {
    guard source.kind(value) == .object else {
      if source.kind(value) != .null { mismatch(value, model.structures[id].goName) }
      return base
    }
    guard path.count < JSONValue.maxDepth else { throw DecodeError(description: "exceeded max depth") }
    let type = tables.structures[id]
    let given = source.members(value)
    let end = source.end(given)
    var at = source.start(given)
    if case .object(let before)? = base {
      return try unordered(id, given, from: at, members: before.members, seen: 0)
    }
    // Of a tree nothing is made as long as every member is what it should be and where it should be.
    var isKept = source.keeps(value)
    var members: [JSONObject.Member] = []
    if !isKept { members.reserveCapacity(min(source.count(value), type.end - type.first) + 2) }
    func leave() {
      guard isKept else { return }
      isKept = false
      members.reserveCapacity(min(source.count(value), type.end - type.first) + 2)
      members += source.own(given, before: at)
    }
    func addAbsent(_ row: Int) {
      guard let absent = tables.fields[row].absent else { return }
      leave()
      members.append(JSONObject.Member(tables.fields[row].name, absent))
    }
    var expected = type.first
    var seen: UInt64 = 0
    while at < end {
      let name = source.name(at, given)
      guard let row = find(name, type, from: expected) else {
        leave()
        reportUnknown(name)
        at = source.after(at, given)
        continue
      }
      if row < expected {
        leave()
        return try unordered(id, given, from: at, members: members, seen: seen)
      }
      while expected < row {
        addAbsent(expected)
        expected += 1
      }
      seen |= 1 << UInt64(row - type.first)
      path.append(.field(row, of: id))
      isOwn = false
      let decoded = try member(source.value(at, given), row, over: nil)
      path.removeLast()
      let shown = shown(decoded, row, of: id)
      if !isOwn || shown == nil { leave() }
      if !isKept, let shown { members.append(JSONObject.Member(tables.fields[row].name, shown)) }
      expected = row + 1
      at = source.after(at, given)
    }
    while expected < type.end {
      addAbsent(expected)
      expected += 1
    }
    isOwn = isKept
    return isKept ? source.own(value) : .object(JSONObject(unchecked: members))
  }

  /// Goes on with one slot a member, from a place among those given. `members`: what there is so far, in the order of
  /// the type. `seen`: one bit a member that this object has had.
  private mutating func unordered(
    _ id: Int, _ given: Source.Members, from start: Int, members: [JSONObject.Member], seen: UInt64
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
    var seen = seen
    let end = source.end(given)
    var at = start
    var expected = type.first
    while at < end {
      let name = source.name(at, given)
      guard let row = find(name, type, from: expected) else {
        reportUnknown(name)
        at = source.after(at, given)
        continue
      }
      let bit: UInt64 = 1 << UInt64(row - type.first)
      if seen & bit != 0 { report("duplicate field", tables.fields[row].name) }
      seen |= bit
      path.append(.field(row, of: id))
      slots[row - type.first] = try member(source.value(at, given), row, over: slots[row - type.first])
      path.removeLast()
      expected = row + 1
      at = source.after(at, given)
    }
    var out: [JSONObject.Member] = []
    out.reserveCapacity(slots.count)
    for row in type.first..<type.end {
      if let shown = shown(slots[row - type.first], row, of: id) {
        out.append(JSONObject.Member(tables.fields[row].name, shown))
      }
    }
    isOwn = false
    return .object(JSONObject(unchecked: out))
  }

  @inline(__always)
  private func find(_ name: Source.Name, _ type: DecodeTables.Structure, from expected: Int) -> Int? {
    source.withBytes(name) { content in
      for row in expected..<max(expected, type.end) where matches(row, content) { return row }
      for row in type.first..<min(expected, type.end) where matches(row, content) { return row }
      return nil
    }
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
  private mutating func member(
    _ given: Source.Value, _ row: Int, over base: JSONValue?
  ) throws(DecodeError) -> JSONValue? {
    let shape = tables.shapes[Int(tables.fields[row].shape)]
    guard source.kind(given) == .null else {
      let decoded = try value(given, shape, over: base)
      // The zero time is null, and so is an empty list where a struct may stand. Go stores that even for a pointer, and
      // finds nothing there when it reads it again for the answer.
      if case .null? = decoded, shape.code == .time || shape.code == .microTime || shape.isEither { return nil }
      return decoded
    }
    // Go sets pointers, lists and maps to nil, times to zero, and leaves the rest as it is.
    if tables.fields[row].isPointer { return nil }
    switch shape.code {
    case .list, .map, .time, .microTime, .intOrString, .bytes: return nil
    default: return base
    }
  }

  /// What an answer shows for a member of a struct: nil leaves it out.
  @inline(__always)
  private mutating func shown(_ value: JSONValue?, _ row: Int, of id: Int) -> JSONValue? {
    guard let value else { return tables.fields[row].absent }
    if tables.fields[row].isPointer || tables.fields[row].omission == .never { return value }
    // Raw JSON that was given is kept, whatever it is.
    let isZero: Bool
    switch value {
    case .string(let text): isZero = text.isEmpty && code(row) != .raw
    case .int(let number): isZero = number == 0 && code(row) != .raw
    case .double(let number): isZero = number == 0 && code(row) != .raw
    case .number: isZero = false
    case .bool(let truth): isZero = !truth && code(row) != .raw
    case .array(let elements):
      isZero = elements.isEmpty && code(row) == .list
      if isZero { noteEmpty(row, of: id, isList: true) }
    case .object(let object):
      // omitempty does not see into structs.
      isZero = object.isEmpty && code(row) == .map
      if isZero { noteEmpty(row, of: id, isList: false) }
    case .null: return tables.fields[row].absent
    case .unread: isZero = false
    }
    // Not `isZero ? nil : value`: that nil would be a JSON null, which is a value.
    if isZero { return nil }
    return value
  }

  @inline(__always)
  private func code(_ row: Int) -> DecodeTables.Code { tables.shapes[Int(tables.fields[row].shape)].code }
}
