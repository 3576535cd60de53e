/// The choice of a storage backend. (Kubernetes: package `storagebackend`.)
public enum StorageBackend {
  /// The default type when none is set.
  public static let typeETCD3 = "etcd3"
  public static let typeETCD2 = "etcd2"
  public static let typeSQLite = "sqlite"

  /// Everything a factory needs to know.
  public struct Config: Sendable {
    /// `""` (etcd3), `etcd3`, `etcd2` or `sqlite`; any other is the error `unknown storage type: X`.
    public var type = ""
    /// What every key begins with, as `--etcd-prefix`.
    public var prefix = "/registry"
    /// etcd's client URLs.
    public var serverList: [String] = []
    public var keyFile = ""
    public var certFile = ""
    public var caFile = ""
    /// etcd's user; empty for none.
    public var userName = ""
    /// The user's password, which no message shows.
    public var password = Secret("")
    /// False lets a plain read be answered by one member.
    public var quorum = true
    /// etcd3 only: how caches are proven fresh; nil: by the versions of all servers.
    public var freshnessProof: FreshnessProofKind?
    /// etcd2 only: entries of the cache of decoded values.
    public var deserializationCacheSize = 0
    /// Encrypts the values of the resource that this configuration is for; nil for not at all. Raw storage knows
    /// nothing of it: it is `TransformedStorage` that runs it, above every backend.
    public var transformer: (any Transformer)?
    /// How often history is compacted; zero for never.
    public var compactionInterval: Duration = .seconds(300)
    /// How often the number of objects of a resource without a cache is counted, for metrics; zero: no metric tells it.
    public var countMetricPollPeriod: Duration = .seconds(60)
    /// How often the size of the database is asked for, for metrics; zero for never.
    public var dbMetricPollInterval: Duration = .seconds(30)
    /// How long a health check (livez) may take.
    public var healthcheckTimeout: Duration = .seconds(2)
    /// How long a readiness check (readyz) may take.
    public var readycheckTimeout: Duration = .seconds(2)
    /// etcd3 only.
    public var leaseManagerConfig = LeaseManagerConfig()
    /// How long a start waits for an unreachable server.
    public var startTimeout: Duration = .seconds(10)
    /// SQLite: a new database goes on above this revision, as one that takes another storage's place.
    public var firstRevision = Revision.zero
    /// SQLite: the database file, or `inMemory`.
    public var sqlitePath = ""
    /// As `sqlitePath`: a database of its own that no disk ever sees and that goes with its storage.
    public static let inMemory = ":memory:"
    /// Is nothing kept beyond the life of the storage?
    public var isInMemory: Bool { type == StorageBackend.typeSQLite && sqlitePath == Self.inMemory }
    /// SQLite: bytes of disk that are kept for removals, 0 for none; nil: in proportion to the file system.
    public var sqliteReserveBytes: UInt64?
    public init() {}
  }
}

/// How keys with a time to live share etcd3's leases. (Kubernetes: `etcd3.LeaseManagerConfig`.)
public struct LeaseManagerConfig: Sendable, Equatable {
  /// By how many seconds a key may outlive its time, at most; it is never more than 5 percent of that.
  public var reuseDurationSeconds: Int64 = 60
  /// Most keys on one lease; zero or less: the default.
  public var maxObjectCount = 1_000
  public init() {}
}

/// A text that must not get into logs: however it is printed, it does not show.
public struct Secret: Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  /// The text itself, for the one place that sends it.
  public let exposed: String
  public init(_ text: String) { exposed = text }
  public var description: String { "(secret)" }
  public var debugDescription: String { description }
  public var customMirror: Mirror { Mirror(self, children: []) }
}
