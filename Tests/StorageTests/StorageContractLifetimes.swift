import ByteBuffers
import Cacher
import Machinery
import Storage
import Synchronization
import TestSupport
import Testing

/// Objects of these tests: their text is their document.
private struct TextCodec: ObjectCodec {
  let encodings = EncodingCache.unbounded
  func decode(_ stored: StoredObject) throws -> CachedObject {
    let document = SharedBytes(stored.value.text + ",{")
    return CachedObject(
      key: stored.key, revision: stored.revision, document: document, objectEnd: document.count - 2, itemOffset: 0,
      revisionRange: 0..<0, labels: StringMap([]), fields: StringMap([]), lease: stored.lease)
  }
  func storedBytes(of object: CachedObject) -> SharedBytes { SharedBytes(object.object.text) }
  func restamped(_ object: CachedObject, revision: Revision) -> CachedObject {
    CachedObject(
      key: object.key, revision: revision, document: object.document, objectEnd: object.objectEnd, itemOffset: 0,
      revisionRange: 0..<0, labels: object.labels, fields: object.fields, lease: object.lease)
  }
}

/// Runs what is posted at once.
private final class HereAndNow: WatchHome {
  func post(_ job: @escaping @Sendable () -> Void) { job() }
}

@Suite struct `Storage contract: times to live` {
  @Test(arguments: Backend.allCases)
  func `a key with a time to live goes away by itself, and watchers of a cache hear of it`(
    on backend: Backend
  ) async throws {
    try await withStorage(backend) { storage, prefix in
      let cacher = Cacher(
        CacherConfig(
          storage: storage, resource: GroupResource(resource: "things"), resourcePrefix: prefix, codec: TextCodec()))
      cacher.start()
      try await cacher.waitUntilReady()
      let begun = ContinuousClock.now
      // Written again without one: it stays, though it had the time that the others have, or a shorter one.
      _ = try await storage.create(key: prefix + "kept", value: bytes("x"), ttl: .seconds(1))
      let kept = try await storage.put(prefix + "kept", "x")
      #expect(kept.lease == 0)
      // Each write says anew how long: an event that is counted up stays on.
      _ = try await storage.create(key: prefix + "renewed", value: bytes("x"), ttl: .seconds(1))
      let renewed = try await storage.guaranteedUpdate(key: prefix + "renewed", ignoreNotFound: false, origin: nil) {
        _ in .write(bytes("y"), ttl: .seconds(3_600))
      }
      #expect(renewed.wasWritten && renewed.object.lease != 0)
      let made = try await storage.create(key: prefix + "made", value: bytes("m"), ttl: .seconds(1))
      #expect(made.lease != 0)
      #expect(try await storage.get(prefix + "made").lease == made.lease)
      _ = try await storage.create(prefix + "updated", "1")
      let updated = try await storage.guaranteedUpdate(key: prefix + "updated", ignoreNotFound: false, origin: nil) {
        _ in .write(bytes("u"), ttl: .seconds(1))
      }
      #expect(updated.object.lease != 0)

      let watcher = try await cacher.watch(
        WatchRequest(target: .prefix(prefix), start: .after(updated.object.revision)), home: HereAndNow())
      defer { watcher.stop() }
      let heard = Mutex<[String]>([])
      watcher.setReady {
        var events: [WatchEvent] = []
        _ = watcher.take(max: 100, into: &events)
        let lines = events.map { event in
          "\(event.kind) \(event.object?.key.dropFirst(prefix.count) ?? "-") \(event.object?.object.text ?? "-")"
        }
        heard.withLock { $0 += lines }
      }
      try await eventually("both are gone") { heard.withLock { $0.count } >= 2 }
      // No sooner than it was to live, but for what clocks and whole seconds are off.
      #expect(ContinuousClock.now - begun >= .milliseconds(900))
      #expect(heard.withLock { $0.sorted() } == ["deleted made m", "deleted updated u"])
      await #expect(throws: StorageError.keyNotFound(key: prefix + "made")) { try await storage.get(prefix + "made") }
      #expect(try await storage.list(prefix).keys == [prefix + "kept", prefix + "renewed"])
      let cached = try await cacher.list(ListRequest(prefix: prefix)).objects
      #expect(cached.map(\.key) == [prefix + "kept", prefix + "renewed"])
      // Without one again, the bytes being the same: the write is made for the time's sake.
      let forGood = try await storage.put(prefix + "renewed", "y")
      #expect(forGood.lease == 0 && forGood.revision > renewed.object.revision)
      await cacher.destroy()
    }
  }
}
