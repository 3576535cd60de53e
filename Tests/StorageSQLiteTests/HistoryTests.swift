import ByteBuffers
import Storage
import Synchronization
import TestSupport
import Testing

@testable import StorageSQLite

@Suite struct `History of the SQLite storage` {
  @Test func `compaction while 8 write leaves the newest state and no row too many`() async throws {
    let folder = try TemporaryFolder()
    let path = folder.file("store.db")
    var tuning = Tuning()
    tuning.compactionSlice = 20
    try await withDatabase(path, tuning) { storage in
      let expected = try await withThrowingTaskGroup(of: [String: String].self) { group in
        for writer in 0..<8 {
          group.addTask {
            var state: [String: String] = [:]
            for round in 0..<200 {
              let key = "/\(writer)-\(round % 5)"
              if round % 11 == 10 {
                if state[key] != nil { _ = try await storage.delete(key: key, origin: nil) { _ in } }
                state[key] = nil
              } else {
                _ = try await storage.put(key, "\(round)")
                state[key] = "\(round)"
              }
            }
            return state
          }
        }
        group.addTask {
          for _ in 0..<10 {
            try await storage.compact(through: storage.currentRevision())
            try await Task.sleep(for: .milliseconds(10))
          }
          return [:]
        }
        return try await group.reduce(into: [:]) { $0.merge($1) { $1 } }
      }
      let list = try await storage.list()
      #expect(Dictionary(uniqueKeysWithValues: list.objects.map { ($0.key, $0.value.text) }) == expected)
      try await storage.compact(through: list.revision)
      let rows = try await storage.core.read { connection in
        try connection.history(prefix: "/", after: 0, through: .max, limit: 100_000).rows
      }
      #expect(Set(rows.map(\.key)) == Set(expected.keys) && rows.count == expected.count)
      storage.core.state.withLock { state in
        state.index.checkInvariants { Issue.record("\($0)") }
        #expect(state.index.count == expected.count)
      }
    }
    #expect(try await result(path) { try await $0.count(prefix: "/") } > 0)
  }

  @Test func `history is forgotten by itself, but for what must stay`() async throws {
    let folder = try TemporaryFolder()
    var tuning = Tuning()
    tuning.revisionsKept = 100
    var config = config(folder.file("store.db"))
    config.compactionInterval = .milliseconds(20)
    let storage = try await SQLiteStorage.open(config, tuning)
    for number in 0..<500 { _ = try await storage.put("/a", "\(number)") }
    let newest = try await storage.currentRevision()
    try await eventually("compaction") {
      try await storage.oldestWatchableRevision(atMostBack: 1_000).rawValue == newest.rawValue - 100
    }
    #expect(try await storage.text("/a") == "499")
    await storage.destroy()
  }

  @Test func `a slow reader of a long replay is waited for, and misses nothing`() async throws {
    let folder = try TemporaryFolder()
    var tuning = Tuning()
    tuning.replayAhead = 50
    tuning.rowsPerRead = 10
    try await withDatabase(folder.file("store.db"), tuning) { storage in
      let start = try await storage.currentRevision()
      for number in 0..<300 { _ = try await storage.put("/\(number % 3)", "\(number)") }
      let watch = try await storage.watch(prefix: "/", after: start)
      try await eventually("the replay to rest") { watch.depth > 50 }
      #expect(watch.depth <= 70)
      for number in 300..<400 { _ = try await storage.put("/\(number % 3)", "\(number)") }
      #expect(try await collect(watch, count: 400).map { $0.value?.text } == (0..<400).map { "\($0)" })
      watch.cancel()
    }
  }

  @Test func `a reader that is too slow for what is written now is cut off and can resume`() async throws {
    let folder = try TemporaryFolder()
    try await withDatabase(folder.file("store.db")) { storage in
      let small = StorageWatch(limit: 10) {}
      let start = try await storage.currentRevision()
      storage.core.state.withLock { state in _ = state.join(LiveWatch(watch: small, prefix: "/", after: start.rawValue))
      }
      for number in 0..<30 { _ = try await storage.put("/a", "\(number)") }
      let resumed = try await within(.seconds(10), "the end") {
        var last = start
        do {
          while true {
            for case .events(let events) in try await small.nextBatch() { last = events.last?.revision ?? last }
          }
        } catch {
          guard case StorageError.watchClosed = error else { throw error }
        }
        return last
      }
      #expect(resumed > start)
      let watch = try await storage.watch(prefix: "/", after: resumed)
      let missing = Int(try await storage.currentRevision().rawValue - resumed.rawValue)
      #expect(try await collect(watch, count: missing).last?.value?.text == "29")
      watch.cancel()
    }
  }

  @Test func `many writes share one transaction`() async throws {
    let folder = try TemporaryFolder()
    let commits = Mutex(0)
    var tuning = Tuning()
    tuning.commitFault = {
      commits.withLock { $0 += 1 }
      return nil
    }
    try await withDatabase(folder.file("store.db"), tuning) { storage in
      try await withThrowingTaskGroup(of: Void.self) { group in
        for number in 0..<500 { group.addTask { _ = try await storage.create("/\(number)", "x") } }
        try await group.waitForAll()
      }
      #expect(try await storage.currentRevision() == Revision(501))
      #expect(commits.withLock { $0 } < 250)
    }
  }

  @Test func `keys that expired while nobody looked go away at the start`() async throws {
    let folder = try TemporaryFolder()
    let path = folder.file("store.db")
    try await withDatabase(path) { storage in
      _ = try await storage.create(key: "/short", value: bytes("x"), ttl: .milliseconds(1))
      _ = try await storage.create(key: "/long", value: bytes("x"), ttl: .seconds(3_600))
    }
    try await withDatabase(path) { storage in
      try await eventually("the end of the lease") { try await storage.count(prefix: "/") == 1 }
      #expect(try await storage.text("/long") == "x")
    }
  }

  @Test func `too many waiting writes are refused and the others done`() async throws {
    let folder = try TemporaryFolder()
    var tuning = Tuning()
    tuning.writeQueueLimit = 4
    try await withDatabase(folder.file("store.db"), tuning) { storage in
      let done = try await withThrowingTaskGroup(of: Bool.self) { group in
        for number in 0..<500 {
          group.addTask {
            do {
              _ = try await storage.create("/\(number)", "x")
              return true
            } catch StorageError.refused { return false }
          }
        }
        return try await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
      }
      #expect(try await storage.count(prefix: "/") == done)
      #expect(done >= 4)
    }
  }
}
