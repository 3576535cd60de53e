import Storage
import StorageEtcd3
import StorageSQLite
import Synchronization
import TestSupport

/// Every implementation of `Storage` that the contract is asked of. A new one is a case and a branch of `open`.
enum Backend: String, CaseIterable, CustomStringConvertible {
  case sqlite
  case etcd3_4 = "etcd 3.4.23"
  case etcd3_5 = "etcd 3.5.1"

  var description: String { rawValue }

  /// A storage for one test. `isAlone` promises that no other test compacts its history or is harmed when this one does; keys go
  /// under `prefix`, which is empty and nobody else's.
  func open(isAlone: Bool = false) async throws -> OpenBackend {
    switch self {
    case .sqlite:
      let folder = try TemporaryFolder()
      var config = StorageBackend.Config()
      config.type = StorageBackend.typeSQLite
      config.sqlitePath = folder.file("data/store.db")
      let (storage, destroy) = try await SQLiteStorage.make(config)
      return OpenBackend(storage: storage, prefix: "/registry/things/", destroy: destroy, keep: [folder])
    case .etcd3_4: return try await Backend.openEtcd(.v3_4, isAlone: isAlone)
    case .etcd3_5: return try await Backend.openEtcd(.v3_5, isAlone: isAlone)
    }
  }
}

extension Backend {
  private static func openEtcd(_ version: EtcdServer.Version, isAlone: Bool) async throws -> OpenBackend {
    let server = isAlone ? try await EtcdServer.start(version) : try await SharedEtcd.server(version)
    var config = StorageBackend.Config()
    config.type = StorageBackend.typeETCD3
    config.prefix = "/test-\(UInt64.random(in: 0 ... .max))"
    config.serverList = [server.url]
    config.compactionInterval = .zero
    let (storage, destroy) = try await Etcd3Storage.make(config)
    return OpenBackend(storage: storage, prefix: config.prefix + "/things/", destroy: destroy, keep: [server])
  }
}

/// One etcd of each version for all tests that keep to their prefix.
private enum SharedEtcd {
  private static let starts = Mutex<[EtcdServer.Version: Task<EtcdServer, any Error>]>([:])

  static func server(_ version: EtcdServer.Version) async throws -> EtcdServer {
    let start = starts.withLock { starts in
      if let start = starts[version] { return start }
      let start = Task { try await EtcdServer.start(version) }
      starts[version] = start
      return start
    }
    return try await start.value
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
