import ByteBuffers
import JSON
import Machinery
import Registry

extension ResourceDefinition {
  /// How requests from outside reach services. (Kubernetes: pkg/registry/networking/ingress)
  static let ingresses = ResourceDefinition(
    "ingresses.networking.k8s.io", kind: "Ingress", shortNames: ["ing"], scope: .namespaced, folder: "ingress",
    versions: [.v1],
    main: .main(keeps: ["status"]),
    subresources: [.status()],
    rules: IngressRules.all, generation: .ofSpec,
    prepareForCreate: { $0["status"] = ["loadBalancer": [:]] },
    warnings: { ingress, old in IngressWarnings.all(ingress, isCreation: old == nil) },
    columns: [
      .name,
      TableColumn("Class", description: "The class whose controller serves it.") { ingress, _ in
        .string(ingress["spec"]?["ingressClassName"]?.string ?? "<none>")
      },
      TableColumn("Hosts", description: "The hosts that its rules are for.") { ingress, _ in
        .string(IngressTable.hosts(ingress["spec"]?["rules"]))
      },
      TableColumn("Address", description: "Where the load balancer takes requests.") { ingress, _ in
        .string(LoadBalancerTable.addresses(ingress["status"]?["loadBalancer"]))
      },
      TableColumn("Ports", description: "The ports that are open, by whether there is TLS.") { ingress, _ in
        let hasTLS = ingress["spec"]?["tls"]?.elements.contains { _ in true } ?? false
        return .string(hasTLS ? "80, 443" : "80")
      },
      .age,
    ])
}

/// What a client should know of its ingress.
enum IngressWarnings {
  static func all(_ ingress: JSONValue, isCreation: Bool) -> [String] {
    let annotation = ingress["metadata"]?["annotations"]?[IngressRules.classAnnotation]
    guard isCreation, annotation != nil, ObjectView(ingress["spec"]).given("ingressClassName") == nil else { return [] }
    return [
      "annotation \(GoText.quoted(IngressRules.classAnnotation)) is deprecated, "
        + "please use 'spec.ingressClassName' instead"
    ]
  }
}

enum IngressTable {
  /// The first three, and how many rules there are beyond. (`formatHosts`)
  static func hosts(_ rules: JSONNode?) -> String {
    let most = 3
    var hosts: [String] = []
    var hasMore = false
    var count = 0
    if let rules {
      for rule in rules.elements {
        count += 1
        if hosts.count == most { hasMore = true }
        let host = rule["host"]?.string ?? ""
        if !hasMore && !host.isEmpty { hosts.append(host) }
      }
    }
    if hosts.isEmpty { return "*" }
    let text = hosts.joined(separator: ",")
    return hasMore ? "\(text) + \(count - most) more..." : text
  }
}

/// What a load balancer's status shows in tables.
enum LoadBalancerTable {
  /// (`loadBalancerStatusStringer`)
  static func addresses(_ balancer: JSONNode?) -> String {
    guard let ingress = balancer?["ingress"] else { return "" }
    var found = Set<ByteString>()
    for point in ingress.elements {
      let address = point["ip"]?.string ?? ""
      let text = address.isEmpty ? point["hostname"]?.string ?? "" : address
      if !text.isEmpty { found.insert(ByteString(text)) }
    }
    return found.map(\.text).sorted().joined(separator: ",")
  }
}
