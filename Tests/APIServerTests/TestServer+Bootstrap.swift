import Admission
import Controllers
import JSON
import Logging
import Machinery
import Registry
import TestSupport

@testable import APIServer

extension TestServer {
  /// Runs `body` while the hooks keep what a cluster begins with, which is there by then.
  func bootstrapped(_ body: () async throws -> Void) async throws {
    let client = SystemClient.server(SystemClient.Surroundings(admission: AdmissionChain([]), audit: nil))
    let hooks = BootstrapHooks.all(client) { store(of: $0) }
    let tasks = hooks.map { hook in Task { await hook.run(Logger(label: "test")) } }
    do {
      for hook in hooks {
        try await eventually(hook.name) {
          try hook.check()
          return true
        }
      }
      try await eventually("all flow schemas are told") { try await self.areFlowSchemasTold() }
      try await body()
    } catch {
      await Self.end(tasks)
      throw error
    }
    await Self.end(tasks)
  }

  private static func end(_ tasks: [Task<Void, Never>]) async {
    for task in tasks { task.cancel() }
    for task in tasks { await task.value }
  }

  func store(of resource: GroupResource) -> Store? {
    api.catalog.served.stored(GroupVersion(group: resource.group, version: "v1"), resource.resource)?.store
  }

  /// All objects of a resource, as clients see them.
  func objects(of resource: GroupResource) async throws -> [JSONValue] {
    guard let store = store(of: resource) else { return [] }
    let list = try await store.list(store.prepareList(ListOptions(), namespace: ""))
    return try list.objects.map { try store.tree(of: $0) }
  }

  private func areFlowSchemasTold() async throws -> Bool {
    let schemas = try await objects(of: GroupResource(group: "flowcontrol.apiserver.k8s.io", resource: "flowschemas"))
    return schemas.allSatisfy { $0["status"]?["conditions"] != nil }
  }
}
