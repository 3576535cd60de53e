import Storage

/// Objects that this process has written and that the storage's watch has not shown yet.
///
/// An update right after another one starts from here: the cache would still hand out the object before it, and the
/// storage would refuse the write, answer with the object and have it all computed again. And the event that shows the
/// write finds its object decoded. Invariant: at most `entriesMax` objects of at most `bytesMax` bytes together; what
/// does not fit is not remembered, which costs time only.
struct RecentWrites {
  static let entriesMax = 4_096
  static let bytesMax = 32 << 20

  private var objects: [ByteString: CachedObject] = [:]
  private(set) var bytes = 0
  /// So many entries call for a look at which of them have been seen meanwhile: an event may pass before its write is
  /// noted.
  private var crowd = 64

  var count: Int { objects.count }

  /// `seen`: up to where the cache has everything.
  mutating func note(_ object: CachedObject, seen: Revision) {
    guard object.revision > seen, object.revision > objects[object.key]?.revision ?? .zero else { return }
    if objects.count >= crowd || bytes + object.cost > Self.bytesMax { drop(through: seen) }
    let replaced = objects[object.key]
    guard replaced != nil || objects.count < Self.entriesMax else { return }
    guard bytes - (replaced?.cost ?? 0) + object.cost <= Self.bytesMax else { return }
    objects[object.key] = object
    bytes += object.cost - (replaced?.cost ?? 0)
  }

  subscript(key: String) -> CachedObject? { objects[key] }

  /// The watch shows `key` at `revision`: what is remembered of it up to there has served. Returns the object if it is
  /// the one shown.
  mutating func take(_ key: String, at revision: Revision) -> CachedObject? {
    guard !objects.isEmpty, let object = objects[key], object.revision <= revision else { return nil }
    objects[key] = nil
    bytes -= object.cost
    return object.revision == revision ? object : nil
  }

  mutating func drop(through revision: Revision) {
    objects = objects.filter { $0.value.revision > revision }
    bytes = objects.reduce(0) { $0 + $1.value.cost }
    crowd = min(Self.entriesMax, max(64, objects.count * 2))
  }
}
