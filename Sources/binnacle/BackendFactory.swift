import Storage
import StorageEtcd2
import StorageEtcd3
import StorageSQLite

/// The storage types of this build.
struct BackendFactory: StorageFactory {
  func create(_ config: StorageBackend.Config) async throws -> (any Storage, DestroyFunc) {
    switch config.type {
    case "", StorageBackend.typeETCD3: try await Etcd3Storage.make(config)
    case StorageBackend.typeETCD2: try await Etcd2Storage.make(config)
    case StorageBackend.typeSQLite: try await SQLiteStorage.make(config)
    default: throw StorageError.invalidConfiguration("unknown storage type: \(config.type)")
    }
  }
}
