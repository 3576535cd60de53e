import ByteBuffers
import Storage
import TestSupport
import Testing

@Suite struct `Storage contract: watches` {
  @Test(arguments: Backend.allCases)
  func `a watch from now sees the changes that follow`(on backend: Backend) async throws {
    try await withStorage(backend) { storage, prefix in
      _ = try await storage.create(prefix + "before", "x")
      let watch = try await storage.watch(prefix: prefix, after: nil)
      let made = try await storage.create(prefix + "a", "one")
      let changed = try await storage.put(prefix + "a", "two")
      let removed = try await storage.remove(prefix + "a")
      let events = try await collect(watch, count: 3)
      watch.cancel()
      #expect(
        events.map(short) == [
          "+\(prefix)a=one@\(made.revision)", "+\(prefix)a=two@\(changed.revision)", "-\(prefix)a@\(removed.revision)",
        ])
    }
  }

  @Test(arguments: Backend.allCases)
  func `a watch after a revision replays what followed it and goes on`(on backend: Backend) async throws {
    try await withStorage(backend) { storage, prefix in
      let first = try await storage.create(prefix + "a", "one")
      let second = try await storage.put(prefix + "a", "two")
      let third = try await storage.remove(prefix + "a")
      let watch = try await storage.watch(prefix: prefix, after: first.revision)
      _ = try await collect(watch, count: 0)
      let fourth = try await storage.create(prefix + "b", "x")
      let events = try await collect(watch, count: 3)
      watch.cancel()
      #expect(events.map(\.revision) == [second.revision, third.revision, fourth.revision])
    }
  }

  @Test(arguments: Backend.allCases)
  func `a watch sees its prefix and no other`(on backend: Backend) async throws {
    try await withStorage(backend) { storage, prefix in
      let start = try await storage.currentRevision()
      let live = try await storage.watch(prefix: prefix + "a/b/", after: nil)
      for name in ["a/b", "a/b/c", "a/bc", "a/b0", "a/a", "a/b/d"] where backend.nestsKeys || name != "a/b" {
        _ = try await storage.create(prefix + name, name)
      }
      let replayed = try await storage.watch(prefix: prefix + "a/b/", after: start)
      for watch in [live, replayed] {
        #expect(try await collect(watch, count: 2).map(\.key) == [prefix + "a/b/c", prefix + "a/b/d"])
        watch.cancel()
      }
    }
  }

  @Test(arguments: Backend.allCases)
  func `watches see every change of 8 writers once and in order, from whenever they start`(
    on backend: Backend
  ) async throws {
    try await withStorage(backend) { storage, prefix in
      let start = try await storage.currentRevision()
      let live = try await storage.watch(prefix: prefix, after: nil)
      let perWriter = 150
      let (revisions, late) = try await withThrowingTaskGroup(of: [Revision].self) { group in
        for writer in 0..<8 {
          group.addTask {
            var seen: [Revision] = []
            for round in 0..<perWriter {
              let key = "\(prefix)\(writer)-\(round % 7)"
              if round % 7 == 6, round > 7 {
                seen.append(
                  try await storage.guaranteedUpdate(key: key, ignoreNotFound: true, origin: nil) { _ in
                    .write(bytes("\(round)"), ttl: nil)
                  }.object.revision)
                seen.append(try await storage.remove(key).revision)
              } else {
                seen.append(try await storage.put(key, "\(round)").revision)
              }
            }
            return seen
          }
        }
        // Watches that begin in the past while all this is written.
        var late: [StorageWatch] = []
        for _ in 0..<6 {
          late.append(try await storage.watch(prefix: prefix, after: start))
          try await Task.sleep(for: .milliseconds(5))
        }
        let revisions = try await group.reduce(into: [Revision]()) { $0 += $1 }
        return (revisions.sorted(), late)
      }
      for watch in [live] + late {
        let events = try await collect(watch, count: revisions.count)
        watch.cancel()
        #expect(events.map(\.revision) == revisions)
      }
    }
  }

  @Test(arguments: Backend.allCases)
  func `an event is on its way before its write is answered or soon after`(on backend: Backend) async throws {
    try await withStorage(backend) { storage, prefix in
      let watch = try await storage.watch(prefix: prefix, after: nil)
      for number in 0..<20 {
        let made = try await storage.create("\(prefix)\(number)", "x")
        #expect(try await collect(watch, count: 1).map(\.revision) == [made.revision])
      }
      watch.cancel()
    }
  }

  @Test(arguments: Backend.allCases)
  func `a watch that starts in the future is silent until then`(on backend: Backend) async throws {
    try await withStorage(backend) { storage, prefix in
      let future = Revision(try await storage.currentRevision().rawValue + 5)
      let watch = try await storage.watch(prefix: prefix, after: future)
      var expected: [Revision] = []
      for number in 0..<10 {
        let revision = try await storage.create("\(prefix)\(number)", "x").revision
        if revision > future { expected.append(revision) }
      }
      let count = expected.count
      #expect(try await collect(watch, count: count).map(\.revision) == expected)
      watch.cancel()
    }
  }

  @Test(arguments: Backend.allCases)
  func `progress tells an idle watch how far it has come`(on backend: Backend) async throws {
    try await withStorage(backend) { storage, prefix in
      let watch = try await storage.watch(prefix: prefix + "idle/", after: nil)
      let made = try await storage.create(prefix + "busy/a", "x")
      if try await storage.freshnessProof() == .newestAndCount {
        // Progress that may overtake events must not be passed on as a promise.
        for _ in 0..<5 { try await storage.requestProgress() }
        let seen = try await storage.create(prefix + "idle/a", "x")
        let items = try await within(.seconds(10), "the event") { try await watch.nextBatch() }
        guard case .events(let events)? = items.first, items.count == 1 else {
          throw DeadlinePassed("progress came unasked: \(items)")
        }
        #expect(events.map(\.revision) == [seen.revision])
        watch.cancel()
        return
      }
      try await eventually("progress to \(made.revision)") {
        try await storage.requestProgress()
        return try await within(.seconds(5), "an item") {
          for case .progress(let revision) in try await watch.nextBatch() where revision >= made.revision {
            return true
          }
          return false
        }
      }
      watch.cancel()
    }
  }

  @Test(arguments: Backend.allCases)
  func `cancelling a watch ends it and the storage goes on`(on backend: Backend) async throws {
    try await withStorage(backend) { storage, prefix in
      for _ in 0..<50 {
        let watch = try await storage.watch(prefix: prefix, after: nil)
        watch.cancel()
        #expect(try await end(of: watch) is CancellationError)
      }
      let waiting = try await storage.watch(prefix: prefix, after: nil)
      let reader = Task { try await end(of: waiting) }
      reader.cancel()
      _ = await reader.result
      _ = try await storage.create(prefix + "a", "x")
    }
  }
}
