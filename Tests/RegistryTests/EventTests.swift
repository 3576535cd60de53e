import ByteBuffers
import Cacher
import JSON
import Machinery
import Storage
import StorageSQLite
import TestSupport
import Testing

@testable import Registry
@testable import Resources
@testable import Schema

/// Events over SQLite and a cache, by both groups.
private struct EventBench {
  let core: Store
  let events: Store
  let destroy: @Sendable () async -> Void
  private let folder: TemporaryFolder

  static func make(timeToLive: Duration? = nil) async throws -> EventBench {
    let folder = try TemporaryFolder()
    var config = StorageBackend.Config()
    config.type = StorageBackend.typeSQLite
    config.sqlitePath = folder.file("events.db")
    struct Factory: StorageFactory {
      func create(_ config: StorageBackend.Config) async throws -> (any Storage, DestroyFunc) {
        try await SQLiteStorage.make(config)
      }
    }
    let definition = ResourceDefinition.events(timeToLive: timeToLive)
    let codec = ResourceCodec(definition)
    let parameters = StorageDecorator.Parameters(definition, config: config, codec: codec)
    let (objects, destroy) = try await StorageWithCacher(parameters, factory: Factory())
    let stores = ResourceStorage(definition, objects: objects, codec: codec, prefix: parameters.keyPrefix).stores
    return EventBench(core: stores[0], events: stores[1], destroy: destroy, folder: folder)
  }

  static func options(_ verb: WriteOptions.Verb, by manager: String) -> WriteOptions {
    var options = WriteOptions(verb)
    options.fieldManager = manager
    return options
  }

  private static func tree(_ store: Store, _ object: CachedObject) throws -> JSONValue {
    try JSONValue(parsing: store.shown(object).object)
  }

  @discardableResult
  func create(_ store: Store, _ text: String, by manager: String = "one") async throws -> JSONValue {
    let body = try store.decodeBody(ByteSlice(SharedBytes(text)), validation: .strict).object
    return try Self.tree(
      store, try await store.create(body, namespace: "default", options: Self.options(.create, by: manager)).object)
  }

  @discardableResult
  func apply(
    _ store: Store, _ text: String, by manager: String, force: Bool = false
  ) async throws -> JSONValue {
    var options = Self.options(.patch, by: manager)
    options.force = force
    return try Self.tree(
      store,
      try await store.apply("e", namespace: "default", config: try JSONValue(parsing: text), options: options).object)
  }

  @discardableResult
  func merge(_ store: Store, _ patch: String, by manager: String) async throws -> JSONValue {
    try Self.tree(
      store,
      try await store.patch(
        "e", namespace: "default", kind: .merge, body: ByteSlice(SharedBytes(patch)),
        options: Self.options(.patch, by: manager)
      ).object)
  }

  func get(_ store: Store) async throws -> JSONValue {
    try Self.tree(store, try await store.get("e", namespace: "default"))
  }

  func list(_ store: Store, field selector: String) async throws -> [String] {
    var options = ListOptions()
    options.fieldSelector = selector
    options.readSelectors()
    return try await store.list(try store.prepareList(options, namespace: "default")).objects.map {
      try Self.tree(store, $0)["metadata"]?["name"]?.string ?? ""
    }
  }

  /// Who owns what: manager and version, then the fields.
  static func owners(_ event: JSONValue) -> [String: JSONValue] {
    var owners: [String: JSONValue] = [:]
    for entry in event["metadata"]?["managedFields"]?.array ?? [] {
      owners["\(entry["manager"]?.string ?? "") \(entry["apiVersion"]?.string ?? "")"] = entry["fieldsV1"]
    }
    return owners
  }
}

@Suite struct `Events in two groups` {
  private static let definition = ResourceDefinition.events(timeToLive: nil)

  private static func converter() throws -> VersionConverter {
    try #require(VersionConverter(definition, version: 1, model: .builtin))
  }

  private static func whole(_ text: String, _ place: Int) throws -> JSONValue {
    let info = definition.infos[place]
    return try TypeModel.builtin.decode(
      tree:
        try JSONValue(parsing: text), as: try #require(TypeModel.builtin.type(info.typeName))
    ).value
  }

  @Test func `both say the same by their own names, in their own order`() throws {
    let core = #"""
      {"kind":"Event","apiVersion":"v1","metadata":{"name":"a","namespace":"x"},"involvedObject":{"kind":"Pod","name":"p"},"reason":"r","message":"m","source":{"component":"c","host":"h"},"firstTimestamp":"2026-01-01T00:00:00Z","lastTimestamp":"2026-01-02T00:00:00Z","count":3,"type":"Normal","eventTime":"2026-01-01T00:00:00.000001Z","series":{"count":2,"lastObservedTime":"2026-01-01T00:00:00.000002Z"},"action":"do","related":{"name":"q"},"reportingComponent":"k","reportingInstance":"k1"}
      """#
    let events = #"""
      {"kind":"Event","apiVersion":"events.k8s.io/v1","metadata":{"name":"a","namespace":"x"},"eventTime":"2026-01-01T00:00:00.000001Z","series":{"count":2,"lastObservedTime":"2026-01-01T00:00:00.000002Z"},"reportingController":"k","reportingInstance":"k1","action":"do","reason":"r","regarding":{"kind":"Pod","name":"p"},"related":{"name":"q"},"note":"m","type":"Normal","deprecatedSource":{"component":"c","host":"h"},"deprecatedFirstTimestamp":"2026-01-01T00:00:00Z","deprecatedLastTimestamp":"2026-01-02T00:00:00Z","deprecatedCount":3}
      """#
    let converter = try Self.converter()
    #expect(converter.toServed(try JSONValue(parsing: core)).encoded().text == events)
    #expect(converter.toStored(try JSONValue(parsing: events)).encoded().text == core)
    // What neither says, each shows in its own way.
    let bareCore = try Self.whole(#"{"metadata":{"name":"a"}}"#, 0)
    let bareEvent = try Self.whole(#"{"metadata":{"name":"a"}}"#, 1)
    #expect(converter.toServed(bareCore)["eventTime"] == .null)
    #expect(converter.toStored(bareEvent)["involvedObject"] == [:])
  }

  /// An event of a group with any of its members.
  private static func random(_ place: Int, _ dice: inout Dice) throws -> JSONValue {
    let names =
      place == 0
      ? ["involvedObject", "message", "source", "firstTimestamp", "lastTimestamp", "count", "reportingComponent"]
      : [
        "regarding", "note", "deprecatedSource", "deprecatedFirstTimestamp", "deprecatedLastTimestamp",
        "deprecatedCount", "reportingController",
      ]
    func text() -> JSONValue { .string(dice.pick(["", "a", "é\u{301}", "involvedObject", "x\"y", "note"])) }
    func time(_ isFine: Bool) -> JSONValue {
      dice.one(in: 4)
        ? .null
        : .string("2026-01-0\(1 + dice.number(below: 9))T00:00:00\(isFine ? ".00000\(dice.number(below: 10))" : "")Z")
    }
    func reference() -> JSONValue {
      .object(
        JSONObject(
          unchecked: dice.some(["kind", "name", "namespace", "uid", "fieldPath"]).map {
            JSONObject.Member($0, text())
          }))
    }
    var members: [(String, JSONValue)] = [
      (names[0], reference()), (names[1], text()), (names[2], ["component": text(), "host": text()]),
      (names[3], time(false)), (names[4], time(false)), (names[5], .int(Int64(dice.number(below: 3)))),
      (names[6], text()), ("eventTime", time(true)), ("related", dice.one(in: 3) ? .null : reference()),
      ("series", ["count": .int(Int64(dice.number(below: 3))), "lastObservedTime": time(true)]),
    ]
    members += ["reason", "type", "action", "reportingInstance"].map { ($0, text()) }
    var event = JSONObject(
      unchecked: dice.some(members.map(\.0)).map { name in
        JSONObject.Member(name, members.first { $0.0 == name }?.1 ?? .null)
      })
    event["kind"] = "Event"
    event["apiVersion"] = .string(definition.infos[place].groupVersion.description)
    event["metadata"] = ["name": "a", "labels": ["message": "kept", "note": "kept"]]
    let type = try #require(TypeModel.builtin.type(definition.infos[place].typeName))
    return try TypeModel.builtin.decode(tree: .object(event), as: type).value
  }

  @Test(arguments: 0..<200) func `any event comes back from the other group as it was`(seed: Int) throws {
    var dice = Dice(UInt64(seed))
    let converter = try Self.converter()
    let core = try Self.random(0, &dice)
    let served = converter.toServed(core)
    #expect(served["apiVersion"] == "events.k8s.io/v1" && served["metadata"] == core["metadata"])
    #expect(converter.toStored(served) == core)
    let event = try Self.random(1, &dice)
    let stored = converter.toStored(event)
    #expect(stored["apiVersion"] == "v1" && stored["note"] == nil && stored["regarding"] == nil)
    // What one group leaves out when it is nothing, the other may show as nothing.
    #expect(converter.toStored(converter.toServed(stored)) == stored)
    #expect(converter.toServed(stored) == event)
  }

  @Test func `selectors name fields as their group does`() async throws {
    let bench = try await EventBench.make()
    try await bench.create(
      bench.core,
      #"{"metadata":{"name":"e"},"involvedObject":{"kind":"Pod","name":"p","namespace":"default","uid":"u"},"reason":"r","type":"Normal","reportingComponent":"k"}"#
    )
    try await bench.create(
      bench.core,
      #"{"metadata":{"name":"f"},"involvedObject":{"kind":"Node","namespace":"default"},"source":{"component":"c"}}"#)
    for (store, selector, found) in [
      (bench.core, "involvedObject.kind=Pod", ["e"]), (bench.core, "source=k", ["e"]), (bench.core, "source=c", ["f"]),
      (bench.core, "reportingComponent=k,type=Normal", ["e"]), (bench.core, "reason!=r", ["f"]),
      (bench.events, "regarding.kind=Pod,regarding.uid=u", ["e"]), (bench.events, "regarding.name!=p", ["f"]),
      (bench.events, "reportingController=k", ["e"]), (bench.events, "metadata.name=f", ["f"]),
    ] { #expect(try await bench.list(store, field: selector) == found, "\(selector)") }
    for (store, field) in [
      (bench.core, "regarding.kind"), (bench.core, "message"), (bench.core, "involvedObject"),
      (bench.events, "involvedObject.kind"), (bench.events, "source"), (bench.events, "regarding"),
      (bench.events, "regarding.nope"), (bench.events, "reportingComponent"),
    ] {
      await #expect {
        _ = try await bench.list(store, field: "\(field)=x")
      } throws: { ($0 as? Status)?.message == "field label not supported: \(field)" }
    }
    await bench.destroy()
  }

  @Test func `who owns a field in one group owns it in the other, by its name there`() async throws {
    let bench = try await EventBench.make()
    let applied =
      #"{"kind":"Event","apiVersion":"events.k8s.io/v1","metadata":{"name":"e"},"regarding":{"namespace":"default","name":"p"},"note":"n","eventTime":"2026-01-01T00:00:00.000000Z","reportingController":"k","reportingInstance":"i","action":"a","reason":"r","type":"Normal"}"#
    let made = try await bench.apply(bench.events, applied, by: "two")
    #expect(EventBench.owners(made).keys.sorted() == ["two events.k8s.io/v1"])
    #expect(EventBench.owners(made)["two events.k8s.io/v1"]?["f:note"] == [:])
    // The same entries are seen in the other group.
    #expect(EventBench.owners(try await bench.get(bench.core)) == EventBench.owners(made))
    // Who changes it there takes it away here.
    let changed = try await bench.merge(bench.core, #"{"message":"other","count":2}"#, by: "one")
    #expect(changed["message"] == "other" && changed["involvedObject"]?["name"] == "p")
    let owners = EventBench.owners(changed)
    #expect(owners["one v1"] == ["f:count": [:], "f:message": [:]])
    #expect(owners["two events.k8s.io/v1"]?["f:note"] == nil && owners["two events.k8s.io/v1"]?["f:reason"] == [:])
    #expect(try await bench.get(bench.events)["note"] == "other")
    // A conflict names the fields, and the version, as the one who has them knows them.
    let asked = applied.replacing(#""note":"n""#, with: #""note":"n","deprecatedCount":3"#)
    await #expect {
      try await bench.apply(bench.events, asked, by: "two")
    } throws: { error in
      let status = error as? Status
      return status?.code == 409 && status?.message.contains(#"conflicts with "one" using v1:"#) == true
        && status?.message.contains("- .message") == true && status?.message.contains("- .count") == true
    }
    // The other group's strict rules do not let it have its way; the core group's do.
    await #expect {
      try await bench.apply(bench.events, asked, by: "two", force: true)
    } throws: { ($0 as? Status)?.code == 422 }
    let forced = try await bench.apply(
      bench.core,
      #"{"kind":"Event","apiVersion":"v1","metadata":{"name":"e"},"involvedObject":{"namespace":"default","name":"p"},"message":"mine","action":"a","reason":"r","reportingComponent":"k","reportingInstance":"i"}"#,
      by: "two", force: true)
    #expect(forced["message"] == "mine")
    // What it had applied by the other group, and left out now, is gone, whatever its name was.
    #expect(forced["type"] == nil && forced["reason"] == "r" && forced["count"] == 2)
    #expect(EventBench.owners(forced)["two v1"]?["f:message"] == [:])
    #expect(EventBench.owners(forced)["one v1"] == ["f:count": [:]])
    await bench.destroy()
  }

  @Test func `rules, answers and complaints are those of the group that is asked`() async throws {
    let bench = try await EventBench.make()
    await #expect {
      try await bench.create(bench.events, #"{"metadata":{"name":"e"},"deprecatedCount":2}"#)
    } throws: { error in
      let status = error as? Status
      return status?.code == 422 && status?.message.hasPrefix(#"Event "e" is invalid"#) == true
        && status?.message.contains(#"count: Invalid value: "": needs to be unset"#) == true
    }
    try await bench.create(bench.core, #"{"metadata":{"name":"e"},"count":2}"#)
    for (store, name) in [(bench.core, "events"), (bench.events, "events.events.k8s.io")] {
      await #expect {
        try await store.get("missing", namespace: "default")
      } throws: { ($0 as? Status)?.message == "\(name) \"missing\" not found" }
    }
    let missing = try bench.events.decodeBody(
      ByteSlice(SharedBytes(#"{"metadata":{"name":"e2","namespace":"default"},"note":"n"}"#)), validation: .strict
    ).object
    // A PUT creates, by the rules of creation.
    await #expect {
      try await bench.events.update("e2", namespace: "default", body: missing, options: WriteOptions(.update))
    } throws: { ($0 as? Status)?.code == 422 }
    let put = try bench.core.decodeBody(
      ByteSlice(
        SharedBytes(#"{"metadata":{"name":"e2","namespace":"default"},"involvedObject":{"namespace":"default"}}"#)),
      validation: .strict
    ).object
    #expect(
      try await bench.core.update("e2", namespace: "default", body: put, options: WriteOptions(.update)).code == 201)
    await bench.destroy()
  }
}

@Suite struct `Events that go by themselves` {
  @Test func `an event goes after its time, and every write gives it the whole time again`() async throws {
    let short = try await EventBench.make(timeToLive: .milliseconds(50))
    try await short.create(short.core, #"{"metadata":{"name":"e"},"involvedObject":{"namespace":"default"}}"#)
    try await eventually("the event to go", within: .seconds(30)) {
      do { _ = try await short.get(short.events) } catch let error as Status { return error.code == 404 }
      return false
    }
    await short.destroy()

    let long = try await EventBench.make(timeToLive: .seconds(3_600))
    try await long.create(long.core, #"{"metadata":{"name":"e"},"involvedObject":{"namespace":"default"}}"#)
    let made = try await long.core.get("e", namespace: "default")
    #expect(made.lease != 0)
    try await long.merge(long.core, #"{"count":2}"#, by: "one")
    let counted = try await long.core.get("e", namespace: "default")
    #expect(counted.lease != 0 && counted.revision > made.revision)
    // What changes nothing is no write.
    try await long.merge(long.core, #"{"count":2}"#, by: "one")
    #expect(try await long.core.get("e", namespace: "default").revision == counted.revision)
    // One that waits for its finalizers does not go before they do.
    try await long.merge(long.core, #"{"metadata":{"finalizers":["example.org/x"]}}"#, by: "one")
    var options = DeleteOptions()
    options.propagationPolicy = "Orphan"
    guard case .pending(let going) = try await long.events.delete("e", namespace: "default", options: options) else {
      return #expect(Bool(false))
    }
    // The policy adds no finalizer of its own.
    #expect(
      try JSONValue(parsing: long.events.shown(going).object)["metadata"]?["finalizers"] == ["example.org/x"]
        && going.lease == 0)
    await long.destroy()

    let forGood = try await EventBench.make()
    try await forGood.create(forGood.core, #"{"metadata":{"name":"e"},"involvedObject":{"namespace":"default"}}"#)
    #expect(try await forGood.core.get("e", namespace: "default").lease == 0)
    await forGood.destroy()
  }
}
