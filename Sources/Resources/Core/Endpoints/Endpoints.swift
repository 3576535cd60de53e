import JSON
import Machinery
import Registry

extension ResourceDefinition {
  /// All addresses behind a service, as they were written before there were slices. (Kubernetes:
  /// pkg/registry/core/endpoint)
  static let endpoints = ResourceDefinition(
    "endpoints", kind: "Endpoints", shortNames: ["ep"], scope: .namespaced, folder: "services/endpoints",
    versions: [
      ServedVersion("v1", deprecation: "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice")
    ],
    puts: [.mayCreate],
    rules: EndpointsRules.all,
    defaults: EndpointsForm.applyDefaults,
    warnings: { endpoints, _ in EndpointsForm.warnings(endpoints) },
    columns: [
      .name,
      TableColumn("Endpoints", description: "The first addresses with their ports, and how many more there are.") {
        endpoints, _ in .string(EndpointsTable.text(endpoints["subsets"]))
      },
      .age,
    ])
}

/// Rules for endpoints. (Kubernetes: pkg/apis/core/validation, `ValidateEndpoints` and its siblings)
enum EndpointsRules {
  static let all: [Rule] = [
    .onUpdate(.metadataUpdate),
    .metadata(.subdomain),
    .at("subsets", .ratcheting(.custom(subsets))),
  ]

  private static let subsets: Rule.Function = { context in
    for (place, subset) in (context.value?.array ?? []).enumerated() {
      let subset = ObjectView(subset)
      let path = context.path(.index(place))
      if subset.count("addresses") == 0 && subset.count("notReadyAddresses") == 0 {
        context.report(.required(path, "must specify `addresses` or `notReadyAddresses`"))
      }
      for member in ["addresses", "notReadyAddresses"] {
        for (place, address) in subset.list(member).enumerated() {
          context.report(problems(of: address, "\(path).\(member)[\(place)]"))
        }
      }
      let needsName = subset.count("ports") > 1
      for (place, port) in subset.list("ports").enumerated() {
        check(&context, port, needsName: needsName, "\(path).ports[\(place)]")
      }
    }
  }

  private static func problems(of address: ObjectView, _ path: String) -> [FieldError] {
    let text = address.text("ip")
    var errors = IPValidation.legacyAddress("\(path).ip", text)
    let name = address.text("hostname")
    if !name.isEmpty { errors += NameValidation.dns1123Label(name).map { .invalid("\(path).hostname", name, $0) } }
    if let node = address.given("nodeName")?.string {
      errors += NameValidation.dns1123Subdomain(node).map { .invalid("\(path).nodeName", node, $0) }
    }
    return errors + EndpointAddressRules.special("\(path).ip", text)
  }

  private static func check(_ context: inout RuleContext, _ port: ObjectView, needsName: Bool, _ path: String) {
    let name = port.text("name")
    if needsName && name.isEmpty {
      context.report(.required("\(path).name", ""))
    } else if !name.isEmpty {
      context.report(NameValidation.dns1123Label(name).map { .invalid("\(path).name", name, $0) })
    }
    let number = port.number("port")
    context.report(PortRules.problems(ofNumber: number).map { .invalid("\(path).port", bare: String(number), $0) })
    EndpointPortRules.check(&context, port, path)
  }
}

/// What is filled into endpoints, and what their authors should know.
enum EndpointsForm {
  private static let portOrder = MemberOrder("io.k8s.api.core.v1.EndpointPort")

  static func applyDefaults(_ endpoints: inout JSONValue) {
    func isWhole(_ subset: ObjectView) -> Bool { subset.list("ports").allSatisfy { !$0.text("protocol").isEmpty } }
    guard let subsets = endpoints["subsets"]?.array, !subsets.allSatisfy({ isWhole(ObjectView($0)) }) else { return }
    endpoints["subsets"] = .array(
      subsets.map { subset in
        guard let ports = subset["ports"]?.array else { return subset }
        var subset = subset
        subset["ports"] = .array(
          ports.map { port in
            guard port.object != nil, ObjectView(port).text("protocol").isEmpty else { return port }
            var port = port
            port["protocol"] = "TCP"
            portOrder.restore(&port)
            return port
          })
        return subset
      })
  }

  static func warnings(_ endpoints: JSONValue) -> [String] {
    let manager = endpoints["metadata"]?["labels"]?["endpoints.kubernetes.io/managed-by"]?.string
    if manager == "endpoint-controller" { return [] }
    var warnings: [String] = []
    for (at, subset) in ObjectView(endpoints).list("subsets").enumerated() {
      for member in ["addresses", "notReadyAddresses"] {
        for (place, address) in subset.list(member).enumerated() {
          warnings += IPValidation.warnings(ofAddress: address.text("ip"), "subsets[\(at)].\(member)[\(place)].ip")
        }
      }
    }
    return warnings
  }
}

/// (`formatEndpoints`)
enum EndpointsTable {
  static func text(_ subsets: JSONNode?) -> String {
    guard let subsets, subsets.elements.contains(where: { _ in true }) else { return "<none>" }
    let most = 3
    var shown: [String] = []
    var hasMore = false
    var count = 0
    func show(_ text: String) {
      if shown.count == most { hasMore = true } else { shown.append(text) }
    }
    for subset in subsets.elements {
      let addresses = subset["addresses"]?.elements.map { $0["ip"]?.string ?? "" } ?? []
      let ports = subset["ports"]?.elements.map { $0["port"]?.raw.text ?? "0" } ?? []
      count += addresses.count * max(ports.count, 1)
      if ports.isEmpty { addresses.forEach(show) }
      for port in ports {
        for address in addresses { show(address.contains(":") ? "[\(address)]:\(port)" : "\(address):\(port)") }
      }
    }
    let text = shown.joined(separator: ",")
    return hasMore ? "\(text) + \(count - most) more..." : text
  }
}
