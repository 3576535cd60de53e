import ByteBuffers
import Storage
@testable import StorageEtcd2
import TestSupport
import Testing

@Suite struct `The feed of events of etcd2` {
  @Test func `a watch that fell out of the last thousand events ends with that, others go on`() async throws {
    let server = try await EtcdServer.startWithV2()
    try await withEtcd2([server.url]) { storage in
      let start = try await storage.currentRevision()
      let live = try await storage.watch(prefix: "/registry/", after: nil)
      try await withThrowingTaskGroup(of: Void.self) { group in
        for writer in 0..<4 {
          group.addTask { for round in 0..<300 { _ = try await storage.put("/registry/\(writer)", "\(round)") } }
        }
        try await group.waitForAll()
      }
      await #expect { _ = try await storage.watch(prefix: "/registry/", after: start) } throws: {
        if case StorageError.compacted = $0 { true } else { false }
      }
      // Less far back, it is replayed.
      let newest = try await storage.currentRevision()
      let late = try await storage.watch(prefix: "/registry/", after: Revision(newest.rawValue - 500))
      var revisions: [Revision] = []
      while revisions.last != newest {
        for case .events(let events) in try await late.nextBatch() { revisions += events.map(\.revision) }
      }
      #expect(revisions.count == 500 && revisions == revisions.sorted())
      var seen = 0
      while seen < 1_200 {
        for case .events(let events) in try await live.nextBatch() { seen += events.count }
      }
      live.cancel()
      late.cancel()
    }
  }

  @Test func `a watch reaches back before the feed began`() async throws {
    let server = try await EtcdServer.startWithV2()
    try await withEtcd2([server.url]) { storage in
      var made: [Revision] = []
      for index in 0..<50 { made.append(try await storage.create("/registry/a/\(index)", "x").revision) }
      _ = try await storage.watch(prefix: "/registry/b/", after: nil)
      let watch = try await storage.watch(prefix: "/registry/a/", after: made[9])
      made.append(try await storage.create("/registry/a/last", "x").revision)
      var seen: [Revision] = []
      while seen.count < 41 {
        for case .events(let events) in try await watch.nextBatch() { seen += events.map(\.revision) }
      }
      #expect(seen == Array(made[10...]))
      watch.cancel()
    }
  }

  @Test func `progress is proven although the index moved without an event`() async throws {
    let server = try await EtcdServer.startWithV2()
    try await withEtcd2([server.url]) { storage in
      let watch = try await storage.watch(prefix: "/registry/", after: nil)
      // A hidden key makes no event that a watch is told of.
      try await Stranger(port: server.clientPort).put("/_hidden", "value=x")
      let newest = try await storage.currentRevision()
      try await eventually("progress to \(newest)") {
        try await storage.requestProgress()
        return try await within(.seconds(5), "an item") {
          for case .progress(let revision) in try await watch.nextBatch() where revision >= newest { return true }
          return false
        }
      }
      watch.cancel()
    }
  }

  @Test func `a directory that is removed ends the watches whose keys it had, and no others`() async throws {
    let server = try await EtcdServer.startWithV2()
    let stranger = Stranger(port: server.clientPort)
    try await withEtcd2([server.url]) { storage in
      for name in ["a/1", "a/2", "b/1"] { _ = try await storage.create("/registry/" + name, "x") }
      let inside = try await storage.watch(prefix: "/registry/a/", after: nil)
      let above = try await storage.watch(prefix: "/registry/", after: nil)
      let beside = try await storage.watch(prefix: "/registry/b/", after: nil)
      try await stranger.delete("/registry/a", "?recursive=true")
      for watch in [inside, above] {
        await #expect { while true { _ = try await watch.nextBatch() } } throws: {
          if case StorageError.compacted = $0 { true } else { false }
        }
      }
      let made = try await storage.put("/registry/b/1", "y")
      guard case .events(let events)? = try await beside.nextBatch().first else { throw DeadlinePassed("no events") }
      #expect(events.map(\.revision) == [made.revision])
      beside.cancel()
    }
  }

  @Test func `a TTL that runs out is a removal, and one that is refreshed by somebody else is no event`() async throws {
    let server = try await EtcdServer.startWithV2()
    let stranger = Stranger(port: server.clientPort)
    try await withEtcd2([server.url]) { storage in
      let watch = try await storage.watch(prefix: "/registry/", after: nil)
      let made = try await storage.create(key: "/registry/a", value: SharedBytes("x"), ttl: .seconds(2))
      try await stranger.put("/registry/a", "refresh=true&ttl=3&prevExist=true")
      // The refresh moved the key's index, which a write by the old one finds out.
      let changed = try await storage.guaranteedUpdate(key: "/registry/a", ignoreNotFound: false, origin: made) {
        shown in
        .write(SharedBytes((shown?.value.text ?? "") + "y"), ttl: .seconds(1))
      }.object
      var events: [StorageEvent] = []
      while events.last?.kind != .delete {
        for case .events(let more) in try await watch.nextBatch() { events += more }
      }
      #expect(events.map(\.kind) == [.put, .put, .delete])
      #expect(events[1].revision == changed.revision && events[1].value?.text == "xy")
      #expect(events[2].revision > changed.revision)
      watch.cancel()
    }
  }
}
