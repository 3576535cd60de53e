import ByteBuffers
import Cacher
import JSON
import Machinery
import Registry
@testable import Resources
import Storage
import StorageEtcd3
import StorageSQLite
import TestSupport
import Testing

/// A store over SQLite and a cache, of nodes mostly.
struct Bench {
  let store: Store
  let destroy: @Sendable () async -> Void
  private let folder: TemporaryFolder

  /// Over SQLite, or over an etcd.
  static func make(
    _ definition: ResourceDefinition = .nodes, capacity: Int = 1_000, etcd: EtcdServer? = nil
  ) async throws -> Bench {
    let folder = try TemporaryFolder()
    var config = StorageBackend.Config()
    config.type = etcd == nil ? StorageBackend.typeSQLite : StorageBackend.typeETCD3
    config.serverList = etcd.map { [$0.url] } ?? []
    config.sqlitePath = folder.file("nodes.db")
    struct Factory: StorageFactory {
      func create(_ config: StorageBackend.Config) async throws -> (any Storage, DestroyFunc) {
        if config.type == StorageBackend.typeSQLite { return try await SQLiteStorage.make(config) }
        return try await Etcd3Storage.make(config)
      }
    }
    let codec = ResourceCodec(definition)
    var parameters = StorageDecorator.Parameters(definition, config: config, codec: codec)
    parameters.capacity = capacity
    let (objects, destroy) = try await StorageWithCacher(parameters, factory: Factory())
    return Bench(
      store: Store(ResourceStorage(definition, objects: objects, codec: codec, prefix: parameters.keyPrefix)),
      destroy: destroy,
      folder: folder)
  }

  func body(_ text: String) throws -> JSONValue {
    try store.decodeBody(ByteSlice(SharedBytes(text)), validation: .strict).object
  }

  @discardableResult
  func create(_ text: String) async throws -> JSONValue {
    try JSONValue(
      parsing: try await store.create(try body(text), namespace: "", options: WriteOptions(.create)).object.object)
  }

  func get(_ name: String) async throws -> JSONValue {
    try JSONValue(parsing: try await store.get(name, namespace: "").object)
  }

  func patch(
    _ name: String, _ kind: PatchKind, _ patch: String, _ subresource: Subresource = .main
  ) async throws -> JSONValue {
    try JSONValue(
      parsing: try await store.patch(
        name, namespace: "", kind: kind, body: ByteSlice(SharedBytes(patch)), subresource: subresource,
        options: WriteOptions(.patch)
      ).object.object)
  }
}

@Suite struct `The store of nodes` {
  @Test(arguments: [1_000, 0]) func `an object goes through its life, with a cache and without`(
    capacity: Int
  ) async throws {
    let bench = try await Bench.make(capacity: capacity)
    let made = try await bench.create(
      #"{"metadata":{"name":"a","labels":{"x":"1"}},"status":{"capacity":{"cpu":"1.0001"}}}"#)
    #expect(made["kind"] == "Node" && made["status"]?["allocatable"]?["cpu"] == "1001m")
    #expect(try await bench.get("a") == made)
    var changed = made
    changed["metadata"]?["labels"] = ["x": "2"]
    changed["status"] = ["phase": "Running"]
    let updated = try await bench.store.update("a", namespace: "", body: changed, options: WriteOptions(.update))
    let after = try JSONValue(parsing: updated.object.object)
    #expect(
      after["metadata"]?["labels"]?["x"] == "2" && after["status"] == made["status"],
      "the main resource keeps the status")
    #expect(
      after["metadata"]?["uid"] == made["metadata"]?["uid"]
        && after["metadata"]?["resourceVersion"] != made["metadata"]?["resourceVersion"])
    await #expect {
      try await bench.store.update("a", namespace: "", body: changed, options: WriteOptions(.update))
    } throws: { ($0 as? Status)?.reason == "Conflict" }
    guard case .gone(let status) = try await bench.store.delete("a", namespace: "", options: DeleteOptions()) else {
      return #expect(Bool(false))
    }
    #expect(status.isSuccess && status.details?.kind == "nodes" && status.code == 0)
    await #expect { try await bench.store.get("a", namespace: "") } throws: { ($0 as? Status)?.code == 404 }
    await bench.destroy()
  }

  @Test func `an update that changes nothing writes nothing`() async throws {
    let bench = try await Bench.make()
    let made = try await bench.create(#"{"metadata":{"name":"a"}}"#)
    let again = try await bench.store.update("a", namespace: "", body: made, options: WriteOptions(.update))
    #expect(
      try JSONValue(parsing: again.object.object)["metadata"]?["resourceVersion"]
        == made["metadata"]?["resourceVersion"])
    await bench.destroy()
  }

  @Test func `a configuration with nulls that is applied again later writes nothing`() async throws {
    let bench = try await Bench.make()
    var options = WriteOptions(.patch)
    options.fieldManager = "m"
    let config = try JSONValue(
      parsing:
        #"{"apiVersion":"v1","kind":"Node","metadata":{"name":"a","labels":null},"spec":{"podCIDRs":null,"unschedulable":null}}"#
    )
    let first = try await bench.store.apply("a", namespace: "", config: config, options: options)
    // Owners are dated by the second.
    try await Task.sleep(for: .milliseconds(1_100))
    let again = try await bench.store.apply("a", namespace: "", config: config, options: options)
    #expect(again.object.revision == first.object.revision && again.object.object.array == first.object.object.array)
    await bench.destroy()
  }

  @Test(arguments: PatchKind.allCases)
  func `a patch that can't be read is complained of only where there is something to patch`(
    kind: PatchKind
  ) async throws {
    let bench = try await Bench.make()
    await #expect { try await bench.patch("none", kind, "{") } throws: { ($0 as? Status)?.code == 404 }
    try await bench.create(#"{"metadata":{"name":"a"}}"#)
    await #expect { try await bench.patch("a", kind, "{") } throws: { ($0 as? Status)?.code == 400 }
    await bench.destroy()
  }

  @Test func `racing patches lose nothing`() async throws {
    let bench = try await Bench.make()
    try await bench.create(#"{"metadata":{"name":"a"}}"#)
    try await withThrowingTaskGroup { group in
      for i in 0..<64 {
        group.addTask { _ = try await bench.patch("a", .merge, #"{"metadata":{"labels":{"l\#(i)":"x"}}}"#) }
      }
      try await group.waitForAll()
    }
    #expect(try await bench.get("a")["metadata"]?["labels"]?.object?.count == 64)
    await bench.destroy()
  }

  @Test func `the status is changed through its own door alone`() async throws {
    let bench = try await Bench.make()
    try await bench.create(#"{"metadata":{"name":"a"},"spec":{"podCIDR":"10.0.0.0/24"}}"#)
    let patched = try await bench.patch(
      "a", .strategic,
      #"{"spec":{"unschedulable":true},"status":{"conditions":[{"type":"Ready","status":"True"}]},"metadata":{"labels":{"l":"1"}}}"#,
      .status)
    #expect(
      patched["spec"]?["unschedulable"] == nil && patched["status"]?["conditions"]?.array?.count == 1
        && patched["metadata"]?["labels"]?["l"] == "1")
    #expect(patched["spec"]?.encoded().text == #"{"podCIDR":"10.0.0.0/24","podCIDRs":["10.0.0.0/24"]}"#)
    await bench.destroy()
  }

  @Test func `finalizers keep an object until the last is gone`() async throws {
    let bench = try await Bench.make()
    try await bench.create(#"{"metadata":{"name":"a","generation":3,"finalizers":["x.io/a","x.io/b"]}}"#)
    guard case .pending(let marked) = try await bench.store.delete("a", namespace: "", options: DeleteOptions()) else {
      return #expect(Bool(false))
    }
    let object = try JSONValue(parsing: marked.object)
    #expect(
      object["metadata"]?["deletionTimestamp"] != nil && object["metadata"]?["deletionGracePeriodSeconds"] == 0
        && object["metadata"]?["generation"] == 4)
    await #expect { try await bench.create(#"{"metadata":{"name":"a"}}"#) } throws: {
      ($0 as? Status)?.message.hasPrefix("object is being deleted: ") == true
    }
    _ = try await bench.patch("a", .json, #"[{"op":"remove","path":"/metadata/finalizers/0"}]"#)
    #expect(try await bench.get("a")["metadata"]?["finalizers"] == ["x.io/b"])
    let last = try await bench.patch("a", .merge, #"{"metadata":{"finalizers":null}}"#)
    #expect(last["metadata"]?["finalizers"] == nil)
    await #expect { try await bench.get("a") } throws: { ($0 as? Status)?.code == 404 }
    await bench.destroy()
  }

  @Test func `generated names differ, and bad ones are refused`() async throws {
    let bench = try await Bench.make()
    var names = Set<String>()
    for _ in 0..<20 {
      names.insert(try await bench.create(#"{"metadata":{"generateName":"edge-"}}"#)["metadata"]?["name"]?.string ?? "")
    }
    #expect(names.count == 20 && names.allSatisfy { $0.hasPrefix("edge-") && $0.count == 10 })
    await #expect { try await bench.create(#"{"metadata":{"generateName":"Edge_"}}"#) } throws: {
      ($0 as? Status)?.details?.causes.count == 2
    }
    await bench.destroy()
  }

  @Test func `a dry run changes nothing and says what would be`() async throws {
    let bench = try await Bench.make()
    var options = WriteOptions(.create)
    options.dryRun = ["All"]
    let result = try await bench.store.create(
      try bench.body(#"{"metadata":{"name":"a"}}"#), namespace: "", options: options)
    let shown = try JSONValue(parsing: result.object.object)
    #expect(shown["metadata"]?["uid"] != nil && shown["metadata"]?["resourceVersion"] == nil)
    await #expect { try await bench.get("a") } throws: { ($0 as? Status)?.code == 404 }
    await bench.destroy()
  }

  @Test func `pages of a list show one state, and a broken token is refused`() async throws {
    let bench = try await Bench.make()
    for i in 0..<10 { try await bench.create(#"{"metadata":{"name":"n\#(i)","labels":{"even":"\#(i % 2 == 0)"}}}"#) }
    var options = ListOptions()
    options.limit = 3
    var names: [String] = []
    var versions = Set<String>()
    repeat {
      let page = try await bench.store.list(try bench.store.prepareList(options, namespace: ""))
      names += page.objects.map { $0.fields["metadata.name"] ?? "" }
      versions.insert(page.resourceVersion)
      if page.continueToken.isEmpty {
        #expect(page.remaining == nil)
      } else {
        #expect(page.remaining == 10 - names.count)
      }
      options.continueToken = page.continueToken
      // What happens in between is not for this listing.
      _ = try await bench.store.delete("n\(names.count - 1)", namespace: "", options: DeleteOptions())
    } while !options.continueToken.isEmpty
    #expect(names == (0..<10).map { "n\($0)" } && versions.count == 1)
    for token in ["zzz", "!", "e30", "eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6MSwic3RhcnQiOiIuLi94In0"] {
      options.continueToken = token
      #expect { try bench.store.prepareList(options, namespace: "") } throws: {
        ($0 as? Status)?.code == 400 && ($0 as? Status)?.message.hasPrefix("invalid continue token") == true
      }
    }
    await bench.destroy()
  }

  @Test(arguments: [
    (#"{"metadata":{"name":"v"},"spec":{"podCIDRs":["10.0.0.0/24","10.1.0.0/24"]}}"#, "spec.podCIDRs"),
    (#"{"metadata":{"name":"v"},"spec":{"podCIDR":"10.0.0.0/33"}}"#, "spec.podCIDRs[0]"),
    (#"{"metadata":{"name":"v"},"status":{"capacity":{"pods":"1500m"}}}"#, "status.capacity.pods"),
    (#"{"metadata":{"name":"v"},"status":{"capacity":{"cpu":"-1"}}}"#, "status.capacity.cpu"),
    (
      #"{"metadata":{"name":"v"},"spec":{"taints":[{"key":"a","value":"b c","effect":"NoSchedule"}]}}"#,
      "metadata.taints[0].value"
    ),
    (
      #"{"metadata":{"name":"v","ownerReferences":[{"apiVersion":"v1","kind":"Event","name":"e","uid":"u"}]}}"#,
      "metadata.ownerReferences"
    ),
    (#"{"metadata":{"name":"v","finalizers":["bad name"]}}"#, "metadata.finalizers"),
    (#"{"metadata":{"name":"v","generation":-1}}"#, "metadata.generation"),
  ])
  func `invalid nodes are refused with the field`(text: String, field: String) async throws {
    let bench = try await Bench.make()
    await #expect { try await bench.create(text) } throws: {
      ($0 as? Status)?.code == 422 && ($0 as? Status)?.details?.causes.first?.field == field
    }
    await bench.destroy()
  }

  @Test func `stored bytes are those of the object without its resourceVersion, whatever stands around it`() throws {
    let codec = ResourceCodec(ResourceDefinition.nodes)
    for meta in [
      #""name":"a""#, #""name":"a","uid":"u""#,
      #""name":"a","uid":"u","creationTimestamp":"2026-01-02T03:04:05Z","labels":{"resourceVersion":"7"}"#,
    ] {
      let text = #"{"kind":"Node","apiVersion":"v1","metadata":{\#(meta)},"spec":{},"status":{}}"#
      let object = try codec.decode(
        StoredObject(key: "/registry/minions/a", value: SharedBytes(text + "\n"), revision: Revision(42)))
      #expect(try JSONValue(parsing: object.object)["metadata"]?["resourceVersion"] == "42")
      #expect(codec.storedBytes(of: object).text == text + "\n")
      let later = codec.restamped(object, revision: Revision(12_345))
      #expect(
        try JSONValue(parsing: later.object)["metadata"]?["resourceVersion"] == "12345"
          && later.document.text.hasSuffix("},{"))
      #expect(codec.storedBytes(of: later).text == text + "\n")
    }
    // Another writer's order and spacing come out in ours.
    let foreign = try codec.decode(
      StoredObject(
        key: "/registry/minions/a",
        value: SharedBytes(#"{ "apiVersion":"v1", "metadata":{"uid":"u","name":"a"}, "kind":"Node" }"#),
        revision: Revision(5)))
    #expect(
      foreign.object.text.hasPrefix(
        #"{"kind":"Node","apiVersion":"v1","metadata":{"name":"a","uid":"u","resourceVersion":"5"},"spec":{}"#))
  }
}

@Suite struct `Ages` {
  @Test(arguments: [
    (0, "0s"), (119, "119s"), (120, "2m"), (125, "2m5s"), (599, "9m59s"), (600, "10m"), (10_799, "179m"),
    (10_800, "3h"), (10_860, "3h1m"), (28_800, "8h"), (172_799, "47h"), (172_800, "2d"),
    (176_400, "2d1h"), (691_200, "8d"), (63_072_000, "2y"), (70_000_000, "2y80d"), (300_000_000, "9y"),
  ])
  func `are shown as kubectl shows them`(seconds: Int64, text: String) throws {
    let node = try JSONTape.parse(SharedBytes(#"{"metadata":{"name":"a","creationTimestamp":"1970-01-01T00:00:00Z"}}"#))
      .root
    #expect(ResourceDefinition.nodes.columns[3].cell(node, seconds) == .string(text))
  }
}
