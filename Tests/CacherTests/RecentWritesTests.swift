import ByteBuffers
import Machinery
import Storage
import Synchronization
import TestSupport
import Testing

@testable import Cacher

@Suite struct `Writes that the watch has not shown yet` {
  private func a(_ name: String) -> String { prefix + name }

  @Test func `an update begins with what was written last, and its event finds the object decoded`() async throws {
    let storage = ModelStorage(.inProcess)
    storage.put(a("x"), "0")
    let cacher = try await makeCacher(storage)
    storage.hold()
    let shown = Mutex<[String]>([])
    var last: CachedObject?
    for round in 1...3 {
      let outcome = try await cacher.guaranteedUpdate(key: a("x"), ignoreNotFound: false, origin: nil) { stored in
        shown.withLock { $0.append(stored?.value.text ?? "-") }
        return .write(SharedBytes("\(round)"), ttl: nil)
      }
      last = try cacher.written(outcome.object)
    }
    #expect(shown.withLock { $0 } == ["0", "1", "2"], "no round saw an older object and had to be repeated")
    #expect(cacher.cached(key: a("x"))?.value == "0", "reads from the cache go by its own revision")
    storage.release()
    try await eventually("the events") { cacher.cached(key: a("x"))?.value == "3" }
    #expect(cacher.cached(key: a("x")) === last)
    #expect(cacher.recent.withLock { $0.count } == 0)
    // Somebody else's write is newer than ours.
    storage.put(a("x"), "theirs")
    try await eventually("their event") { cacher.cached(key: a("x"))?.value == "theirs" }
    _ = try await cacher.guaranteedUpdate(key: a("x"), ignoreNotFound: false, origin: nil) { stored in
      #expect(stored?.value.text == "theirs")
      return .keep
    }
    await cacher.destroy()
  }

  @Test func `what is remembered stays within its bounds and goes once it was seen`() {
    var recent = RecentWrites()
    for revision in 1...(RecentWrites.entriesMax + 100) {
      recent.note(TestCodec.make("k\(revision)", "v", Revision(Int64(revision))), seen: .zero)
    }
    #expect(
      recent.count == RecentWrites.entriesMax && recent["k1"] != nil && recent["k\(RecentWrites.entriesMax + 1)"] == nil
    )
    let large = String(repeating: "x", count: RecentWrites.bytesMax / 3)
    recent.note(TestCodec.make("k1", large, Revision(9_001)), seen: Revision(100))
    #expect(
      recent["k1"]?.revision == Revision(9_001) && recent["k2"] == nil && recent["k101"] != nil,
      "what the cache has seen is dropped for it")
    for place in 2...4 {
      recent.note(TestCodec.make("k\(place)", large, Revision(Int64(9_000 + place))), seen: Revision(100))
    }
    #expect(recent.bytes <= RecentWrites.bytesMax && recent["k4"] == nil)
    recent.note(TestCodec.make("k1", "old", Revision(8_000)), seen: Revision(100))
    #expect(recent["k1"]?.revision == Revision(9_001), "an older write does not replace a newer one")
    #expect(recent.take("k1", at: Revision(9_000)) == nil && recent["k1"] != nil)
    #expect(recent.take("k1", at: Revision(9_001))?.revision == Revision(9_001) && recent["k1"] == nil)
    #expect(
      recent.take("k101", at: Revision(5_000)) == nil && recent["k101"] == nil, "a newer event than ours ends it too")
    recent.drop(through: Revision(10_000))
    #expect(recent.count == 0 && recent.bytes == 0)
  }
}
