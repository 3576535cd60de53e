import ByteBuffers
import Glibc

/// A tape laid open for code that walks whole documents: values are named by their place in the tape, and nothing is
/// counted or copied on the way. Valid only inside `JSONTape.withView`; places must come from this view.
///
/// `@inlinable` for the schema decoder, which is in another module: with this view and flat type tables together it
/// takes 14 µs for a node of 5 KB, where `JSONNode` and a slot a member took 90 µs (release build, one core of the
/// build machine).
public struct JSONView {
  // Nodes are read at fixed offsets: start, length, next, info, four bytes each (`JSONTape.Node`).
  @usableFromInline let nodes: UnsafeRawPointer
  @usableFromInline let bytes: UnsafeRawPointer

  @usableFromInline init(nodes: UnsafeRawPointer, bytes: UnsafeRawPointer) {
    self.nodes = nodes
    self.bytes = bytes
  }

  /// Where the document's value stands.
  @inlinable public var root: Int { 0 }

  @inlinable @inline(__always) func word(_ place: Int, _ offset: Int) -> Int {
    Int(nodes.load(fromByteOffset: place &* 16 &+ offset, as: UInt32.self))
  }

  @inlinable @inline(__always) public func kind(_ place: Int) -> JSONKind {
    JSONKind(rawValue: UInt8(truncatingIfNeeded: word(place, 12))) ?? .null
  }

  /// The first place behind a value and all that is in it.
  @inlinable @inline(__always) public func next(_ place: Int) -> Int { word(place, 8) }

  /// Elements of an array, members of an object; saturated, and meaningless for other kinds.
  @inlinable @inline(__always) public func count(_ place: Int) -> Int { word(place, 12) &>> 8 }

  /// Has a string escapes, so that its content is not its text?
  @inlinable @inline(__always) public func isEscaped(_ place: Int) -> Bool {
    word(place, 12) & 0x100 != 0 && kind(place) == .string
  }

  /// The bytes between the quotes of a string, or the text of any other value.
  @inlinable @inline(__always) public func content(_ place: Int) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(start: bytes + word(place, 0), count: word(place, 4))
  }

  /// Where the content begins in the source.
  @inlinable @inline(__always) public func start(_ place: Int) -> Int { word(place, 0) }

  /// The value of an integer; the parser has checked that it fits.
  @inlinable public func int(_ place: Int) -> Int64 {
    let digits = content(place)
    var value: Int64 = 0
    let isNegative = digits.first == UInt8(ascii: "-")
    // Downwards, so that the smallest integer fits.
    for byte in digits.dropFirst(isNegative ? 1 : 0) { value = value &* 10 &- Int64(byte &- 0x30) }
    return isNegative ? value : 0 &- value
  }

  /// The decoded text of a string.
  @inlinable public func string(_ place: Int) -> String {
    isEscaped(place) ? unescaped(place) : String(decoding: content(place), as: UTF8.self)
  }

  /// Is this a string with exactly that text?
  public func isString(_ place: Int, _ text: UnsafeRawBufferPointer) -> Bool {
    guard kind(place) == .string else { return false }
    if isEscaped(place) { return string(place).utf8.elementsEqual(text) }
    let content = content(place)
    guard content.count == text.count, let a = content.baseAddress, let b = text.baseAddress else {
      return content.isEmpty && text.isEmpty
    }
    return memcmp(a, b, content.count) == 0
  }

  /// Is this a string with exactly that text?
  public func isString(_ place: Int, _ text: StaticString) -> Bool {
    isString(place, UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
  }

  /// Where the value of an object's member is; of a repeated name the last, as Go takes it. nil also for other kinds.
  public func member(_ name: UnsafeRawBufferPointer, of place: Int) -> Int? {
    guard kind(place) == .object else { return nil }
    var found: Int?
    forEachMember(of: place) { key, value in if isString(key, name) { found = value } }
    return found
  }

  /// Names and values of an object in order, repeated names included; nothing for other kinds.
  @inlinable @inline(__always) public func forEachMember(of place: Int, _ body: (_ name: Int, _ value: Int) -> Void) {
    guard kind(place) == .object else { return }
    var at = place + 1
    let end = next(place)
    while at < end {
      body(at, at + 1)
      at = next(at + 1)
    }
  }

  @usableFromInline func unescaped(_ place: Int) -> String { Unescape.text(content(place)) }
}

extension JSONTape {
  /// Lends the tape as a view.
  public func withView<R>(_ body: (JSONView) -> R) -> R {
    nodes.withUnsafeBytes { nodes in
      source.withUnsafeBytes { bytes in
        // A parse that succeeded has a node, and so both have an address.
        guard let first = nodes.baseAddress, let text = bytes.baseAddress else {
          preconditionFailure("a tape without nodes")
        }
        return body(JSONView(nodes: first, bytes: text))
      }
    }
  }
}

extension JSONNode {
  /// Lends the node's whole tape as a view, with the node's place in it.
  public func withView<R>(_ body: (JSONView, Int) -> R) -> R { tape.withView { body($0, index) } }
}
