import ByteBuffers
import Glibc
import LoadClient
import Storage
import StorageSQLite
import Synchronization

/// Writes done.
private final class Counter: Sendable {
  let count = Atomic<Int>(0)
}

/// SQLite without HTTP: durable compare-and-swap by 64 writers in this process.
enum InProcess {
  static func sqlite(writers: Int, seconds: Double) async throws -> Double {
    var config = StorageBackend.Config()
    config.type = StorageBackend.typeSQLite
    config.sqlitePath = "\(Servers.folder)/in-process.db"
    let (storage, destroy) = try await SQLiteStorage.make(config)
    let done = Counter()
    let start = monotonicSeconds()
    try await withThrowingTaskGroup { group in
      for writer in 0..<writers {
        group.addTask {
          let key = "/registry/minions/in-\(writer)"
          let template = Nodes.Template("in-\(writer)")
          var counter = 0
          var object = try await storage.create(key: key, value: SharedBytes(Nodes.json("in-\(writer)")), ttl: nil)
          while monotonicSeconds() - start < seconds {
            counter += 1
            let value = SharedBytes(template.bytes(counter))
            object = try await storage.guaranteedUpdate(key: key, ignoreNotFound: false, origin: object) { _ in
              .write(value, ttl: nil)
            }.object
            done.count.add(1, ordering: .relaxed)
          }
        }
      }
      try await group.waitForAll()
    }
    let rate = Double(done.count.load(ordering: .relaxed)) / (monotonicSeconds() - start)
    await destroy()
    return rate
  }
}
