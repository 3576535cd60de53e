import ByteBuffers
import Cacher
public import Machinery
public import Registry
public import Storage
import JSON
import Synchronization

/// Gives out what services have to themselves: addresses of the cluster, and ports of nodes. (Kubernetes:
/// pkg/registry/core/service/storage, `Allocators`)
public final class ServiceAllocation: Sendable {
  /// What there is to give.
  public struct Settings: Sendable {
    /// One of each family at most, the first of which is the default. (`--service-cluster-ip-range`)
    public var networks: [IPNetwork]
    /// (`--service-node-port-range`)
    public var nodePorts: ClosedRange<UInt16>

    public init(
      networks: [IPNetwork] = IPNetwork("10.0.0.0/24").map { [$0] } ?? [],
      nodePorts: ClosedRange<UInt16> = 30_000...32_767
    ) {
      self.networks = networks
      self.nodePorts = nodePorts
    }
  }

  struct Connection: Sendable {
    let services: Store
    let endpoints: Store
    let ips: ClusterIPs
    let ports: NodePortLedger
  }

  public let settings: Settings
  let families: ServiceFamilies
  private let connected = Mutex<Connection?>(nil)
  /// Ports that nobody seems to hold, since when.
  let leaks = Mutex<[Int64: ContinuousClock.Instant]>([:])

  public init(_ settings: Settings = Settings()) {
    self.settings = settings
    families = ServiceFamilies(configured: settings.networks.map { $0.isIPv6 ? ServiceSpec.v6 : ServiceSpec.v4 })
  }

  /// Tells where the objects are that say what is taken; before that no service can be written. `store`: that of a
  /// resource. `storage`, `prefix`: where the ports are kept, and what every key begins with. False where a resource is
  /// not served.
  @discardableResult
  public func connect(
    _ store: (GroupResource) -> Store?, _ storage: any Storage, prefix: String, form: StorageMediaType
  ) -> Bool {
    func networking(_ name: String) -> Store? { store(GroupResource(group: "networking.k8s.io", resource: name)) }
    guard let services = store(GroupResource(group: "", resource: "services")),
      let endpoints = store(GroupResource(group: "", resource: "endpoints")),
      let addresses = networking("ipaddresses"), let networks = networking("servicecidrs")
    else { return false }
    let ports = NodePortLedger(
      settings.nodePorts, in: storage, key: "\(prefix)/ranges/servicenodeports", form: form)
    let connection = Connection(
      services: services, endpoints: endpoints, ips: ClusterIPs(addresses: addresses, networks: networks),
      ports: ports)
    connected.withLock { $0 = connection }
    return true
  }

  func connection() throws(Status) -> Connection {
    guard let connection = connected.withLock({ $0 }) else {
      throw .serviceUnavailable("addresses of services can't be given out yet")
    }
    return connection
  }

  var rule: ReservationRule {
    ReservationRule(
      reserve: { [self] (service, old, isDryRun) throws(Status) in
        try await reserve(&service, old, isDryRun: isDryRun)
      },
      release: { [self] service in await release(service) })
  }

  // MARK: writes

  private func reserve(
    _ service: inout JSONValue, _ before: JSONValue?, isDryRun: Bool
  ) async throws(Status) -> Reservation? {
    let connection = try connection()
    var spec = ServiceSpec(service)
    var old = before.map { ServiceSpec($0) }
    old?.fillIn(primary: families.primary)
    if let old { spec.keepAllocated(old) }
    spec.normalize(old)
    try families.fillIn(&spec, old)
    let owner = ServiceName(spec)
    var addresses = AddressChange()
    let ports: PortChange
    do throws(Status) {
      try await takeAddresses(&spec, old, &addresses, connection, isDryRun: isDryRun)
      ports = try await takePorts(&spec, old, connection, isDryRun: isDryRun)
    } catch {
      let taken = addresses.taken
      await Task { await connection.giveBack(taken, [], of: owner) }.value
      throw error
    }
    spec.write(into: &service)
    if isDryRun || addresses.isNone && ports.isNone { return nil }
    return Reservation(
      commit: { [addresses] in await connection.giveBack(addresses.released, ports.released, of: owner) },
      revert: { [addresses] in await connection.giveBack(addresses.taken, ports.taken, of: owner) })
  }

  private struct AddressChange {
    var taken: [String] = []
    var released: [String] = []
    var isNone: Bool { taken.isEmpty && released.isEmpty }
  }
  private struct PortChange: Sendable {
    var taken: [Int64] = []
    var released: [Int64] = []
    var isNone: Bool { taken.isEmpty && released.isEmpty }
  }

  /// (`allocClusterIPs`, `updateClusterIPs`)
  private func takeAddresses(
    _ spec: inout ServiceSpec, _ old: ServiceSpec?, _ change: inout AddressChange, _ connection: Connection,
    isDryRun: Bool
  ) async throws(Status) {
    if ServiceFamilies.isSettled(spec, old) { return }
    guard let old, !old.isExternalName else {
      guard !spec.isExternalName, spec.addresses.first != ServiceSpec.none else { return }
      try await take(0..<spec.families.count, &spec, &change, connection, isDryRun: isDryRun)
      return
    }
    if old.addresses.first == ServiceSpec.none { return }
    if spec.isExternalName {
      change.released = old.addresses
      return
    }
    if old.families.count == 1 && spec.families.count == 2 {
      try await take(1..<2, &spec, &change, connection, isDryRun: isDryRun)
    } else if old.families.count == 2 && spec.families.count == 1 {
      change.released = Array(old.addresses.dropFirst().prefix(1))
    }
  }

  /// Addresses for families at some places, those asked for or any.
  private func take(
    _ places: Range<Int>, _ spec: inout ServiceSpec, _ change: inout AddressChange, _ connection: Connection,
    isDryRun: Bool
  ) async throws(Status) {
    var wanted = spec.addresses
    while wanted.count < places.upperBound { wanted.append("") }
    spec.clusterIPs = wanted
    let owner = ServiceName(spec)
    var given = wanted
    for place in places {
      let asked = wanted[place]
      do throws(ClusterIPs.Failure) {
        if asked.isEmpty {
          given[place] = try await connection.ips.takeAny(spec.families[place], for: owner, isDryRun: isDryRun)
        } else {
          try await connection.ips.take(asked, for: owner, isDryRun: isDryRun)
        }
      } catch {
        // Nothing is wrong with the service where the server can't tell yet.
        if case .refused(let status) = error, status.code == 429 || status.code >= 500 { throw status }
        if asked.isEmpty, case .full = error {
          throw .internalError("failed to allocate a serviceIP for Service \(GoText.quoted(spec.name)): \(error)")
        }
        let what = asked.isEmpty ? "" : " \(asked)"
        let shown = ServiceSpec.shown(wanted)
        throw .invalid(
          "Service", name: spec.name,
          [.invalid("spec.clusterIPs", bare: shown, "failed to allocate IP\(what): \(error)")])
      }
      if !isDryRun { change.taken.append(given[place]) }
    }
    spec.clusterIPs = given
    if places.lowerBound == 0, let first = given.first { spec.clusterIP = first }
  }

  private func takePorts(
    _ spec: inout ServiceSpec, _ old: ServiceSpec?, _ connection: Connection, isDryRun: Bool
  ) async throws(Status) -> PortChange {
    @Sendable func filled(
      _ range: NodePortRange, _ spec: ServiceSpec
    ) throws(Status) -> (spec: ServiceSpec, ports: ServiceNodePorts) {
      var (spec, ports) = (spec, ServiceNodePorts(range, isDryRun: isDryRun))
      if let old { try ports.fillIn(&spec, old) } else { try ports.fillIn(&spec) }
      return (spec, ports)
    }
    let (filledSpec, ports): (ServiceSpec, ServiceNodePorts)
    do {
      if !ServiceNodePorts.needsAny(spec, old) {
        (filledSpec, ports) = try filled(connection.ports.empty, spec)
      } else if isDryRun {
        (filledSpec, ports) = try filled(try await connection.ports.stored()?.range ?? connection.ports.empty, spec)
      } else {
        (filledSpec, ports) = try await connection.ports.change { [spec] range in
          let made = try filled(range, spec)
          range = made.ports.range
          return made
        }
      }
    } catch let status as Status { throw status } catch {
      throw .internalError("failed to allocate a nodePort: \(error)")
    }
    spec = filledSpec
    return PortChange(taken: isDryRun ? [] : ports.taken, released: ports.released)
  }

  /// A service is gone: so are its endpoints, and all that it held is free.
  private func release(_ service: JSONValue) async {
    guard let connection = try? connection() else { return }
    var spec = ServiceSpec(service)
    spec.fillIn(primary: families.primary)
    _ = try? await connection.endpoints.delete(spec.name, namespace: spec.namespace, options: DeleteOptions())
    let addresses = spec.isExternalName || spec.addresses.first == ServiceSpec.none ? [] : spec.addresses
    await connection.giveBack(addresses, spec.heldPorts, of: ServiceName(spec))
  }
}

extension ServiceAllocation.Connection {
  /// What can't be given back now is found by whoever repairs.
  func giveBack(_ addresses: [String], _ held: [Int64], of owner: ServiceName) async {
    for address in addresses { await ips.giveBack(address, of: owner) }
    if held.isEmpty { return }
    _ = try? await ports.change { range in
      for port in held { range.giveBack(port) }
    }
  }
}
