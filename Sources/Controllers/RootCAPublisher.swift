import Cacher
import JSON
import Machinery
public import Registry

/// Keeps the certificates in every namespace by which its pods know this server. (Kubernetes:
/// pkg/controller/certificates/rootcacertpublisher)
public final class RootCAPublisher: Controller {
  public static let flagName = "root-ca-certificate-publisher-controller"
  public let name = flagName
  public let queue = WorkQueue("root_ca_cert_publisher")
  private let configMaps: Store
  private let namespaces: Store
  private let client: SystemClient
  private let data: JSONValue

  private static let configMap = "kube-root-ca.crt"
  private static let description =
    "Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes clusters."
  private static let annotation = "kubernetes.io/description"

  /// `certificates`: PEM.
  public init(_ certificates: String, configMaps: Store, namespaces: Store, _ client: SystemClient) {
    self.configMaps = configMaps
    self.namespaces = namespaces
    self.client = client
    data = ["ca.crt": .string(certificates)]
  }

  public var sources: [EventSource] {
    [
      EventSource(namespaces) { [namespaces] event, object in
        event.kind == .deleted || object.isTerminating ? [] : [namespaces.objectName(of: object.key)]
      },
      // One that is there from the beginning is looked at for its namespace's sake.
      EventSource(configMaps, where: .named(Self.configMap)) { [configMaps] event, object in
        event.kind == .added ? [] : [ObjectName(configMaps.objectName(of: object.key).namespace)]
      },
    ]
  }

  public func sync(_ key: ObjectName) async throws -> SyncOutcome {
    guard let found = try await client.get(ObjectName(Self.configMap, namespace: key.name), in: configMaps) else {
      return try await create(in: key.name)
    }
    var configMap = try configMaps.tree(of: found)
    let isDescribed = !(configMap["metadata"]?["annotations"]?[Self.annotation]?.string ?? "").isEmpty
    if configMap["data"] == data && isDescribed { return .done }
    configMap["data"] = data
    var annotations = configMap["metadata"]?["annotations"]?.object ?? JSONObject()
    annotations[Self.annotation] = .string(Self.description)
    configMap["metadata"]?["annotations"] = .object(annotations)
    try await client.update(configMap, in: configMaps)
    return .done
  }

  private func create(in namespace: String) async throws -> SyncOutcome {
    let wanted: JSONValue = [
      "metadata": [
        "name": .string(Self.configMap), "annotations": .object([Self.annotation: .string(Self.description)]),
      ],
      "data": data,
    ]
    do throws(Status) {
      try await client.create(wanted, in: configMaps, namespace: namespace)
    } catch {
      if !error.isOfMissingNamespace { throw error }
    }
    return .done
  }
}
