public import Machinery
public import Storage

/// Where a watch begins (semantics 1.1, 1.2).
public enum WatchStart: Sendable, Equatable {
  /// resourceVersion unset: the state as of now, then changes.
  case unset
  /// `0`: the state at hand, then changes.
  case any
  /// Everything after this revision.
  case after(Revision)
}

/// What a watch covers.
public enum WatchTarget: Sendable, Equatable {
  /// All keys that begin so (the resource, or the resource and a namespace), ending in `/`.
  case prefix(String)
  case key(String)
}

/// How far a watcher may fall behind before it is ended. Bytes are those of the objects that wait, shared ones counted
/// for each watcher.
public struct WatchBudget: Sendable, Equatable {
  public var events: Int
  public var bytes: Int
  public init(events: Int = 16_384, bytes: Int = 64 << 20) {
    self.events = events
    self.bytes = bytes
  }
}

public struct WatchRequest: Sendable {
  public var target: WatchTarget
  public var start: WatchStart
  /// nil: not set; then `.unset` and `.any` send the state, `.after` does not.
  public var sendInitialEvents: Bool?
  public var allowBookmarks: Bool
  public var predicate: SelectionPredicate
  /// When the server will end this watch; a bookmark is sent shortly before. The Cacher itself ends nothing then.
  public var deadline: ContinuousClock.Instant?
  public var budget: WatchBudget
  public init(
    target: WatchTarget, start: WatchStart = .unset, sendInitialEvents: Bool? = nil, allowBookmarks: Bool = false,
    predicate: SelectionPredicate = .everything, deadline: ContinuousClock.Instant? = nil,
    budget: WatchBudget = WatchBudget()
  ) {
    self.target = target
    self.start = start
    self.sendInitialEvents = sendInitialEvents
    self.allowBookmarks = allowBookmarks
    self.predicate = predicate
    self.deadline = deadline
    self.budget = budget
  }
}

/// The thread that watchers live on (a reactor). The Cacher wakes each home at most once a batch, however many watchers
/// it has.
public protocol WatchHome: AnyObject, Sendable {
  /// Runs `job` soon on the home's thread, in the order of posting. Must not run it before it returns.
  func post(_ job: @escaping @Sendable () -> Void)
}

public struct WatchEvent: Sendable {
  public enum Kind: UInt8, Sendable { case added, modified, deleted, bookmark, error }
  public let kind: Kind
  /// True in the one bookmark that ends the initial events; it carries `k8s.io/initial-events-end: "true"`.
  public let isInitialEventsEnd: Bool
  /// The object as the event shows it (with DELETED the last state, stamped with the event's revision); nil for
  /// bookmark and error.
  public let object: CachedObject?
  /// The event's revision: the object's, or the bookmark's.
  public let revision: Revision
  private let failure: Failure?

  /// A `Status` is large and rare, so it hangs by a reference.
  private final class Failure: Sendable {
    let status: Status
    init(_ status: Status) { self.status = status }
  }
  /// The `Status` of an error event.
  public var status: Status? { failure?.status }

  public init(_ kind: Kind, _ object: CachedObject, revision: Revision) {
    self.kind = kind
    self.object = object
    self.revision = revision
    isInitialEventsEnd = false
    failure = nil
  }
  public init(bookmark revision: Revision, isInitialEventsEnd: Bool = false) {
    kind = .bookmark
    object = nil
    self.revision = revision
    self.isInitialEventsEnd = isInitialEventsEnd
    failure = nil
  }
  public init(error status: Status) {
    kind = .error
    object = nil
    revision = .zero
    isInitialEventsEnd = false
    failure = Failure(status)
  }
}

/// Why a watch ended. In every case the body ends cleanly; only `.failed` was preceded by an ERROR event.
public enum WatchEnd: Sendable, Equatable {
  /// `stop()` was called.
  case stopped
  /// The watcher did not take its events fast enough. The client resumes from the last revision it saw.
  case tooSlow
  /// The cache had to list again; the client resumes, or hears 410.
  case relisted
  /// The Cacher was destroyed.
  case shutDown
  /// An ERROR event was the last.
  case failed
}
