import Glibc
public import ByteBuffers

/// A parsed text: nodes of 16 bytes that point into the source. Nothing is copied, and no member is decoded before
/// somebody asks.
///
/// Order: a container's node is followed by its children, an object's as name, value, name, value. Invariant: for a
/// node at `i`, `i < next(i) <= count`, and `next(i)` is the first node behind its subtree.
public struct JSONTape: Sendable {
  /// What is parsed; offsets count from the start of this slice.
  public let source: ByteSlice
  let nodes: [Node]

  struct Node: Sendable {
    /// First byte of the value in the source; of a string, the byte behind its quote.
    var start: UInt32
    /// Bytes of the value; of a string, without its quotes.
    var length: UInt32
    /// Index of the node behind this one's subtree.
    var next: UInt32
    /// The kind in the low byte; for strings a flag above it, for containers the number of elements or members,
    /// saturated.
    var info: UInt32

    static let escaped: UInt32 = 0x100
    var kind: JSONKind { JSONKind(rawValue: UInt8(truncatingIfNeeded: info)) ?? .null }
  }

  /// The document.
  public var root: JSONNode { JSONNode(tape: self, index: 0) }

  /// Bounds that a parse keeps.
  public struct Limits: Sendable {
    /// Deepest nesting; Go's own limit.
    public var maxDepth = 10_000
    /// Largest text in bytes.
    public var maxBytes = 1 << 30
    /// Most nodes, so that a body of small values can't take sixteen times its size forever.
    public var maxNodes = 1 << 26
    public init() {}

    /// For a text that becomes a `JSONValue`, which is walked by recursion.
    public static let tree: Limits = {
      var limits = Limits()
      limits.maxDepth = JSONValue.maxDepth
      return limits
    }()
  }

  /// Parses one value with nothing but white space around it.
  public static func parse(_ source: ByteSlice, limits: Limits = Limits()) throws(JSONParseError) -> JSONTape {
    let result: Result<[Node], JSONParseError> = source.withUnsafeBytes { bytes in
      guard bytes.count <= limits.maxBytes, bytes.count < Int(UInt32.max) else {
        return .failure(.tooLarge(limit: limits.maxBytes))
      }
      var parser = TapeParser(bytes, limits: limits)
      do throws(JSONParseError) {
        try parser.parse()
        return .success(parser.nodes)
      } catch { return .failure(error) }
    }
    return JSONTape(source: source, nodes: try result.get())
  }

  /// Parses all of `source`.
  public static func parse(_ source: SharedBytes, limits: Limits = Limits()) throws(JSONParseError) -> JSONTape {
    try parse(ByteSlice(source), limits: limits)
  }
}

/// What a value is.
public enum JSONKind: UInt8, Sendable { case null, bool, int, double, string, array, object }

/// Why a text is not JSON, in the words of Go's encoding/json.
public struct JSONParseError: Error, Equatable, Sendable, CustomStringConvertible {
  public let description: String
  /// Byte at which it was noticed.
  public let offset: Int

  static func tooLarge(limit: Int) -> JSONParseError {
    JSONParseError(description: "text is larger than \(limit) bytes", offset: 0)
  }
}

/// A value in a tape: a cheap cursor.
public struct JSONNode: Sendable {
  let tape: JSONTape
  let index: Int

  @inline(__always) private var node: JSONTape.Node { tape.nodes[index] }

  public var kind: JSONKind { node.kind }

  /// Where the value stands in the tape's source; of a string, with its quotes.
  public var range: Range<Int> {
    let node = node
    let start = Int(node.start)
    let end = start + Int(node.length)
    return node.kind == .string ? (start - 1)..<(end + 1) : start..<end
  }

  /// The document that the node is part of.
  public var source: ByteSlice { tape.source }

  /// The value's own text.
  public var raw: ByteSlice {
    let range = range
    return ByteSlice(tape.source.owner, offset: tape.source.offset + range.lowerBound, count: range.count)
  }

  public var isNull: Bool { kind == .null }

  /// The truth, if it is one.
  public var bool: Bool? { kind == .bool ? node.length == 4 : nil }

  /// The 64-bit integer, if it is one.
  public var int: Int64? {
    guard kind == .int else { return nil }
    return withView { view, place in view.int(place) }
  }

  /// The number, if it is one.
  public var double: Double? {
    switch kind {
    case .int: int.map(Double.init)
    case .double: withContent { Double(String(decoding: $0, as: UTF8.self)) }
    default: nil
    }
  }

  /// The decoded text of a string.
  public var string: String? {
    guard kind == .string else { return nil }
    let isEscaped = node.info & JSONTape.Node.escaped != 0
    return withContent { isEscaped ? Unescape.text($0) : String(decoding: $0, as: UTF8.self) }
  }

  /// Has the string escapes, so that its bytes are not its text?
  public var isEscaped: Bool { node.info & JSONTape.Node.escaped != 0 }

  /// Lends the bytes between the quotes of a string, or the text of any other value.
  @inline(__always)
  public func withContent<R>(_ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R {
    let node = node
    return try tape.source.withUnsafeBytes {
      try body(UnsafeRawBufferPointer(rebasing: $0[Int(node.start)..<(Int(node.start) + Int(node.length))]))
    }
  }

  /// Is this a string with exactly that text?
  public func isString(_ text: StaticString) -> Bool {
    guard kind == .string else { return false }
    if isEscaped {
      return string.map {
        $0.utf8.elementsEqual(UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
      } ?? false
    }
    return withContent { bytes in
      bytes.count == text.utf8CodeUnitCount
        && (bytes.baseAddress.map { memcmp($0, text.utf8Start, bytes.count) == 0 } ?? false)
    }
  }

  /// Is this a string with exactly that text?
  public func isString(_ text: String) -> Bool {
    guard kind == .string else { return false }
    if isEscaped { return string.map { $0.utf8.elementsEqual(text.utf8) } ?? false }
    return withContent { $0.elementsEqual(text.utf8) }
  }

  /// The members of an object in order, repeated names included; nothing for other kinds.
  public var members: Members {
    Members(tape: tape, place: index + 1, end: kind == .object ? Int(node.next) : index + 1)
  }

  /// The elements of an array in order; nothing for other kinds.
  public var elements: Elements {
    Elements(tape: tape, place: index + 1, end: kind == .array ? Int(node.next) : index + 1)
  }

  /// The value of a member; of a repeated name the last, as Go takes it.
  public subscript(name: StaticString) -> JSONNode? {
    member(UnsafeRawBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount))
  }

  /// The value of a member; of a repeated name the last, as Go takes it.
  public subscript(name: String) -> JSONNode? {
    var name = name
    return name.withUTF8 { member(UnsafeRawBufferPointer($0)) }
  }

  private func member(_ name: UnsafeRawBufferPointer) -> JSONNode? {
    withView { view, place in view.member(name, of: place) }.map { JSONNode(tape: tape, index: $0) }
  }

  public struct Members: Sequence, IteratorProtocol, Sendable {
    let tape: JSONTape
    var place: Int
    let end: Int
    public mutating func next() -> (name: JSONNode, value: JSONNode)? {
      guard place < end else { return nil }
      let name = JSONNode(tape: tape, index: place)
      let value = JSONNode(tape: tape, index: place + 1)
      place = Int(tape.nodes[place + 1].next)
      return (name, value)
    }
  }

  public struct Elements: Sequence, IteratorProtocol, Sendable {
    let tape: JSONTape
    var place: Int
    let end: Int
    public mutating func next() -> JSONNode? {
      guard place < end else { return nil }
      defer { place = Int(tape.nodes[place].next) }
      return JSONNode(tape: tape, index: place)
    }
  }
}
