import ByteBuffers
import JSON

/// What a decoder reads: a parsed text, or a tree. Both are asked the same questions, so that an edited tree needs no
/// text to become an object again; the decoder is made once for each, and no question is asked through a table.
protocol DecodeSource {
  associatedtype Value
  /// Names one member.
  associatedtype Name
  /// The members of an object, walked by places: from `start` to `end`, each place's follower told by `after`.
  associatedtype Members
  /// The same for the elements of an array.
  associatedtype Elements

  /// How deep JSON of any form may be.
  static var rawDepthMax: Int { get }

  func kind(_ value: Value) -> JSONKind
  /// Members of an object or elements of an array, about.
  func count(_ value: Value) -> Int

  func members(_ value: Value) -> Members
  func start(_ members: Members) -> Int
  func end(_ members: Members) -> Int
  func after(_ place: Int, _ members: Members) -> Int
  func name(_ place: Int, _ members: Members) -> Name
  func value(_ place: Int, _ members: Members) -> Value

  func elements(_ value: Value) -> Elements
  func start(_ elements: Elements) -> Int
  func end(_ elements: Elements) -> Int
  func after(_ place: Int, _ elements: Elements) -> Int
  func value(_ place: Int, _ elements: Elements) -> Value

  func text(_ name: Name) -> String
  /// Lends the bytes of a name.
  func withBytes<R>(_ name: Name, _ body: (UnsafeRawBufferPointer) -> R) -> R

  /// Of a value that is one.
  func bool(_ value: Value) -> Bool
  func int(_ value: Value) -> Int64
  func string(_ value: Value) -> String
  /// Lends the bytes of a string.
  func withBytes<R>(_ value: Value, _ body: (UnsafeRawBufferPointer) -> R) -> R
  /// Lends the text of any value as JSON has it; of a string, what stands between its quotes, escapes and all.
  func withJSON<R>(_ value: Value, _ body: (UnsafeRawBufferPointer) -> R) -> R

  /// Is raw JSON written otherwise than its text will be stored?
  func isLoose(_ value: Value) -> Bool
  /// An object that may stay unread; nil where it has to be read, or is none.
  func unread(_ value: Value) -> JSONValue?

  /// Can what is decoded be the source's own value? What nothing has to be changed in is then handed on as it is, with
  /// its storage: nothing is made for it, and whoever compares it with what it came from sees that at once.
  static var keeps: Bool { get }
  /// Can this container be?
  func keeps(_ value: Value) -> Bool
  /// The value itself; asked only where `keeps`.
  func own(_ value: Value) -> JSONValue
  /// The members before a place; asked only where `keeps`.
  func own(_ members: Members, before place: Int) -> ArraySlice<JSONObject.Member>
  /// The elements before a place; asked only where `keeps`.
  func own(_ elements: Elements, before place: Int) -> ArraySlice<JSONValue>
}

extension DecodeSource {
  /// The text of a number, as messages show it.
  func numberText(_ value: Value) -> String { withJSON(value) { String(decoding: $0, as: UTF8.self) } }
  /// A number that need not be whole.
  func double(_ value: Value) -> Double? { Double(numberText(value)) }
}

extension JSONText {
  /// Would `JSONWriter` write an object so whose text this is, whatever is in it?
  static func isPlain(_ text: UnsafeRawBufferPointer) -> Bool {
    for byte in text
    where byte <= 0x20 || byte >= 0x7F || byte == UInt8(ascii: "<") || byte == UInt8(ascii: ">")
      || byte == UInt8(ascii: "&")
    { return false }
    return true
  }
}

extension JSONText {
  /// Has a text of JSON what Go's encoder takes out or escapes when it copies it: white space between tokens, and
  /// `<`, `>`, `&` and two line separators anywhere?
  static func isLoose(_ text: UnsafeRawBufferPointer) -> Bool {
    var isInString = false
    var isEscaped = false
    for (place, byte) in text.enumerated() {
      switch byte {
      case UInt8(ascii: "<"), UInt8(ascii: ">"), UInt8(ascii: "&"): return true
      case 0x20, 0x0A, 0x0D, 0x09: if !isInString { return true }
      // U+2028 and U+2029
      case 0xE2:
        if place + 2 < text.count, text[place + 1] == 0x80, text[place + 2] & 0xFE == 0xA8 { return true }
      case UInt8(ascii: "\""): if !isEscaped { isInString.toggle() }
      default: break
      }
      isEscaped = isInString && !isEscaped && byte == UInt8(ascii: "\\")
    }
    return false
  }
}

/// A tape: values, names and members are places in it.
struct TapeSource: DecodeSource {
  let view: JSONView
  /// What unread parts are cut from; nil where there are to be none.
  let unreadSource: ByteSlice?

  /// The nodes inside of a container.
  struct Inside {
    let start: Int
    let end: Int
  }

  static var rawDepthMax: Int { JSONValue.maxDepth }

  @inline(__always) func kind(_ value: Int) -> JSONKind { view.kind(value) }
  @inline(__always) func count(_ value: Int) -> Int { view.count(value) }

  @inline(__always) func members(_ value: Int) -> Inside { Inside(start: value + 1, end: view.next(value)) }
  @inline(__always) func start(_ inside: Inside) -> Int { inside.start }
  @inline(__always) func end(_ inside: Inside) -> Int { inside.end }
  @inline(__always) func after(_ place: Int, _ members: Inside) -> Int { view.next(place + 1) }
  @inline(__always) func name(_ place: Int, _ members: Inside) -> Int { place }
  @inline(__always) func value(_ place: Int, _ members: Inside) -> Int { place + 1 }

  /// Told apart from members by its type, as what follows a place differs.
  struct Items {
    let inside: Inside
  }
  @inline(__always) func elements(_ value: Int) -> Items { Items(inside: members(value)) }
  @inline(__always) func start(_ items: Items) -> Int { items.inside.start }
  @inline(__always) func end(_ items: Items) -> Int { items.inside.end }
  @inline(__always) func after(_ place: Int, _ items: Items) -> Int { view.next(place) }
  @inline(__always) func value(_ place: Int, _ items: Items) -> Int { place }

  @inline(__always) func text(_ name: Int) -> String { view.string(name) }

  @inline(__always) func bool(_ value: Int) -> Bool { view.content(value).count == 4 }
  @inline(__always) func int(_ value: Int) -> Int64 { view.int(value) }
  @inline(__always) func string(_ value: Int) -> String { view.string(value) }

  /// Names and strings alike.
  @inline(__always) func withBytes<R>(_ place: Int, _ body: (UnsafeRawBufferPointer) -> R) -> R {
    if view.isEscaped(place) {
      var text = view.string(place)
      return text.withUTF8 { body(UnsafeRawBufferPointer($0)) }
    }
    return body(view.content(place))
  }

  @inline(__always) func withJSON<R>(_ value: Int, _ body: (UnsafeRawBufferPointer) -> R) -> R {
    body(view.content(value))
  }

  func isLoose(_ value: Int) -> Bool {
    switch view.kind(value) {
    case .object, .array: JSONText.isLoose(view.content(value))
    // Between its quotes space is part of it.
    case .string:
      view.content(value).contains { [UInt8(ascii: "<"), UInt8(ascii: ">"), UInt8(ascii: "&")].contains($0) }
    default: false
    }
  }

  /// Objects that are written as `JSONWriter` would, if that is wanted.
  func unread(_ value: Int) -> JSONValue? {
    guard let source = unreadSource, view.kind(value) == .object else { return nil }
    let text = view.content(value)
    guard JSONText.isPlain(text) else { return nil }
    return .unread(
      JSONText(bytes: ByteSlice(source.owner, offset: source.offset + view.start(value), count: text.count)))
  }
}

extension TapeSource {
  static var keeps: Bool { false }
  @inline(__always) func keeps(_ value: Int) -> Bool { false }
  func own(_ value: Int) -> JSONValue { .null }
  func own(_ members: Inside, before place: Int) -> ArraySlice<JSONObject.Member> { [] }
  func own(_ items: Items, before place: Int) -> ArraySlice<JSONValue> { [] }
}

/// A tree. What is decoded is what its text would decode to.
struct TreeSource: DecodeSource {
  /// Objects in members of any form were measured when they were read; where they stand now they may be a little
  /// deeper.
  static var rawDepthMax: Int { JSONValue.maxDepth + 16 }

  @inline(__always) func kind(_ value: JSONValue) -> JSONKind {
    switch value {
    case .null: .null
    case .bool: .bool
    case .int: .int
    case .string: .string
    case .array: .array
    case .object, .unread: .object
    case .double, .number: Self.whole(value) == nil ? .double : .int
    }
  }

  /// A number is whole if its text is: 3.0 is written as 3.
  private static func whole(_ value: JSONValue) -> Int64? {
    if case .int(let number) = value { return number }
    return Int64(value.encoded().text)
  }

  @inline(__always) func count(_ value: JSONValue) -> Int {
    switch value {
    case .array(let elements): elements.count
    case .object(let object): object.count
    default: 0
    }
  }

  struct Members {
    let all: [JSONObject.Member]
  }
  @inline(__always) func members(_ value: JSONValue) -> Members {
    if case .object(let object) = value { return Members(all: object.members) }
    return Members(all: Self.read(value))
  }

  /// The members of an object that was left unread, whose numbers stay as they were written.
  private static func read(_ value: JSONValue) -> [JSONObject.Member] {
    guard case .unread(let text) = value, let tape = try? JSONTape.parse(text.bytes),
      case .object(let object) = JSONValue(tape.root, keepsNumbers: true)
    else { return value.object?.members ?? [] }
    return object.members
  }

  @inline(__always) func start(_ members: Members) -> Int { 0 }
  @inline(__always) func end(_ members: Members) -> Int { members.all.count }
  @inline(__always) func after(_ place: Int, _ members: Members) -> Int { place + 1 }
  @inline(__always) func name(_ place: Int, _ members: Members) -> String { members.all[place].name }
  @inline(__always) func value(_ place: Int, _ members: Members) -> JSONValue { members.all[place].value }

  @inline(__always) func elements(_ value: JSONValue) -> [JSONValue] { value.array ?? [] }
  @inline(__always) func start(_ elements: [JSONValue]) -> Int { 0 }
  @inline(__always) func end(_ elements: [JSONValue]) -> Int { elements.count }
  @inline(__always) func after(_ place: Int, _ elements: [JSONValue]) -> Int { place + 1 }
  @inline(__always) func value(_ place: Int, _ elements: [JSONValue]) -> JSONValue { elements[place] }

  @inline(__always) func text(_ name: String) -> String { name }
  @inline(__always) func withBytes<R>(_ name: String, _ body: (UnsafeRawBufferPointer) -> R) -> R {
    if let answer = name.utf8.withContiguousStorageIfAvailable({ body(UnsafeRawBufferPointer($0)) }) { return answer }
    var text = name
    return text.withUTF8 { body(UnsafeRawBufferPointer($0)) }
  }

  @inline(__always) func bool(_ value: JSONValue) -> Bool { value.bool == true }
  @inline(__always) func int(_ value: JSONValue) -> Int64 { Self.whole(value) ?? 0 }
  @inline(__always) func string(_ value: JSONValue) -> String {
    if case .string(let text) = value { return text }
    return ""
  }
  @inline(__always) func withBytes<R>(_ value: JSONValue, _ body: (UnsafeRawBufferPointer) -> R) -> R {
    withBytes(string(value), body)
  }

  func withJSON<R>(_ value: JSONValue, _ body: (UnsafeRawBufferPointer) -> R) -> R {
    if case .string(let text) = value, !Self.hasEscapes(text) { return withBytes(text, body) }
    let isString = if case .string = value { true } else { false }
    return value.encoded().withUnsafeBytes { bytes in
      body(isString ? UnsafeRawBufferPointer(rebasing: bytes.dropFirst().dropLast()) : bytes)
    }
  }

  /// Might something in a text be written otherwise than it is?
  private static func hasEscapes(_ text: String) -> Bool {
    text.utf8.contains {
      $0 < 0x20 || $0 == UInt8(ascii: "\"") || $0 == UInt8(ascii: "\\") || $0 == UInt8(ascii: "<")
        || $0 == UInt8(ascii: ">") || $0 == UInt8(ascii: "&") || $0 >= 0x7F
    }
  }

  /// Trees are written as they will be stored.
  func isLoose(_ value: JSONValue) -> Bool { false }

  /// What was left unread so far.
  func unread(_ value: JSONValue) -> JSONValue? {
    guard case .unread(let text) = value, text.bytes.withUnsafeBytes(JSONText.isPlain) else { return nil }
    return value
  }

  static var keeps: Bool { true }
  /// What is unread has to be read where its type is known.
  @inline(__always) func keeps(_ value: JSONValue) -> Bool {
    if case .unread = value { false } else { true }
  }
  @inline(__always) func own(_ value: JSONValue) -> JSONValue { value }
  func own(_ members: Members, before place: Int) -> ArraySlice<JSONObject.Member> { members.all[..<place] }
  func own(_ elements: [JSONValue], before place: Int) -> ArraySlice<JSONValue> { elements[..<place] }
}
