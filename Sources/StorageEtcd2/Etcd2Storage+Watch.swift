import EtcdTransport
public import Storage

extension Etcd2Storage {
  public func watch(prefix: String, after: Revision?) async throws -> StorageWatch {
    try await during {
      // Also shows whether etcd still is where we saw it: a watch from what only seems to be the future would hide that
      // its past was lost.
      let now = try await client.currentIndex()
      return try await feed.open(prefix, after: after?.rawValue ?? now, now: now)
    }
  }

  public func requestProgress() async throws {
    try await during { await feed.requestProgress(through: try client.integrity.newest()) }
  }
}
