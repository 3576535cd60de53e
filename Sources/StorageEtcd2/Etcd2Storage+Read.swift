import ByteBuffers
import EtcdTransport
public import Storage

extension Etcd2Storage {
  public func get(key: String, isConsistent: Bool) async throws -> StoredObject {
    try await during {
      guard let path = KeyPath.url(ofKey: key) else { throw StorageError.keyNotFound(key: key) }
      guard let object = try object(of: try await client.read(path, isConsistent: isConsistent).node(), at: key) else {
        throw StorageError.keyNotFound(key: key)
      }
      return object
    }
  }

  public func getList(prefix: String, options: StorageListOptions) async throws -> StorageList {
    try await during {
      if let exact = options.exactRevision, let listing = shelf.listing(prefix, at: exact) {
        return listing.page(from: options.startKey, limit: options.limit)
      }
      let listing = try await read(prefix, isConsistent: options.isConsistent || options.exactRevision != nil)
      if let exact = options.exactRevision, exact != listing.revision {
        if exact > listing.revision { throw StorageError.futureRevision(requested: exact, current: listing.revision) }
        throw StorageError.compacted(requested: exact, compacted: Revision(listing.revision.rawValue - 1))
      }
      let page = listing.page(from: options.startKey, limit: options.limit)
      if page.hasMore { shelf.keep(listing) }
      return page
    }
  }

  /// Everything under a prefix, at one index: the v2 API answers with a whole tree or not at all.
  private func read(_ prefix: String, isConsistent: Bool = true) async throws -> ListingShelf.Listing {
    guard let path = KeyPath.url(ofDirectoryAround: prefix) else {
      // No key is without a slash in front.
      return ListingShelf.Listing(prefix: prefix, revision: Revision(try await client.currentIndex()), objects: [])
    }
    let answer = try await client.read(path, tree: true, isConsistent: isConsistent)
    var objects: [StoredObject] = []
    try answer.node()?.collect(prefix, cache, into: &objects)
    // The tree is sorted level by level, where `a/b` comes before `a-b`.
    objects.sort { KeyOrder.precedes($0.key, $1.key) }
    return ListingShelf.Listing(prefix: prefix, revision: Revision(answer.index), objects: objects)
  }

  /// Reads everything: the v2 API does not count.
  public func count(prefix: String) async throws -> Int {
    try await during { try await read(prefix).objects.count }
  }

  /// Reads everything.
  public func fence(prefix: String) async throws -> StorageFence {
    try await during {
      let listing = try await read(prefix)
      return StorageFence(
        revision: listing.revision, newest: listing.objects.map(\.revision).max() ?? .zero, count: listing.objects.count
      )
    }
  }

  public func currentRevision() async throws -> Revision {
    try await during { Revision(try await client.currentIndex()) }
  }

  public func readinessCheck() async throws {
    try await during { _ = try await client.currentIndex(total: config.readycheckTimeout) }
  }

  public func livenessCheck() async throws {
    try await during { _ = try await client.currentIndex(total: config.healthcheckTimeout) }
  }

  /// Events come from one feed in the order of their indexes, so progress can't overtake them.
  public func freshnessProof() async throws -> FreshnessProofKind {
    try await during { .progress }
  }

  /// The present: a state further back can't be listed.
  public func oldestWatchableRevision(atMostBack revisions: Int64) async throws -> Revision {
    try await during { Revision(try await client.currentIndex()) }
  }

  /// Does nothing: etcd2 forgets its events by itself, and never a key.
  public func compact(through revision: Revision) async throws {
    try await during {}
  }
}
