import ByteBuffers
import Storage
import TestSupport
import Testing

@Suite struct `Storage contract: history and end` {
  @Test(arguments: Backend.allCases)
  func `compaction forgets the past and nothing else`(on backend: Backend) async throws {
    try await withStorage(backend, isAlone: true) { storage, prefix in
      let first = try await storage.create(prefix + "a", "a1").revision
      let second = try await storage.create(prefix + "b", "b1").revision
      _ = try await storage.put(prefix + "a", "a2")
      _ = try await storage.remove(prefix + "b")
      let kept = try await storage.create(prefix + "c", "c1").revision
      let last = try await storage.put(prefix + "a", "a3").revision
      try await storage.compact(through: kept)
      guard backend.keepsHistory else {
        // It has nothing to forget: the call is taken and harms nothing.
        #expect(try await storage.list(prefix).texts == ["a3", "c1"])
        #expect(try await storage.get(prefix + "c").revision == kept)
        return
      }
      // The state at the compacted revision is still whole.
      #expect(try await storage.list(prefix, at: kept).texts == ["a2", "c1"])
      #expect(try await storage.list(prefix, at: last).texts == ["a3", "c1"])
      #expect(try await storage.list(prefix).texts == ["a3", "c1"])
      #expect(try await storage.get(prefix + "c").revision == kept)
      for gone in [first, second] {
        await #expect { try await storage.list(prefix, at: gone) } throws: { isCompacted($0) }
      }
      let watch = try await storage.watch(prefix: prefix, after: kept)
      #expect(try await collect(watch, count: 1).map(\.revision) == [last])
      watch.cancel()
      #expect(try await storage.oldestWatchableRevision(atMostBack: 1_000_000) <= last)
      #expect(try await storage.currentRevision() >= last)
    }
  }

  @Test(arguments: Backend.allCases)
  func `a watch after a forgotten revision says so`(on backend: Backend) async throws {
    try await withStorage(backend, isAlone: true) { storage, prefix in
      let first = try await storage.create(prefix + "a", "1").revision
      // What can't be told to forget does so by itself: etcd2 after 1,000 events.
      for number in 0..<(backend.keepsHistory ? 10 : 1_010) { _ = try await storage.put(prefix + "a", "\(number + 2)") }
      let last = try await storage.currentRevision()
      try await storage.compact(through: last)
      // Either at once or as the end of the stream; the reader treats both alike.
      do {
        let watch = try await storage.watch(prefix: prefix, after: first)
        let reason = try await end(of: watch)
        #expect(isCompacted(reason))
      } catch { #expect(isCompacted(error)) }
    }
  }

  @Test(arguments: Backend.allCases)
  func `a cache may start some way back`(on backend: Backend) async throws {
    try await withStorage(backend, isAlone: true) { storage, prefix in
      var revisions: [Revision] = []
      for number in 0..<30 { revisions.append(try await storage.put("\(prefix)\(number % 3)", "\(number)").revision) }
      let start = try await storage.oldestWatchableRevision(atMostBack: 10)
      let newest = try await storage.currentRevision()
      #expect(start.rawValue >= newest.rawValue - 10 && start <= newest)
      let list = try await storage.list(prefix, at: start)
      #expect(list.revision == start && list.objects.count == 3)
      let watch = try await storage.watch(prefix: prefix, after: start)
      let missing = revisions.filter { $0 > start }
      #expect(try await collect(watch, count: missing.count).map(\.revision) == missing)
      watch.cancel()
    }
  }

  @Test(arguments: Backend.allCases)
  func `a storage that serves is ready, alive, and knows its size`(on backend: Backend) async throws {
    try await withStorage(backend) { storage, prefix in
      try await storage.readinessCheck()
      try await storage.livenessCheck()
      _ = try await storage.create(prefix + "a", String(repeating: "x", count: 100_000))
      // The v2 API has no word for it.
      let bytes = try await storage.databaseBytes()
      if backend == .etcd2 { #expect(bytes == nil) } else { #expect(try #require(bytes) > 0) }
      _ = try await storage.freshnessProof()
    }
  }

  @Test(arguments: Backend.allCases)
  func `destroying ends watches, refuses what comes later and may be repeated`(on backend: Backend) async throws {
    let open = try await backend.open()
    let storage = open.storage
    let key = open.prefix + "a"
    let watch = try await storage.watch(prefix: open.prefix, after: nil)
    _ = try await storage.create(key, "x")
    async let first: Void = open.destroy()
    async let second: Void = open.destroy()
    _ = await (first, second)
    await open.destroy()
    #expect(try await end(of: watch) as? StorageError == .shutDown)
    await #expect(throws: StorageError.shutDown) { try await storage.get(key) }
    await #expect(throws: StorageError.shutDown) { try await storage.create(key + "b", "x") }
    await #expect(throws: StorageError.shutDown) { try await storage.list(open.prefix) }
    await #expect(throws: StorageError.shutDown) { try await storage.watch(prefix: open.prefix, after: nil) }
    await #expect(throws: StorageError.shutDown) { try await storage.readinessCheck() }
  }

  @Test(arguments: Backend.allCases)
  func `writes under way while it is destroyed are either done or refused`(on backend: Backend) async throws {
    let open = try await backend.open()
    let storage = open.storage
    let prefix = open.prefix
    try await withThrowingTaskGroup(of: Void.self) { group in
      for writer in 0..<16 {
        group.addTask {
          var round = 0
          do {
            while true {
              _ = try await storage.create("\(prefix)\(writer)-\(round)", "x")
              round += 1
            }
          } catch is StorageError {}
        }
      }
      try await eventually("some writes") { try await storage.count(prefix: prefix) > 20 }
      await open.destroy()
      try await group.waitForAll()
    }
  }
}
