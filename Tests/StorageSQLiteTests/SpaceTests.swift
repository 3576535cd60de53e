import ByteBuffers
import Foundation
import Storage
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
  func `a disk that others fill to the last byte allows reads, removals and compaction, also after a start`() async throws {
    let disk = try SmallDisk(megabytes: 24)
    let path = disk.file("store.db")
    let value = String(repeating: "x", count: 3_000)
    // In its life and at its end.
    try await withDatabase(path) { storage in
      for number in 0..<300 { _ = try await storage.create("/\(number)", value) }
      try disk.fill()
      await #expect(throws: StorageError.self) { for number in 1_000..<3_000 { _ = try await storage.create("/\(number)", value) } }
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
    #expect(text == "SQLite storage \(disk.file("store.db")): there is no database yet, and no space to make one: the disk is full")
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
