import ByteBuffers
public import Capacity
public import Machinery
public import Storage

/// Indexes the watchers of a resource by the value that they require of one field (spec.nodeName of pods), so that an
/// event visits only those that want its value. (Kubernetes: `TriggerPublisherFunc`.)
public struct TriggerPublisher: Sendable {
  /// The field of the field selector.
  public let field: String
  /// An object's value of it.
  public let value: @Sendable (CachedObject) -> String
  public init(field: String, value: @escaping @Sendable (CachedObject) -> String) {
    self.field = field
    self.value = value
  }
  /// The value that the object's selectable fields name.
  public init(field: String) {
    self.init(field: field) { $0.fields[field] ?? "" }
  }
}

/// Time as the Cacher sees it; tests bring their own.
public struct CacherClock: Sendable {
  public var now: @Sendable () -> ContinuousClock.Instant
  /// Throws on cancellation only.
  public var sleep: @Sendable (Duration) async throws -> Void
  public init(
    now: @escaping @Sendable () -> ContinuousClock.Instant, sleep: @escaping @Sendable (Duration) async throws -> Void
  ) {
    self.now = now
    self.sleep = sleep
  }
  public static let system = CacherClock(now: { .now }, sleep: { try await Task.sleep(for: $0) })
}

/// Something an operator should know; the Cacher itself writes no log.
public enum CacherProblem: Sendable {
  /// A stored object can't be decoded: reads of it, lists that hold it and watches that would begin with it fail; the
  /// rest is served.
  case undecodable(key: String, error: any Error)
  case listFailed(any Error)
  /// The storage watch was lost; it is resumed after `revision`.
  case watchLost(after: Revision, any Error)
  /// History after `revision` is gone, or the cache was found wrong: everything is listed again and all watches end.
  case relist(after: Revision, reason: String)
  /// What is cached is not what is stored; older states are not served from memory until a later check passes.
  case inconsistent(at: Revision, difference: String)
}

/// Everything a Cacher needs to know. (Kubernetes: `cacher.Config`.)
public struct CacherConfig: Sendable {
  public var storage: any Storage
  public var resource: GroupResource
  /// Where the objects stand among the keys: watchers are told apart by it.
  public var keyFunc: KeyFunc
  /// What every key of the resource begins with, ending in `/`.
  public var resourcePrefix: String { keyFunc.prefix }
  public var codec: any ObjectCodec
  /// Upper bound of the event ring.
  public var capacity = 102_400
  /// The event ring keeps at most this many bytes, or as many as the current objects have if that is more; nil for no
  /// such bound. With it a process stays within about twice its objects' bytes, while at usual rates the ring still
  /// covers `eventFreshness`.
  public var ringBytes: Int? = 64 << 20
  public var trigger: TriggerPublisher?
  /// Copies what is handed out, by reads, writes and watches; nil: everybody is handed the one object, which never
  /// changes.
  public var copier: (@Sendable (CachedObject) -> CachedObject)?
  /// How often the number of objects is asked for where no cache knows it; zero shows no such number at all.
  public var countMetricPollPeriod: Duration = .seconds(60)
  public var clock = CacherClock.system
  /// How many revisions back the first list starts, so that watches from before a restart can resume.
  public var historyAtStart: Int64 = 10_000
  /// How long NotOlderThan waits (semantics 1.1).
  public var freshnessWait: Duration = .seconds(3)
  /// How long a consistent read waits for the cache before it asks the storage.
  public var consistentWait: Duration = .seconds(1)
  /// How often a watcher hears a bookmark, and how long before its deadline it hears the last one.
  public var bookmarkPeriod: Duration = .seconds(60)
  public var bookmarkBeforeDeadline: Duration = .seconds(2)
  /// How often the cache is held against the storage, at least; nil for never.
  public var consistencyCheckPeriod: Duration? = .seconds(300)
  /// What the event ring covers.
  public var eventFreshness: Duration = .seconds(75)
  /// Counts what the queues of watches hold beside the ring; when it is used up, the watches that hold such events are
  /// ended.
  public var memory = MemoryBudget(limit: 0)
  /// Called with what an operator should know, never under a lock.
  public var report: @Sendable (CacherProblem) -> Void = { _ in }

  public init(storage: any Storage, resource: GroupResource, keyFunc: KeyFunc, codec: any ObjectCodec) {
    self.storage = storage
    self.resource = resource
    self.keyFunc = keyFunc
    self.codec = codec
  }

  /// `resourcePrefix`: of keys that may be namespaced.
  public init(storage: any Storage, resource: GroupResource, resourcePrefix: String, codec: any ObjectCodec) {
    self.init(
      storage: storage, resource: resource, keyFunc: KeyFunc(prefix: resourcePrefix, isNamespaced: true), codec: codec)
  }

  func handedOut(_ object: CachedObject) -> CachedObject { copier?(object) ?? object }

  func handedOut(_ list: ObjectList) -> ObjectList {
    guard let copier else { return list }
    return ObjectList(
      revision: list.revision, objects: list.objects.map(copier), hasMore: list.hasMore, nextKey: list.nextKey,
      remaining: list.remaining)
  }
}
