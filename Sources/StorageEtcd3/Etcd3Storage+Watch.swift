public import Storage

extension Etcd3Storage {
  public func watch(prefix: String, after: Revision?) async throws -> StorageWatch {
    try await during {
      let floor = try client.integrity.newest()
      let deadline = ContinuousClock.now + client.timing.call
      var attempts = 0
      while true {
        do {
          let watch = try await hub.open(KeyRange(prefix: prefix), after: after)
          // A start in the future is accepted silently; if etcd has lost data, it would stay silent.
          if let after, after.rawValue > floor { try await checkExists(after, or: watch) }
          return watch
        } catch StorageError.unreachable(let reason) {
          attempts += 1
          let wait = max(client.endpoints.choose().wait, .milliseconds(min(20 << min(attempts, 5), 500)))
          guard ContinuousClock.now + wait < deadline, !client.gate.isClosed else { throw StorageError.unreachable(reason) }
          try await Task.sleep(for: wait)
        }
      }
    }
  }

  /// Ends `watch` if etcd has not got to `revision`.
  private func checkExists(_ revision: Revision, or watch: StorageWatch) async throws {
    let newest = try await client.range(pulse).header.revision
    guard newest < revision.rawValue else { return }
    watch.cancel()
    throw StorageError.futureRevision(requested: revision, current: Revision(newest))
  }

  public func requestProgress() async throws {
    try await during { hub.requestProgress() }
  }
}
