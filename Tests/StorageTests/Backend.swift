import Storage
import StorageSQLite
import TestSupport

/// Every implementation of `Storage` that the contract is asked of. A new one is a case and a branch of `open`.
enum Backend: String, CaseIterable, CustomStringConvertible {
  case sqlite

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
