import JSON
import Machinery

/// What of a service has to do with its addresses and ports, as Go would hold it; for those who fill it in.
struct ServiceSpec: Sendable {
  struct Port: Sendable {
    let name: String
    let proto: String
    let port: Int64
    var nodePort: Int64
  }

  let name: String
  let namespace: String
  let type: String
  var clusterIP: String
  /// nil where none are given.
  var clusterIPs: [String]?
  var families: [String]
  var familyPolicy: String?
  var ports: [Port]
  var externalTrafficPolicy: String
  var healthCheckNodePort: Int64
  var allocatesNodePorts: Bool?
  var loadBalancerClass: String?
  let externalIPs: [String]
  let hasSelector: Bool

  init(_ service: JSONValue) {
    let meta = ObjectView(service["metadata"])
    let spec = ObjectView(service["spec"])
    name = meta.text("name")
    namespace = meta.text("namespace")
    type = spec.text("type")
    clusterIP = spec.text("clusterIP")
    clusterIPs = spec.given("clusterIPs") == nil ? nil : spec.texts("clusterIPs")
    families = spec.texts("ipFamilies")
    familyPolicy = spec.given("ipFamilyPolicy")?.string
    ports = spec.list("ports").map {
      Port(
        name: $0.text("name"), proto: $0.text("protocol"), port: $0.number("port"), nodePort: $0.number("nodePort"))
    }
    externalTrafficPolicy = spec.text("externalTrafficPolicy")
    healthCheckNodePort = spec.number("healthCheckNodePort")
    allocatesNodePorts = spec.given("allocateLoadBalancerNodePorts")?.bool
    loadBalancerClass = spec.given("loadBalancerClass")?.string
    externalIPs = spec.texts("externalIPs")
    hasSelector = !(spec.given("selector")?.object?.isEmpty ?? true)
  }

  private static let order = MemberOrder("io.k8s.api.core.v1.ServiceSpec")
  private static let portOrder = MemberOrder("io.k8s.api.core.v1.ServicePort")

  /// Puts into a service what may have changed here.
  func write(into service: inout JSONValue) {
    var spec = service["spec"] ?? [:]
    func text(_ text: String?) -> JSONValue? { text.flatMap { $0.isEmpty ? nil : .string($0) } }
    func texts(_ texts: [String]?) -> JSONValue? {
      texts.flatMap { $0.isEmpty ? nil : .array($0.map { .string($0) }) }
    }
    spec["clusterIP"] = text(clusterIP)
    spec["clusterIPs"] = texts(clusterIPs)
    spec["ipFamilies"] = texts(families)
    spec["ipFamilyPolicy"] = familyPolicy.map { .string($0) }
    spec["externalTrafficPolicy"] = text(externalTrafficPolicy)
    spec["healthCheckNodePort"] = healthCheckNodePort == 0 ? nil : .int(healthCheckNodePort)
    spec["allocateLoadBalancerNodePorts"] = allocatesNodePorts.map { .bool($0) }
    spec["loadBalancerClass"] = loadBalancerClass.map { .string($0) }
    if let given = spec["ports"]?.array, given.count == ports.count {
      spec["ports"] = .array(
        zip(given, ports).map { given, port in
          var given = given
          if given.object == nil || ObjectView(given).number("nodePort") == port.nodePort { return given }
          given["nodePort"] = port.nodePort == 0 ? nil : .int(port.nodePort)
          Self.portOrder.restore(&given)
          return given
        })
    }
    Self.order.restore(&spec)
    service["spec"] = spec
  }

  // MARK: what follows from it

  static let none = "None"
  static let singleStack = "SingleStack"
  static let requireDualStack = "RequireDualStack"
  static let preferDualStack = "PreferDualStack"
  static let v4 = "IPv4"
  static let v6 = "IPv6"
  static func other(_ family: String) -> String { family == v4 ? v6 : v4 }
  /// That of an address as it is written.
  static func family(of address: String) -> String {
    IPAddress(address).map { $0.isIPv4 ? v4 : v6 } ?? "unknown"
  }

  var addresses: [String] { clusterIPs ?? [] }
  var isExternalName: Bool { type == "ExternalName" }
  var isLoadBalancer: Bool { type == "LoadBalancer" }
  var isNodePort: Bool { type == "NodePort" }
  /// By the only address that it has.
  var isHeadless: Bool { addresses == [Self.none] }
  var usesNodePorts: Bool { isNodePort || isLoadBalancer }
  /// Are node ports given out, where nobody asks for some? (`shouldAllocateNodePorts`)
  var wantsNodePorts: Bool { isNodePort || isLoadBalancer && allocatesNodePorts != false }
  /// (`NeedsHealthCheck`)
  var needsHealthCheck: Bool { isLoadBalancer && externalTrafficPolicy == "Local" }
  /// (`ExternallyAccessible`)
  var isExternallyAccessible: Bool { usesNodePorts || type == "ClusterIP" && !externalIPs.isEmpty }
  var nodePorts: [Int64] { ports.map(\.nodePort).filter { $0 != 0 } }
  /// All ports of nodes that it holds.
  var heldPorts: [Int64] {
    nodePorts + (needsHealthCheck && healthCheckNodePort > 0 ? [healthCheckNodePort] : [])
  }

  /// A list as messages show it.
  static func shown(_ texts: [String]?) -> String {
    texts.map { JSONValue.array($0.map { .string($0) }).encoded().text } ?? "null"
  }
  var shownPolicy: String { familyPolicy.map { JSONValue.string($0).encoded().text } ?? "null" }
  var shownFamilies: String { Self.shown(families.isEmpty ? nil : families) }

  // MARK: objects of old times

  /// What services were stored without before there was more than one family. (`defaultOnReadService`)
  mutating func fillIn(primary: String) {
    if !clusterIP.isEmpty && addresses.isEmpty { clusterIPs = [clusterIP] }
    if isExternalName || !families.isEmpty { return }
    if clusterIP == Self.none {
      familyPolicy = hasSelector ? Self.singleStack : Self.requireDualStack
      families = hasSelector ? [primary] : [primary, Self.other(primary)]
    } else {
      families = addresses.map(Self.family)
      if families.count == 1 { familyPolicy = Self.singleStack }
      if families.count == 2 { familyPolicy = Self.requireDualStack }
    }
  }

  // MARK: what clients leave out

  /// One member says what the other does, for clients that know one alone. (`normalizeClusterIPs`)
  mutating func normalize(_ old: ServiceSpec?) {
    guard let old else {
      if !clusterIP.isEmpty && addresses.isEmpty { clusterIPs = [clusterIP] }
      return
    }
    if !old.addresses.isEmpty && addresses.isEmpty && old.clusterIP == clusterIP { clusterIPs = old.clusterIPs }
    guard old.clusterIP != clusterIP, addresses == old.addresses else { return }
    clusterIPs = clusterIP.isEmpty ? nil : [clusterIP]
  }

  /// What was given out stays, where a client does not say otherwise. (`patchAllocatedValues`)
  mutating func keepAllocated(_ old: ServiceSpec) {
    if !old.isExternalName && !isExternalName {
      if clusterIP.isEmpty { clusterIP = old.clusterIP }
      if addresses.isEmpty && !old.addresses.isEmpty { clusterIPs = old.clusterIPs }
    }
    if old.wantsNodePorts && wantsNodePorts {
      let used = Set(old.nodePorts).intersection(nodePorts)
      for place in ports.indices where ports[place].nodePort == 0 {
        // Of ports with one name the last counts.
        let before = old.ports.last { $0.name == ports[place].name }?.nodePort ?? 0
        if !used.contains(before) { ports[place].nodePort = before }
      }
    }
    if old.needsHealthCheck && needsHealthCheck && healthCheckNodePort == 0 {
      healthCheckNodePort = old.healthCheckNodePort
    }
  }

  /// What the type had and the new one has not goes, unless the client changed it too. (`dropTypeDependentFields`)
  mutating func dropUnneeded(_ old: ServiceSpec) {
    if !old.isExternalName && isExternalName {
      if old.clusterIP == clusterIP && old.addresses == addresses { (clusterIP, clusterIPs) = ("", nil) }
      if old.families == families { families = [] }
      if (old.familyPolicy ?? "") == (familyPolicy ?? "") { familyPolicy = nil }
    }
    if old.usesNodePorts && !usesNodePorts && Set(old.nodePorts).isSuperset(of: nodePorts) {
      for place in ports.indices { ports[place].nodePort = 0 }
    }
    if old.needsHealthCheck && !needsHealthCheck && old.healthCheckNodePort == healthCheckNodePort {
      healthCheckNodePort = 0
    }
    if old.isLoadBalancer && !isLoadBalancer {
      if allocatesNodePorts == old.allocatesNodePorts { allocatesNodePorts = nil }
      if loadBalancerClass == old.loadBalancerClass { loadBalancerClass = nil }
    }
    if old.isExternallyAccessible && !isExternallyAccessible && old.externalTrafficPolicy == externalTrafficPolicy {
      externalTrafficPolicy = ""
    }
  }
}
