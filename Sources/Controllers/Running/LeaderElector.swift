public import Logging
public import Registry
import Glibc
import JSON
import Machinery

/// Lets one of several servers work at a time: the one that holds a Lease, as client-go's leader election has it.
/// (client-go: tools/leaderelection)
///
/// Clocks of different machines are never compared: a lease has run out when it has not changed for its time, as it was
/// seen here.
public actor LeaderElector {
  public struct Timing: Sendable {
    /// How long others wait for a holder that says nothing.
    public var lease: Duration = .seconds(15)
    /// A holder that could not renew for so long holds it no more.
    public var renewDeadline: Duration = .seconds(10)
    /// How often it is renewed, or asked for.
    public var retry: Duration = .seconds(2)
    public init() {}
  }

  private let store: Store
  private let client: SystemClient
  private let name: ObjectName
  /// Who we are among those who ask for it.
  let identity: String
  private let timing: Timing
  private let logger: Logger

  /// The lease as it was last seen, and when.
  private var seen: (lease: JSONValue, at: ContinuousClock.Instant)?

  /// `store`: that of leases.
  public init(
    _ name: ObjectName, in store: Store, _ client: SystemClient, identity: String = uniqueIdentity(),
    timing: Timing = Timing(), _ logger: Logger
  ) {
    self.name = name
    self.store = store
    self.client = client
    self.identity = identity
    self.timing = timing
    self.logger = logger
  }

  /// The machine's name, and a number of this process' own.
  public static func uniqueIdentity() -> String {
    var host = [CChar](repeating: 0, count: 256)
    let isKnown = gethostname(&host, host.count - 1) == 0
    let text = String(decoding: host.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    return "\(isKnown && !text.isEmpty ? text : "binnacle")_\(Identity.uid())"
  }

  /// Calls `work` whenever the lease is ours, and cancels it when it is not any more; until the task is cancelled. Then
  /// the lease is given back, so that the next need not wait.
  public func run(_ work: @escaping @Sendable () async -> Void) async {
    logger.info("attempting to acquire leader lease", metadata: ["lease": "\(name)", "identity": "\(identity)"])
    while !Task.isCancelled {
      if await tryAcquireOrRenew() {
        logger.info("successfully acquired lease", metadata: ["lease": "\(name)", "identity": "\(identity)"])
        await lead(work)
        continue
      }
      // Not all at the same time.
      do { try await Task.sleep(for: timing.retry * Double.random(in: 1...2.2)) } catch { return }
    }
  }

  private func lead(_ work: @escaping @Sendable () async -> Void) async {
    await withTaskGroup(of: Void.self) { group in
      group.addTask { await work() }
      group.addTask { await self.renew() }
      await group.next()
      group.cancelAll()
    }
    if Task.isCancelled { await Task { await self.release() }.value }
  }

  /// Returns when the lease is lost, or the task cancelled.
  private func renew() async {
    var last = ContinuousClock.now
    while true {
      do { try await Task.sleep(for: timing.retry) } catch { return }
      if await tryAcquireOrRenew() {
        last = .now
      } else if ContinuousClock.now - last >= timing.renewDeadline {
        logger.warning("failed to renew lease", metadata: ["lease": "\(name)", "identity": "\(identity)"])
        return
      }
    }
  }

  // MARK: the lease

  /// True when it is ours from now on.
  func tryAcquireOrRenew() async -> Bool {
    do throws(Status) {
      // What we wrote last is mostly what is there.
      if let seen, Self.holder(of: seen.lease) == identity {
        do throws(Status) {
          try await write(renewed(seen.lease))
          return true
        } catch {
          if error.code != 409 && error.code != 404 { throw error }
        }
      }
      guard let found = try await client.live(name, in: store) else {
        let made = try await client.create(
          ["metadata": ["name": .string(name.name)], "spec": spec(acquired: nil, transitions: 0)], in: store,
          namespace: name.namespace)
        seen = (try store.tree(of: made.object), .now)
        return true
      }
      let lease = try store.tree(of: found)
      let now = ContinuousClock.now
      if seen?.lease["spec"] != lease["spec"] { seen = (lease, now) }
      let holder = Self.holder(of: lease)
      if holder == identity {
        try await write(renewed(lease))
        return true
      }
      let seconds = lease["spec"]?["leaseDurationSeconds"]?.int ?? 0
      if !holder.isEmpty, let seen, seen.at + .seconds(min(max(seconds, 0), 86_400)) > now { return false }
      var taken = lease
      let transitions = lease["spec"]?["leaseTransitions"]?.int ?? 0
      taken["spec"] = spec(acquired: nil, transitions: transitions < Int64(Int32.max) ? transitions + 1 : 0)
      try await write(taken)
      return true
    } catch {
      // Somebody else was faster, or the storage is not there.
      logger.debug("lease", metadata: ["lease": "\(name)", "problem": "\(error.message)"])
      return false
    }
  }

  private func write(_ lease: JSONValue) async throws(Status) {
    let written = try await client.update(lease, in: store)
    seen = (try store.tree(of: written.object), .now)
  }

  private func renewed(_ lease: JSONValue) -> JSONValue {
    var lease = lease
    lease["spec"] = spec(
      acquired: lease["spec"]?["acquireTime"], transitions: lease["spec"]?["leaseTransitions"]?.int ?? 0)
    return lease
  }

  private static func holder(of lease: JSONValue) -> String { lease["spec"]?["holderIdentity"]?.string ?? "" }

  /// `acquired`: nil for now.
  private func spec(acquired: JSONValue?, transitions: Int64) -> JSONValue {
    let now = Self.now
    return [
      "holderIdentity": .string(identity), "leaseDurationSeconds": .int(timing.lease.components.seconds),
      "acquireTime": acquired ?? now, "renewTime": now, "leaseTransitions": .int(transitions),
    ]
  }

  private static var now: JSONValue {
    var now = timespec()
    clock_gettime(CLOCK_REALTIME, &now)
    return .string(Timestamp.micro(Int64(now.tv_sec), now.tv_nsec))
  }

  /// Gives it back, if it is ours.
  private func release() async {
    guard var lease = seen?.lease, Self.holder(of: lease) == identity else { return }
    let now = Self.now
    lease["spec"] = [
      "leaseDurationSeconds": 1, "acquireTime": now, "renewTime": now,
      "leaseTransitions": lease["spec"]?["leaseTransitions"] ?? 0,
    ]
    do throws(Status) { try await write(lease) } catch {
      logger.warning("failed to release lease", metadata: ["lease": "\(name)", "problem": "\(error.message)"])
    }
  }
}
