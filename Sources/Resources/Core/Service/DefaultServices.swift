public import Machinery
import Cacher
import JSON
import Registry

/// What a cluster has from the beginning: the network of its services, and the service `kubernetes` through which pods
/// reach this server. (Kubernetes: pkg/controlplane/controller/defaultservicecidr and kubernetesservice)
extension ServiceAllocation {
  private static let name = "kubernetes"
  private static let networkManager = "kubernetes-service-cidr-controller"

  /// Makes what is not there, and leaves alone what is. `securePort`: where this server listens. Throws what keeps it
  /// from being there.
  public func makeDefaults(securePort: Int) async throws(Status) {
    let connection = try connection()
    try await makeNetwork(connection.ips.networks)
    try await makeService(connection.services, securePort: securePort)
  }

  private func makeNetwork(_ networks: Store) async throws(Status) {
    let wanted = settings.networks.map { "\($0)" }
    let shown = JSONValue.array(wanted.map { .string($0) })
    guard let found = try await Self.find(Self.name, "", in: networks) else {
      return try await make(
        ["metadata": ["name": .string(Self.name)], "spec": ["cidrs": shown]], "", in: networks
      ) { () async throws(Status) in try await self.tellReady(networks) }
    }
    let given = ObjectView(found["spec"]).texts("cidrs")
    if wanted.count == 2 && given == [wanted[0]] {
      var changed = found
      changed["spec"] = ["cidrs": shown]
      var options = WriteOptions(.update)
      options.fieldManager = SystemWrites.manager
      _ = try await networks.update(Self.name, namespace: "", body: changed, options: options)
    }
    // Another network than was asked for is somebody's will; so is one that is said not to be ready.
    guard given == wanted, found["metadata"]?["deletionTimestamp"] == nil else { return }
    let ready = ObjectView(found["status"]).list("conditions").first { $0.text("type") == "Ready" }
    if ready == nil || ready?.text("status") == "Unknown" { try await tellReady(networks) }
  }

  private func tellReady(_ networks: Store) async throws(Status) {
    let config: JSONValue = [
      "apiVersion": "networking.k8s.io/v1", "kind": "ServiceCIDR", "metadata": ["name": .string(Self.name)],
      "status": [
        "conditions": [
          [
            "type": "Ready", "status": "True", "lastTransitionTime": .string(Timestamp.text(Timestamp.now)),
            "message": "Kubernetes default Service CIDR is ready",
          ]
        ]
      ],
    ]
    var options = WriteOptions(.patch)
    options.fieldManager = Self.networkManager
    options.force = true
    _ = try await networks.apply(
      Self.name, namespace: "", config: config, subresource: .status, options: options)
  }

  private func makeService(_ services: Store, securePort: Int) async throws(Status) {
    if try await Self.find(Self.name, "default", in: services) != nil { return }
    guard let network = settings.networks.first, let address = network.first.advanced(by: 1) else { return }
    let service: JSONValue = [
      "metadata": ["name": .string(Self.name), "labels": ["component": "apiserver", "provider": "kubernetes"]],
      "spec": [
        "ports": [["name": "https", "protocol": "TCP", "port": 443, "targetPort": .int(Int64(securePort))]],
        "clusterIP": .string("\(address)"), "ipFamilyPolicy": .string(ServiceSpec.singleStack),
        "sessionAffinity": "None", "type": "ClusterIP",
      ],
    ]
    try await make(service, "default", in: services)
  }

  private static func find(_ name: String, _ namespace: String, in store: Store) async throws(Status) -> JSONValue? {
    do throws(Status) {
      let found = try await store.get(name, namespace: namespace)
      return try? JSONValue(parsing: store.shown(found).object)
    } catch {
      if error.code == 404 { return nil }
      throw error
    }
  }

  /// Another replica may be faster, which is as good. `then`: what belongs to it.
  private func make(
    _ object: JSONValue, _ namespace: String, in store: Store, then: () async throws(Status) -> Void = {}
  ) async throws(Status) {
    do throws(Status) {
      let body = try store.decodeBody(ByteSlice(object.encoded()), validation: .strict).object
      _ = try await store.create(body, namespace: namespace, options: SystemWrites.create)
    } catch {
      if error.reason != "AlreadyExists" { throw error }
    }
    try await then()
  }
}
