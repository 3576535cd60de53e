import EtcdTransport
import JSON
import Storage

/// Leases for keys with a time to live: many keys share one, because a lease costs etcd more than a key. (Kubernetes:
/// `leaseManager`.)
///
/// A lease is granted for the wanted time and a window more, and serves every key that asks while at least the wanted
/// time, and not more than that and the window, is left of it. So no key goes early, and none is late by more than the
/// window.
actor LeaseManager {
  private struct Lease {
    let id: Int64
    let end: ContinuousClock.Instant
    var keys = 0
  }
  private let client: Etcd3Client
  private let keysMax: Int
  private let longestWindow: Int64
  /// The one that was granted last; another time to live takes its place (semantics 1.12).
  private var current: Lease?
  /// A grant under way, for which everybody waits.
  private var granting: Task<Void, any Error>?

  init(client: Etcd3Client, config: LeaseManagerConfig) {
    self.client = client
    keysMax = config.maxObjectCount > 0 ? config.maxObjectCount : LeaseManagerConfig().maxObjectCount
    longestWindow = max(0, config.reuseDurationSeconds)
  }

  /// By how much a key may outlive `seconds`.
  private func window(_ seconds: Int64) -> Int64 { min(longestWindow, seconds / 20) }

  /// A lease for one more key. Throws what the storage throws.
  func lease(for ttl: Duration) async throws -> Int64 {
    let seconds = max(1, ttl.wholeSeconds)
    let window = window(seconds)
    while true {
      if let id = take(seconds, window) { return id }
      // Somebody else's grant may do; its failure would be ours too.
      try await (granting ?? beginGrant(seconds: seconds + window)).value
    }
  }

  /// The task ends with the state as it left it: who waits for one that has ended goes on without a pause, so nothing
  /// may be left to do.
  private func beginGrant(seconds: Int64) -> Task<Void, any Error> {
    let task = Task {
      defer { granting = nil }
      current = try await Self.grant(client, seconds: seconds)
    }
    granting = task
    return task
  }

  private func take(_ seconds: Int64, _ window: Int64) -> Int64? {
    guard var lease = current, lease.keys < keysMax else { return nil }
    let left = lease.end - .now
    // One just granted has lost a moment of its window, and without a window serves this once.
    let isFresh = lease.keys == 0
    guard left <= .seconds(seconds + window), left >= .seconds(seconds) || isFresh && left > .seconds(seconds - 1)
    else { return nil }
    lease.keys += 1
    current = lease
    return lease.id
  }

  /// etcd does not know the lease any more: somebody revoked it.
  func forget(_ id: Int64) {
    if current?.id == id { current = nil }
  }

  /// One that is granted and then not used runs out by itself, so asking twice does no harm.
  private static func grant(_ client: Etcd3Client, seconds: Int64) async throws -> Lease {
    // From before the call, so that the lease never ends before we think.
    let end = ContinuousClock.now + .seconds(seconds)
    do {
      let outcome = try await client.call(
        .leaseGrant, Requests.leaseGrant(seconds: seconds), attempt: client.timing.attempt, total: client.timing.call,
        .always)
      guard let lease = try outcome.tape.root.wireObject("the answer")["ID"]?.wireInt("ID"), lease != 0 else {
        throw StorageError.refused("etcd granted no lease")
      }
      return Lease(id: lease, end: end)
    } catch let failure as CallFailure {
      throw failure.storageError()
    }
  }
}
