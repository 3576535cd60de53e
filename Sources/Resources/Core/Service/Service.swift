import JSON
import Machinery
import Registry

extension ResourceDefinition {
  /// A name and an address for what pods serve. (Kubernetes: pkg/registry/core/service)
  ///
  /// `allocation`: who gives out addresses and ports.
  static func services(_ allocation: ServiceAllocation) -> ResourceDefinition {
    ResourceDefinition(
      "services", kind: "Service", shortNames: ["svc"], categories: ["all"], scope: .namespaced,
      folder: "services/specs", versions: [.v1],
      puts: [.mayCreate],
      main: .main(keeps: ["status"], prepare: ServiceForm.dropUnneeded),
      subresources: [ServiceProxy.part, .status()],
      rules: ServiceRules.all, deletion: DeletionRule { $0.answersObject = true },
      reservations: allocation.rule,
      defaults: ServiceForm.applyDefaults,
      prepareForCreate: ServiceForm.begin,
      warnings: { service, _ in ServiceWarnings.all(service) },
      selectableFields: [SelectableField("spec.clusterIP"), SelectableField("spec.type")], unknownField: .label,
      columns: ServiceTable.columns)
  }
}

/// What is filled into services, and what goes with their type.
enum ServiceForm {
  private static let order = MemberOrder("io.k8s.api.core.v1.ServiceSpec")
  private static let portOrder = MemberOrder("io.k8s.api.core.v1.ServicePort")
  private static let pointOrder = MemberOrder("io.k8s.api.core.v1.LoadBalancerIngress")

  /// (`SetDefaults_Service`)
  static func applyDefaults(_ service: inout JSONValue) {
    var spec = service["spec"] ?? [:]
    guard spec.object != nil else { return }
    affinity(&spec)
    if ObjectView(spec).text("type").isEmpty { spec["type"] = "ClusterIP" }
    if let ports = spec["ports"]?.array { spec["ports"] = .array(ports.map(withDefaults)) }
    let read = ObjectView(spec)
    let type = read.text("type")
    let isLoadBalancer = type == "LoadBalancer"
    let isReached = isLoadBalancer || type == "NodePort" || type == "ClusterIP" && read.count("externalIPs") > 0
    if isReached && read.text("externalTrafficPolicy").isEmpty { spec["externalTrafficPolicy"] = "Cluster" }
    if read.given("internalTrafficPolicy") == nil && ["NodePort", "LoadBalancer", "ClusterIP"].contains(type) {
      spec["internalTrafficPolicy"] = "Cluster"
    }
    if isLoadBalancer {
      if read.given("allocateLoadBalancerNodePorts") == nil { spec["allocateLoadBalancerNodePorts"] = true }
      modes(&service)
    }
    order.restore(&spec)
    service["spec"] = spec
  }

  private static func affinity(_ spec: inout JSONValue) {
    let read = ObjectView(spec)
    if read.text("sessionAffinity").isEmpty { spec["sessionAffinity"] = "None" }
    switch spec["sessionAffinity"]?.string {
    case "None": spec["sessionAffinityConfig"] = nil
    case "ClientIP" where read.at("sessionAffinityConfig").at("clientIP").given("timeoutSeconds") == nil:
      spec["sessionAffinityConfig"] = ["clientIP": ["timeoutSeconds": 10_800]]
    default: break
    }
  }

  private static func withDefaults(_ port: JSONValue) -> JSONValue {
    guard port.object != nil else { return port }
    var port = port
    if ObjectView(port).text("protocol").isEmpty { port["protocol"] = "TCP" }
    switch ObjectView(port).given("targetPort") {
    case nil, .int(0)?, .string("")?: port["targetPort"] = .int(ObjectView(port).number("port"))
    default: break
    }
    portOrder.restore(&port)
    return port
  }

  private static func modes(_ service: inout JSONValue) {
    guard let points = service["status"]?["loadBalancer"]?["ingress"]?.array else { return }
    service["status"]?["loadBalancer"]?["ingress"] = .array(
      points.map { point in
        let read = ObjectView(point)
        guard !read.text("ip").isEmpty, read.given("ipMode") == nil else { return point }
        var point = point
        point["ipMode"] = "VIP"
        pointOrder.restore(&point)
        return point
      })
  }

  static func begin(_ service: inout JSONValue) {
    service["status"] = ["loadBalancer": [:]]
    dropInternalPolicy(&service)
  }

  /// What has no address inside has no policy for it, as far as clients are shown one. A wrong one is complained of.
  private static func dropInternalPolicy(_ service: inout JSONValue) {
    let policy = service["spec"]?["internalTrafficPolicy"]?.string
    if service["spec"]?["type"]?.string == "ExternalName", policy == "Cluster" || policy == "Local" {
      service["spec"]?["internalTrafficPolicy"] = nil
    }
  }

  static func dropUnneeded(_ service: inout JSONValue, _ old: JSONValue) {
    var spec = ServiceSpec(service)
    spec.dropUnneeded(ServiceSpec(old))
    spec.write(into: &service)
    dropInternalPolicy(&service)
    if !spec.isLoadBalancer, var status = service["status"], status.object != nil {
      status["loadBalancer"] = [:]
      service["status"] = status
    }
  }
}

/// What a client should know of its service. (`GetWarningsForService`)
enum ServiceWarnings {
  static func all(_ service: JSONValue) -> [String] {
    var warnings: [String] = []
    let spec = ObjectView(service["spec"])
    let annotations = ObjectView(service["metadata"]?["annotations"])
    if annotations.given(ServiceRules.topologyHints) != nil {
      warnings.append(
        "annotation \(ServiceRules.topologyHints) is deprecated, please use \(ServiceRules.topologyMode) instead")
    }
    let (type, clusterIP) = (spec.text("type"), spec.text("clusterIP"))
    let externalIPs = spec.texts("externalIPs")
    if !clusterIP.isEmpty && clusterIP != ServiceSpec.none {
      warnings += addresses(spec, "clusterIPs")
    }
    let isHeadless = type == "ClusterIP" && clusterIP == ServiceSpec.none
    if isHeadless {
      if !spec.text("loadBalancerIP").isEmpty {
        warnings.append("spec.loadBalancerIP is ignored for headless services")
      }
      if !externalIPs.isEmpty { warnings.append("spec.externalIPs is ignored for headless services") }
      if spec.text("sessionAffinity") != "None" {
        warnings.append("spec.SessionAffinity is ignored for headless services")
      }
    }
    warnings += addresses(spec, "externalIPs")
    if !externalIPs.isEmpty && !isHeadless && type != "ExternalName" {
      warnings.append("spec.externalIPs is deprecated and may no longer be implemented in some clusters")
    }
    if !spec.text("loadBalancerIP").isEmpty {
      warnings += IPValidation.warnings(ofAddress: spec.text("loadBalancerIP"), "spec.loadBalancerIP")
    }
    for (place, network) in spec.texts("loadBalancerSourceRanges").enumerated() {
      warnings += IPValidation.warnings(ofNetwork: network, "spec.loadBalancerSourceRanges[\(place)]")
    }
    if type == "ExternalName" && !externalIPs.isEmpty {
      warnings.append(#"spec.externalIPs is ignored when spec.type is "ExternalName""#)
    }
    if type != "ExternalName" && !spec.text("externalName").isEmpty {
      warnings.append(#"spec.externalName is ignored when spec.type is not "ExternalName""#)
    }
    if spec.text("trafficDistribution") == "PreferClose" {
      warnings.append(#"spec.trafficDistribution: "PreferClose" is deprecated; use "PreferSameZone""#)
    }
    return warnings
  }

  private static func addresses(_ spec: ObjectView, _ member: String) -> [String] {
    spec.texts(member).enumerated().flatMap {
      IPValidation.warnings(ofAddress: $1, "spec.\(member)[\($0)]")
    }
  }
}

/// The columns of `kubectl get services`. (`printService`)
enum ServiceTable {
  static let columns: [TableColumn] = [
    .name,
    .text("Type", at: "spec.type", description: "How the service is reached."),
    TableColumn("Cluster-IP", description: "Its address inside the cluster.") { service, _ in
      .string(service["spec"]?["clusterIPs"]?.elements.first { _ in true }?.string ?? "<none>")
    },
    TableColumn("External-IP", description: "Where it is reached from outside.") { service, _ in
      .string(external(service))
    },
    TableColumn("Port(s)", description: "Its ports, and those of nodes that lead to them.") { service, _ in
      .string(ports(service["spec"]?["ports"]))
    },
    .age,
    TableColumn("Selector", description: "Which pods it leads to.", priority: 1) { service, _ in
      .string(selector(service["spec"]?["selector"]))
    },
  ]

  private static func external(_ service: JSONNode) -> String {
    let spec = service["spec"]
    let given = spec?["externalIPs"]?.elements.map { $0.string ?? "" } ?? []
    switch spec?["type"]?.string ?? "" {
    case "ClusterIP", "NodePort": return given.isEmpty ? "<none>" : given.joined(separator: ",")
    case "LoadBalancer":
      let balancer = LoadBalancerTable.addresses(service["status"]?["loadBalancer"])
      let all = (balancer.isEmpty ? [] : [balancer]) + given
      return all.isEmpty ? "<pending>" : all.joined(separator: ",")
    case "ExternalName": return spec?["externalName"]?.string ?? ""
    default: return "<unknown>"
    }
  }

  private static func ports(_ ports: JSONNode?) -> String {
    let texts = ports?.elements.map { port -> String in
      let (number, proto) = (port["port"]?.raw.text ?? "0", port["protocol"]?.string ?? "")
      let node = port["nodePort"]?.raw.text ?? "0"
      return node == "0" ? "\(number)/\(proto)" : "\(number):\(node)/\(proto)"
    }
    let text = (texts ?? []).joined(separator: ",")
    return text.isEmpty ? "<none>" : text
  }

  /// (`labels.FormatLabels`)
  private static func selector(_ selector: JSONNode?) -> String {
    let terms = selector?.members.map { "\($0.string ?? "")=\($1.string ?? "")" } ?? []
    return terms.isEmpty ? "<none>" : terms.sorted().joined(separator: ",")
  }
}
