import Cacher
import JSON
import Machinery
public import Registry
public import Webhooks

/// Where a service is, for who has to call it without a cluster's network. (apiserver `util/proxy.ResolveEndpoint`)
public struct ServiceResolver: Sendable {
  private let services: Store
  private let slices: Store

  /// `services`, `slices`: where Services and EndpointSlices are.
  public init(services: Store, slices: Store) {
    self.services = services
    self.slices = slices
  }

  /// A ready endpoint, `ADDRESS:PORT`.
  public func endpoint(
    _ namespace: String, _ name: String, _ port: Int64
  ) async throws(HookClient.Failure) -> String {
    do {
      let service = try await services.read(name, namespace: namespace)
      guard let given = service["spec"]?["ports"]?.array?.first(where: { $0["port"]?.int == port }) else {
        throw HookClient.Failure("no service port \(port) found for service \(GoText.quoted(name))")
      }
      let portName = given["name"]?.string ?? ""
      var options = ListOptions()
      options.labelSelector = "kubernetes.io/service-name=\(name)"
      options.resourceVersion = "0"
      let found = try await slices.list(try slices.prepareList(options, namespace: namespace)).objects
      var addresses: [String] = []
      for object in found {
        let slice = try JSONValue(parsing: object.object)
        let ports = slice["ports"]?.array ?? []
        guard let target = ports.first(where: { ($0["name"]?.string ?? "") == portName })?["port"]?.int else {
          continue
        }
        for endpoint in slice["endpoints"]?.array ?? [] where endpoint["conditions"]?["ready"]?.bool != false {
          for address in endpoint["addresses"]?.array ?? [] {
            guard let text = address.string else { continue }
            addresses.append(text.contains(":") ? "[\(text)]:\(target)" : "\(text):\(target)")
          }
        }
      }
      guard let chosen = addresses.randomElement() else {
        throw HookClient.Failure("no endpoints available for service \(GoText.quoted(name))")
      }
      return chosen
    } catch let failure as HookClient.Failure { throw failure } catch let status as Status {
      throw HookClient.Failure(status.message)
    } catch { throw HookClient.Failure("\(error)") }
  }
}
