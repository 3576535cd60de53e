import ByteBuffers
import FoundationEssentials
import Glibc
import Storage
import TestSupport

@testable import StorageSQLite

func bytes(_ text: String) -> SharedBytes { SharedBytes(text) }

func config(_ path: String) -> StorageBackend.Config {
  var config = StorageBackend.Config()
  config.type = StorageBackend.typeSQLite
  config.sqlitePath = path
  return config
}

/// Opens a database for one test and closes it whatever happens.
func withDatabase(
  _ path: String, _ tuning: Tuning = Tuning(), _ body: @escaping @Sendable (SQLiteStorage) async throws -> Void
) async throws {
  try await result(path, tuning, body)
}

/// As `withDatabase`, with what `body` found.
func result<R: Sendable>(
  _ path: String, _ tuning: Tuning = Tuning(), _ body: @escaping @Sendable (SQLiteStorage) async throws -> R
) async throws -> R {
  let storage = try await SQLiteStorage.open(config(path), tuning)
  do {
    let result = try await within(.seconds(60), "the test") { try await body(storage) }
    await storage.destroy()
    return result
  } catch {
    await storage.destroy()
    throw error
  }
}

/// The text of the one error with which opening must fail.
func refusal(_ path: String) async throws -> String {
  do {
    let (_, destroy) = try await SQLiteStorage.make(config(path))
    await destroy()
  } catch StorageError.invalidConfiguration(let text) {
    return text
  }
  return "it was opened"
}

extension SQLiteStorage {
  func create(_ key: String, _ text: String) async throws -> Revision {
    try await create(key: key, value: bytes(text), ttl: nil).revision
  }
  func put(_ key: String, _ text: String) async throws -> Revision {
    try await guaranteedUpdate(key: key, ignoreNotFound: true, origin: nil) { _ in .write(bytes(text), ttl: nil) }
      .object.revision
  }
  func text(_ key: String) async throws -> String { try await get(key: key, isConsistent: true).value.text }
  func list(at revision: Revision? = nil) async throws -> StorageList {
    try await getList(prefix: "/", options: StorageListOptions(exactRevision: revision))
  }
}

/// Reads events until there are so many.
func collect(_ watch: StorageWatch, count: Int) async throws -> [StorageEvent] {
  try await within(.seconds(30), "\(count) events") {
    var events: [StorageEvent] = []
    while events.count < count { for case .events(let more) in try await watch.nextBatch() { events += more } }
    return events
  }
}

/// The bytes of a file. Read by another process: closing a descriptor of ours would drop SQLite's locks on it.
func contents(_ path: String) async throws -> String { try await run(["/usr/bin/sha256sum", path]).output }
