import JSON
import Machinery
import Registry

/// Which pod serves for a service. (Kubernetes: pkg/registry/core/service/storage, `ResourceLocation`)
enum ServiceProxy {
  static let part = SubresourceDefinition.connected("proxy", kind: "ServiceProxyOptions", .proxy) {
    (request) async throws(Status) in
    let asked = try ProxiedName(request, of: "service")
    let port = try await portName(asked, request)
    let subsets = ObjectView(try await endpoints(asked.name, request)).list("subsets")
    if subsets.isEmpty { throw noEndpoints(asked.name) }
    for subset in subsets where subset.list("ports").contains(where: { $0.text("name") == port }) {
      for address in subset.list("addresses") where try await isOfPod(address, request) { return }
    }
    throw noEndpoints(request.name)
  }

  private static func noEndpoints(_ service: String) -> Status {
    .serviceUnavailable("no endpoints available for service \(GoText.quoted(service))")
  }

  /// Endpoints know ports by their names: one that is asked for by its number is looked up in the service.
  private static func portName(
    _ asked: ProxiedName, _ request: SubresourceConnection.Request
  ) async throws(Status) -> String {
    guard let number = Int64(asked.port) else { return asked.port }
    let service = try await request.store.read(asked.name, namespace: request.namespace)
    let ports = ObjectView(service["spec"]).list("ports")
    guard let port = ports.first(where: { $0.number("port") == number }) else {
      throw .serviceUnavailable("no service port \(number) found for service \(GoText.quoted(asked.name))")
    }
    return port.text("name")
  }

  /// Upstream speaks of endpoints that there are not as of the service.
  private static func endpoints(
    _ name: String, _ request: SubresourceConnection.Request
  ) async throws(Status) -> JSONValue {
    let missing = Status.notFound(request.store.info.groupResource, name)
    guard let store = request.stores(GroupResource(group: "", resource: "endpoints")) else { throw missing }
    do throws(Status) { return try await store.read(name, namespace: request.namespace) } catch {
      throw error.code == 404 ? missing : error
    }
  }

  /// Nobody is led to what is no pod: endpoints can be written with any address. (`isValidAddress`)
  private static func isOfPod(
    _ address: ObjectView, _ request: SubresourceConnection.Request
  ) async throws(Status) -> Bool {
    let target = address.at("targetRef")
    guard target.text("namespace") == request.namespace,
      let pods = request.stores(PodMembers.resource)
    else { return false }
    let pod: JSONValue
    do throws(Status) { pod = try await pods.read(target.text("name"), namespace: request.namespace) } catch {
      return false
    }
    return ObjectView(pod["status"]).list("podIPs").contains { $0.text("ip") == address.text("ip") }
  }
}
