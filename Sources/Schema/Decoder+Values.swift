import JSON
import Machinery

/// Values by their shapes.
extension Decoder {
  /// A value that is not null; nil where its type is wrong, which has been noted.
  mutating func value(
    _ given: Source.Value, _ shape: DecodeTables.Shape, over base: JSONValue?
  ) throws(DecodeError) -> JSONValue? {
    let kind = source.kind(given)
    isOwn = false
    switch shape.code {
    case .string:
      if kind == .string { return text(given) }
    case .bool:
      if kind == .bool {
        isOwn = Source.keeps
        return .bool(source.bool(given))
      }
    case .int32:
      if kind == .int, let number = Int32(exactly: source.int(given)) { return whole(Int64(number), given) }
    case .int64:
      if kind == .int { return whole(source.int(given), given) }
    case .double:
      if kind == .int { return .double(Double(source.int(given))) }
      if kind == .double, let number = source.double(given), number.isFinite { return .double(number) }
    case .quantity: return try quantity(given)
    case .time, .microTime: return try time(given, isMicro: shape.code == .microTime)
    case .intOrString:
      if kind == .string { return text(given) }
      if kind == .int, let number = Int32(exactly: source.int(given)) { return whole(Int64(number), given) }
      throw mismatched(given, "int32")
    case .bytes:
      if kind == .string { return bytes(given) }
    case .raw:
      if let text = source.unread(given) {
        isOwn = Source.keeps
        return text
      }
      if source.isLoose(given) { noteLooseRaw() }
      return try raw(given, depth: path.count, isSorted: sortsRaw)
    case .json: return try raw(given, depth: path.count, isSorted: true)
    case .structure: return try structure(given, Int(shape.inner), over: base)
    case .orArray, .orBool, .orStrings: return try either(given, shape)
    case .list:
      if kind == .array { return try list(given, shape, over: base) }
    case .map:
      if kind == .object { return try map(given, shape, over: base) }
    }
    mismatch(given, nil)
    return base
  }

  /// A string as it is.
  @inline(__always)
  private mutating func text(_ given: Source.Value) -> JSONValue {
    isOwn = Source.keeps
    return .string(source.string(given))
  }

  /// A whole number; a tree may have it as another kind of number.
  @inline(__always)
  private mutating func whole(_ number: Int64, _ given: Source.Value) -> JSONValue {
    if Source.keeps, case .int = source.own(given) { isOwn = true }
    return .int(number)
  }

  /// A quantity may be a string or a bare number. Upstream looks at the bytes between the quotes, escapes and all, and
  /// ignores space around them.
  private mutating func quantity(_ given: Source.Value) throws(DecodeError) -> JSONValue {
    let read = source.withJSON(given) { content in
      var content = content[...]
      while let first = content.first, first == 0x20 || (0x09...0x0D).contains(first) { content = content.dropFirst() }
      while let last = content.last, last == 0x20 || (0x09...0x0D).contains(last) { content = content.dropLast() }
      return Quantity.parse(UnsafeRawBufferPointer(rebasing: content))
    }
    switch read {
    case .success(let quantity):
      let canonical = quantity.description
      if Source.keeps, case .string(let text) = source.own(given), text == canonical { isOwn = true }
      return .string(canonical)
    case .failure(let error): throw DecodeError(description: error.description)
    }
  }

  private mutating func time(_ given: Source.Value, isMicro: Bool) throws(DecodeError) -> JSONValue {
    guard source.kind(given) == .string else { throw mismatched(given, "string") }
    let (read, mayBeCanonical) = source.withBytes(given) { text in
      // Of 20 bytes and in UTC there is only one way to write a time, and most are written so.
      (
        isMicro ? Timestamp.parseMicro(text) : Timestamp.parse(text),
        !isMicro && text.count == 20 && text[19] == UInt8(ascii: "Z")
      )
    }
    switch read {
    case .failure(let error): throw DecodeError(description: error.description)
    case .success(let instant):
      if instant.isZero { return .null }
      if mayBeCanonical { return text(given) }
      return .string(
        isMicro ? Timestamp.micro(instant.seconds, instant.nanoseconds) : Timestamp.text(instant.seconds))
    }
  }

  /// Bytes are read and written anew, as Go does.
  private mutating func bytes(_ given: Source.Value) -> JSONValue? {
    let text = source.string(given)
    switch Base64.decodedAsInGo(Array(text.utf8)) {
    case .success(let bytes):
      let written = Base64.text(bytes)
      return written == text ? self.text(given) : .string(written)
    case .failure(let bad):
      save(DecodeError(description: "illegal base64 data at input byte \(bad.place)"))
      return nil
    }
  }

  /// JSON of any form, kept as it is.
  private func raw(_ given: Source.Value, depth: Int, isSorted: Bool = false) throws(DecodeError) -> JSONValue {
    guard depth < Source.rawDepthMax else { throw DecodeError(description: "exceeded max depth") }
    switch source.kind(given) {
    case .null: return .null
    case .bool: return .bool(source.bool(given))
    case .int: return .int(source.int(given))
    case .double:
      // Raw JSON stays as it was written; what Go reads and writes again has its numbers in Go's form.
      return isSorted ? .double(source.double(given) ?? 0) : .number(source.numberText(given))
    case .string: return .string(source.string(given))
    case .array:
      let inside = source.elements(given)
      var elements: [JSONValue] = []
      elements.reserveCapacity(source.count(given))
      var at = source.start(inside)
      while at < source.end(inside) {
        elements.append(try raw(source.value(at, inside), depth: depth + 1, isSorted: isSorted))
        at = source.after(at, inside)
      }
      return .array(elements)
    case .object:
      let inside = source.members(given)
      var members: [JSONObject.Member] = []
      members.reserveCapacity(source.count(given))
      var at = source.start(inside)
      while at < source.end(inside) {
        members.append(
          JSONObject.Member(
            source.text(source.name(at, inside)),
            try raw(source.value(at, inside), depth: depth + 1, isSorted: isSorted)))
        at = source.after(at, inside)
      }
      var object = JSONObject(uniquing: members)
      if isSorted { object.sortByName() }
      return .object(object)
    }
  }

  /// A struct, or what else may stand there. What is wrong inside ends the decoding, as Go's decoder ends with the
  /// first error of a method that reads JSON by itself.
  private mutating func either(
    _ given: Source.Value, _ shape: DecodeTables.Shape
  ) throws(DecodeError) -> JSONValue {
    let (outer, saved) = (eitherOwner, savedError)
    if outer == nil {
      for case .field(_, let owner) in path { eitherOwner = owner }
    }
    savedError = nil
    defer {
      eitherOwner = outer
      if saved != nil { savedError = saved }
    }
    var made = JSONValue.null
    switch (source.kind(given), shape.code) {
    case (.object, _):
      let structure = Int(shape.inner)
      made = try self.structure(given, structure, over: nil) ?? tables.structures[structure].zero
    case (.array, .orArray): made = try items(given, DecodeTables.Shape(code: .structure, inner: shape.inner))
    case (.array, .orStrings): made = try items(given, DecodeTables.Shape(code: .string, inner: 0))
    case (.bool, .orBool):
      isOwn = Source.keeps
      made = .bool(source.bool(given))
    case (_, .orBool): throw DecodeError(description: "boolean or JSON schema expected")
    default: break
    }
    if let savedError { throw savedError }
    return made
  }

  /// A list of it; null for one of nothing.
  private mutating func items(
    _ given: Source.Value, _ inner: DecodeTables.Shape
  ) throws(DecodeError) -> JSONValue {
    let list = try list(given, inner: inner, over: nil)
    if list.array?.isEmpty == true {
      isOwn = false
      return .null
    }
    return list
  }

  private mutating func list(
    _ given: Source.Value, _ shape: DecodeTables.Shape, over base: JSONValue?
  ) throws(DecodeError) -> JSONValue {
    try list(given, inner: tables.shapes[Int(shape.inner)], over: base)
  }

  private mutating func list(
    _ given: Source.Value, inner: DecodeTables.Shape, over base: JSONValue?
  ) throws(DecodeError) -> JSONValue {
    let before = base?.array ?? []
    let inside = source.elements(given)
    let end = source.end(inside)
    var at = source.start(inside)
    var count = 0
    var isKept = source.keeps(given)
    var elements: [JSONValue] = []
    if !isKept { elements.reserveCapacity(source.count(given)) }
    while at < end {
      path.append(.index(count))
      let element = try element(source.value(at, inside), inner, over: count < before.count ? before[count] : nil)
      path.removeLast()
      if isKept && !isOwn {
        isKept = false
        elements.reserveCapacity(source.count(given))
        elements += source.own(inside, before: at)
      }
      if !isKept { elements.append(element) }
      count += 1
      at = source.after(at, inside)
    }
    isOwn = isKept
    return isKept ? source.own(given) : .array(elements)
  }

  /// Go writes maps sorted; keys that are given in that order, as most are, need no looking up.
  private mutating func map(
    _ given: Source.Value, _ shape: DecodeTables.Shape, over base: JSONValue?
  ) throws(DecodeError) -> JSONValue {
    let inner = tables.shapes[Int(shape.inner)]
    let inside = source.members(given)
    let end = source.end(inside)
    var at = source.start(inside)
    var isKept = source.keeps(given)
    var members: [JSONObject.Member] = []
    if !isKept { members.reserveCapacity(source.count(given)) }
    func leave() {
      guard isKept else { return }
      isKept = false
      members.reserveCapacity(source.count(given))
      members += source.own(inside, before: at)
    }
    var seen: Set<ByteString>?
    var last: String?
    while at < end {
      let name = source.name(at, inside)
      let key = source.text(name)
      if seen == nil, let last, !last.utf8.lexicographicallyPrecedes(key.utf8) {
        leave()
        seen = Set(members.map(\.name))
      }
      if seen?.insert(key).inserted == false { report("duplicate field", key) }
      path.append(.key(name))
      let value = try element(source.value(at, inside), inner, over: nil)
      path.removeLast()
      if !isOwn { leave() }
      if !isKept { members.append(JSONObject.Member(key, value)) }
      last = key
      at = source.after(at, inside)
    }
    let before = base?.object?.members ?? []
    if isKept && before.isEmpty {
      isOwn = true
      return source.own(given)
    }
    leave()
    isOwn = false
    if before.isEmpty && seen == nil { return .object(JSONObject(unchecked: members)) }
    overlaid += before.count
    guard overlaid <= DecodeLimits.maxOverlaid else { throw DecodeError(description: "a map is given too many times") }
    var object = JSONObject(uniquing: before + members)
    object.sortByName()
    return .object(object)
  }

  /// An element of a list or map: null, or a wrong type, leaves the zero value.
  @inline(__always)
  private mutating func element(
    _ given: Source.Value, _ shape: DecodeTables.Shape, over base: JSONValue?
  ) throws(DecodeError) -> JSONValue {
    if source.kind(given) != .null, let value = try value(given, shape, over: base) { return value }
    isOwn = false
    if let base { return base }
    switch shape.code {
    case .string: return ""
    case .bool: return false
    case .int32, .int64, .double, .intOrString: return 0
    case .quantity: return "0"
    case .structure: return tables.structures[Int(shape.inner)].zero
    case .orBool: return false
    // nil to Go, but no store keeps it apart from the empty one, and what is answered is what was stored.
    case .bytes: return ""
    case .time, .microTime, .raw, .json, .orArray, .orStrings, .list, .map: return .null
    }
  }
}
