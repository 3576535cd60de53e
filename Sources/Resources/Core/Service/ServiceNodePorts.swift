import Machinery

/// Ports of nodes that one write of a service takes and gives back. (Kubernetes: `initNodePorts` and `updateNodePorts`
/// of pkg/registry/core/service/storage, portallocator's `PortAllocationOperation`)
struct ServiceNodePorts: Sendable {
  private(set) var range: NodePortRange
  private let isDryRun: Bool
  private(set) var taken: [Int64] = []
  /// Those that the service does not need any more, once the write is made.
  private(set) var released: [Int64] = []

  init(_ range: NodePortRange, isDryRun: Bool) {
    self.range = range
    self.isDryRun = isDryRun
  }

  /// Has an update anything to take?
  static func needsAny(_ spec: ServiceSpec, _ old: ServiceSpec?) -> Bool {
    if spec.needsHealthCheck && old?.needsHealthCheck != true { return true }
    guard spec.usesNodePorts else { return false }
    let known = old?.nodePorts ?? []
    return spec.ports.contains { $0.nodePort == 0 ? spec.wantsNodePorts : !known.contains($0.nodePort) }
  }

  private mutating func take(_ port: Int64) throws(NodePortRange.Failure) {
    if isDryRun {
      if range.has(port) || taken.contains(port) { throw .taken }
    } else {
      try range.take(port)
    }
    taken.append(port)
  }

  private mutating func takeAny() throws(Status) -> Int64 {
    do throws(NodePortRange.Failure) {
      // A dry run shows numbers that nobody gets.
      let port = isDryRun ? (taken.max() ?? 32_768) + 1 : try range.takeAny()
      taken.append(port)
      return port
    } catch { throw .internalError("failed to allocate a nodePort: \(error)") }
  }

  private mutating func take(_ port: Int64, _ place: Int, of spec: ServiceSpec) throws(Status) {
    do throws(NodePortRange.Failure) { try take(port) } catch {
      let path = "spec.ports[\(place)].nodePort"
      throw .invalid("Service", name: spec.name, [.invalid(path, bare: String(port), "\(error)")])
    }
  }

  /// Of a service that is made.
  mutating func fillIn(_ spec: inout ServiceSpec) throws(Status) {
    if spec.usesNodePorts { try fillInPorts(&spec) }
    if spec.needsHealthCheck { try takeHealthCheckPort(&spec) }
  }

  /// Ports of one number share the node's, where nothing else is asked for.
  private mutating func fillInPorts(_ spec: inout ServiceSpec) throws(Status) {
    var known: [Int64: Int64] = [:]
    for place in spec.ports.indices {
      let port = spec.ports[place]
      if port.nodePort == 0 && !spec.wantsNodePorts { continue }
      if let shared = known[port.port] {
        if port.nodePort == 0 {
          spec.ports[place].nodePort = shared
        } else if port.nodePort != shared {
          try take(port.nodePort, place, of: spec)
        }
        continue
      }
      let asked = spec.ports.first { $0.port == port.port && $0.nodePort != 0 }?.nodePort
      if let asked { try take(asked, place, of: spec) }
      let given: Int64
      if let asked { given = asked } else { given = try takeAny() }
      spec.ports[place].nodePort = given
      known[port.port] = given
    }
  }

  private mutating func takeHealthCheckPort(_ spec: inout ServiceSpec) throws(Status) {
    let asked = spec.healthCheckNodePort
    guard asked != 0 else {
      do throws(NodePortRange.Failure) {
        let port = isDryRun ? (taken.max() ?? 32_768) + 1 : try range.takeAny()
        taken.append(port)
        spec.healthCheckNodePort = port
        return
      } catch { throw .internalError("failed to allocate a HealthCheck NodePort 0: \(error)") }
    }
    do throws(NodePortRange.Failure) { try take(asked) } catch {
      throw .internalError("failed to allocate requested HealthCheck NodePort \(asked): \(error)")
    }
  }

  /// Of a service that changes.
  mutating func fillIn(_ spec: inout ServiceSpec, _ old: ServiceSpec) throws(Status) {
    if old.usesNodePorts && (spec.isExternalName || spec.type == "ClusterIP") { released += old.nodePorts }
    if spec.usesNodePorts { try fillInPorts(&spec, old) }
    switch (old.needsHealthCheck, spec.needsHealthCheck) {
    case (false, true): try takeHealthCheckPort(&spec)
    case (true, false): released.append(old.healthCheckNodePort)
    default: break
    }
  }

  private mutating func fillInPorts(_ spec: inout ServiceSpec, _ old: ServiceSpec) throws(Status) {
    let known = old.nodePorts
    var own = Set<Int64>()
    var seen = Set<String>()
    for place in spec.ports.indices {
      let port = spec.ports[place]
      if port.nodePort == 0 && !spec.wantsNodePorts { continue }
      if port.nodePort == 0 {
        spec.ports[place].nodePort = try takeAny()
      } else if !known.contains(port.nodePort), own.insert(port.nodePort).inserted {
        try take(port.nodePort, place, of: spec)
      }
      let pair = "\(port.proto) \(spec.ports[place].nodePort)"
      if !seen.insert(pair).inserted { throw .plain(500, "duplicate nodePort: {\(pair)}") }
    }
    let now = spec.nodePorts
    released += known.filter { !now.contains($0) }
  }
}
