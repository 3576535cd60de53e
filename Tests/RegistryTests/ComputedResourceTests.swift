import ByteBuffers
import Cacher
import JSON
import Machinery
import Registry
import Storage
import StorageSQLite
import TestSupport
import Testing

@testable import Resources

@Suite struct `Computed resources` {
  private func withStore(_ body: (Store) async throws -> Void) async throws {
    let folder = try TemporaryFolder()
    var config = StorageBackend.Config()
    config.type = StorageBackend.typeSQLite
    config.sqlitePath = folder.file("test.db")
    let (raw, destroy) = try await SQLiteStorage.make(config)
    let components = [
      Component("a") { .well("ok") }, Component("b") { .unwell("no") }, Component("c") { .failed("why") },
    ]
    let computed = BuiltInResources.computed(components)[0]
    try await body(computed.stores(besides: raw, encodings: EncodingCache())[0])
    await destroy()
  }

  private func list(_ store: Store, _ selector: String = "") async throws -> ListResult {
    var options = ListOptions()
    options.fieldSelector = selector
    options.readSelectors()
    return try await store.list(try store.prepareList(options, namespace: ""))
  }

  @Test func `objects are made when they are read, and have no revision`() async throws {
    try await withStore { store in
      let object = try await store.get("b", namespace: "")
      #expect(
        object.object.text
          == #"{"kind":"ComponentStatus","apiVersion":"v1","metadata":{"name":"b"},"#
          + #""conditions":[{"type":"Healthy","status":"False","message":"no"}]}"#)
      let all = try await list(store)
      #expect(all.resourceVersion.isEmpty)
      let statuses = try all.objects.map { try JSONValue(parsing: $0.object)["conditions"]?.array?.first }
      #expect(
        statuses == [
          ["type": "Healthy", "status": "True", "message": "ok"],
          ["type": "Healthy", "status": "False", "message": "no"],
          ["type": "Healthy", "status": "False", "error": "why"],
        ])
    }
  }

  @Test func `selectors choose and what is not there is missing`() async throws {
    try await withStore { store in
      let (named, others) = (try await list(store, "metadata.name=c"), try await list(store, "metadata.name!=c"))
      #expect(named.objects.count == 1 && others.objects.count == 2)
      await #expect(throws: Status.notFound(GroupResource(group: "", resource: "componentstatus"), "d")) {
        _ = try await store.get("d", namespace: "")
      }
    }
  }
}
