import ByteBuffers
import Machinery
import Metrics
import Storage
import StorageSQLite
import TestSupport
import Testing

@testable import Cacher

/// Every member of `CacherConfig` does something.
@Suite struct `Configuration of a cache` {
  private func a(_ name: String) -> String { prefix + name }

  /// Runs what was posted until it is enough.
  private func pump(_ home: ManualHome, _ what: String, _ condition: () -> Bool) async throws {
    try await eventually(what) {
      home.run()
      return condition()
    }
  }

  /// An object that says that it is a copy.
  @Sendable private static func copy(_ object: CachedObject) -> CachedObject {
    TestCodec.make(object.key, object.value + "'", object.revision)
  }

  @Test func `a copier makes a copy of whatever is handed out, and only then`() async throws {
    let storage = ModelStorage(.inProcess)
    storage.put(a("x"), "1")
    let cacher = try await makeCacher(storage) { $0.copier = Self.copy }
    let home = ManualHome()
    let watch = Collector(try await cacher.watch(WatchRequest(target: .prefix(prefix)), home: home))
    storage.put(a("x"), "2")
    storage.put(a("x"), nil)
    try await pump(home, "three events") { watch.lines.count == 3 }
    #expect(watch.lines == ["added \(a("x")) 2 1'", "modified \(a("x")) 3 2'", "deleted \(a("x")) 4 2'"])
    storage.put(a("y"), "3")
    #expect(try await cacher.get(key: a("y"), freshness: .consistent).value == "3'")
    guard case .found(let now) = cacher.getNow(key: a("y"), freshness: .any) else { throw Missing() }
    #expect(now.value == "3'")
    #expect(cacher.listNow(ListRequest(prefix: prefix, freshness: .any))?.objects.map(\.value) == ["3'"])
    #expect(try await cacher.list(ListRequest(prefix: prefix)).objects.map(\.value) == ["3'"])
    let stored = StoredObject(key: a("z"), value: SharedBytes("4"), revision: Revision(9))
    #expect(try cacher.written(stored).value == "4'" && cacher.written(stored).value == "4'")
    // Updates start from what is stored.
    let outcome = try await cacher.guaranteedUpdate(key: a("y"), ignoreNotFound: false, origin: nil) { shown in
      .write(SharedBytes((shown?.value.text ?? "") + "+"), ttl: nil)
    }
    #expect(outcome.object.value.text == "3+")
    await cacher.destroy()
  }

  @Test func `a copier serves without a cache too`() async throws {
    let storage = ModelStorage(.inProcess)
    var config = CacherConfig(
      storage: storage, resource: GroupResource(resource: "things"), resourcePrefix: prefix, codec: TestCodec())
    config.copier = Self.copy
    let objects = UndecoratedStorage(config)
    storage.put(a("x"), "1")
    let home = ManualHome()
    let watch = Collector(try await objects.watch(WatchRequest(target: .prefix(prefix)), home: home))
    try await pump(home, "the state") { watch.lines == ["added \(a("x")) 2 1'"] }
    storage.put(a("x"), "2")
    try await pump(home, "the change") { watch.lines.last == "modified \(a("x")) 3 2'" }
    #expect(try await objects.get(key: a("x"), freshness: .consistent).value == "2'")
    #expect(try await objects.list(ListRequest(prefix: prefix)).objects.map(\.value) == ["2'"])
    await objects.destroy()
  }

  @Test func `of a thousand watchers an event visits the one that wants its value`() async throws {
    let storage = ModelStorage(.inProcess)
    let cacher = try await makeCacher(storage) { $0.trigger = TriggerPublisher(field: "node") }
    let home = ManualHome()
    var all: [Collector] = []
    for number in 0..<1_000 {
      let request = WatchRequest(
        target: .prefix(prefix), start: .after(Revision(1)), predicate: field("node", "n\(number)"))
      all.append(Collector(try await cacher.watch(request, home: home)))
    }
    home.run()
    storage.put(a("x"), "node=n7;1")
    try await pump(home, "its event") { all[7].lines.count == 1 }
    #expect(cacher.statistics.visits == 1)
    // One that moves concerns two.
    storage.put(a("x"), "node=n8;2")
    try await pump(home, "both events") { all[7].lines.count == 2 && all[8].lines.count == 1 }
    #expect(cacher.statistics.visits == 3)
    #expect(all.map(\.lines.count).reduce(0, +) == 3)
    await cacher.destroy()
  }

  @Test func `keys and what they stand for go both ways`() {
    let nodes = KeyFunc(prefix: "/registry/minions/", isNamespaced: false)
    #expect(nodes.key("a", namespace: "") == "/registry/minions/a")
    #expect(nodes.scope(of: "/registry/minions/a") == KeyScope(name: "a"))
    #expect(nodes.prefix(namespace: "") == "/registry/minions/")
    let pods = KeyFunc(prefix: "/registry/pods/", isNamespaced: true)
    #expect(pods.key("a", namespace: "ns") == "/registry/pods/ns/a")
    #expect(pods.scope(of: "/registry/pods/ns/a") == KeyScope(namespace: "ns", name: "a"))
    #expect(pods.prefix(namespace: "ns") == "/registry/pods/ns/" && pods.prefix(namespace: "") == "/registry/pods/")
  }

  @Test func `objects are counted by who knows them, unless nobody wants to know`() async throws {
    func text(_ objects: any ObjectStorage) -> String {
      var text = MetricsText()
      objects.writeMetrics(&text)
      return text.text
    }
    let count = #"apiserver_resource_objects{group="",resource="things"} "#
    let storage = ModelStorage(.inProcess)
    storage.put(a("x"), "1")
    storage.put(a("y"), "1")
    let cacher = try await makeCacher(storage)
    #expect(text(cacher).contains(count + "2\n"))
    await cacher.destroy()
    let quiet = try await makeCacher(storage) { $0.countMetricPollPeriod = .zero }
    #expect(!text(quiet).contains("apiserver_resource_objects"))
    await quiet.destroy()

    var config = CacherConfig(
      storage: storage, resource: GroupResource(resource: "things"), resourcePrefix: prefix, codec: TestCodec())
    config.clock = TestClock().clock
    let plain = UndecoratedStorage(config)
    plain.start()
    try await eventually("the first count") { text(plain).contains(count + "2\n") }
    storage.put(a("z"), "1")
    try await eventually("another count") { text(plain).contains(count + "3\n") }
    storage.set { $0.isUnreachable = true }
    try await eventually("no count") { text(plain).contains(count + "-1\n") }
    await plain.destroy()
    config.countMetricPollPeriod = .zero
    let silent = UndecoratedStorage(config)
    silent.start()
    #expect(text(silent).isEmpty)
    await silent.destroy()
  }

  private struct Missing: Error {}
}
