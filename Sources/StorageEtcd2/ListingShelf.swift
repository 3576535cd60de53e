import Storage
import Synchronization

/// Listings whose first page was handed out: etcd2 has no pages and no past, so the later pages are cut from what was
/// read for the first.
///
/// Bounds: `most` listings, each for `lifetime`. A page of one that is gone is `.compacted`, after which a client lists
/// again.
final class ListingShelf: Sendable {
  struct Listing: Sendable {
    let prefix: String
    let revision: Revision
    /// In the order of keys.
    let objects: [StoredObject]

    /// The page that begins at `start`.
    func page(from start: String?, limit: Int) -> StorageList {
      let first = start.map { start in objects.partitioningIndex { !KeyOrder.precedes($0.key, start) } } ?? 0
      let end = limit > 0 ? min(objects.count, first + limit) : objects.count
      return StorageList(
        objects: Array(objects[first..<end]), revision: revision, hasMore: end < objects.count,
        remaining: objects.count - end)
    }
  }

  private static let most = 4
  private static let lifetime = Duration.seconds(60)

  private let kept = Mutex<[(listing: Listing, until: ContinuousClock.Instant)]>([])

  func keep(_ listing: Listing) {
    kept.withLock { kept in
      kept.removeAll {
        $0.until <= .now || ($0.listing.prefix == listing.prefix && $0.listing.revision == listing.revision)
      }
      if kept.count >= Self.most { kept.removeFirst() }
      kept.append((listing, .now + Self.lifetime))
    }
  }

  func listing(_ prefix: String, at revision: Revision) -> Listing? {
    kept.withLock { kept in
      kept.removeAll { $0.until <= .now }
      return kept.first { $0.listing.prefix == prefix && $0.listing.revision == revision }?.listing
    }
  }
}

/// The order of keys: of their bytes.
enum KeyOrder {
  static func precedes(_ a: String, _ b: String) -> Bool { a.utf8.lexicographicallyPrecedes(b.utf8) }
}

extension Array {
  /// The first index whose element and all behind it satisfy `predicate`.
  fileprivate func partitioningIndex(_ predicate: (Element) -> Bool) -> Int {
    var low = 0
    var high = count
    while low < high {
      let middle = low + (high - low) / 2
      if predicate(self[middle]) { high = middle } else { low = middle + 1 }
    }
    return low
  }
}
