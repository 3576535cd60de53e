import Cacher
import JSON
import Machinery
import Registry

/// Addresses of services: each that is taken is an IPAddress object of its name, so that two can't take the same,
/// whichever replica they ask. They come from the networks of the ServiceCIDR objects. (Kubernetes:
/// pkg/registry/core/service/ipallocator)
struct ClusterIPs: Sendable {
  static let manager = "ipallocator.k8s.io"
  static let familyLabel = "ipaddress.kubernetes.io/ip-family"
  static let managerLabel = "ipaddress.kubernetes.io/managed-by"

  /// Why an address can't be had; the texts are upstream's.
  enum Failure: Error, CustomStringConvertible {
    case full, taken, elsewhere, notReady
    case refused(Status)
    var description: String {
      switch self {
      case .full: "range is full"
      case .taken: "provided IP is already allocated"
      case .elsewhere: "the provided network does not match the current range"
      case .notReady: "allocator not ready"
      case .refused(let status): status.message
      }
    }
  }

  let addresses: Store
  let networks: Store

  /// A network that addresses may be taken from.
  private struct Range {
    let network: IPNetwork
    let isReady: Bool

    var first: IPAddress { network.first.advanced(by: 1) ?? network.first }
    /// IPv4's last address is not one's own.
    var last: IPAddress { network.isIPv6 ? network.last : network.last.predecessor }

    func holds(_ address: IPAddress) -> Bool {
      network.contains(address) && !(address < first) && !(last < address)
    }

    /// How many addresses there are to give, as far as numbers go.
    var size: UInt64 {
      let bits = network.hostBits
      if bits >= 64 { return .max }
      let all = (UInt64(1) << UInt64(bits)) - 1
      return network.isIPv6 ? all : all == 0 ? 0 : all - 1
    }

    /// How many addresses at the beginning are left to those who name theirs, as long as there are others.
    var offset: UInt64 {
      let bits = min(network.hostBits, 62)
      let size = UInt64(1) << UInt64(bits)
      return size <= 16 ? 0 : min(max(16, size / 16), 256)
    }
  }

  // MARK: taking

  /// Takes an address that is asked for.
  func take(_ text: String, for owner: ServiceName, isDryRun: Bool) async throws(Failure) {
    guard let address = IPAddress(text) else { throw .elsewhere }
    let ranges = try await ranges(ServiceSpec.family(of: text))
    guard ranges.contains(where: { $0.isReady && $0.holds(address) }) else { throw .elsewhere }
    if isDryRun { return }
    try await create(address, for: owner)
  }

  /// Takes any address; a dry run gets one that nobody can have.
  func takeAny(_ family: String, for owner: ServiceName, isDryRun: Bool) async throws(Failure) -> String {
    let ranges = try await ranges(family)
    if isDryRun {
      guard let range = ranges.first else { throw .notReady }
      return range.network.first.description
    }
    for range in ranges where range.isReady {
      if let address = try await takeAny(in: range, for: owner) { return address.description }
    }
    throw .full
  }

  private func takeAny(in range: Range, for owner: ServiceName) async throws(Failure) -> IPAddress? {
    let (size, offset) = (range.size, range.offset)
    guard size > offset else { return nil }
    let upper = size - offset
    if let found = try await scan(range.first, offset, upper, for: owner) { return found }
    return offset == 0 ? nil : try await scan(range.first, 0, offset, for: owner)
  }

  /// The first free address from a random place on, of `count` behind `start`.
  private func scan(
    _ base: IPAddress, _ start: UInt64, _ count: UInt64, for owner: ServiceName
  ) async throws(Failure) -> IPAddress? {
    let begin = UInt64.random(in: 0..<count)
    var place = begin
    repeat {
      if let address = base.advanced(by: start + place), !isKnown(address) {
        do throws(Failure) {
          try await create(address, for: owner)
          return address
        } catch {
          // Another one was faster.
          guard case .taken = error else { throw error }
        }
      }
      place = place + 1 == count ? 0 : place + 1
    } while place != begin
    return nil
  }

  /// Does the cache have the address? What it does not know yet a creation finds out.
  private func isKnown(_ address: IPAddress) -> Bool {
    ((try? addresses.getNow(address.description, namespace: "", resourceVersion: "0")) ?? nil) != nil
  }

  private func create(_ address: IPAddress, for owner: ServiceName) async throws(Failure) {
    let object: JSONValue = [
      "metadata": [
        "name": .string(address.description),
        "labels": .object([
          Self.familyLabel: .string(address.isIPv4 ? ServiceSpec.v4 : ServiceSpec.v6),
          Self.managerLabel: .string(Self.manager),
        ]),
      ],
      "spec": ["parentRef": owner.reference],
    ]
    do throws(Status) {
      let body = try addresses.decodeBody(ByteSlice(object.encoded()), validation: .ignore).object
      _ = try await addresses.create(body, namespace: "", options: SystemWrites.create)
    } catch {
      throw error.reason == "AlreadyExists" ? .taken : .refused(error)
    }
  }

  // MARK: giving back

  /// Gives an address back, if it is the service's.
  func giveBack(_ text: String, of owner: ServiceName) async {
    guard let address = IPAddress(text) else { return }
    let name = address.description
    guard let found = try? await addresses.get(name, namespace: ""),
      let object = try? JSONValue(parsing: addresses.shown(found).object), owner == ServiceName(holding: object)
    else { return }
    var options = DeleteOptions()
    options.uid = object["metadata"]?["uid"]?.string
    // What can't be given back now is found by whoever repairs.
    _ = try? await addresses.delete(name, namespace: "", options: options)
  }

  /// Makes the object of an address that a service has without it.
  func restore(_ text: String, of owner: ServiceName) async throws(Failure) {
    guard let address = IPAddress(text), !isKnown(address) else { return }
    do throws(Failure) { try await create(address, for: owner) } catch {
      guard case .taken = error else { throw error }
    }
  }

  // MARK: networks

  /// Those of a family, of all ServiceCIDR objects.
  private func ranges(_ family: String) async throws(Failure) -> [Range] {
    let objects: [CachedObject]
    do throws(Status) {
      var options = ListOptions()
      options.resourceVersion = "0"
      objects = try await networks.list(try networks.prepareList(options, namespace: "")).objects
    } catch { throw .refused(error) }
    return objects.flatMap { object -> [Range] in
      guard let tree = try? JSONValue(parsing: networks.shown(object).object) else { return [] }
      let isReady = Self.isReady(tree)
      return ObjectView(tree["spec"]).texts("cidrs").compactMap { IPNetwork($0) }
        .filter { $0.isIPv6 == (family == ServiceSpec.v6) }.map { Range(network: $0, isReady: isReady) }
    }
  }

  /// Who does not say is: there may be nobody to say it.
  private static func isReady(_ object: JSONValue) -> Bool {
    if object["metadata"]?["deletionTimestamp"] != nil { return false }
    let ready = ObjectView(object["status"]).list("conditions").first { $0.text("type") == "Ready" }
    return ready.map { $0.text("status") == "True" } ?? true
  }
}

/// Which service holds something.
struct ServiceName: Hashable, Sendable {
  let namespace: ByteString
  let name: ByteString

  init(_ spec: ServiceSpec) {
    namespace = ByteString(spec.namespace)
    name = ByteString(spec.name)
  }

  /// That an IPAddress object names; nil where it names no service.
  init?(holding address: JSONValue) {
    let parent = ObjectView(address["spec"]?["parentRef"])
    guard parent.text("group").isEmpty, parent.text("resource") == "services" else { return nil }
    namespace = ByteString(parent.text("namespace"))
    name = ByteString(parent.text("name"))
  }

  var reference: JSONValue {
    ["resource": "services", "namespace": .string(namespace.text), "name": .string(name.text)]
  }
}

/// How the server writes for itself.
enum SystemWrites {
  static let manager = "kube-apiserver"

  static var create: WriteOptions {
    var options = WriteOptions(.create)
    options.fieldManager = manager
    return options
  }
}
