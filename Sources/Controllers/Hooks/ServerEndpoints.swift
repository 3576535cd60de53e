public import Machinery
public import Registry
public import Storage
import JSON
import Synchronization

/// Says at which addresses the servers of a cluster are: each keeps a key that goes away with it, and all write the
/// addresses of those that are there into the endpoints of the service `kubernetes`. (Kubernetes:
/// pkg/controlplane/reconcilers, `lease`)
public final class ServerEndpoints: Sendable {
  private let address: IPAddress
  private let port: Int
  private let storage: any Storage
  private let prefix: String
  private let endpoints: Store
  private let slices: Store
  private let client: SystemClient
  private let hasLeft = Mutex(false)

  private static let name = ObjectName("kubernetes", namespace: "default")
  /// How long a server that is not heard of is taken for one that is there.
  private static let lease = Duration.seconds(15)

  /// `prefix`: what every key begins with.
  public init(
    _ address: IPAddress, port: Int, in storage: any Storage, prefix: String, endpoints: Store, slices: Store,
    _ client: SystemClient
  ) {
    self.address = address
    self.port = port
    self.storage = storage
    self.prefix = "\(prefix)/masterleases/"
    self.endpoints = endpoints
    self.slices = slices
    self.client = client
  }

  /// Says that this server is there, and brings the endpoints to what all say.
  func reconcile() async throws {
    let value = lease()
    _ = try await storage.guaranteedUpdate(key: "\(prefix)\(address)", ignoreNotFound: true, origin: nil) { _ in
      .write(value, ttl: Self.lease)
    }
    try await write(try await servers())
  }

  /// This server goes.
  func leave() async {
    hasLeft.withLock { $0 = true }
    _ = try? await storage.delete(key: "\(prefix)\(address)", origin: nil) { _ in }
    if let others = try? await servers() { try? await write(others) }
  }

  /// As kube-apiserver writes it; only its key is read here.
  private func lease() -> SharedBytes {
    let object: JSONValue = [
      "kind": "Endpoints", "apiVersion": "v1", "metadata": ["generation": .int(Timestamp.now)],
      "subsets": [["addresses": [["ip": .string("\(address)")]]]],
    ]
    return object.encoded()
  }

  private func servers() async throws -> [String] {
    let page = try await storage.getList(prefix: prefix, options: StorageListOptions(limit: 500))
    return page.objects.map { String($0.key.dropFirst(prefix.count)) }
  }

  private func write(_ servers: [String]) async throws {
    let hasLeft = hasLeft.withLock { $0 }
    // This server's own key was just written: no key at all is no answer.
    if servers.isEmpty && !hasLeft { return }
    let addresses = JSONValue.array(servers.map { ["ip": .string($0)] })
    let ports: JSONValue = [["name": "https", "port": .int(Int64(port)), "protocol": "TCP"]]
    let subsets: JSONValue = servers.isEmpty ? [] : [["addresses": addresses, "ports": ports]]
    let mirror = "endpointslice.kubernetes.io/skip-mirror"
    try await keep(
      [
        "metadata": ["name": "kubernetes", "labels": .object([mirror: "true"])], "subsets": subsets,
      ], ["subsets"], in: endpoints, mayCreate: !hasLeft)
    let isV6 = !servers.isEmpty && servers.allSatisfy { IPAddress($0)?.isIPv4 == false }
    try await keep(
      [
        "metadata": ["name": "kubernetes", "labels": .object(["kubernetes.io/service-name": "kubernetes"])],
        "addressType": isV6 ? "IPv6" : "IPv4",
        "endpoints": .array(
          servers.filter { IPAddress($0)?.isIPv4 == !isV6 }.map {
            ["addresses": [.string($0)], "conditions": ["ready": true]]
          }),
        "ports": servers.isEmpty ? [] : ports,
      ], ["endpoints", "ports"], in: slices, mayCreate: !hasLeft)
  }

  /// Makes an object, or changes these members of the one that is there.
  private func keep(
    _ wanted: JSONValue, _ members: [String], in store: Store, mayCreate: Bool
  ) async throws(Status) {
    guard let found = try await client.live(Self.name, in: store) else {
      if mayCreate { try await client.createIfMissing(wanted, in: store, namespace: Self.name.namespace) }
      return
    }
    let old = try store.tree(of: found)
    // As the store would hold it.
    let whole = try store.decodeBody(ByteSlice(wanted.encoded()), validation: .ignore).object
    let isSame = members.allSatisfy { RuleContext.areSame(whole[$0], old[$0]) }
    let labels = wanted["metadata"]?["labels"]
    if isSame && RuleContext.areSame(labels, old["metadata"]?["labels"]) { return }
    var new = old
    for member in members { new[member] = wanted[member] }
    new["metadata"]?["labels"] = labels
    try await client.update(new, in: store)
  }
}
