import JSON
import Machinery
import Registry

/// Rules for services. (Kubernetes: pkg/apis/core/validation, `ValidateServiceCreate` and its siblings)
enum ServiceRules {
  static let topologyHints = "service.kubernetes.io/topology-aware-hints"
  static let topologyMode = "service.kubernetes.io/topology-mode"
  private static let sourceRanges = "service.beta.kubernetes.io/load-balancer-source-ranges"

  static let all: [Rule] = [
    .onCreate(.metadata(.label)),
    .onUpdate(.metadataUpdate),
    .on(.main, .onUpdate(.custom(ServiceUpdateRules.changes)), .custom(service)),
    .on(.status, .custom(status)),
  ]

  /// (`validateService`)
  private static let service: Rule.Function = { context in
    guard let service = context.value else { return }
    let spec = ServiceSpec(service)
    let view = ObjectView(service["spec"])
    let old = context.old.map { ObjectView($0["spec"]) }
    let annotations = ObjectView(service["metadata"]?["annotations"])
    topology(&context, annotations)
    if spec.ports.isEmpty && !spec.isHeadless && !spec.isExternalName { context.report(.required("spec.ports", "")) }
    type(&context, spec, view)
    ports(&context, spec, view)
    selector(&context, view)
    affinity(&context, view)
    context.report(ServiceAddressRules.problems(spec, old: context.old.map { ServiceSpec($0) }))
    let known = old?.texts("externalIPs") ?? []
    for (place, address) in spec.externalIPs.enumerated() {
      let path = "spec.externalIPs[\(place)]"
      let errors = IPValidation.legacyAddress(path, address, known: known)
      context.report(errors.isEmpty ? EndpointAddressRules.special(path, address) : errors)
    }
    if spec.type.isEmpty {
      context.report(.required("spec.type", ""))
    } else {
      oneOf(&context, "spec.type", spec.type, ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"])
    }
    portNumbers(&context, spec)
    balancerSources(&context, spec, view, annotations)
    if spec.allocatesNodePorts != nil && !spec.isLoadBalancer {
      context.report(
        .forbidden("spec.allocateLoadBalancerNodePorts", "may only be used when `type` is 'LoadBalancer'"))
    }
    if spec.isLoadBalancer && spec.allocatesNodePorts == nil {
      context.report(.required("allocateLoadBalancerNodePorts", ""))
    }
    balancerClass(&context, spec)
    traffic(&context, spec, view)
  }

  private static func oneOf(_ context: inout RuleContext, _ path: String, _ text: String, _ known: [String]) {
    if !known.contains(text) { context.report(.notSupported(path, text, known)) }
  }

  private static func topology(_ context: inout RuleContext, _ annotations: ObjectView) {
    guard let mode = annotations.given(topologyMode)?.string, let hints = annotations.given(topologyHints)?.string,
      mode != hints
    else { return }
    let detail = "must match annotations[\(topologyHints)] when both are specified"
    context.report(.invalid("metadata.annotations[\(topologyMode)]", mode, detail))
  }

  private static func type(_ context: inout RuleContext, _ spec: ServiceSpec, _ view: ObjectView) {
    switch spec.type {
    case "LoadBalancer", "NodePort":
      if spec.isHeadless {
        let detail = "may not be set to 'None' for \(spec.type) services"
        context.report(.invalid("spec.clusterIPs[0]", ServiceSpec.none, detail))
      }
    case "ExternalName":
      let detail = "may not be set for ExternalName services"
      if !spec.addresses.isEmpty { context.report(.forbidden("spec.clusterIPs", detail)) }
      if !spec.families.isEmpty { context.report(.forbidden("spec.ipFamilies", detail)) }
      if spec.familyPolicy != nil { context.report(.forbidden("spec.ipFamilyPolicy", detail)) }
      let given = view.text("externalName")
      let name = given.hasSuffix(".") ? String(given.dropLast()) : given
      if name.isEmpty { return context.report(.required("spec.externalName", "")) }
      context.report(NameValidation.dns1123Subdomain(name).map { .invalid("spec.externalName", name, $0) })
    default: break
    }
  }

  // MARK: ports

  private static func ports(_ context: inout RuleContext, _ spec: ServiceSpec, _ view: ObjectView) {
    var names = Set<ByteString>()
    for (place, port) in view.list("ports").enumerated() {
      let path = "spec.ports[\(place)]"
      let name = port.text("name")
      if spec.ports.count > 1 && name.isEmpty {
        context.report(.required("\(path).name", ""))
      } else if !name.isEmpty {
        context.report(NameValidation.dns1123Label(name).map { .invalid("\(path).name", name, $0) })
        if !names.insert(ByteString(name)).inserted {
          context.report(.duplicate("\(path).name", bare: GoText.quoted(name)))
        }
      }
      let number = port.number("port")
      context.report(PortRules.problems(ofNumber: number).map { .invalid("\(path).port", bare: String(number), $0) })
      let proto = port.text("protocol")
      if proto.isEmpty {
        context.report(.required("\(path).protocol", ""))
      } else {
        oneOf(&context, "\(path).protocol", proto, ["SCTP", "TCP", "UDP"])
      }
      switch port.given("targetPort") {
      case .string(let name)?:
        context.report(PortRules.problems(ofName: name).map { .invalid("\(path).targetPort", name, $0) })
      case let target:
        let number = target?.int ?? 0
        context.report(
          PortRules.problems(ofNumber: number).map { .invalid("\(path).targetPort", bare: String(number), $0) })
      }
      if let application = port.given("appProtocol")?.string {
        context.report(
          NameValidation.qualifiedName(application).map { .invalid("\(path).appProtocol", application, $0) })
      }
    }
  }

  /// No pair of a protocol and a number twice.
  private static func portNumbers(_ context: inout RuleContext, _ spec: ServiceSpec) {
    if spec.type == "ClusterIP" {
      for (place, port) in spec.ports.enumerated() where port.nodePort != 0 {
        context.report(.forbidden("spec.ports[\(place)].nodePort", "may not be used when `type` is 'ClusterIP'"))
      }
    }
    var seen = Set<ByteString>()
    for (place, port) in spec.ports.enumerated() where port.nodePort != 0 {
      if !seen.insert(ByteString("\(port.proto) \(port.nodePort)")).inserted {
        context.report(.duplicate("spec.ports[\(place)].nodePort", bare: String(port.nodePort)))
      }
    }
    seen = []
    for (place, port) in spec.ports.enumerated()
    where !seen.insert(ByteString("\(port.proto) \(port.port)")).inserted {
      let shown = GoStruct.text([
        ("Name", ""), ("Protocol", .string(port.proto)), ("AppProtocol", .null), ("Port", .int(port.port)),
        ("TargetPort", 0), ("NodePort", 0),
      ])
      context.report(.duplicate("spec.ports[\(place)]", bare: shown))
    }
  }

  // MARK: what else there is

  private static func selector(_ context: inout RuleContext, _ view: ObjectView) {
    for label in view.given("selector")?.object?.members ?? [] {
      let value = label.value.string ?? ""
      context.report(NameValidation.qualifiedName(label.name).map { .invalid("spec.selector", label.name, $0) })
      context.report(NameValidation.labelValue(value).map { .invalid("spec.selector", value, $0) })
    }
  }

  private static func affinity(_ context: inout RuleContext, _ view: ObjectView) {
    let affinity = view.text("sessionAffinity")
    if affinity.isEmpty {
      context.report(.required("spec.sessionAffinity", ""))
    } else {
      oneOf(&context, "spec.sessionAffinity", affinity, ["ClientIP", "None"])
    }
    let path = "spec.sessionAffinityConfig"
    if affinity == "None", view.given("sessionAffinityConfig") != nil {
      context.report(.forbidden(path, "must not be set when session affinity is None"))
    }
    guard affinity == "ClientIP" else { return }
    let detail = "when session affinity type is ClientIP"
    guard let config = view.given("sessionAffinityConfig").map(ObjectView.init) else {
      return context.report(.required(path, detail))
    }
    guard let client = config.given("clientIP").map(ObjectView.init) else {
      return context.report(.required("\(path).clientIP", detail))
    }
    guard let seconds = client.given("timeoutSeconds")?.int else {
      return context.report(.required("\(path).clientIP.timeoutSeconds", detail))
    }
    if seconds <= 0 || seconds > 86_400 {
      let detail = "must be greater than 0 and less than 86400"
      context.report(.invalid("\(path).clientIP.timeoutSeconds", bare: String(seconds), detail))
    }
  }

  private static func balancerSources(
    _ context: inout RuleContext, _ spec: ServiceSpec, _ view: ObjectView, _ annotations: ObjectView
  ) {
    let detail = "may only be used when `type` is 'LoadBalancer'"
    let ranges = view.texts("loadBalancerSourceRanges")
    if !ranges.isEmpty {
      let path = "spec.LoadBalancerSourceRanges"
      if !spec.isLoadBalancer { context.report(.forbidden(path, detail)) }
      let known = ObjectView(context.old?["spec"]).texts("loadBalancerSourceRanges").map(trimmed)
      for (place, range) in ranges.enumerated() {
        context.report(IPValidation.legacyNetwork("\(path)[\(place)]", trimmed(range), known: known))
      }
    } else if let given = annotations.given(sourceRanges)?.string {
      let path = "metadata.annotations[\(sourceRanges)]"
      if !spec.isLoadBalancer { context.report(.forbidden(path, detail)) }
      if context.isUpdate && context.old?["metadata"]?["annotations"]?[sourceRanges]?.string == given { return }
      if trimmed(given).isEmpty { return }
      for range in trimmed(given).split(separator: ",", omittingEmptySubsequences: false) {
        context.report(IPValidation.legacyNetwork(path, trimmed(String(range))))
      }
    }
  }

  /// (`strings.TrimSpace`, as far as networks go)
  private static func trimmed(_ text: String) -> String {
    func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }
    let bytes = Array(text.utf8)
    guard let first = bytes.firstIndex(where: { !isSpace($0) }), let last = bytes.lastIndex(where: { !isSpace($0) })
    else { return "" }
    return String(decoding: bytes[first...last], as: UTF8.self)
  }

  static func balancerClass(_ context: inout RuleContext, _ spec: ServiceSpec) {
    guard let name = spec.loadBalancerClass else { return }
    let path = "spec.loadBalancerClass"
    if spec.isLoadBalancer {
      context.report(NameValidation.qualifiedName(name).map { .invalid(path, name, $0) })
    } else {
      context.report(.forbidden(path, "may only be used when `type` is 'LoadBalancer'"))
    }
  }

  private static func traffic(_ context: inout RuleContext, _ spec: ServiceSpec, _ view: ObjectView) {
    let (path, policy) = ("spec.externalTrafficPolicy", spec.externalTrafficPolicy)
    if !spec.isExternallyAccessible {
      if !policy.isEmpty {
        context.report(.invalid(path, policy, "may only be set for externally-accessible services"))
      }
    } else if policy.isEmpty {
      context.report(.required(path, ""))
    } else {
      oneOf(&context, path, policy, ["Cluster", "Local"])
    }
    let port = spec.healthCheckNodePort
    let portPath = "spec.healthCheckNodePort"
    if !spec.needsHealthCheck {
      if port != 0 {
        let detail = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'"
        context.report(.invalid(portPath, bare: String(port), detail))
      }
    } else if port == 0 {
      context.report(.required(portPath, ""))
    } else {
      context.report(PortRules.problems(ofNumber: port).map { .invalid(portPath, bare: String(port), $0) })
    }
    if let policy = view.given("internalTrafficPolicy")?.string {
      oneOf(&context, "spec.internalTrafficPolicy", policy, ["Cluster", "Local"])
    } else if ["NodePort", "LoadBalancer", "ClusterIP"].contains(spec.type) {
      context.report(.required("spec.internalTrafficPolicy", ""))
    }
    if let distribution = view.given("trafficDistribution")?.string {
      oneOf(
        &context, "spec.trafficDistribution", distribution, ["PreferClose", "PreferSameZone", "PreferSameNode"])
    }
  }

  // MARK: status

  /// (`ValidateLoadBalancerStatus`)
  private static let status: Rule.Function = { context in
    let balancer = ObjectView(context.value?["status"]?["loadBalancer"])
    let path = "status.loadBalancer.ingress"
    let points = balancer.list("ingress")
    if context.value?["spec"]?["type"]?.string != "LoadBalancer" && !points.isEmpty {
      return context.report(.forbidden(path, "may only be used when `spec.type` is 'LoadBalancer'"))
    }
    let known = ObjectView(context.old?["status"]?["loadBalancer"]).list("ingress").map { $0.text("ip") }
    for (place, point) in points.enumerated() {
      let path = "\(path)[\(place)]"
      let address = point.text("ip")
      if !address.isEmpty {
        context.report(IPValidation.legacyAddress("\(path).ip", address, known: known.filter { !$0.isEmpty }))
      }
      if let mode = point.given("ipMode")?.string {
        if address.isEmpty {
          context.report(.forbidden("\(path).ipMode", "may not be specified when `ip` is not set"))
        } else {
          oneOf(&context, "\(path).ipMode", mode, ["Proxy", "VIP"])
        }
      } else if !address.isEmpty {
        context.report(.required("\(path).ipMode", "must be specified when `ip` is set"))
      }
      context.report(LoadBalancerRules.hostname("\(path).hostname", point.text("hostname")))
    }
  }
}
