import ByteBuffers
import FoundationEssentials
import Glibc
import Storage
import Synchronization
import TestSupport
import Testing

@testable import StorageSQLite

@Suite(.serialized) struct `A disk that fills up` {
  @Test(arguments: [(1 << 20, 1 << 20), (256 << 20, 4 << 20), (1 << 40, 16 << 20)] as [(UInt64, UInt64)])
  func `the reserve is in proportion to the file system, within bounds`(total: UInt64, reserve: UInt64) {
    #expect(Reserve.size(ofFileSystem: total) == reserve)
  }

  @Test func `what is missing of the reserve is nobody's room, and half of the rest is for objects`() {
    #expect(Space(free: 10 << 20, missing: 0, reusable: 0).room == 5 << 20)
    #expect(Space(free: 10 << 20, missing: 8 << 20, reusable: 0).room == 1 << 20)
    #expect(Space(free: 1 << 20, missing: 8 << 20, reusable: 0).room == 0)
    #expect(Space(free: 0, missing: 0, reusable: 0).isShort)
    #expect(!Space(free: 0, missing: 0, reusable: 1 << 20).isShort)
  }

  @Test(.enabled(if: SmallDisk.isPossible, Comment(rawValue: SmallDisk.needs)))
  func `little free space is served from until it is used up, and readiness tells first`() async throws {
    let disk = try SmallDisk(megabytes: 24)
    let path = disk.file("data/store.db")
    let value = String(repeating: "x", count: 50_000)
    try await withDatabase(path) { storage in
      try await storage.readinessCheck()
      #expect(storage.reserve.wanted == 1 << 20 && storage.reserve.held == 1 << 20)
      var written = 0
      var wasReady = true
      while written < 1_000 {
        do { _ = try await storage.create("/\(written)", value) } catch StorageError.outOfSpace(let text) {
          #expect(text == "no space left for \(path)")
          break
        }
        written += 1
        wasReady = (try? await storage.readinessCheck()) != nil
      }
      // 24 MiB hold some 17 of objects beside the WAL and the reserve.
      #expect(written > 200 && written < 1_000, "\(written)")
      #expect(!wasReady, "the last write that went well should have found the storage not ready")
      await #expect(throws: StorageError.outOfSpace("no space left for \(path)")) { try await storage.readinessCheck() }
      try await storage.livenessCheck()
      #expect(try await storage.text("/0") == value)
      for number in 0..<written { _ = try await storage.delete(key: "/\(number)", origin: nil) { _ in } }
      try await storage.compact(through: storage.currentRevision())
      _ = try await storage.create("/again", value)
      try await eventually("readiness") {
        try await storage.readinessCheck()
        return true
      }
    }
  }

  @Test(.enabled(if: SmallDisk.isPossible, Comment(rawValue: SmallDisk.needs)))
  func `a disk that others fill to the last byte allows reads, removals and compaction, also after a start`()
    async throws
  {
    let disk = try SmallDisk(megabytes: 24)
    let path = disk.file("store.db")
    let value = String(repeating: "x", count: 3_000)
    // In its life and at its end.
    try await withDatabase(path) { storage in
      for number in 0..<300 { _ = try await storage.create("/\(number)", value) }
      try disk.fill()
      await #expect(throws: StorageError.self) {
        for number in 1_000..<3_000 { _ = try await storage.create("/\(number)", value) }
      }
      for number in 0..<50 { _ = try await storage.delete(key: "/\(number)", origin: nil) { _ in } }
      #expect(try await storage.text("/50") == value)
      await #expect(throws: StorageError.outOfSpace("no space left for \(path)")) { try await storage.readinessCheck() }
      try await storage.livenessCheck()
    }
    try disk.fill(name: "more")
    #expect(disk.freeBytes == 0)
    try await withDatabase(path) { storage in
      await #expect(throws: StorageError.outOfSpace("no space left for \(path)")) { try await storage.readinessCheck() }
      try await storage.livenessCheck()
      #expect(try await storage.text("/50") == value)
      for number in 50..<300 { _ = try await storage.delete(key: "/\(number)", origin: nil) { _ in } }
      try await storage.compact(through: storage.currentRevision())
      // What they leave is used again, with nothing free.
      _ = try await storage.create("/again", value)
      unlink(disk.file("filler"))
      try await eventually("the reserve to be whole and the storage ready") {
        try await storage.readinessCheck()
        return storage.reserve.held == storage.reserve.wanted
      }
    }
  }

  @Test(.enabled(if: SmallDisk.isPossible, Comment(rawValue: SmallDisk.needs)))
  func `a WAL that a crash left on a full disk is served from`() async throws {
    let disk = try SmallDisk(megabytes: 16)
    let folder = try TemporaryFolder()
    let path = disk.file("store.db")
    try await withDatabase(folder.file("store.db")) { storage in
      for number in 0..<200 { _ = try await storage.create("/\(number)", String(repeating: "x", count: 3_000)) }
      // As a crash would leave them: nothing of it is in the file yet.
      _ = try await run(["/bin/cp", folder.file("store.db"), folder.file("store.db-wal"), disk.path])
    }
    try disk.fill()
    try await withDatabase(path) { storage in
      let count = try await storage.count(prefix: "/")
      let text = try await storage.text("/199")
      #expect(count == 200 && text.utf8.count == 3_000)
      await #expect(throws: StorageError.outOfSpace("no space left for \(path)")) { try await storage.readinessCheck() }
    }
  }

  @Test(.enabled(if: SmallDisk.isPossible, Comment(rawValue: SmallDisk.needs)))
  func `no database can be made on a full disk, which is said in one line`() async throws {
    let disk = try SmallDisk(megabytes: 1)
    try disk.fill()
    let text = try await refusal(disk.file("store.db"))
    #expect(
      text
        == "SQLite storage \(disk.file("store.db")): there is no database yet, and no space to make one: the disk is full"
    )
  }

  @Test func `a reserve that does not fit leaves the most of what is free for objects`() throws {
    let folder = try TemporaryFolder()
    let free: UInt64 = 9 << 20
    // What an earlier life wanted, too.
    for size in [0, 1 << 30] as [Int] {
      let path = folder.file("\(size)")
      if size > 0 {
        #expect(FileManager.default.createFile(atPath: path + "-reserve", contents: nil))
        #expect(truncate(path + "-reserve", size) == 0)
      }
      let reserve = Reserve(besides: path, setting: 1 << 30, total: 1 << 30)
      reserve.open()
      // Less than a 64th of the file system is not waited for without end.
      reserve.refill(free: free)
      #expect(reserve.wanted == (size == 0 ? free / 4 : 16 << 20))
      #expect(reserve.goal == 1 << 30)
      reserve.refill(free: 64 << 20)
      #expect(reserve.wanted == 16 << 20 || size == 0)
      let held = reserve.held
      #expect(held == reserve.wanted)
      // With what it has taken gone from what is free, it wants no more.
      reserve.refill(free: (64 << 20) - held)
      #expect(reserve.wanted == max(held, 16 << 20))
    }
  }

  @Test func `a file system that does not count what it allocates is asked once`() throws {
    let folder = try TemporaryFolder()
    let asked = Atomic<Int>(0)
    let reserve = Reserve(besides: folder.file("store.db"), setting: nil, total: 1 << 30) { descriptor, size in
      asked.add(1, ordering: .relaxed)
      return ftruncate(descriptor, size)
    }
    reserve.open()
    for _ in 0..<3 { reserve.refill(free: 1 << 29) }
    #expect(asked.load(ordering: .relaxed) == 1 && reserve.wanted == 0 && reserve.missing == 0)
  }

  @Test(.enabled(if: SmallDisk.isPossible, Comment(rawValue: SmallDisk.needs)))
  func `a lease whose removal finds no space is not tried again at once`() async throws {
    let disk = try SmallDisk(megabytes: 4)
    let path = disk.file("store.db")
    let made = try await result(path) { try await $0.create("/a", "1") }
    var settings = config(path)
    settings.sqliteReserveBytes = 0
    let file = try DatabaseFile(path: path)
    defer { file.release() }
    let writer = Writer(core: StorageCore(config: settings, tuning: Tuning(), file: file))
    unlink(path + "-reserve")
    try disk.fill()
    try writer.openDatabase()
    let due = KeyVersion(revision: made.rawValue, created: made.rawValue, version: 1, lease: 1, isTombstone: false)
    writer.leases.add(StorageKey("/a"), due)
    for _ in 0..<2 {
      #expect(writer.process([]) == nil)
      #expect(try #require(writer.wakeUpTime()) > Clock.monotonicNanoseconds)
    }
    unlink(disk.file("filler"))
    #expect(writer.process([]) == nil)
    #expect(writer.leases.nextDeadline == nil)
  }

  @Test func `a setting decides what the reserve is, and 0 is none`() async throws {
    let folder = try TemporaryFolder()
    let path = folder.file("store.db")
    for (megabytes, size) in [(3, 3 << 20), (1, 1 << 20), (0, nil)] as [(UInt64, Int?)] {
      var settings = config(path)
      settings.sqliteReserveBytes = megabytes << 20
      let (storage, destroy) = try await SQLiteStorage.make(settings)
      #expect((storage as? SQLiteStorage)?.reserve.wanted == size ?? 0)
      await destroy()
      let found = try? FileManager.default.attributesOfItem(atPath: path + "-reserve")
      #expect(found?[.size] as? Int == size)
    }
  }
}
