import EtcdTransport
public import Storage

extension Etcd3Storage {
  public func watch(prefix: String, after: Revision?) async throws -> StorageWatch {
    try await during {
      _ = try client.integrity.newest()
      let deadline = ContinuousClock.now + client.timing.call
      var attempts = 0
      while true {
        do {
          // etcd accepts a start in its future and is silent until then. That is right for one that never was, and
          // would hide from a resumed watch that its past was lost: a linearizable answer shows whether etcd still is
          // where we saw it.
          if after != nil || client.authenticator != nil { _ = try await newest.value() }
          return try await hub.open(KeyRange(prefix: prefix), after: after)
        } catch StorageError.unreachable(let reason) {
          attempts += 1
          let wait = max(client.endpoints.choose().wait, .milliseconds(min(20 << min(attempts, 5), 500)))
          guard ContinuousClock.now + wait < deadline, !client.gate.isClosed else {
            throw StorageError.unreachable(reason)
          }
          try await Task.sleep(for: wait)
        }
      }
    }
  }

  public func requestProgress() async throws {
    try await during { hub.requestProgress() }
  }
}
