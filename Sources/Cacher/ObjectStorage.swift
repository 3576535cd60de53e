public import Metrics
public import Storage

/// A page of a LIST.
public struct ListRequest: Sendable {
  /// What every key begins with (the resource, or the resource and a namespace), ending in `/`.
  public var prefix: String
  /// First whole key that may be returned; nil for the first of the prefix.
  public var startKey: String?
  /// Most objects to return; 0 for all.
  public var limit: Int
  public var freshness: Freshness
  /// The state at exactly this revision (resourceVersionMatch=Exact, later pages); then `freshness` has no say.
  public var exactRevision: Revision?
  public var predicate: SelectionPredicate
  public init(
    prefix: String, startKey: String? = nil, limit: Int = 0, freshness: Freshness = .consistent,
    exactRevision: Revision? = nil,
    predicate: SelectionPredicate = .everything
  ) {
    self.prefix = prefix
    self.startKey = startKey
    self.limit = limit
    self.freshness = freshness
    self.exactRevision = exactRevision
    self.predicate = predicate
  }
}

/// The answer to a `ListRequest`.
public struct ObjectList: Sendable {
  /// What the list shows, and what the next page must ask for as `exactRevision`.
  public let revision: Revision
  /// In key order.
  public let objects: [CachedObject]
  public let hasMore: Bool
  /// Whole key that the next page starts at; nil when there is none.
  public let nextKey: String?
  /// Objects after this page; nil where a selector was given or the storage does not know.
  public let remaining: Int?
  public init(
    revision: Revision, objects: [CachedObject], hasMore: Bool = false, nextKey: String? = nil, remaining: Int? = nil
  ) {
    self.revision = revision
    self.objects = objects
    self.hasMore = hasMore
    self.nextKey = nextKey
    self.remaining = remaining
  }
}

/// What can be said about a key without waiting.
public enum NowResult: Sendable {
  case found(CachedObject)
  case missing
  /// Only `get(key:freshness:)` can tell.
  case mustWait
}

/// What the Registry speaks to: a `Cacher`, or an `UndecoratedStorage` where the cache is off.
///
/// Errors are `StorageError`s. Reads add to those of `Storage`: `.resourceVersionTooLarge` when the cache did not get
/// to the revision in time, `.notReady` while it starts or relists, `.compacted` for an exact revision that is gone.
public protocol ObjectStorage: Storage {
  var codec: any ObjectCodec { get }

  /// Never blocks and never suspends; callable on a reactor.
  func getNow(key: String, freshness: Freshness) -> NowResult
  /// Throws `.keyNotFound`.
  func get(key: String, freshness: Freshness) async throws -> CachedObject

  /// nil: only `list` can answer, because it must wait or because there is too much to look at in one go. Never blocks
  /// or suspends.
  func listNow(_ request: ListRequest) -> ObjectList?
  func list(_ request: ListRequest) async throws -> ObjectList

  /// Opens a watch. Throws only what is known before a stream would start; everything later is an ERROR event
  /// (semantics 2.38). The watch must be ended with `CacheWatcher.stop()`.
  func watch(_ request: WatchRequest, home: any WatchHome) async throws -> CacheWatcher

  /// The object that a write returned, as reads and watches will show it. `decode` is asked where it is not known yet:
  /// whoever wrote it may know more of its bytes than the codec. Throws what that throws.
  func written(_ stored: StoredObject, decode: (StoredObject) throws -> CachedObject) throws -> CachedObject

  /// Maybe stale, as the origin of an update; nil says nothing about the storage.
  func cached(key: String) -> CachedObject?

  /// The figures of the resource, under Kubernetes' names.
  func writeMetrics(_ text: inout MetricsText)
}

extension ObjectStorage {
  /// The same, by the codec.
  public func written(_ stored: StoredObject) throws -> CachedObject { try written(stored) { try codec.decode($0) } }
}
