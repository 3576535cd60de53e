import ByteBuffers
import Storage
import TestSupport
import Testing

@testable import Cacher

@Suite struct `Encodings beside the objects` {
  private static func bytes(_ count: Int) -> SharedBytes { SharedBytes([UInt8](repeating: 0x78, count: count)) }
  private static let id = EncodingID(1)
  private static let cost = 1_000 + EncodingCache.overhead

  private func objects(_ count: Int, _ cache: EncodingCache) -> [CachedObject] {
    (0..<count).map { TestCodec.make("\(prefix)\($0)", "v", Revision(1), cache) }
  }

  private func violations(_ cache: EncodingCache) -> [String] {
    var all: [String] = []
    cache.checkInvariants { all.append($0) }
    return all
  }

  @Test func `a list fills three quarters of the room, others all of it, and all is counted`() {
    // Nothing is swept here: the pause has no end, and what would not fit twice is not asked for.
    let cache = EncodingCache(limit: 100 * Self.cost, pause: .seconds(1_000_000))
    let all = objects(200, cache)
    var kept = 0
    for object in all.prefix(75) where object.encodingOfMany(Self.id, make: { Self.bytes(1_000) }).isKept { kept += 1 }
    #expect(kept == 75 && cache.bytes == 75 * Self.cost)
    let more = all[75].encodingOfMany(Self.id) { Self.bytes(1_000) }
    #expect(!more.isKept && more.bytes.count == 1_000 && all[75].knownEncoding(Self.id) == nil && cache.unkept == 1)
    for object in all[80..<90] { _ = object.encoding(Self.id) { Self.bytes(1_000) } }
    #expect(cache.bytes <= 85 * Self.cost && cache.bytes <= cache.limit)
    #expect(violations(cache) == [])
  }

  @Test func `whatever comes, the bound holds, and room is made for those who ask`() async throws {
    let cache = EncodingCache(limit: 40 * Self.cost, pause: .zero)
    let all = objects(2_000, cache)
    await withTaskGroup(of: Void.self) { group in
      for part in 0..<4 {
        group.addTask {
          for (place, object) in all.enumerated() where place % 4 == part {
            if place % 3 == 0 {
              _ = object.encodingOfMany(Self.id) { Self.bytes(1_000) }
            } else {
              _ = object.encoding(Self.id) { Self.bytes(1_000) }
            }
            #expect(cache.bytes <= cache.limit + 4 * Self.cost)  // four may just be asking
            if place % 50 == 0 { await Task.yield() }
          }
        }
      }
    }
    try await eventually("room was made", within: .seconds(10)) { cache.evictions > 0 && cache.bytes <= cache.limit }
    // Those that come now are kept, however many were kept before.
    let late = objects(1, cache)[0]
    try await eventually("a new one is kept", within: .seconds(10)) {
      _ = late.encoding(Self.id) { Self.bytes(1_000) }
      return late.knownEncoding(Self.id) != nil
    }
    withExtendedLifetime(all) {}
  }

  @Test func `the least used go first`() async {
    let cache = EncodingCache(limit: 1_000 * Self.cost)
    let all = objects(30, cache)
    for object in all { _ = object.encoding(Self.id) { Self.bytes(1_000) } }
    // What is new counts as used.
    await cache.sweep(to: 0, rounds: 1)
    #expect(cache.bytes == 30 * Self.cost && cache.evictions == 0)
    for object in all[10..<20] { #expect(object.knownEncoding(Self.id) != nil) }
    await cache.sweep(to: 0, rounds: 1)
    #expect(all.map { $0.knownEncoding(Self.id) != nil } == (0..<30).map { (10..<20).contains($0) })
    #expect(cache.bytes == 10 * Self.cost && cache.evictions == 20 && violations(cache) == [])
    // No more than is asked for.
    await cache.sweep(to: 4 * Self.cost, rounds: 2)
    #expect(cache.bytes == 4 * Self.cost && violations(cache) == [])
  }

  @Test func `what an answer still holds stays, and stays counted`() async {
    let cache = EncodingCache(limit: 1_000 * Self.cost)
    let all = objects(2, cache)
    let held = all[0].encoding(Self.id) { Self.bytes(1_000) }
    _ = all[1].encoding(Self.id) { Self.bytes(1_000) }
    await cache.sweep(to: 0, rounds: 3)
    #expect(all[0].knownEncoding(Self.id) === held && all[1].knownEncoding(Self.id) == nil && cache.bytes == Self.cost)
    withExtendedLifetime(held) {}
  }

  @Test func `objects that are replaced, deleted or gone take theirs along, and the bound follows the objects`()
    async throws
  {
    let cache = EncodingCache()
    let storage = ModelStorage(.inProcess)
    for name in ["a", "b", "c"] { storage.put(prefix + name, "v") }
    let cacher = try await makeCacher(storage) { $0.codec = TestCodec(encodings: cache) }
    func fill() async throws {
      for object in try await cacher.list(ListRequest(prefix: prefix)).objects {
        _ = object.encoding(Self.id) { Self.bytes(1_000) }
      }
    }
    try await fill()
    #expect(cache.bytes == 3 * Self.cost)
    // A reader keeps an old state: its objects live, but what stood beside them is gone.
    let old = try await cacher.list(ListRequest(prefix: prefix))
    let revision = storage.put(prefix + "a", "w")
    _ = try await cacher.list(ListRequest(prefix: prefix, freshness: .notOlderThan(revision)))
    try await eventually("the replaced one's is gone", within: .seconds(10)) { cache.bytes == 2 * Self.cost }
    let removed = storage.put(prefix + "b", nil)
    _ = try await cacher.list(ListRequest(prefix: prefix, freshness: .notOlderThan(removed)))
    try await eventually("the deleted one's is gone", within: .seconds(10)) { cache.bytes == Self.cost }
    #expect(old.objects.count == 3 && violations(cache) == [])
    var lone: CachedObject? = TestCodec.make(prefix + "z", "v", Revision(1), cache)
    _ = lone?.encoding(Self.id) { Self.bytes(1_000) }
    #expect(cache.bytes == 2 * Self.cost)
    lone = nil
    #expect(cache.bytes == Self.cost && violations(cache) == [])
    await cacher.destroy()

    #expect(cache.limit == EncodingCache.leastBytes)
    cache.changeObjectBytes(by: 400 << 20)
    #expect(cache.limit == 100 << 20)
    cache.changeObjectBytes(by: -(200 << 20))
    #expect(cache.limit == 50 << 20)
    #expect(EncodingCache(limit: 5).limit == 5 && EncodingCache(limit: 0).limit == 0)
    let none = objects(1, EncodingCache(limit: 0))[0]
    #expect(none.encoding(Self.id) { Self.bytes(10) }.count == 10 && none.knownEncoding(Self.id) == nil)
  }

  @Test func `tables of objects that are gone don't pile up`() {
    let cache = EncodingCache(limit: 1 << 20)
    let lasting = objects(1, cache)[0]
    _ = lasting.encoding(Self.id) { Self.bytes(1_000) }
    for _ in 0..<10_000 { _ = objects(1, cache)[0].encoding(Self.id) { Self.bytes(100) } }
    #expect(cache.bytes == Self.cost && cache.tables < 100, "\(cache.tables)")
  }
}
