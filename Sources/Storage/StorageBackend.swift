public import ByteBuffers

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
    /// Encrypts values; identity unless configured.
    public var transformer: any Transformer = IdentityTransformer()
    /// How often history is compacted; zero for never.
    public var compactionInterval: Duration = .seconds(300)
    /// How often keys are counted for the metric; zero for never.
    public var countMetricPollPeriod: Duration = .seconds(60)
    /// How long a health check may take.
    public var healthcheckTimeout: Duration = .seconds(2)
    /// How long a start waits for an unreachable server.
    public var startTimeout: Duration = .seconds(10)
    /// SQLite: the database file.
    public var sqlitePath = ""
    public init() {}
  }
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

/// Bytes to and from storage. `context` is the whole key: authenticated data for the ciphers that take some.
public protocol Transformer: Sendable {
  /// Undoes `toStorage`; `isStale` says that the value should be written again. Throws `StorageError.corruptObject`.
  func fromStorage(_ stored: SharedBytes, context: String) throws -> (value: SharedBytes, isStale: Bool)
  func toStorage(_ value: SharedBytes, context: String) throws -> SharedBytes
}

/// Leaves bytes as they are, but refuses what some other provider encrypted (SEMANTICS 2.51).
public struct IdentityTransformer: Transformer {
  public init() {}
  public func fromStorage(_ stored: SharedBytes, context: String) throws -> (value: SharedBytes, isStale: Bool) {
    let mark = "k8s:enc:"
    let isEncrypted = stored.withUnsafeBytes { $0.count >= mark.utf8.count && $0.prefix(mark.utf8.count).elementsEqual(mark.utf8) }
    if isEncrypted {
      throw StorageError.corruptObject(key: context, reason: "identity transformer tried to read encrypted data")
    }
    return (stored, false)
  }
  public func toStorage(_ value: SharedBytes, context: String) throws -> SharedBytes { value }
}


