import ByteBuffers
import FoundationEssentials
import Glibc
import Storage
import Synchronization
import TestSupport
import Testing

@testable import StorageSQLite

@Suite struct `Durability of the SQLite storage` {
  /// What the writers of a test know.
  private final class Notes: Sendable {
    let answered = Mutex<[String: Int]>([:])
    let stop = Atomic<Bool>(false)
  }

  @Test func `a copy of the files at any moment has every write answered before it`() async throws {
    let folder = try TemporaryFolder()
    let path = folder.file("store.db")
    var tuning = Tuning()
    // Small, so that checkpoints happen while the files are copied.
    tuning.checkpointPages = 50
    tuning.checkpointPagesInWriter = 200
    try await withDatabase(path, tuning) { storage in
      let notes = Notes()
      try await withThrowingTaskGroup(of: Void.self) { group in
        for writer in 0..<8 {
          group.addTask {
            var round = 0
            while !notes.stop.load(ordering: .relaxed) {
              round += 1
              let number = round
              let filler = String(repeating: "x", count: 2_000)
              _ = try await storage.put("/\(writer)", "\(number) \(filler)")
              notes.answered.withLock { $0["/\(writer)"] = number }
            }
          }
        }
        for copy in 0..<8 {
          try await eventually("progress") { notes.answered.withLock { $0.values.reduce(0, +) } > (copy + 1) * 200 }
          let before = notes.answered.withLock { $0 }
          let target = folder.file("copy\(copy)")
          // A checkpoint between the copies of the two files would make them disagree, as no crash could: so this
          // process is stopped meanwhile, from outside.
          let script = """
            mkdir \(target); kill -STOP \(getpid()); until grep -q '^State:.T' /proc/\(getpid())/status; do :; done
            cp \(path) \(path)-wal \(target)/; kill -CONT \(getpid())
            """
          _ = try await run(["/bin/sh", "-c", script])
          try await withDatabase(target + "/store.db") { recovered in
            for (key, number) in before {
              let text = try await recovered.text(key)
              #expect(Int(text.prefix { $0 != " " }) ?? 0 >= number, "\(key) after crash \(copy)")
            }
          }
        }
        notes.stop.store(true, ordering: .relaxed)
        try await group.waitForAll()
      }
    }
  }

  @Test func `when COMMIT fails nobody is told success, and what comes later goes on`() async throws {
    let folder = try TemporaryFolder()
    let faults = Mutex<[CommitFault]>([])
    var tuning = Tuning()
    tuning.commitFault = { faults.withLock { $0.popLast() } }
    try await withDatabase(folder.file("store.db"), tuning) { storage in
      let watch = try await storage.watch(prefix: "/", after: nil)
      let first = try await storage.create("/a", "1")
      faults.withLock { $0 = [.lost] }
      await #expect { try await storage.put("/a", "2") } throws: { error in
        if case StorageError.refused(let text) = error { text.contains("committing") } else { false }
      }
      #expect(try await storage.text("/a") == "1")
      try await storage.readinessCheck()
      let next = try await storage.put("/a", "3")
      #expect(next.rawValue == first.rawValue + 1)
      #expect(try await collect(watch, count: 2).compactMap { $0.value?.text } == ["1", "3"])
      watch.cancel()
    }
  }

  @Test func `a write whose COMMIT failed only in appearance is answered with success and seen once`() async throws {
    let folder = try TemporaryFolder()
    let faults = Mutex<[CommitFault]>([])
    var tuning = Tuning()
    tuning.commitFault = { faults.withLock { $0.popLast() } }
    try await withDatabase(folder.file("store.db"), tuning) { storage in
      let watch = try await storage.watch(prefix: "/", after: nil)
      let first = try await storage.create("/a", "1")
      faults.withLock { $0 = [.writtenAnyway] }
      #expect(try await storage.put("/a", "2").rawValue == first.rawValue + 1)
      faults.withLock { $0 = [.writtenAnyway] }
      #expect(try await storage.delete(key: "/a", origin: nil) { _ in }.revision.rawValue == first.rawValue + 2)
      _ = try await storage.create("/a", "4")
      let events = try await collect(watch, count: 4)
      watch.cancel()
      #expect(events.map { $0.revision.rawValue - first.rawValue } == [0, 1, 2, 3])
      #expect(events.map { $0.value?.text } == ["1", "2", nil, "4"])
      storage.core.state.withLock { state in state.index.checkInvariants { Issue.record("\($0)") } }
    }
  }

  @Test func `writers under failures of every third commit lose nothing that was answered`() async throws {
    let folder = try TemporaryFolder()
    let commits = Mutex(0)
    var tuning = Tuning()
    tuning.commitFault = {
      commits.withLock { count in
        count += 1
        return count % 3 == 0 ? (count % 2 == 0 ? .lost : .writtenAnyway) : nil
      }
    }
    try await withDatabase(folder.file("store.db"), tuning) { storage in
      let watch = try await storage.watch(prefix: "/", after: nil)
      let counts = try await withThrowingTaskGroup(of: (String, Int).self) { group in
        for writer in 0..<8 {
          group.addTask {
            let key = "/\(writer)"
            var done = 0
            for _ in 0..<30 {
              do {
                _ = try await storage.guaranteedUpdate(key: key, ignoreNotFound: true, origin: nil) { shown in
                  .write(bytes("\((shown.flatMap { Int($0.value.text) } ?? 0) + 1)"), ttl: nil)
                }
                done += 1
              } catch StorageError.refused {}
            }
            return (key, done)
          }
        }
        return try await group.reduce(into: [String: Int]()) { $0[$1.0] = $1.1 }
      }
      for (key, done) in counts { #expect(try await storage.text(key) == "\(done)") }
      let total = counts.values.reduce(0, +)
      let events = try await collect(watch, count: total)
      watch.cancel()
      #expect(events.map(\.revision.rawValue) == (2..<Int64(total + 2)).map { $0 })
    }
  }

  @Test func `a full store says so, refuses writes, allows removals and recovers`() async throws {
    let folder = try TemporaryFolder()
    let path = folder.file("store.db")
    var tuning = Tuning()
    tuning.maxPageCount = 200
    try await withDatabase(path, tuning) { storage in
      var written = 0
      let large = String(repeating: "x", count: 20_000)
      do {
        while written < 1_000 {
          _ = try await storage.create("/\(written)", large)
          written += 1
        }
        Issue.record("it never filled up")
      } catch StorageError.outOfSpace(let text) { #expect(text.contains("no space left")) }
      #expect(written > 10)
      await #expect(throws: StorageError.outOfSpace("no space left for \(path)")) { try await storage.readinessCheck() }
      #expect(try await storage.text("/0") == large)
      for number in 0..<written { _ = try await storage.delete(key: "/\(number)", origin: nil) { _ in } }
      try await storage.compact(through: storage.currentRevision())
      _ = try await storage.create("/again", large)
      try await storage.readinessCheck()
    }
    // With space again, all is as it was.
    #expect(try await result(path) { try await $0.count(prefix: "/") } == 1)
  }

  @Test func `a full store is one also after its file was opened again`() async throws {
    let folder = try TemporaryFolder()
    let faults = Mutex<[CommitFault]>([])
    var tuning = Tuning()
    tuning.maxPageCount = 200
    tuning.commitFault = { faults.withLock { $0.popLast() } }
    try await withDatabase(folder.file("store.db"), tuning) { storage in
      _ = try await storage.create("/a", "1")
      faults.withLock { $0 = [.lost] }
      await #expect(throws: StorageError.self) { try await storage.put("/a", "2") }
      let large = String(repeating: "x", count: 20_000)
      await #expect(throws: StorageError.outOfSpace("no space left for \(folder.file("store.db"))")) {
        for number in 0..<100 { _ = try await storage.create("/\(number)", large) }
      }
    }
  }

  @Test func `a database that can't be opened again is not ready and refuses writes`() async throws {
    let folder = try TemporaryFolder()
    let path = folder.file("store.db")
    let faults = Mutex<[CommitFault]>([])
    var tuning = Tuning()
    tuning.commitFault = {
      guard let fault = faults.withLock({ $0.popLast() }) else { return nil }
      // At that moment the file vanishes and its name is a folder: nothing can be opened there.
      rename(path, path + ".away")
      mkdir(path, 0o700)
      return fault
    }
    try await withDatabase(path, tuning) { storage in
      let made = try await storage.create(key: "/a", value: bytes("1"), ttl: nil)
      faults.withLock { $0 = [.lost] }
      for text in ["2", "3"] {
        await #expect(throws: StorageError.self) {
          try await storage.guaranteedUpdate(key: "/a", ignoreNotFound: false, origin: made) { _ in
            .write(bytes(text), ttl: nil)
          }
        }
        await #expect(throws: StorageError.self) { try await storage.readinessCheck() }
      }
      try FileManager.default.removeItem(atPath: path)
      try FileManager.default.moveItem(atPath: path + ".away", toPath: path)
      try await eventually("the database to be opened again") {
        try await storage.readinessCheck()
        return true
      }
      #expect(try await storage.text("/a") == "1")
      _ = try await storage.put("/a", "4")
    }
  }
}
