import Foundation
import Machinery
import Storage
import StorageEncryption
import StorageEtcd2
import StorageEtcd3
import StorageSQLite
import Synchronization
import TestSupport

/// Every implementation of `Storage` that the contract is asked of. A new one is a case and a branch of `open`.
enum Backend: String, CaseIterable, CustomStringConvertible {
  case sqlite
  case memory = "sqlite, in memory"
  /// Through `TransformedStorage`: the contract is the same for encrypted values.
  case encryptedSQLite = "sqlite, encrypted"
  case etcd3_4 = "etcd 3.4.23"
  case etcd3_5 = "etcd 3.5.1"
  case etcd3_4TLS = "etcd 3.4.23 over TLS"
  case etcd3_5TLS = "etcd 3.5.1 over TLS"
  case etcd2 = "v2 API of etcd 3.4.23"

  var description: String { rawValue }

  /// Can a state be listed after it has changed? etcd2 has the present and the last 1,000 events.
  var keepsHistory: Bool { self != .etcd2 }
  /// Can `/a` and `/a/b` both be keys? etcd2's are the leaves of a tree.
  var nestsKeys: Bool { self != .etcd2 }

  /// A storage for one test. `isAlone` promises that no other test compacts its history or is harmed when this one
  /// does; keys go under `prefix`, which is empty and nobody else's.
  func open(isAlone: Bool = false) async throws -> OpenBackend {
    switch self {
    case .memory:
      var config = StorageBackend.Config()
      config.type = StorageBackend.typeSQLite
      config.sqlitePath = StorageBackend.Config.inMemory
      let (storage, destroy) = try await SQLiteStorage.make(config)
      return OpenBackend(storage: storage, prefix: "/registry/things/", destroy: destroy, keep: [])
    case .sqlite, .encryptedSQLite:
      let folder = try TemporaryFolder()
      var config = StorageBackend.Config()
      config.type = StorageBackend.typeSQLite
      config.sqlitePath = folder.file("data/store.db")
      let (storage, destroy) = try await SQLiteStorage.make(config)
      var shown = storage
      if self == .encryptedSQLite { shown = TransformedStorage(storage, transformer: try Self.transformer(folder)) }
      return OpenBackend(storage: shown, prefix: "/registry/things/", destroy: destroy, keep: [folder])
    case .etcd3_4: return try await Backend.openEtcd(.v3_4, isAlone: isAlone)
    case .etcd3_5: return try await Backend.openEtcd(.v3_5, isAlone: isAlone)
    case .etcd3_4TLS: return try await Backend.openEtcd(.v3_4TLS, isAlone: isAlone)
    case .etcd3_5TLS: return try await Backend.openEtcd(.v3_5TLS, isAlone: isAlone)
    case .etcd2:
      let server = isAlone ? try await SharedEtcd.v2.start() : try await SharedEtcd.v2.server()
      var config = Backend.config(StorageBackend.typeETCD2, server)
      config.deserializationCacheSize = 1_000
      let (storage, destroy) = try await Etcd2Storage.make(config)
      return OpenBackend(storage: storage, prefix: config.prefix + "/things/", destroy: destroy, keep: [server])
    }
  }
}

extension Backend {
  private static func transformer(_ folder: TemporaryFolder) throws -> any Transformer {
    let path = folder.file("encryption.yaml")
    try """
    kind: EncryptionConfiguration
    apiVersion: apiserver.config.k8s.io/v1
    resources:
    - resources: [things]
      providers: [{aesgcm: {keys: [{name: a, secret: AAECAwQFBgcICQoLDA0ODw==}]}}]
    """.write(toFile: path, atomically: true, encoding: .utf8)
    return try EncryptionProviders(file: path, reloads: false).transformer(for: GroupResource(resource: "things"))
      ?? IdentityTransformer()
  }

  private static func openEtcd(_ kind: SharedEtcd, isAlone: Bool) async throws -> OpenBackend {
    let server = isAlone ? try await kind.start() : try await kind.server()
    var config = Backend.config(StorageBackend.typeETCD3, server)
    if let certificates = server.certificates {
      config.caFile = certificates.ca
      config.certFile = certificates.client.certificate
      config.keyFile = certificates.client.key
    }
    let (storage, destroy) = try await Etcd3Storage.make(config)
    return OpenBackend(storage: storage, prefix: config.prefix + "/things/", destroy: destroy, keep: [server])
  }

  private static func config(_ type: String, _ server: EtcdServer) -> StorageBackend.Config {
    var config = StorageBackend.Config()
    config.type = type
    config.prefix = "/test-\(UInt64.random(in: 0 ... .max))"
    config.serverList = [server.url]
    config.compactionInterval = .zero
    return config
  }
}

/// One etcd of each kind for all tests that keep to their prefix.
private enum SharedEtcd: Hashable {
  case v3_4, v3_5, v3_4TLS, v3_5TLS, v2

  private static let starts = Mutex<[SharedEtcd: Task<EtcdServer, any Error>]>([:])

  func server() async throws -> EtcdServer {
    let start = SharedEtcd.starts.withLock { starts in
      if let start = starts[self] { return start }
      let start = Task { try await self.start() }
      starts[self] = start
      return start
    }
    return try await start.value
  }

  /// etcd makes leases as long as one and a half elections, at least.
  private static let briefLeases = ["--heartbeat-interval", "50", "--election-timeout", "500"]

  /// Another one.
  func start() async throws -> EtcdServer {
    switch self {
    case .v3_4: try await EtcdServer.start(.v3_4, arguments: Self.briefLeases)
    case .v3_5: try await EtcdServer.start(.v3_5, arguments: Self.briefLeases)
    case .v3_4TLS: try await EtcdServer.start(.v3_4, arguments: Self.briefLeases, certificates: TestCertificates())
    case .v3_5TLS: try await EtcdServer.start(.v3_5, arguments: Self.briefLeases, certificates: TestCertificates())
    case .v2: try await EtcdServer.startWithV2()
    }
  }
}

/// A storage under test.
struct OpenBackend: Sendable {
  let storage: any Storage
  /// Ends in a slash.
  let prefix: String
  let destroy: DestroyFunc
  /// What must live as long as the storage: folders, servers.
  let keep: [any Sendable]
}

/// Opens a storage, runs `body` under a deadline, and destroys the storage whatever happened.
func withStorage(
  _ backend: Backend, isAlone: Bool = false, _ body: @escaping @Sendable (any Storage, String) async throws -> Void
) async throws {
  let open = try await backend.open(isAlone: isAlone)
  do {
    try await within(.seconds(60), "the test of \(backend)") { try await body(open.storage, open.prefix) }
  } catch {
    await open.destroy()
    throw error
  }
  await open.destroy()
}
