import Glibc

/// Immutable bytes that many owners share: a stored value, an encoded object, a watch frame.
///
/// The bytes are written once, inside `init(capacity:initializingWith:)`, and never again; their address stays the same
/// for the life of the object. That is what lets `writev(2)` take them without a copy while any holder keeps a
/// reference.
// Sendable: `base` is written only in init, before anyone shares it.
public final class SharedBytes: @unchecked Sendable {
  // Readable by inlined code only; see above.
  @usableFromInline let base: UnsafeMutableRawPointer
  /// Number of bytes.
  public let count: Int

  /// Lets `fill` write up to `capacity` bytes and keeps the first ones, as many as it returns.
  public init(capacity: Int, initializingWith fill: (UnsafeMutableRawBufferPointer) throws -> Int) rethrows {
    let base = UnsafeMutableRawPointer.allocate(byteCount: max(capacity, 1), alignment: 1)
    do {
      let used = try fill(UnsafeMutableRawBufferPointer(start: base, count: capacity))
      precondition(used >= 0 && used <= capacity, "wrote \(used) of \(capacity) bytes")
      self.base = base
      self.count = used
    } catch {
      base.deallocate()
      throw error
    }
  }

  /// Takes over memory that `UnsafeMutableRawPointer.allocate` gave and that nobody else will write to; the first
  /// `count` bytes are kept.
  public init(adopting base: UnsafeMutableRawPointer, count: Int) {
    self.base = base
    self.count = count
  }

  /// A copy of `bytes`.
  public convenience init(_ bytes: UnsafeRawBufferPointer) {
    self.init(capacity: bytes.count) { room in
      room.copyMemory(from: bytes)
      return bytes.count
    }
  }

  /// A copy of `bytes`.
  public convenience init(_ bytes: RawSpan) {
    self.init(capacity: bytes.byteCount) { room in
      bytes.withUnsafeBytes { room.copyMemory(from: $0) }
      return bytes.byteCount
    }
  }

  /// A copy of `bytes`.
  public convenience init(_ bytes: [UInt8]) {
    self.init(capacity: bytes.count) { room in
      room.copyBytes(from: bytes)
      return bytes.count
    }
  }

  /// The UTF-8 of `text`.
  public convenience init(_ text: String) {
    self.init(Array(text.utf8))
  }

  deinit { base.deallocate() }

  /// Lends all bytes as a checked span.
  @inlinable @inline(__always)
  public func withBytes<R, E: Error>(_ body: (RawSpan) throws(E) -> R) throws(E) -> R {
    try body(UnsafeRawBufferPointer(start: base, count: count).bytes)
  }

  /// Lends the bytes to C or to code that wants pointers; the pointer may be kept as long as a reference to this object
  /// is.
  @inlinable @inline(__always)
  public func withUnsafeBytes<R, E: Error>(_ body: (UnsafeRawBufferPointer) throws(E) -> R) throws(E) -> R {
    try body(UnsafeRawBufferPointer(start: base, count: count))
  }

  /// No bytes.
  public static let empty = SharedBytes([])
}

/// A range of somebody's `SharedBytes`; keeps them alive. The unit that answers are made of and `writev` takes.
@frozen
public struct ByteSlice: Sendable {
  /// Who owns the bytes.
  public let owner: SharedBytes
  /// Where the slice begins, from the owner's first byte.
  public let offset: Int
  /// How many bytes it has.
  public let count: Int

  /// The whole of `owner`.
  @inlinable
  public init(_ owner: SharedBytes) {
    self.owner = owner
    offset = 0
    count = owner.count
  }

  /// `count` bytes of `owner` from `offset`; both must lie inside.
  @inlinable
  public init(_ owner: SharedBytes, offset: Int, count: Int) {
    precondition(
      offset >= 0 && count >= 0 && offset <= owner.count && count <= owner.count - offset,
      "slice \(offset)+\(count) of \(owner.count) bytes")
    self.owner = owner
    self.offset = offset
    self.count = count
  }

  /// The slice without its first `n` bytes.
  public func dropFirst(_ n: Int) -> ByteSlice { ByteSlice(owner, offset: offset + n, count: count - n) }

  /// Lends the bytes; the pointer may be kept as long as the slice's owner is.
  @inlinable @inline(__always)
  public func withUnsafeBytes<R, E: Error>(_ body: (UnsafeRawBufferPointer) throws(E) -> R) throws(E) -> R {
    try owner.withUnsafeBytes { (all: UnsafeRawBufferPointer) throws(E) -> R in
      try body(UnsafeRawBufferPointer(rebasing: all[offset..<(offset + count)]))
    }
  }

  /// A copy as an array, for tests and cold paths.
  public var array: [UInt8] { withUnsafeBytes { Array($0) } }

  /// The bytes as text; malformed UTF-8 is repaired.
  public var text: String { withUnsafeBytes { String(decoding: $0, as: UTF8.self) } }
}

extension SharedBytes {
  /// A copy as an array, for tests and cold paths.
  public var array: [UInt8] { withUnsafeBytes { Array($0) } }

  /// The bytes as text; malformed UTF-8 is repaired.
  public var text: String { withUnsafeBytes { String(decoding: $0, as: UTF8.self) } }

  /// Same bytes?
  public func hasSameBytes(as other: SharedBytes) -> Bool {
    self === other
      || (count == other.count && memcmp(base, other.base, count) == 0)
  }
}
