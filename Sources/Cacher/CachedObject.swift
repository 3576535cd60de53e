public import ByteBuffers
public import Machinery
public import Storage
import Synchronization

/// Names one encoding of an object (an event frame, pretty text, a Table row, …). Whoever encodes chooses the numbers;
/// the Cacher attaches no meaning to them.
public struct EncodingID: RawRepresentable, Hashable, Sendable {
  public let rawValue: UInt32
  public init(rawValue: UInt32) { self.rawValue = rawValue }
  public init(_ rawValue: UInt32) { self.rawValue = rawValue }
}

/// One object as the API serves it: immutable, shared by the state tree, the event ring, every watcher's queue and
/// answers on their way out.
///
/// `document` is the complete final JSON with resourceVersion in place
/// (`{"kind":"Node","apiVersion":"v1","metadata":{…}}`), followed by the two bytes `,{`. So a list item with its
/// separator is one slice: the opening brace comes from the item before it, or from the head of the list.
public final class CachedObject: Sendable {
  /// The whole key in storage.
  public let key: String
  /// The revision whose number stands in `document`.
  public let revision: Revision
  public let document: SharedBytes
  /// Labels and selectable fields, for selectors.
  public let labels: StringMap
  public let fields: StringMap
  /// What strategies and tables want; opaque here.
  public let facts: (any Sendable)?
  /// The lease that removes the key, 0 for none.
  public let lease: Int64
  /// True when the stored bytes should be written again although they are equal (an old encryption key).
  public let isStale: Bool

  private let end: UInt32
  private let item: UInt32
  private let revisionStart: UInt32
  private let revisionEnd: UInt32

  private let cache: EncodingCache
  /// Encodings that are kept; made with the first.
  private let table = AtomicLazyReference<EncodingTable>()
  /// More encodings of one object than this push the oldest out.
  static let encodingsMax = 8
  /// How long encodings are whose bytes need not be here; see `noteSize`.
  private let firstSize = Atomic<UInt32>(0)
  private let secondSize = Atomic<UInt32>(0)

  /// `document`: see the type. `objectEnd`: the bytes before it are the object. `itemOffset`: where a list item begins,
  /// after `{"kind":…,"apiVersion":…,` (custom resources: 1). `revisionRange`: where the digits of resourceVersion
  /// stand. `encodings`: counts what is kept beside the object.
  public init(
    key: String, revision: Revision, document: SharedBytes, objectEnd: Int, itemOffset: Int, revisionRange: Range<Int>,
    labels: StringMap, fields: StringMap, facts: (any Sendable)? = nil, lease: Int64 = 0, isStale: Bool = false,
    encodings cache: EncodingCache = .unbounded
  ) {
    precondition(
      objectEnd <= document.count && itemOffset >= 0 && itemOffset <= objectEnd && revisionRange.lowerBound >= 0
        && revisionRange.upperBound <= objectEnd && document.count <= Int(UInt32.max),
      "offsets \(itemOffset), \(revisionRange), \(objectEnd) in \(document.count) bytes")
    self.key = key
    self.revision = revision
    self.document = document
    self.labels = labels
    self.fields = fields
    self.facts = facts
    self.lease = lease
    self.isStale = isStale
    self.cache = cache
    end = UInt32(objectEnd)
    item = UInt32(itemOffset)
    revisionStart = UInt32(revisionRange.lowerBound)
    revisionEnd = UInt32(revisionRange.upperBound)
  }

  /// `document[0..<objectEnd]` is the object.
  public var objectEnd: Int { Int(end) }
  /// First byte of the object as an item of a list.
  public var itemOffset: Int { Int(item) }
  /// Where the digits of resourceVersion stand in `document`.
  public var revisionRange: Range<Int> { Int(revisionStart)..<Int(revisionEnd) }

  /// The object's bytes.
  public var object: ByteSlice { ByteSlice(document, offset: 0, count: objectEnd) }
  /// The object as the last item of a list, without the opening brace of an object whose kind was cut off.
  public var listItem: ByteSlice { ByteSlice(document, offset: itemOffset, count: objectEnd - itemOffset) }
  /// The object as an item that another one follows: with `,{` after it.
  public var listItemAndSeparator: ByteSlice {
    ByteSlice(document, offset: itemOffset, count: document.count - itemOffset)
  }

  deinit { table.load()?.clear() }

  /// The encoding `id`, made by `make` at its first use and shared afterwards, as long as there is room. `make` runs
  /// without a lock; of two that run at once, one result is kept and both callers get it.
  public func encoding(_ id: EncodingID, make: () -> SharedBytes) -> SharedBytes {
    if let known = knownEncoding(id) { return known }
    return keep(id, make(), isOneOfMany: false).bytes
  }

  /// The same for one object of a long list. `isKept`: the cache holds the bytes too.
  public func encodingOfMany<E: Error>(
    _ id: EncodingID, make: () throws(E) -> SharedBytes
  ) throws(E) -> (bytes: SharedBytes, isKept: Bool) {
    if let known = knownEncoding(id) { return (known, true) }
    return keep(id, try make(), isOneOfMany: true)
  }

  private func keep(_ id: EncodingID, _ made: SharedBytes, isOneOfMany: Bool) -> (bytes: SharedBytes, isKept: Bool) {
    (table.load() ?? table.storeIfNil(EncodingTable(cache))).keep(id, made, isOneOfMany: isOneOfMany)
  }

  /// The object in another form (a version that it is converted to), made by `make` at its first use and shared
  /// afterwards, as long as there is room.
  public func form(_ id: EncodingID, make: () -> CachedObject) -> CachedObject {
    if let known = table.load()?.knownForm(id) { return known }
    let made = make()
    // Nothing owns itself.
    if made === self { return made }
    (table.load() ?? table.storeIfNil(EncodingTable(cache))).keep(id, made)
    return made
  }

  /// The form `id`, if it was made and is still here.
  public func knownForm(_ id: EncodingID) -> CachedObject? { table.load()?.knownForm(id) }

  /// The counter of what is kept beside the object.
  public var encodings: EncodingCache { cache }

  /// The encoding `id`, if it was made and is still here.
  public func knownEncoding(_ id: EncodingID) -> SharedBytes? { table.load()?.known(id) }

  /// Another object stands under the key: what was kept beside this one is of little use.
  func dropEncodings() { table.load()?.clear() }

  /// Remembers how many bytes an encoding has, so that what stands around a list can be written before its objects are
  /// made. Two may be remembered, by `slot` 0 and 1.
  public func noteSize(_ size: Int, slot: Int) {
    let size = UInt32(clamping: size)
    if slot == 0 { firstSize.store(size, ordering: .relaxed) } else { secondSize.store(size, ordering: .relaxed) }
  }

  /// What was remembered; nil for nothing.
  public func notedSize(slot: Int) -> Int? {
    let size = slot == 0 ? firstSize.load(ordering: .relaxed) : secondSize.load(ordering: .relaxed)
    return size == 0 ? nil : Int(size)
  }

  /// The bytes that this object keeps in memory, its encodings not counted.
  var cost: Int { document.count }
}

/// What the Registry supplies: from stored bytes to what the API serves, and back. Runs the `Versioner` and the codec
/// of a resource, once a value. Never called under a lock, and called from any thread.
public protocol ObjectCodec: Sendable {
  /// Counts what its objects keep in encodings.
  var encodings: EncodingCache { get }
  /// Throws `StorageError.corruptObject` (or anything else) for bytes that are no object of the resource.
  func decode(_ stored: StoredObject) throws -> CachedObject
  /// The stored form again, without resourceVersion.
  func storedBytes(of object: CachedObject) -> SharedBytes
  /// The same object with another resourceVersion: DELETED events carry the event's.
  func restamped(_ object: CachedObject, revision: Revision) -> CachedObject
}

extension ObjectCodec {
  /// What an update may start from.
  public func storedObject(of object: CachedObject) -> StoredObject {
    StoredObject(
      key: object.key, value: storedBytes(of: object), revision: object.revision, lease: object.lease,
      isStale: object.isStale)
  }
}
