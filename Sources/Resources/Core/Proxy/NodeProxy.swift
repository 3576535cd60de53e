import JSON
import Machinery
import Registry

/// Where a node is reached. (Kubernetes: pkg/kubelet/client, `GetConnectionInfo`, and pkg/registry/core/node,
/// `ResourceLocation`)
enum NodeProxy {
  static let part = SubresourceDefinition.connected("proxy", kind: "NodeProxyOptions", .proxy) {
    (request) async throws(Status) in
    let asked = try ProxiedName(request, of: "node")
    let address = try address(of: try await request.store.read(asked.name, namespace: ""))
    // A host's name is looked up when it is connected to.
    if let literal = IPAddress(address), !literal.isGlobalUnicast { throw .badRequest("address not allowed") }
  }

  /// Of a node's addresses the kind that comes first here. (`--kubelet-preferred-address-types`)
  private static let preferred = ["Hostname", "InternalDNS", "InternalIP", "ExternalDNS", "ExternalIP"]

  static func address(of node: JSONValue) throws(Status) -> String {
    let known = ObjectView(node["status"]).list("addresses").map { ($0.text("type"), $0.text("address")) }
    for type in preferred {
      if let (_, address) = known.first(where: { $0.0 == type }) { return address }
    }
    let shown = known.map { "{\($0.0) \($0.1)}" }.joined(separator: " ")
    throw .plain(500, "no preferred addresses found; known addresses: [\(shown)]")
  }
}
