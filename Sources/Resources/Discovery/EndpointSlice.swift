import JSON
import Machinery
import Registry

extension ResourceDefinition {
  /// Some of the addresses behind a service. (Kubernetes: pkg/registry/discovery/endpointslice)
  static let endpointSlices = ResourceDefinition(
    "endpointslices.discovery.k8s.io", kind: "EndpointSlice", scope: .namespaced, folder: "endpointslices",
    versions: [.v1],
    main: .main(prepare: EndpointSliceForm.dropTopology),
    rules: EndpointSliceRules.all,
    generation: .when { new, old in
      !new.hasSameMembers(as: old, except: ["metadata"])
        || !RuleContext.areSame(new["metadata"]?["labels"], old["metadata"]?["labels"])
    },
    defaults: EndpointSliceForm.applyDefaults,
    prepareForCreate: EndpointSliceForm.dropTopology,
    warnings: { slice, old in EndpointSliceForm.warnings(slice, isCreation: old == nil) },
    columns: [
      .name,
      .text("AddressType", at: "addressType", description: "What the addresses are."),
      TableColumn("Ports", description: "The first ports, and how many more there are.") { slice, _ in
        .string(EndpointSliceTable.ports(slice["ports"]))
      },
      TableColumn("Endpoints", description: "The first addresses, and how many more there are.") { slice, _ in
        .string(EndpointSliceTable.addresses(slice["endpoints"]))
      },
      .age,
    ])
}

/// What is filled into slices and what is dropped, and what their authors should know.
enum EndpointSliceForm {
  private static let portOrder = MemberOrder("io.k8s.api.discovery.v1.EndpointPort")
  private static let endpointOrder = MemberOrder("io.k8s.api.discovery.v1.Endpoint")

  static func applyDefaults(_ slice: inout JSONValue) {
    let isWhole = ObjectView(slice).list("ports").allSatisfy { $0.given("name") != nil && $0.given("protocol") != nil }
    guard !isWhole, let ports = slice["ports"]?.array else { return }
    slice["ports"] = .array(
      ports.map { port in
        guard port.object != nil else { return port }
        var port = port
        if ObjectView(port).given("name") == nil { port["name"] = "" }
        if ObjectView(port).given("protocol") == nil { port["protocol"] = "TCP" }
        portOrder.restore(&port)
        return port
      })
  }

  /// Nobody writes the topology of old through v1.
  static func dropTopology(_ slice: inout JSONValue) { dropTopology(&slice, knownNodes: []) }

  /// What clients of old have written there names the node still, until it is written anew. (`dropTopologyOnV1`)
  static func dropTopology(_ slice: inout JSONValue, _ old: JSONValue) {
    if RuleContext.areSame(slice["endpoints"], old["endpoints"]) { return }
    dropTopology(&slice, knownNodes: ObjectView(old).list("endpoints").compactMap(hostname))
  }

  private static func hostname(_ endpoint: ObjectView) -> String? {
    let name = endpoint.at("deprecatedTopology").text("kubernetes.io/hostname")
    return name.isEmpty ? nil : name
  }

  private static func dropTopology(_ slice: inout JSONValue, knownNodes: [String]) {
    guard let endpoints = slice["endpoints"]?.array,
      endpoints.contains(where: { $0["deprecatedTopology"] != nil })
    else { return }
    slice["endpoints"] = .array(
      endpoints.map { endpoint in
        var endpoint = endpoint
        if let name = hostname(ObjectView(endpoint)), ObjectView(endpoint).given("nodeName") == nil,
          knownNodes.contains(name), NameValidation.dns1123Subdomain(name).isEmpty
        {
          endpoint["nodeName"] = .string(name)
          endpointOrder.restore(&endpoint)
        }
        if endpoint.object != nil { endpoint["deprecatedTopology"] = nil }
        return endpoint
      })
  }

  static func warnings(_ slice: JSONValue, isCreation: Bool) -> [String] {
    var warnings: [String] = []
    if isCreation && slice["addressType"]?.string == "FQDN" {
      warnings.append("spec.addressType: FQDN endpoints are deprecated")
    }
    let manager = slice["metadata"]?["labels"]?["endpointslice.kubernetes.io/managed-by"]?.string
    if manager == "endpointslice-controller.k8s.io" || manager == "endpointslicemirroring-controller.k8s.io" {
      return warnings
    }
    for (at, endpoint) in ObjectView(slice).list("endpoints").enumerated() {
      for (place, address) in endpoint.texts("addresses").enumerated() {
        warnings += IPValidation.warnings(ofAddress: address, "endpoints[\(at)].addresses[\(place)]")
      }
    }
    return warnings
  }
}

extension JSONValue {
  /// Are all members alike but these?
  fileprivate func hasSameMembers(as other: JSONValue, except names: [String]) -> Bool {
    var (one, two) = (self, other)
    for name in names { (one[name], two[name]) = (nil, nil) }
    return one.isSameValue(as: two)
  }
}

/// (`formatDiscoveryPorts`, `formatDiscoveryEndpoints`)
enum EndpointSliceTable {
  static func ports(_ ports: JSONNode?) -> String {
    var texts: [String] = []
    if let ports {
      for port in ports.elements {
        if let number = port["port"], number.kind == .int {
          texts.append(number.raw.text)
        } else {
          texts.append(port["name"]?.string ?? "*")
        }
      }
    }
    return shortened(texts)
  }

  static func addresses(_ endpoints: JSONNode?) -> String {
    var texts: [String] = []
    if let endpoints {
      for endpoint in endpoints.elements {
        if let addresses = endpoint["addresses"] { texts += addresses.elements.map { $0.string ?? "" } }
      }
    }
    return shortened(texts)
  }

  private static func shortened(_ texts: [String]) -> String {
    let shown = texts.prefix(3).joined(separator: ",")
    if texts.count > 3 { return "\(shown) + \(texts.count - 3) more..." }
    return shown.isEmpty ? "<unset>" : shown
  }
}
