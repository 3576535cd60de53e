import ByteBuffers
import Storage
import TestSupport
import Testing

@Suite struct `Storage contract: reads` {
  @Test(arguments: Backend.allCases)
  func `a list has the keys under the prefix in byte order`(on backend: Backend) async throws {
    try await withStorage(backend) { storage, prefix in
      let names = ["b", "a", "a/b", "a-b", "a.b", "a0", "ab", "aB", "é", "z", "~"].filter {
        backend.nestsKeys || $0 != "a"
      }
      for name in names { _ = try await storage.create(prefix + name, name) }
      let list = try await storage.list(prefix)
      #expect(list.texts == names.sorted { Array($0.utf8).lexicographicallyPrecedes(Array($1.utf8)) })
      #expect(!list.hasMore)
      #expect(list.revision >= list.objects.map(\.revision).max() ?? .zero)
    }
  }

  @Test(arguments: Backend.allCases)
  func `a prefix ends where its bytes end`(on backend: Backend) async throws {
    try await withStorage(backend) { storage, prefix in
      let leaves = ["a/b/c", "a/bc", "a/c"]
      for name in leaves + (backend.nestsKeys ? ["a/b", "a"] : []) { _ = try await storage.create(prefix + name, name) }
      let inner = backend.nestsKeys ? ["a/b"] : []
      #expect(try await storage.list(prefix + "a/b").texts == inner + ["a/b/c", "a/bc"])
      #expect(try await storage.list(prefix + "a/b/").texts == ["a/b/c"])
      #expect(try await storage.count(prefix: prefix + "a/b") == inner.count + 2)
      #expect(try await storage.count(prefix: prefix + "a/b/") == 1)
      #expect(try await storage.count(prefix: prefix + "nobody") == 0)
      #expect(try await storage.list(prefix + "nobody").objects.isEmpty)
    }
  }

  @Test(arguments: Backend.allCases)
  func `pages at one revision show one moment whatever is written between them`(on backend: Backend) async throws {
    try await withStorage(backend) { storage, prefix in
      for number in 0..<25 { _ = try await storage.create(prefix + "k\(number + 100)", "old") }
      var page = try await storage.list(prefix, limit: 10)
      let revision = page.revision
      #expect(page.objects.count == 10 && page.hasMore)
      #expect(page.remaining == nil || page.remaining == 15)
      var keys = page.keys
      var round = 0
      while page.hasMore {
        _ = try await storage.put(prefix + "k\(119 + round)", "new")
        _ = try await storage.remove(prefix + "k\(112 + round)")
        _ = try await storage.create(prefix + "k11\(round)x", "new")
        round += 1
        page = try await storage.list(prefix, at: revision, limit: 10, from: (keys.last ?? "") + "\0")
        #expect(page.revision == revision)
        #expect(page.texts.allSatisfy { $0 == "old" })
        keys += page.keys
      }
      #expect(keys == (0..<25).map { prefix + "k\($0 + 100)" })
      #expect(page.remaining == nil || page.remaining == 0)
    }
  }

  @Test(arguments: Backend.allCases)
  func `the past can be listed as it was`(on backend: Backend) async throws {
    try await withStorage(backend, isAlone: !backend.keepsHistory) { storage, prefix in
      var states: [(Revision, [String])] = [(try await storage.currentRevision(), [])]
      func note(_ revision: Revision, _ texts: [String]) { states.append((revision, texts)) }
      note(try await storage.create(prefix + "a", "a1").revision, ["a1"])
      note(try await storage.create(prefix + "b", "b1").revision, ["a1", "b1"])
      note(try await storage.put(prefix + "a", "a2").revision, ["a2", "b1"])
      note(try await storage.remove(prefix + "a").revision, ["b1"])
      note(try await storage.create(prefix + "a", "a3").revision, ["a3", "b1"])
      note(try await storage.remove(prefix + "b").revision, ["a3"])
      if !backend.keepsHistory {
        // The present is all there is; the past is refused, not made up.
        let (past, present) = (states.dropLast(), states.suffix(1))
        for (revision, _) in past {
          await #expect { try await storage.list(prefix, at: revision) } throws: { isCompacted($0) }
        }
        states = Array(present)
      }
      for (revision, texts) in states {
        let list = try await storage.list(prefix, at: revision)
        #expect(list.texts == texts, "at \(revision)")
        #expect(list.revision == revision)
      }
    }
  }

  @Test(arguments: Backend.allCases)
  func `the future can't be listed`(on backend: Backend) async throws {
    try await withStorage(backend) { storage, prefix in
      let future = Revision(try await storage.currentRevision().rawValue + 1_000_000)
      await #expect { try await storage.list(prefix, at: future) } throws: { isFutureRevision($0) }
    }
  }

  @Test(arguments: Backend.allCases)
  func `a fence tells the revision, the newest live change and the number of keys`(on backend: Backend) async throws {
    try await withStorage(backend) { storage, prefix in
      var fence = try await storage.fence(prefix: prefix)
      #expect(fence.count == 0 && fence.newest == .zero && fence.revision > .zero)
      let a = try await storage.create(prefix + "a", "a")
      let b = try await storage.create(prefix + "b", "b")
      fence = try await storage.fence(prefix: prefix)
      #expect(fence.count == 2 && fence.newest == b.revision && fence.revision >= b.revision)
      let removed = try await storage.remove(prefix + "b")
      fence = try await storage.fence(prefix: prefix)
      #expect(fence.count == 1 && fence.newest == a.revision && fence.revision >= removed.revision)
    }
  }

  @Test(arguments: Backend.allCases)
  func `the revision in process, where there is one, is never behind an answered write`(
    on backend: Backend
  ) async throws {
    try await withStorage(backend) { storage, prefix in
      for number in 0..<20 {
        let made = try await storage.create("\(prefix)\(number)", "x")
        if let known = storage.revisionInProcess { #expect(known >= made.revision) }
      }
    }
  }

  @Test(arguments: Backend.allCases)
  func `a list of thousands is whole and in order`(on backend: Backend) async throws {
    try await withStorage(backend) { storage, prefix in
      let names = (0..<2_500).map { "n\(100_000 + ($0 * 7_919) % 50_000)" }
      try await withThrowingTaskGroup(of: Void.self) { group in
        for writer in 0..<16 {
          group.addTask {
            for name in names[(names.count * writer / 16)..<(names.count * (writer + 1) / 16)] {
              _ = try await storage.create(prefix + name, name)
            }
          }
        }
        try await group.waitForAll()
      }
      #expect(try await storage.list(prefix).texts == names.sorted())
      #expect(try await storage.count(prefix: prefix) == 2_500)
    }
  }
}
