/// A text as the key of a dictionary or the member of a set: equal, hashed and sorted by its bytes.
public struct ByteString: Hashable, Comparable, Sendable, ExpressibleByStringLiteral, CustomStringConvertible {
  public let text: String

  @inlinable public init(_ text: String) { self.text = text }
  @inlinable public init(stringLiteral text: String) { self.text = text }
  public var description: String { text }

  @inlinable public static func == (a: ByteString, b: ByteString) -> Bool { a.text == b.text }
  @inlinable public static func < (a: ByteString, b: ByteString) -> Bool { a.text < b.text }

  @inlinable public func hash(into hasher: inout Hasher) { hasher.combine(text) }
}

// In the place of the standard library's, whose hash is the same for all texts that are equivalent: a client could make
// up thousands of them. What the compiler derives for `Hashable` comes here too.
extension Hasher {
  @inlinable public mutating func combine(_ text: String) {
    let isDone: Void? = text.utf8.withContiguousStorageIfAvailable { combine(bytes: UnsafeRawBufferPointer($0)) }
    if isDone == nil { for byte in text.utf8 { combine(byte) } }
    combine(0xFF as UInt8)
  }
}

extension Dictionary where Key == ByteString {
  /// Values by texts; the last value of a text counts.
  public init(_ pairs: some Sequence<(String, Value)>) {
    self.init(pairs.lazy.map { (ByteString($0.0), $0.1) }) { $1 }
  }

  @inlinable public subscript(text: String) -> Value? {
    get { self[ByteString(text)] }
    _modify { yield &self[ByteString(text)] }
  }

  @inlinable public subscript(text: String, default value: @autoclosure () -> Value) -> Value {
    get { self[ByteString(text), default: value()] }
    _modify { yield &self[ByteString(text), default: value()] }
  }

  @discardableResult @inlinable public mutating func removeValue(forKey text: String) -> Value? {
    removeValue(forKey: ByteString(text))
  }
  @discardableResult @inlinable public mutating func updateValue(_ value: Value, forKey text: String) -> Value? {
    updateValue(value, forKey: ByteString(text))
  }
}

extension Set where Element == ByteString {
  public init(_ texts: [String]) { self.init(texts.map { ByteString($0) }) }

  @inlinable public func contains(_ text: String) -> Bool { contains(ByteString(text)) }
  @discardableResult @inlinable public mutating func insert(
    _ text: String
  ) -> (inserted: Bool, memberAfterInsert: ByteString) {
    insert(ByteString(text))
  }
  @discardableResult @inlinable public mutating func remove(_ text: String) -> ByteString? { remove(ByteString(text)) }
  public mutating func formUnion(_ texts: some Sequence<String>) { for text in texts { insert(text) } }
  public func union(_ texts: some Sequence<String>) -> Set<ByteString> {
    var all = self
    all.formUnion(texts)
    return all
  }
}
