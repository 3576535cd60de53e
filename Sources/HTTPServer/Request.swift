public import ByteBuffers
import Glibc

/// The methods that a router tells apart.
public enum HTTPMethod: Sendable { case get, head, post, put, patch, delete, options, other }

/// A request as the handler sees it. Belongs to its connection and is used again for the next request: valid only
/// inside `handle`, on the reactor's thread. What is needed later must be taken out as values.
public final class Request {
  struct Field {
    var name: Range<Int>
    var value: Range<Int>
  }

  /// The connection's buffer; offsets of fields count from here. Valid while the handler runs, because nothing reads
  /// into it meanwhile.
  @exclusivity(unchecked) var base: UnsafeRawPointer
  @exclusivity(unchecked) var fields: [Field] = []
  var methodRange = 0..<0
  var pathRange = 0..<0
  var queryRange: Range<Int>?
  /// 1 for HTTP/1.1, 0 for HTTP/1.0.
  var minorVersion = 1

  public internal(set) var method = HTTPMethod.other
  /// The body, complete and without chunk framing.
  public internal(set) var body = ByteSlice(.empty)
  /// Set where the body is longer than this, which is as much as there may be: then `body` is empty, and what comes of
  /// it is thrown away. Whoever would read it refuses the request.
  public internal(set) var exceededBodyLimit: Int?
  /// The client's address, without port.
  public internal(set) var peerAddress = ""
  /// What the client showed in the TLS handshake; nil for nothing.
  var credential: ClientCredential?
  /// Who that makes the client now.
  public var client: ClientIdentity { credential?.identity ?? .none }
  /// Another number after `client` has changed; for whoever remembers who it was.
  public var clientEpoch: Int { credential?.epoch ?? 0 }
  /// Did it come over TLS? True until the session says otherwise, so that a session that forgets to is asked more, not
  /// less.
  public internal(set) var isSecure = true
  /// The handler's, to keep something with the connection: stays for its next request. It grows with idle connections,
  /// so it should be small.
  public var keepsake: AnyObject?

  init() { base = UnsafeRawPointer(Self.nothing) }
  /// Stands in for a buffer until there is one; never read, as all ranges are empty then.
  private nonisolated(unsafe) static let nothing = UnsafeMutableRawPointer.allocate(byteCount: 1, alignment: 1)

  /// Beyond it the memory of a list of fields is not kept for the next request.
  private static let keptFieldsMax = 64

  /// The handler is done with the head: memory that a usual head does not need is let go of, since the connection may
  /// be idle for long.
  func forgetHead() {
    if fields.capacity > Self.keptFieldsMax { fields = [] }
  }

  /// Nothing is known of the next request yet.
  func forgetTarget() { (methodRange, pathRange, queryRange) = (0..<0, 0..<0, nil) }

  private func lend<R>(_ range: Range<Int>, _ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R {
    try body(UnsafeRawBufferPointer(start: base + range.lowerBound, count: range.count))
  }

  private func text(_ range: Range<Int>) -> String { lend(range) { String(decoding: $0, as: UTF8.self) } }

  /// What the list of fields takes.
  var fieldsBytes: Int { fields.capacity * MemoryLayout<Field>.stride }
  /// Of path and query.
  var targetBytes: Int { pathRange.count + (queryRange?.count ?? 0) }

  public var methodName: String { text(methodRange) }
  /// Lends the path, still percent-encoded.
  public func withPath<R>(_ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R { try lend(pathRange, body) }
  /// Lends what stands behind the question mark; nothing if there is none.
  public func withQuery<R>(_ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R {
    try lend(queryRange ?? 0..<0, body)
  }
  public var path: String { text(pathRange) }
  public var query: String? { queryRange.map(text) }

  /// The first header called `name` (any case), white space around it removed.
  public func header(_ name: StaticString) -> String? { field(name).map { text($0.value) } }

  /// All headers called `name`, in order.
  public func headers(_ name: StaticString) -> [String] { fields.filter { isNamed($0, name) }.map { text($0.value) } }

  /// Is there a header whose name begins with `prefix`, which is in small letters?
  public func hasHeader(beginningWith prefix: StaticString) -> Bool {
    fields.contains { isNamed($0, beginningWith: prefix) }
  }

  /// All headers whose names begin with `prefix` (in small letters), in order, names in small letters.
  public func headers(beginningWith prefix: String) -> [(name: String, value: String)] {
    fields.compactMap { field in
      let name = text(field.name).lowercased()
      return name.hasPrefix(prefix) ? (name, text(field.value)) : nil
    }
  }

  /// Lends the first header called `name`.
  public func withHeader<R>(_ name: StaticString, _ body: (UnsafeRawBufferPointer?) throws -> R) rethrows -> R {
    guard let field = field(name) else { return try body(nil) }
    return try lend(field.value) { try body($0) }
  }

  func field(_ name: StaticString) -> Field? { fields.first { isNamed($0, name) } }

  private func isNamed(_ field: Field, beginningWith prefix: StaticString) -> Bool {
    field.name.count >= prefix.utf8CodeUnitCount
      && strncasecmp(
        (base + field.name.lowerBound).assumingMemoryBound(to: CChar.self),
        UnsafeRawPointer(prefix.utf8Start).assumingMemoryBound(to: CChar.self),
        prefix.utf8CodeUnitCount) == 0
  }

  func isNamed(_ field: Field, _ name: StaticString) -> Bool {
    field.name.count == name.utf8CodeUnitCount
      && strncasecmp(
        (base + field.name.lowerBound).assumingMemoryBound(to: CChar.self),
        UnsafeRawPointer(name.utf8Start).assumingMemoryBound(to: CChar.self), field.name.count) == 0
  }
}
