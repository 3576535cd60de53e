import Access
import ByteBuffers
import Cacher
import JSON
import Machinery
import Registry
import Storage
import StorageSQLite
import TestSupport
import Testing

@testable import Admission
@testable import Resources

@Suite struct `Namespace lifecycle` {
  /// A store of namespaces over SQLite.
  private struct Bench {
    let store: Store
    let plugin: NamespaceLifecycle
    let destroy: DestroyFunc
    private let folder: TemporaryFolder

    init(capacity: Int) async throws {
      folder = try TemporaryFolder()
      var config = StorageBackend.Config()
      config.type = StorageBackend.typeSQLite
      config.sqlitePath = folder.file("test.db")
      struct Factory: StorageFactory {
        func create(_ config: StorageBackend.Config) async throws -> (any Storage, DestroyFunc) {
          try await SQLiteStorage.make(config)
        }
      }
      let definition = ResourceDefinition.namespaces
      let codec = ResourceCodec(definition)
      var parameters = StorageDecorator.Parameters(
        config: config, type: definition.groupResource, resourcePrefix: definition.folder, isNamespaced: false,
        codec: codec)
      parameters.capacity = capacity
      let (objects, destroy) = try await StorageWithCacher(parameters, factory: Factory())
      store = Store(ResourceStorage(definition, objects: objects, codec: codec, prefix: parameters.keyPrefix))
      plugin = NamespaceLifecycle(store)
      self.destroy = destroy
    }

    func create(_ name: String, labels: String = "{}") async throws {
      let text = SharedBytes(#"{"metadata":{"name":"\#(name)","labels":\#(labels)}}"#)
      let body = try store.decodeBody(ByteSlice(text), validation: .strict).object
      _ = try await store.create(body, namespace: "", options: WriteOptions(.create))
    }

    func delete(_ name: String) async throws {
      _ = try await store.delete(name, namespace: "", options: DeleteOptions())
    }

    /// The refusal; nil for none.
    func refusal(
      _ operation: AdmissionRequest.Operation, in namespace: String, name: String = "c"
    ) async -> Status? {
      let resource = GroupResource(group: "", resource: "configmaps")
      var request = AdmissionRequest(
        operation, resource, name: name, namespace: namespace, new: ["metadata": ["generateName": "c-"]])
      do throws(Status) { try await plugin.mutate(&request, by: .unsecured) } catch { return error }
      return nil
    }
  }

  @Test func `who looks after devices that others use does so in a namespace that is labelled for it`() async throws {
    let bench = try await Bench(capacity: 1_000)
    try await bench.create("plain")
    try await bench.create("labelled", labels: #"{"resource.kubernetes.io/admin-access":"true"}"#)
    let plugin = DeviceAdminAccess(bench.store)
    let claims = GroupResource(group: "resource.k8s.io", resource: "resourceclaims")
    let templates = GroupResource(group: "resource.k8s.io", resource: "resourceclaimtemplates")
    let spec: JSONValue = ["devices": ["requests": [["name": "a"], ["name": "b", "exactly": ["adminAccess": true]]]]]
    let given: JSONValue = ["allocation": ["devices": ["results": [["adminAccess": true]]]]]
    func refusal(_ request: AdmissionRequest) async -> String? {
      do throws(Status) { try await plugin.validate(request, by: .unsecured) } catch { return error.message }
      return nil
    }
    let why = "admin access to devices requires the `resource.kubernetes.io/admin-access: true` label on the "
    let end = "containing namespace"
    func claim(_ namespace: String) -> AdmissionRequest {
      AdmissionRequest(.create, claims, name: "c", namespace: namespace, new: ["spec": spec])
    }
    #expect(
      await refusal(claim("plain"))
        == #"ResourceClaim.resource.k8s.io "c" is invalid: spec.devices.requests[1].adminAccess: Forbidden: "# + why
        + end)
    #expect(await refusal(claim("labelled")) == nil)
    let template = AdmissionRequest(.create, templates, name: "t", namespace: "plain", new: ["spec": ["spec": spec]])
    #expect(await refusal(template)?.hasPrefix(#"ResourceClaimTemplate.resource.k8s.io "t" is invalid: spec."#) == true)
    func status(_ old: JSONValue) -> AdmissionRequest {
      AdmissionRequest(
        .update, claims, name: "c", namespace: "plain", subresource: .status, new: ["status": given],
        old: ["status": old])
    }
    #expect(await refusal(status([:]))?.contains(" status.allocation.devices.results[0].adminAccess: ") == true)
    #expect(await refusal(status(given)) == nil, "what was granted stays")
    await bench.destroy()
  }

  @Test(arguments: [1_000, 0]) func `nothing is made where there is no namespace`(capacity: Int) async throws {
    let bench = try await Bench(capacity: capacity)
    for operation in [AdmissionRequest.Operation.create, .update] {
      let status = await bench.refusal(operation, in: "gone")
      #expect(status?.code == 404 && status?.message == #"namespaces "gone" not found"#)
    }
    #expect(await bench.refusal(.delete, in: "gone") == nil)
    try await bench.create("gone")
    #expect(await bench.refusal(.create, in: "gone") == nil, "what was made is known at once")
    await bench.destroy()
  }

  @Test(arguments: [1_000, 0]) func `nothing is made in a namespace that goes, but all else passes`(
    capacity: Int
  ) async throws {
    let bench = try await Bench(capacity: capacity)
    // Again and again: the cache may never be behind the answer to the DELETE.
    for round in 0..<20 {
      let name = "n\(round)"
      try await bench.create(name)
      #expect(await bench.refusal(.create, in: name) == nil)
      try await bench.delete(name)
      let status = try #require(await bench.refusal(.create, in: name))
      #expect(
        status.code == 403
          && status.message == #"configmaps "c" is forbidden: unable to create new content in namespace "#
            + "\(name) because it is being terminated"
      )
      #expect(
        status.details?.causes == [
          Status.Cause(
            reason: "NamespaceTerminating", message: "namespace \(name) is being terminated",
            field: "metadata.namespace")
        ])
      #expect(await bench.refusal(.create, in: name, name: "")?.message.hasPrefix(#"configmaps "c-" is"#) == true)
      for operation in [AdmissionRequest.Operation.update, .delete] {
        #expect(await bench.refusal(operation, in: name) == nil)
      }
    }
    await bench.destroy()
  }

  @Test func `the system's namespaces stay`() async throws {
    let bench = try await Bench(capacity: 0)
    func refusal(_ operation: AdmissionRequest.Operation, _ name: String) async -> String? {
      var request = AdmissionRequest(operation, NamespaceLifecycle.namespaces, name: name)
      do throws(Status) { try await bench.plugin.mutate(&request, by: .unsecured) } catch { return error.message }
      return nil
    }
    for name in ["default", "kube-system", "kube-public"] {
      #expect(
        await refusal(.delete, name) == #"namespaces "\#(name)" is forbidden: this namespace may not be deleted"#)
      #expect(await refusal(.update, name) == nil)
    }
    for name in ["kube-node-lease", "other"] { #expect(await refusal(.delete, name) == nil) }
    await bench.destroy()
  }

  @Test func `what is in no namespace does not concern it`() async throws {
    let bench = try await Bench(capacity: 0)
    let concerns = { (definition: ResourceDefinition) in bench.plugin.concerns(.unsecured, definition.infos[0]) }
    #expect(!concerns(.nodes) && concerns(.namespaces) && concerns(.leases))
    await bench.destroy()
  }
}
