import ArgumentParser
import Machinery
import Resources

/// `--service-cluster-ip-range`. What is wrong with its form the flag's type tells.
struct ServiceNetworks: CustomStringConvertible {
  let networks: [IPNetwork]

  init() { networks = ServiceAllocation.Settings().networks }

  /// What is given empty is not given, as kube-apiserver has it.
  init(parsing text: String) throws {
    let given = text.split(separator: ",").compactMap { IPNetwork(String($0).trimmingBlanks) }
    networks =
      text.isEmpty
      ? ServiceNetworks().networks : given.compactMap { IPNetwork("\($0.first)/\($0.length)") }
    if networks.isEmpty { throw ValidationError("--service-cluster-ip-range must contain at least one valid cidr") }
  }

  var description: String { networks.map { "\($0)" }.joined(separator: ",") }
}

/// `--service-node-port-range`, likewise.
struct ServiceNodePorts: CustomStringConvertible {
  let ports: ClosedRange<UInt16>

  init() { ports = ServiceAllocation.Settings().nodePorts }

  init(parsing text: String) throws {
    let text = text.trimmingBlanks
    guard let ports = text.isEmpty ? ServiceNodePorts().ports : NodePortRange.ports(text) else {
      throw ValidationError("--service-node-port-range: \(GoText.quoted(text)) is no range of ports")
    }
    self.ports = ports
  }

  var description: String { NodePortRange(ports).text }
}

/// `--endpoint-reconciler-type`
enum EndpointReconciler: String, ExpressibleByArgument {
  case lease, none
}

extension ServeOptions {
  /// What the endpoints of the service `kubernetes` will have. An address that nobody else can reach is nobody's.
  func parsedAdvertisedAddress() throws -> IPAddress? {
    guard endpointReconcilerType == .lease else { return nil }
    let isGiven = !advertiseAddress.trimmingBlanks.isEmpty
    guard let address = IPAddress(isGiven ? advertiseAddress.trimmingBlanks : bindAddress),
      isGiven || !address.isLoopback && !address.isUnspecified
    else { return nil }
    if let network = serviceClusterIPRange.networks.first, network.isIPv6 == address.isIPv4 {
      throw StartFailure(
        "service IP family \(GoText.quoted("\(network)")) must match public address family \(GoText.quoted("\(address)")): set --advertise-address or --endpoint-reconciler-type=none"
      )
    }
    return address
  }
}
