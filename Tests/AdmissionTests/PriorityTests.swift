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

@Suite struct `Priority of pods and classes` {
  @Test func `one class at most is the default`() async throws {
    let folder = try TemporaryFolder()
    var config = StorageBackend.Config()
    config.type = StorageBackend.typeSQLite
    config.sqlitePath = folder.file("test.db")
    let (raw, destroyRaw) = try await SQLiteStorage.make(config)
    let definition = ResourceDefinition.priorityClasses
    let codec = ResourceCodec(definition)
    let parameters = StorageDecorator.Parameters(definition, config: config, codec: codec)
    let (objects, destroy) = await StorageDecorator.storageWithCacher(parameters, over: raw)
    let store = Store(ResourceStorage(definition, objects: objects, codec: codec, prefix: parameters.keyPrefix))
    let plugin = Priority(store)

    func priorityClass(_ name: String, isDefault: Bool) -> JSONValue {
      ["metadata": ["name": .string(name)], "value": 5, "globalDefault": .bool(isDefault)]
    }
    func create(_ name: String, isDefault: Bool) async throws {
      let text = ByteSlice(priorityClass(name, isDefault: isDefault).encoded())
      let body = try store.decodeBody(text, validation: .strict).object
      _ = try await store.create(body, namespace: "", options: WriteOptions(.create))
    }
    func refusal(_ operation: AdmissionRequest.Operation, _ name: String, isDefault: Bool = true) async -> String? {
      let request = AdmissionRequest(
        operation, Priority.priorityClasses, name: name, new: priorityClass(name, isDefault: isDefault))
      do throws(Status) { try await plugin.validate(request, by: .unsecured) } catch { return error.message }
      return nil
    }

    try await create("low", isDefault: false)
    #expect(await refusal(.create, "first") == nil)
    try await create("first", isDefault: true)
    let told =
      "is forbidden: PriorityClass first is already marked as default. Only one default can exist"
    #expect(await refusal(.create, "second") == "priorityclasses.scheduling.k8s.io \"second\" \(told)")
    #expect(await refusal(.update, "low") == "priorityclasses.scheduling.k8s.io \"low\" \(told)")
    #expect(await refusal(.update, "first") == nil, "it is the default already")
    #expect(await refusal(.create, "second", isDefault: false) == nil)
    #expect(await refusal(.delete, "second") == nil)
    _ = try await store.delete("first", namespace: "", options: DeleteOptions())
    #expect(await refusal(.create, "second") == nil)
    await destroy()
    await destroyRaw()
  }
}
