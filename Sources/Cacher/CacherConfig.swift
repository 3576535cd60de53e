import ByteBuffers
public import Capacity
public import Machinery
public import Storage

/// Where an object stands, as watchers ask for it; an empty member of a watcher's scope means any.
public struct KeyScope: Hashable, Sendable {
  public var namespace: String
  public var name: String
  public init(namespace: String = "", name: String = "") {
    self.namespace = namespace
    self.name = name
  }
}

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
  /// What every key of the resource begins with, ending in `/`.
  public var resourcePrefix: String
  public var codec: any ObjectCodec
  /// Upper bound of the event ring.
  public var capacity = 102_400
  /// The event ring keeps at most this many bytes, or as many as the current objects have if that is more; nil for no
  /// such bound. With it a process stays within about twice its objects' bytes, while at usual rates the ring still
  /// covers `eventFreshness`.
  public var ringBytes: Int? = 64 << 20
  public var trigger: TriggerPublisher?
  /// The scope of a whole key; nil: what follows `resourcePrefix`, the name after its last `/`.
  public var scopeOfKey: (@Sendable (String) -> KeyScope)?
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

  public init(storage: any Storage, resource: GroupResource, resourcePrefix: String, codec: any ObjectCodec) {
    precondition(resourcePrefix.hasSuffix("/"), "resource prefix \(resourcePrefix) must end in a slash")
    self.storage = storage
    self.resource = resource
    self.resourcePrefix = resourcePrefix
    self.codec = codec
  }

  /// The scope of a whole key.
  func scope(of key: String) -> KeyScope {
    if let scopeOfKey { return scopeOfKey(key) }
    let rest = key.utf8.dropFirst(resourcePrefix.utf8.count)
    guard let slash = rest.lastIndex(of: UInt8(ascii: "/")) else { return KeyScope(name: String(Substring(rest))) }
    return KeyScope(
      namespace: String(Substring(rest[..<slash])), name: String(Substring(rest[rest.index(after: slash)...])))
  }
}
