public import ByteBuffers

/// A position in the history of a storage: etcd3's revision, etcd2's index, SQLite's row number. The API shows it as
/// the opaque string `resourceVersion`; only `Versioner` converts.
public struct Revision: RawRepresentable, Hashable, Comparable, Sendable, CustomStringConvertible {
  public let rawValue: Int64
  public init(rawValue: Int64) { self.rawValue = rawValue }
  public init(_ rawValue: Int64) { self.rawValue = rawValue }
  public static func < (a: Revision, b: Revision) -> Bool { a.rawValue < b.rawValue }
  public static let zero = Revision(0)
  /// The next position; saturates instead of trapping on a revision that a peer invented.
  public var next: Revision { Revision(rawValue == .max ? .max : rawValue + 1) }
  public var description: String { String(rawValue) }
}

/// One value as storage holds it: bytes that storage never looks into.
public struct StoredObject: Sendable {
  /// The whole key, with the prefix of the configuration (`/registry/minions/n1`).
  public let key: String
  /// The bytes as written, once a transformer has undone its work.
  public let value: SharedBytes
  /// The revision of the last change (etcd3: mod_revision).
  public let revision: Revision
  /// The lease that removes the key, 0 for none.
  public let lease: Int64
  /// True when the transformer says that the bytes should be written again (an old encryption key), although they are
  /// equal.
  public let isStale: Bool
  /// Why the transformer could not undo its work, and `value` therefore is as stored; nil for all is well.
  public let unreadable: String?

  public init(
    key: String, value: SharedBytes, revision: Revision, lease: Int64 = 0, isStale: Bool = false,
    unreadable: String? = nil
  ) {
    self.key = key
    self.value = value
    self.revision = revision
    self.lease = lease
    self.isStale = isStale
    self.unreadable = unreadable
  }

  /// What to throw when `value` can't be decoded: that it is encrypted, if that is why.
  public func undecodable(_ reason: String) -> StorageError {
    if let unreadable { return .untransformable(key: key, reason: unreadable) }
    if EncryptedValue.isOne(value) {
      return .untransformable(key: key, reason: IdentityTransformer.refusal.description)
    }
    return .corruptObject(key: key, reason: reason)
  }
}

/// What must hold before a write may happen. Checked against the stored object by the caller's closure, because storage
/// knows no uid.
public struct Preconditions: Sendable, Equatable {
  public var uid: String?
  public var resourceVersion: String?
  public init(uid: String? = nil, resourceVersion: String? = nil) {
    self.uid = uid
    self.resourceVersion = resourceVersion
  }
  public var isEmpty: Bool { uid == nil && resourceVersion == nil }
}

/// How fresh a read has to be.
public enum Freshness: Sendable, Equatable {
  /// Whatever is at hand (`resourceVersion=0`).
  case any
  /// At least this revision.
  case notOlderThan(Revision)
  /// Nothing committed before the read began may be missing (`resourceVersion` unset).
  case consistent
}

/// One page of a range read from raw storage.
public struct StorageList: Sendable {
  /// In key order.
  public let objects: [StoredObject]
  /// The revision that the page shows: the storage's at the time of the first page, or the one asked for.
  public let revision: Revision
  /// Are there more keys after the last one?
  public let hasMore: Bool
  /// Live keys after this page, where the backend knows.
  public let remaining: Int?
  public init(objects: [StoredObject], revision: Revision, hasMore: Bool, remaining: Int? = nil) {
    self.objects = objects
    self.revision = revision
    self.hasMore = hasMore
    self.remaining = remaining
  }
}

/// What a range read asks for.
public struct StorageListOptions: Sendable {
  /// First key that may be returned (whole key, inclusive); nil for the start of the prefix.
  public var startKey: String?
  /// Most keys to return; 0 for all.
  public var limit = 0
  /// Read the state at exactly this revision; nil for now.
  public var exactRevision: Revision?
  /// False lets one member answer from its own state (etcd: serializable).
  public var isConsistent = true
  public init(startKey: String? = nil, limit: Int = 0, exactRevision: Revision? = nil, isConsistent: Bool = true) {
    self.startKey = startKey
    self.limit = limit
    self.exactRevision = exactRevision
    self.isConsistent = isConsistent
  }
}

/// What an update function decided about the object it was shown.
public enum UpdateDecision: Sendable {
  /// Write these bytes; with `ttl` the key goes away after that time (nil keeps it for good). Without a ttl, bytes
  /// equal to those shown (that are current, not `isStale`, and have no lease) write nothing, as with `.keep`
  /// (semantics 2.10).
  case write(SharedBytes, ttl: Duration?)
  /// Leave the stored object as it is; `guaranteedUpdate` returns it.
  case keep
  /// Remove the key in the same transaction (the last finalizer of a deleted object went).
  case delete
}

/// What `guaranteedUpdate` did.
public struct UpdateOutcome: Sendable {
  /// The object after the write; with `.keep`, as found; with `.delete`, the object that was removed at `revision`.
  public let object: StoredObject
  /// False when nothing was written.
  public let wasWritten: Bool
  public init(object: StoredObject, wasWritten: Bool) {
    self.object = object
    self.wasWritten = wasWritten
  }
}

/// The storage under the API: keys, bytes, revisions. It knows nothing of kinds. (Kubernetes: `storage.Interface`.)
///
/// All keys are whole keys. Every write is durable before it returns. Every method honours cancellation where it waits,
/// but a write whose transaction was sent is always seen through. Errors are `StorageError`s, or what the caller's
/// closure threw.
public protocol Storage: Sendable {
  /// Converts between revisions and the API's resourceVersion.
  var versioner: any Versioner { get }

  /// Writes a key that must not exist. Throws `.keyExists`.
  func create(key: String, value: SharedBytes, ttl: Duration?) async throws -> StoredObject

  /// A linearizable read of one key (or, with `isConsistent: false`, a read that one member answers). Throws
  /// `.keyNotFound`.
  func get(key: String, isConsistent: Bool) async throws -> StoredObject

  /// One page of the keys that begin with `prefix`, in key order. Throws `.compacted`, `.futureRevision`.
  func getList(prefix: String, options: StorageListOptions) async throws -> StorageList

  /// Shows `tryUpdate` the current object (first `origin`, if given: possibly stale) and writes what it decides in one
  /// conditional transaction, again and again until no other writer came between. A missing key throws `.keyNotFound`,
  /// or with `ignoreNotFound` is shown as nil and created. An error of `tryUpdate` that saw `origin` is believed only
  /// after a fresh read (semantics 2.11); any other is thrown as it is. `.delete` on a missing key is `.keyNotFound`.
  /// `tryUpdate` may wait: it runs in the caller's task, and no other write waits for it.
  func guaranteedUpdate(
    key: String, ignoreNotFound: Bool, origin: StoredObject?,
    tryUpdate: @Sendable (StoredObject?) async throws -> UpdateDecision
  ) async throws -> UpdateOutcome

  /// Removes a key if `validate` (which may throw, and may wait) accepts the current object; the same rule about
  /// `origin`.
  /// Returns the removed object with the revision of its removal. Throws `.keyNotFound`.
  func delete(
    key: String, origin: StoredObject?, validate: @Sendable (StoredObject) async throws -> Void
  ) async throws -> StoredObject

  /// All changes of keys under `prefix` with a revision above `after`, in order, once each; nil for "from now". The
  /// stream ends with an error, never silently: `.compacted` when history is gone, `.watchClosed` for everything after
  /// which the caller may resume from the last revision it saw (lost connection, buffer overflow).
  func watch(prefix: String, after: Revision?) async throws -> StorageWatch

  /// Number of live keys under a prefix.
  func count(prefix: String) async throws -> Int

  /// Asks for `.progress` on the open watches, so that an idle one learns how far it has come. Without effect where
  /// `watch` sends it unasked.
  func requestProgress() async throws

  /// The newest revision, by a linearizable call.
  func currentRevision() async throws -> Revision

  /// The newest committed revision where the process itself knows it without asking (SQLite); nil elsewhere.
  var revisionInProcess: Revision? { get }

  /// What this backend offers for proving a cache fresh.
  func freshnessProof() async throws -> FreshnessProofKind

  /// For `.newestAndCount`: by one linearizable call, the storage's revision with the newest live mod revision and
  /// number of keys under a prefix.
  func fence(prefix: String) async throws -> StorageFence

  /// The oldest revision that watches may start after, as far as known; a Reflector starts there so that old watches
  /// can resume.
  func oldestWatchableRevision(atMostBack revisions: Int64) async throws -> Revision

  /// Forgets history up to `revision`.
  func compact(through revision: Revision) async throws

  /// Bytes that the database takes of the disk (in memory: of memory); nil where the storage does not say.
  func databaseBytes() async throws -> Int?

  /// Throws when the storage can't serve (readyz).
  func readinessCheck() async throws

  /// Throws when only a restart may help (livez). Without space or an alarm raised for it, reads and removals still
  /// work.
  func livenessCheck() async throws
}

extension Storage {
  public func databaseBytes() async throws -> Int? { nil }

  public func livenessCheck() async throws {
    do { try await readinessCheck() } catch StorageError.outOfSpace {}
  }
}

/// How a cache above this storage can prove that it is as new as a linearizable read.
public enum FreshnessProofKind: Sendable, Equatable {
  /// `revisionInProcess` is always right.
  case inProcess
  /// `currentRevision()` and progress on the watch are trustworthy.
  case progress
  /// Progress can overtake events (etcd before 3.4.31 and 3.5.13): use `fence`.
  case newestAndCount
}

/// Enough to tell that a cache equals the storage at `revision`.
public struct StorageFence: Sendable, Equatable {
  /// The answer's header revision.
  public let revision: Revision
  /// Newest mod revision among the live keys; zero when there are none.
  public let newest: Revision
  /// Number of live keys.
  public let count: Int
  public init(revision: Revision, newest: Revision, count: Int) {
    self.revision = revision
    self.newest = newest
    self.count = count
  }
}

/// Ends a storage: idempotent, waits for what is in flight, ends watches, leaves no thread or descriptor.
public typealias DestroyFunc = @Sendable () async -> Void

/// Makes a storage of the type that a configuration names. The executable builds one from the makers of its backends.
public protocol StorageFactory: Sendable {
  func create(_ config: StorageBackend.Config) async throws -> (any Storage, DestroyFunc)
}
