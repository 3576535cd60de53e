import JSON
import Machinery
import Registry

/// Rules for network policies. (Kubernetes: pkg/apis/networking/validation, `ValidateNetworkPolicy` and
/// `ValidateNetworkPolicyUpdate`)
enum NetworkPolicyRules {
  static let all: [Rule] = [
    .onCreate(.metadata(.subdomain)),
    .onUpdate(.metadataUpdate),
    .at(
      "spec",
      .at("podSelector", .labelSelector),
      .at("ingress", .each(.at("ports", .each(.custom(port))), .at("from", .each(peer)))),
      .at("egress", .each(.at("ports", .each(.custom(port))), .at("to", .each(peer)))),
      .at("policyTypes", .custom(types))),
  ]

  private static let port: Rule.Function = { context in
    let entry = ObjectView(context.value)
    if let name = entry.given("protocol")?.string, !["TCP", "UDP", "SCTP"].contains(name) {
      context.report(.notSupported(context.path("protocol"), name, ["TCP", "UDP", "SCTP"]))
    }
    let end = entry.given("endPort")?.int
    let path = context.path("endPort")
    switch entry.given("port") {
    case .int(let number)?:
      for problem in PortRules.problems(ofNumber: number) {
        context.report(.invalid(context.path("port"), bare: String(number), problem))
      }
      guard let end else { return }
      if end < number {
        context.report(.invalid(path, bare: String(number), "must be greater than or equal to `port`"))
      }
      for problem in PortRules.problems(ofNumber: end) { context.report(.invalid(path, bare: String(end), problem)) }
    case let name?:
      if let end {
        context.report(.invalid(path, bare: String(end), "may not be specified when `port` is non-numeric"))
      }
      let text = name.string ?? ""
      for problem in PortRules.problems(ofName: text) { context.report(.invalid(context.path("port"), text, problem)) }
    case nil:
      if let end {
        context.report(.invalid(path, bare: String(end), "may not be specified when `port` is not specified"))
      }
    }
  }

  private static let peer: [Rule] = [
    .at("podSelector", .labelSelector),
    .at("namespaceSelector", .labelSelector),
    .at("ipBlock", .custom(block)),
    .custom(choice),
  ]

  private static let choice: Rule.Function = { context in
    let peer = ObjectView(context.value)
    let hasSelector = peer.given("podSelector") != nil || peer.given("namespaceSelector") != nil
    let hasBlock = peer.given("ipBlock") != nil
    if !hasSelector && !hasBlock { context.report(.required(context.path(), "must specify a peer")) }
    if hasSelector && hasBlock {
      context.report(.forbidden(context.path(), "may not specify both ipBlock and another peer"))
    }
  }

  /// (`ValidateIPBlock`)
  private static let block: Rule.Function = { context in
    guard context.value?.object != nil else { return }
    let block = ObjectView(context.value)
    let text = block.text("cidr")
    if text.isEmpty { return context.report(.required(context.path("cidr"), "")) }
    let known = context.isUpdate ? networks(ObjectView(context.oldObject?["spec"])) : []
    context.report(IPValidation.legacyNetwork(context.path("cidr"), text, known: known))
    guard let network = IPNetwork(text) else { return }
    for (place, text) in block.texts("except").enumerated() {
      let path = context.path("except", .index(place))
      context.report(IPValidation.legacyNetwork(path, text, known: known))
      guard let except = IPNetwork(text) else { continue }
      if !network.contains(except.first) || network.length >= except.length {
        context.report(.invalid(path, text, "must be a strict subset of `cidr`"))
      }
    }
  }

  /// All networks that a policy names: what stood anywhere in it may stand anywhere.
  private static func networks(_ spec: ObjectView) -> [String] {
    let peers =
      spec.list("ingress").flatMap { $0.list("from") } + spec.list("egress").flatMap { $0.list("to") }
    return peers.compactMap { $0.given("ipBlock").map(ObjectView.init) }.flatMap {
      [$0.text("cidr")] + $0.texts("except")
    }
  }

  private static let types: Rule.Function = { context in
    let types = (context.value?.array ?? []).map { $0.string ?? "" }
    if types.count > 2 {
      let shown = context.value?.encoded().text ?? "null"
      return context.report(.invalid(context.path(), bare: shown, "may not specify more than two policyTypes"))
    }
    for (place, type) in types.enumerated() where !["Ingress", "Egress"].contains(type) {
      context.report(.notSupported(context.path(.index(place)), type, ["Ingress", "Egress"]))
    }
  }
}
