import JSON
import Machinery
import Registry

extension ResourceDefinition {
  /// Which traffic may reach pods and leave them. (Kubernetes: pkg/registry/networking/networkpolicy)
  static let networkPolicies = ResourceDefinition(
    "networkpolicies.networking.k8s.io", kind: "NetworkPolicy", shortNames: ["netpol"], scope: .namespaced,
    folder: "networkpolicies", versions: [.v1],
    rules: NetworkPolicyRules.all, generation: .followingGo("spec"),
    defaults: NetworkPolicyForm.applyDefaults,
    warnings: { policy, _ in NetworkPolicyForm.warnings(policy) },
    columns: [
      .name,
      TableColumn("Pod-Selector", description: "Which pods the policy is about.") { policy, _ in
        .string(LabelSelectorText.text(policy["spec"]?["podSelector"]))
      },
      .age,
    ])
}

/// What is filled into policies, and what their authors should know.
enum NetworkPolicyForm {
  private static let portOrder = MemberOrder("io.k8s.api.networking.v1.NetworkPolicyPort")
  private static let specOrder = MemberOrder("io.k8s.api.networking.v1.NetworkPolicySpec")

  static func applyDefaults(_ policy: inout JSONValue) {
    guard var spec = policy["spec"], spec.object != nil else {
      policy["spec"] = ["podSelector": [:], "policyTypes": ["Ingress"]]
      return
    }
    if ObjectView(spec).count("policyTypes") == 0 {
      spec["policyTypes"] = ObjectView(spec).count("egress") == 0 ? ["Ingress"] : ["Ingress", "Egress"]
    }
    for direction in ["ingress", "egress"] {
      guard let rules = spec[direction]?.array, rules.contains(where: lacksProtocol) else { continue }
      spec[direction] = .array(rules.map(withProtocols))
    }
    specOrder.restore(&spec)
    policy["spec"] = spec
  }

  private static func lacksProtocol(_ rule: JSONValue) -> Bool {
    ObjectView(rule).list("ports").contains { $0.given("protocol") == nil }
  }

  private static func withProtocols(_ rule: JSONValue) -> JSONValue {
    guard let ports = rule["ports"]?.array else { return rule }
    var rule = rule
    rule["ports"] = .array(
      ports.map { port in
        guard port.object != nil, ObjectView(port).given("protocol") == nil else { return port }
        var port = port
        port["protocol"] = "TCP"
        portOrder.restore(&port)
        return port
      })
    return rule
  }

  /// Of networks that are not in canonical form. (`networkPolicyWarnings`)
  static func warnings(_ policy: JSONValue) -> [String] {
    let spec = ObjectView(policy["spec"])
    var warnings: [String] = []
    for (direction, peers) in [("ingress", "from"), ("egress", "to")] {
      for (ruleAt, rule) in spec.list(direction).enumerated() {
        for (peerAt, peer) in rule.list(peers).enumerated() {
          guard let block = peer.given("ipBlock").map(ObjectView.init) else { continue }
          let path = "spec.\(direction)[\(ruleAt)].\(peers)[\(peerAt)].ipBlock"
          warnings += IPValidation.warnings(ofNetwork: block.text("cidr"), "\(path).cidr")
          for (place, except) in block.texts("except").enumerated() {
            warnings += IPValidation.warnings(ofNetwork: except, "\(path).except[\(place)]")
          }
        }
      }
    }
    return warnings
  }
}
