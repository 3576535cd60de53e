import Cacher
import JSON
import Machinery
import Registry
import Synchronization

/// Brings what is taken and what services have together again, after what was not written whole. (Kubernetes: the
/// `repair` controllers of ipallocator and portallocator)
extension ServiceAllocation {
  /// What a repair found, a line each.
  public struct Repaired: Sendable {
    public var problems: [String] = []
  }

  /// How long something may be taken before the service is written that holds it: longer than any write lasts.
  private static let grace = Duration.seconds(60)

  /// Looks at everything once. Throws what the storage throws.
  public func repair() async throws -> Repaired {
    let connection = try connection()
    var repaired = Repaired()
    try await repairAddresses(connection, &repaired)
    for _ in 0..<5 {
      if try await repairPorts(connection, &repaired) { break }
    }
    return repaired
  }

  private func services(_ connection: Connection) async throws(Status) -> [ServiceSpec] {
    try await connection.services.all().compactMap { object in
      var spec = ServiceSpec(object)
      spec.fillIn(primary: families.primary)
      return spec
    }
  }

  private func repairAddresses(_ connection: Connection, _ repaired: inout Repaired) async throws {
    // First what is taken, then who holds it: what was taken in between is not looked at.
    let taken = try await connection.ips.addresses.all()
    var holders: [ServiceName: Set<String>] = [:]
    let known = Set(taken.map { $0["metadata"]?["name"]?.string ?? "" })
    for spec in try await services(connection) where !spec.isExternalName {
      let own = spec.addresses.filter { $0 != ServiceSpec.none }.compactMap { IPAddress($0)?.description }
      holders[ServiceName(spec)] = Set(own)
      for address in own where !known.contains(address) {
        try await connection.ips.restore(address, of: ServiceName(spec))
        repaired.problems.append("the address \(address) of service \(spec.namespace)/\(spec.name) was not taken")
      }
    }
    let now = Timestamp.now
    for object in taken {
      guard object["metadata"]?["labels"]?[ClusterIPs.managerLabel]?.string == ClusterIPs.manager,
        let name = object["metadata"]?["name"]?.string, let owner = ServiceName(holding: object),
        holders[owner]?.contains(name) != true,
        let made = object["metadata"]?["creationTimestamp"]?.string, let then = try? Timestamp.parse(made).seconds,
        now - then > Self.grace.components.seconds
      else { continue }
      await connection.ips.giveBack(name, of: owner)
      repaired.problems.append("the address \(name) was taken by nobody")
    }
  }

  /// False where somebody else wrote in between.
  private func repairPorts(_ connection: Connection, _ repaired: inout Repaired) async throws -> Bool {
    let stored = try await connection.ports.stored()
    var rebuilt = connection.ports.empty
    var problems: [String] = []
    for spec in try await services(connection) {
      for port in Set(spec.heldPorts).sorted() {
        let holder = "service \(spec.namespace)/\(spec.name)"
        do throws(NodePortRange.Failure) { try rebuilt.take(port) } catch {
          problems.append("the node port \(port) of \(holder) can't be its alone: \(error)")
          continue
        }
        if stored?.range.has(port) != true { problems.append("the node port \(port) of \(holder) was not taken") }
      }
    }
    let now = ContinuousClock.now
    let lost = (stored?.range.ports ?? []).filter { !rebuilt.has($0) }
    leaks.withLock { leaks in
      leaks = leaks.filter { lost.contains($0.key) }
      for port in lost {
        let since = leaks[port] ?? now
        leaks[port] = since
        if now - since > Self.grace {
          problems.append("the node port \(port) was taken by nobody")
        } else {
          // Its service may be on its way.
          try? rebuilt.take(port)
        }
      }
    }
    guard try await connection.ports.replace(stored?.revision, with: rebuilt) else { return false }
    repaired.problems += problems
    return true
  }
}

extension Store {
  /// All objects as they are stored now.
  fileprivate func all() async throws(Status) -> [JSONValue] {
    let list = try await list(try prepareList(ListOptions(), namespace: ""))
    return list.objects.compactMap { try? JSONValue(parsing: shown($0).object) }
  }
}
