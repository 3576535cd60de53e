import ByteBuffers
import Machinery
import Storage
import Synchronization
import TestSupport
import Testing

@testable import Cacher

@Suite struct `Reads of a Cacher` {
  private func a(_ name: String) -> String { prefix + name }

  @Test func `a read on the spot is answered once the cache is as new as the storage in this process`() async throws {
    let storage = ModelStorage(.inProcess)
    let cacher = try await makeCacher(storage)
    storage.hold()
    storage.put(a("x"), "v")
    guard case .mustWait = cacher.getNow(key: a("x"), freshness: .consistent) else {
      Issue.record("answered too early"); return
    }
    guard case .missing = cacher.getNow(key: a("x"), freshness: .any) else {
      Issue.record("0 takes what is there"); return
    }
    #expect(cacher.listNow(ListRequest(prefix: prefix)) == nil)
    storage.release()
    #expect(try await cacher.get(key: a("x"), freshness: .consistent).value == "v")
    guard case .found(let object) = cacher.getNow(key: a("x"), freshness: .consistent) else {
      Issue.record("not there"); return
    }
    #expect(object.object.text == #"{"kind":"T","apiVersion":"v1","metadata":{"resourceVersion":"2"},"spec":"v"}"#)
    #expect(object.listItemAndSeparator.text == #""metadata":{"resourceVersion":"2"},"spec":"v"},{"#)
    await #expect(throws: StorageError.keyNotFound(key: a("y"))) {
      _ = try await cacher.get(key: a("y"), freshness: .consistent)
    }
    await cacher.destroy()
  }

  @Test func `pages are of one state, and count what is left`() async throws {
    let storage = ModelStorage(.inProcess)
    for n in 0..<10 { storage.put(a("k\(n)"), "color=\(n % 2 == 0 ? "red" : "blue")") }
    let cacher = try await makeCacher(storage)
    var request = ListRequest(prefix: prefix, limit: 4)
    let first = try await cacher.list(request)
    #expect(first.objects.map(\.key) == (0..<4).map { a("k\($0)") })
    #expect(first.remaining == 6 && first.hasMore && first.nextKey == a("k3") + "\0")
    for n in 0..<200 { storage.put(a("k\(n % 10)"), n % 3 == 0 ? nil : "later") }
    storage.put(a("k00"), "between")
    try await eventually("the writes") { cacher.cached(key: a("k00")) != nil }
    request.exactRevision = first.revision
    request.startKey = first.nextKey
    let second = try #require(cacher.listNow(request))
    #expect(
      second.objects.map(\.line) == (4..<8).map { "\(a("k\($0)")) \($0 + 2) color=\($0 % 2 == 0 ? "red" : "blue")" })
    #expect(second.revision == first.revision && second.remaining == 2)
    request.startKey = second.nextKey
    let third = try await cacher.list(request)
    #expect(third.objects.count == 2 && !third.hasMore && third.nextKey == nil && third.remaining == nil)
    let red = try await cacher.list(
      ListRequest(prefix: prefix, limit: 3, exactRevision: first.revision, predicate: label("color", "red")))
    #expect(red.objects.map(\.key) == [a("k0"), a("k2"), a("k4")] && red.hasMore && red.remaining == nil)
    await cacher.destroy()
  }

  @Test func `every revision that the ring covers can be read exactly, older ones are asked of the storage`()
    async throws
  {
    let storage = ModelStorage(.progress)
    let cacher = try await makeCacher(storage)
    for n in 0..<2_000 { storage.put(a("k\(n % 17)"), n % 5 == 0 ? nil : "v\(n)") }
    try await eventually("the writes") { cacher.statistics.revision == storage.now }
    let log = storage.world.withLock { $0.log }
    let lists = storage.calls("getList")
    for revision in stride(from: Int64(2), through: 2_001, by: 97) {
      let list = try await cacher.list(ListRequest(prefix: prefix, exactRevision: Revision(revision)))
      let model = ModelStorage.state(of: log, at: Revision(revision))
      #expect(
        list.objects.map(\.line) == model.keys.sorted().map { "\($0) \(model[$0]!.revision) \(model[$0]!.value)" })
    }
    #expect(storage.calls("getList") == lists)
    await #expect(throws: StorageError.resourceVersionTooLarge(requested: Revision(9_999), current: storage.now)) {
      _ = try await cacher.list(ListRequest(prefix: prefix, exactRevision: Revision(9_999)))
    }
    await cacher.destroy()
  }

  @Test func `an exact revision that nobody has any more is compacted`() async throws {
    let storage = ModelStorage(.progress)
    for n in 0..<20 { storage.put(a("k"), "v\(n)") }
    storage.compactAll()
    let cacher = try await makeCacher(storage)
    await #expect(throws: StorageError.compacted(requested: Revision(5), compacted: Revision(21))) {
      _ = try await cacher.list(ListRequest(prefix: prefix, exactRevision: Revision(5)))
    }
    await cacher.destroy()
  }

  @Test func `not older than the future is refused after a while`() async throws {
    let storage = ModelStorage(.newestAndCount)
    let cacher = try await makeCacher(storage)
    await #expect(throws: StorageError.resourceVersionTooLarge(requested: Revision(9), current: Revision(1))) {
      _ = try await cacher.list(ListRequest(prefix: prefix, freshness: .notOlderThan(Revision(9))))
    }
    await cacher.destroy()
  }

  @Test func `readers share one linearizable call that began after they came, and an idle cache is pushed on`()
    async throws
  {
    let storage = ModelStorage(.progress)
    storage.put(a("x"), "v")
    let cacher = try await makeCacher(storage)
    let before = storage.calls("currentRevision")
    for n in 0..<5 {
      storage.put("/r/others/\(n)", "v")
      let asked = storage.now
      let lists = try await withThrowingTaskGroup(of: ObjectList.self) { group in
        for _ in 0..<40 { group.addTask { try await cacher.list(ListRequest(prefix: prefix)) } }
        return try await group.reduce(into: [ObjectList]()) { $0.append($1) }
      }
      #expect(lists.allSatisfy { $0.revision >= asked && $0.objects.count == 1 })
    }
    #expect(storage.calls("currentRevision") - before < 100)
    #expect(cacher.statistics.readsFromStorage == 0)
    await cacher.destroy()
  }

  @Test
  func `under an old etcd a list is proven by newest and count, shown at the fence's revision, and continued there`()
    async throws
  {
    let storage = ModelStorage(.newestAndCount)
    for n in 0..<6 { storage.put(a("k\(n)"), "v") }
    let cacher = try await makeCacher(storage)
    storage.put("/r/others/x", "v")
    let first = try await cacher.list(ListRequest(prefix: prefix, limit: 4))
    #expect(first.revision == Revision(8) && first.objects.count == 4)
    #expect(cacher.statistics.readsFromStorage == 0)
    storage.put(a("k5"), nil)
    storage.put(a("k4"), "later")
    let second = try await cacher.list(
      ListRequest(prefix: prefix, startKey: first.nextKey, limit: 4, exactRevision: first.revision))
    #expect(second.objects.map(\.line) == ["\(a("k4")) 6 v", "\(a("k5")) 7 v"])
    // Progress that overtook the events must not make the cache skip them.
    storage.hold()
    storage.put(a("late"), "v")
    try await storage.requestProgress()
    let list = try await cacher.list(ListRequest(prefix: prefix))
    #expect(list.objects.contains { $0.key == a("late") })
    storage.release()
    try await eventually("the late event") { cacher.cached(key: a("late")) != nil }
    // Believed, it would have made the late event look impossible, and the cache list again.
    #expect(cacher.statistics.lists == 1)
    #expect(violations(cacher).isEmpty)
    await cacher.destroy()
  }

  @Test func `while the storage watch is lost the storage answers consistent reads, and the cache the others`()
    async throws
  {
    let storage = ModelStorage(.progress)
    storage.put(a("x"), "v1")
    let cacher = try await makeCacher(storage)
    storage.set { $0.watchFailures = 1_000_000 }
    storage.loseWatches()
    storage.put(a("x"), "v2")
    #expect(try await cacher.list(ListRequest(prefix: prefix)).objects.map(\.value) == ["v2"])
    #expect(try await cacher.list(ListRequest(prefix: prefix, freshness: .any)).objects.map(\.value) == ["v1"])
    storage.set { $0.watchFailures = 0 }
    try await eventually("resumed") { cacher.cached(key: a("x"))?.value == "v2" }
    #expect(cacher.statistics.lists == 1)
    await cacher.destroy()
  }

  @Test func `a cancelled reader stops waiting`() async throws {
    let storage = ModelStorage(.inProcess)
    let cacher = try await makeCacher(storage) { $0.freshnessWait = .seconds(600) }
    let reader = Task { try await cacher.list(ListRequest(prefix: prefix, freshness: .notOlderThan(Revision(99)))) }
    try await eventually("it waits") { cacher.statistics.freshnessWaits == 1 }
    reader.cancel()
    await #expect(throws: CancellationError.self) {
      _ = try await within(.seconds(5), "cancelled") { try await reader.value }
    }
    await cacher.destroy()
  }

  @Test func `an encoding is made once, and the table of encodings is bounded`() {
    let object = TestCodec.make("k", "v", Revision(1))
    var made = 0
    for _ in 0..<3 {
      _ = object.encoding(EncodingID(1)) {
        made += 1
        return .empty
      }
    }
    #expect(made == 1)
    for id in 2..<UInt32(2 + CachedObject.encodingsMax) { _ = object.encoding(EncodingID(id)) { .empty } }
    _ = object.encoding(EncodingID(1)) {
      made += 1
      return .empty
    }
    #expect(made == 2)
  }
}
