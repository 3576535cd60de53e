import ByteBuffers
import Storage
@testable import StorageEtcd3
import TestSupport
import Testing

@Suite struct `Watches on one etcd stream` {
  @Test(arguments: EtcdServer.Version.both)
  func `many watches share a stream and each sees its own keys in order`(version: EtcdServer.Version) async throws {
    let server = try await EtcdServer.start(version)
    try await withEtcd3([server.url]) { storage in
      let start = try await storage.currentRevision()
      let before = ProcessState.connectionCount(to: server.clientPort)
      var watches: [StorageWatch] = []
      for number in 0..<40 { watches.append(try await storage.watch(prefix: "/registry/w\(number)/", after: start)) }
      #expect(
        ProcessState.connectionCount(to: server.clientPort) <= before + 1, "watches opened connections of their own")
      try await withThrowingTaskGroup(of: Void.self) { group in
        for number in 0..<40 {
          group.addTask {
            for index in 0..<25 {
              _ = try await storage.create(
                key: "/registry/w\(number)/\(index)", value: SharedBytes("\(index)"), ttl: nil)
            }
          }
        }
        try await group.waitForAll()
      }
      for (number, watch) in watches.enumerated() {
        var seen: [StorageEvent] = []
        while seen.count < 25 {
          for case .events(let events) in try await watch.nextBatch() { seen.append(contentsOf: events) }
        }
        #expect(seen.map(\.key) == (0..<25).map { "/registry/w\(number)/\($0)" })
        #expect(seen.map(\.revision) == seen.map(\.revision).sorted())
        watch.cancel()
      }
    }
  }

  @Test(arguments: EtcdServer.Version.both)
  func `a history of many megabytes arrives in fragments, whole and with no revision divided`(
    version: EtcdServer.Version
  ) async throws {
    let server = try await EtcdServer.start(version, arguments: ["--max-txn-ops", "128"])
    try await withEtcd3([server.url]) { storage in
      let start = try await storage.currentRevision()
      // One revision of 120 keys and 1.2 MB, again and again: several to a fragment of 2 MB.
      for round in 0..<12 {
        let puts = (0..<120).map {
          "{\"request_put\":{\"key\":\"\(base64("/registry/f/\(round)/\($0)"))\",\"value\":\"\(base64(String(repeating: "v", count: 7_500)))\"}}"
        }
        let body = "{\"success\":[\(puts.joined(separator: ","))]}"
        #expect(
          await HTTPProbe.answer("POST", port: server.clientPort, path: "/v3/kv/txn", body: body, timeoutSeconds: 10)?
            .status == 200)
      }
      let watch = try await storage.watch(prefix: "/registry/f/", after: start)
      var seen = 0
      var revisions: Set<Revision> = []
      while seen < 12 * 120 {
        for case .events(let events) in try await watch.nextBatch() {
          let mine = Set(events.map(\.revision))
          #expect(revisions.isDisjoint(with: mine), "a revision came in two batches")
          revisions.formUnion(mine)
          seen += events.count
          #expect(events.allSatisfy { $0.value?.count == 7_500 })
        }
      }
      #expect(revisions.count == 12)
      watch.cancel()
    }
  }

  @Test(arguments: EtcdServer.Version.both)
  func `a watch into compacted history ends with that, others go on`(version: EtcdServer.Version) async throws {
    let server = try await EtcdServer.start(version)
    try await withEtcd3([server.url]) { storage in
      let other = try await storage.watch(prefix: "/registry/other/", after: nil)
      let start = try await storage.currentRevision()
      for index in 0..<20 {
        _ = try await storage.create(key: "/registry/c/\(index)", value: SharedBytes("x"), ttl: nil)
      }
      let newest = try await storage.currentRevision()
      try await storage.compact(through: newest)
      let late = try await storage.watch(prefix: "/registry/c/", after: start)
      await #expect(throws: StorageError.compacted(requested: start, compacted: newest)) {
        while true { _ = try await late.nextBatch() }
      }
      let made = try await storage.create(key: "/registry/other/a", value: SharedBytes("y"), ttl: nil)
      guard case .events(let events)? = try await other.nextBatch().first else { throw DeadlinePassed("no events") }
      #expect(events.map(\.revision) == [made.revision])
      other.cancel()
      #expect(try await storage.oldestWatchableRevision(atMostBack: 10_000) == newest)
    }
  }

  @Test(arguments: EtcdServer.Version.both)
  func `a watch from the future is open at once, silent until then, and does not disturb the stream`(
    version: EtcdServer.Version
  ) async throws {
    let server = try await EtcdServer.start(version)
    try await withEtcd3([server.url], timing: .short) { storage in
      let now = try await storage.currentRevision()
      let present = try await storage.watch(prefix: "/registry/", after: now)
      let future = try await storage.watch(prefix: "/registry/", after: Revision(now.rawValue + 3))
      // Longer than the stream may be silent before it counts as dead.
      try await Task.sleep(for: .seconds(2))
      var made: [Revision] = []
      for index in 0..<5 {
        made.append(try await storage.create(key: "/registry/\(index)", value: SharedBytes("x"), ttl: nil).revision)
      }
      for (watch, expected) in [(present, made), (future, Array(made.dropFirst(3)))] {
        var seen: [Revision] = []
        while seen.count < expected.count {
          for case .events(let events) in try await watch.nextBatch() {
            seen.append(contentsOf: events.map(\.revision))
          }
        }
        #expect(seen == expected)
        watch.cancel()
      }
    }
  }

  @Test(arguments: [FreshnessProofKind.progress, .newestAndCount])
  func `the way in which reads are proven fresh can be forced`(kind: FreshnessProofKind) async throws {
    let server = try await EtcdServer.start(.v3_4)
    var config = StorageBackend.Config()
    config.serverList = [server.url]
    config.compactionInterval = .zero
    config.freshnessProof = kind
    let storage = try await Etcd3Storage.open(config)
    do {
      #expect(try await storage.freshnessProof() == kind)
      let watch = try await storage.watch(prefix: "/registry/idle/", after: nil)
      let made = try await storage.create(key: "/registry/busy/a", value: SharedBytes("x"), ttl: nil)
      if kind == .progress {
        try await eventually("progress to \(made.revision)") {
          try await storage.requestProgress()
          return try await within(.seconds(5), "an item") {
            for case .progress(let revision) in try await watch.nextBatch() where revision >= made.revision {
              return true
            }
            return false
          }
        }
      } else {
        #expect(try await storage.fence(prefix: "/registry/busy/").newest == made.revision)
      }
      watch.cancel()
    } catch {
      await storage.destroy()
      throw error
    }
    await storage.destroy()
  }

  @Test func `compactors agree through the key and forget what is an interval old`() async throws {
    let server = try await EtcdServer.start(.v3_4)
    try await withEtcd3([server.url]) { storage in
      let one = Compactor(client: storage.client, interval: .seconds(300))
      let first = try await one.turn(.init())
      #expect(first.version == 1)
      for index in 0..<5 { _ = try await storage.create(key: "/registry/\(index)", value: SharedBytes("x"), ttl: nil) }
      // One that starts later loses its first turn and adopts what it found.
      let other = try await one.turn(.init())
      #expect(other.version == 1 && other.revision > first.revision)
      let second = try await one.turn(first)
      #expect(second.version == 2)
      #expect(try await storage.oldestWatchableRevision(atMostBack: 1_000) == Revision(first.revision))
    }
  }
}

func base64(_ text: String) -> String {
  let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
  var result = ""
  let bytes = Array(text.utf8)
  for start in stride(from: 0, to: bytes.count, by: 3) {
    let piece = bytes[start..<min(start + 3, bytes.count)]
    let bits = piece.enumerated().reduce(0) { $0 | Int($1.element) << (16 - 8 * $1.offset) }
    for place in 0..<4 { result.append(place <= piece.count ? digits[bits >> (18 - 6 * place) & 63] : "=") }
  }
  return result
}
