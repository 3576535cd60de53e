import ByteBuffers
import Storage
@testable import StorageEtcd2
import Synchronization
import TestSupport
import Testing

@Suite(.serialized) struct `etcd2 in trouble` {
  @Test func `a write whose answer is lost is found again, and not done twice`() async throws {
    let server = try await EtcdServer.startWithV2()
    let proxy = try FaultProxy(to: server.clientPort)
    defer { proxy.close() }
    try await withEtcd2([proxy.url]) { storage in
      let start = try await storage.currentRevision()
      /// Loses answers until one was lost, then lets everything through.
      func losing(_ body: @escaping @Sendable () async throws -> StoredObject) async throws -> StoredObject {
        let before = proxy.cuts
        proxy.set(.cutAnswers)
        async let result = body()
        try await eventually("an answer is lost", every: .milliseconds(1)) { proxy.cuts > before }
        proxy.set(.pass)
        return try await result
      }
      let made = try await losing { try await storage.create("/registry/a", "1") }
      #expect(try await storage.get(key: "/registry/a", isConsistent: true).revision == made.revision)
      let changed = try await losing {
        try await storage.guaranteedUpdate(key: "/registry/a", ignoreNotFound: false, origin: made) { _ in
          .write(SharedBytes("2"), ttl: nil)
        }.object
      }
      #expect(try await storage.get(key: "/registry/a", isConsistent: true).revision == changed.revision)
      let removed = try await losing { try await storage.delete(key: "/registry/a", origin: changed) { _ in } }
      #expect(removed.revision > changed.revision)
      var follower = Follower(storage, prefix: "/registry/", after: start)
      try await follower.follow { $0.count >= 3 }
      #expect(follower.events.map(\.revision) == [made.revision, changed.revision, removed.revision])
    }
  }

  @Test func `a frozen server is waited for, calls end in bounded time and the watch goes on`() async throws {
    let server = try await EtcdServer.startWithV2()
    try await withEtcd2([server.url], timing: .short) { storage in
      let made = try await storage.create("/registry/a", "1")
      let watch = try await storage.watch(prefix: "/registry/", after: made.revision)
      server.pause()
      await #expect(throws: StorageError.self) { try await storage.get(key: "/registry/a", isConsistent: true) }
      await #expect(throws: StorageError.self) { try await storage.readinessCheck() }
      server.resume()
      try await eventually("reads work again") {
        try await storage.get(key: "/registry/a", isConsistent: true).value.text == "1"
      }
      let changed = try await storage.put("/registry/a", "2")
      guard
        case .events(let events)? = try await watch.nextBatch().first(where: {
          if case .events = $0 { true } else { false }
        })
      else { throw DeadlinePassed("no events") }
      #expect(events.map(\.revision) == [changed.revision])
      watch.cancel()
    }
  }

  @Test
  func
    `through freezes and kills of members no acknowledged write is lost and a follower sees each change once and in order`()
    async throws
  {
    let members = try await EtcdServer.startCluster(.v3_4, members: 3, arguments: ["--enable-v2"])
    try await withEtcd2(members.map(\.url), timing: .short, within: .seconds(120)) { storage in
      let start = try await storage.currentRevision()
      let isOver = Atomic<Bool>(false)
      async let followed = {
        var follower = Follower(storage, prefix: "/registry/n/", after: start)
        try await follower.follow { $0.last?.value?.text == "end" }
        return follower.events
      }()
      async let written = Self.write(storage) { isOver.load(ordering: .relaxed) }
      for round in 0..<(Tools.isFullRun ? 12 : 3) {
        let server = members[round % 3]
        try await Task.sleep(for: .milliseconds(500))
        server.pause()
        try await Task.sleep(for: .milliseconds(1_500))
        server.resume()
        try await Task.sleep(for: .milliseconds(300))
        try await server.kill()
        try await server.restart()
      }
      isOver.store(true, ordering: .relaxed)
      let acknowledged = try await written
      try await eventually("the last write", within: .seconds(20)) {
        try await storage.put("/registry/n/end", "end").revision > .zero
      }
      let events = try await followed
      let seen = events.map(\.revision)
      #expect(acknowledged.count > 50)
      #expect(seen == seen.sorted() && Set(seen).count == seen.count)
      #expect(Set(acknowledged).isSubset(of: seen), "an acknowledged write is missing")
      let values = events.compactMap(\.value).map(\.text)
      #expect(Set(values).count == values.count, "a write was applied twice")
    }
  }

  /// Four writers, each on a key of its own; the revisions that were acknowledged.
  private static func write(
    _ storage: Etcd2Storage, until isOver: @escaping @Sendable () -> Bool
  ) async throws -> [Revision] {
    try await withThrowingTaskGroup(of: [Revision].self) { group in
      for writer in 0..<4 {
        group.addTask {
          var acknowledged: [Revision] = []
          var count = 0
          while !isOver() {
            count += 1
            // Slow enough for the window of 1,000 events to outlast an outage.
            try await Task.sleep(for: .milliseconds(20))
            do {
              acknowledged.append(try await storage.put("/registry/n/\(writer)", "\(writer) \(count)").revision)
            } catch StorageError.unreachable {}
          }
          return acknowledged
        }
      }
      return try await group.reduce(into: []) { $0 += $1 }
    }
  }

  @Test func `data that went back ends service instead of going on with another history`() async throws {
    let server = try await EtcdServer.startWithV2()
    try await withEtcd2([server.url], timing: .short) { storage in
      for index in 0..<10 { _ = try await storage.create("/registry/\(index)", "x") }
      let newest = try await storage.currentRevision()
      try await server.kill()
      try server.eraseData()
      try await server.restart()
      await #expect { try await storage.currentRevision() } throws: {
        if case StorageError.refused(let text) = $0 {
          text.hasPrefix("etcd went back from revision \(newest) to ")
        } else {
          false
        }
      }
      await #expect(throws: StorageError.self) { try await storage.create("/registry/b", "x") }
    }
  }

  @Test func `destroying leaves no connection and no thread, with calls and watches under way`() async throws {
    let server = try await EtcdServer.startWithV2()
    var config = StorageBackend.Config()
    config.type = StorageBackend.typeETCD2
    config.serverList = [server.url]
    for round in 0..<4 {
      let (storage, destroy) = try await Etcd2Storage.make(config)
      let watches = [
        try await storage.watch(prefix: "/registry/a", after: nil),
        try await storage.watch(prefix: "/registry/b", after: nil),
      ]
      await withTaskGroup(of: Void.self) { group in
        for index in 0..<100 {
          group.addTask {
            _ = try? await storage.create(key: "/registry/\(round)/\(index)", value: SharedBytes("x"), ttl: nil)
          }
        }
        group.addTask { await destroy() }
        group.addTask { await destroy() }
      }
      for watch in watches {
        await #expect(throws: StorageError.shutDown) {
          while true { _ = try await watch.nextBatch() }
        }
      }
      await destroy()
    }
    #expect(ProcessState.connectionCount(to: server.clientPort) == 0)
    #expect(ProcessState.threadCount(named: "etcd2") == 0)
  }
}
