import ByteBuffers
import FoundationEssentials
import Glibc
import Storage
import Synchronization
import TestSupport
import Testing

@testable import StorageSQLite

@Suite struct `A database whose files are taken away` {
  /// What happens to the files; `undo` brings them back.
  struct Mishap: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let act: @Sendable (_ path: String) throws -> Void
    let undo: @Sendable (_ path: String) throws -> Void
  }

  static let mishaps = [
    Mishap(testDescription: "the file is moved") {
      rename($0, $0 + ".away")
    } undo: {
      rename($0 + ".away", $0)
    },
    Mishap(testDescription: "the file is removed, with a link left elsewhere") { path in
      link(path, path + ".kept")
      unlink(path)
    } undo: {
      rename($0 + ".kept", $0)
    },
    Mishap(testDescription: "another file stands there") { path in
      rename(path, path + ".away")
      try FileManager.default.copyItem(atPath: path + ".away", toPath: path)
    } undo: {
      rename($0 + ".away", $0)
    },
    Mishap(testDescription: "the WAL is moved") {
      rename($0 + "-wal", $0 + ".away")
    } undo: {
      rename($0 + ".away", $0 + "-wal")
    },
    Mishap(testDescription: "the WAL is replaced") { path in
      rename(path + "-wal", path + ".away")
      try Data().write(to: URL(filePath: path + "-wal"))
    } undo: {
      rename($0 + ".away", $0 + "-wal")
    },
    Mishap(testDescription: "the directory is moved") { path in
      let folder = URL(filePath: path).deletingLastPathComponent().path
      rename(folder, folder + ".away")
    } undo: { path in
      let folder = URL(filePath: path).deletingLastPathComponent().path
      rename(folder + ".away", folder)
    },
  ]

  @Test(arguments: mishaps) func `writes stop, readiness says why, reads go on, and all is well when they are back`(
    mishap: Mishap
  ) async throws {
    let folder = try TemporaryFolder()
    let path = folder.file("data/store.db")
    try await withDatabase(path) { storage in
      let made = try await storage.create(key: "/a", value: bytes("1"), ttl: nil)
      try mishap.act(path)
      for _ in 0..<2 {
        await #expect { try await storage.create("/b", "1") } throws: { error in
          guard case StorageError.refused(let text) = error else { return false }
          return text.contains(path) && text.contains("nothing is written until it is back")
        }
        await #expect(throws: StorageError.self) { try await storage.delete(key: "/a", origin: made) { _ in } }
        await #expect(throws: StorageError.self) { try await storage.compact(through: made.revision) }
        await #expect(throws: StorageError.self) { try await storage.readinessCheck() }
      }
      // A restart would only make the loss complete.
      try await storage.livenessCheck()
      #expect(try await storage.text("/a") == "1")
      try mishap.undo(path)
      try await storage.readinessCheck()
      #expect(try await storage.create("/b", "2").rawValue == made.revision.rawValue + 1)
    }
    #expect(try await result(path) { try await $0.text("/b") } == "2")
  }

  @Test func `a write that went into a file just lost is not acknowledged`() async throws {
    let folder = try TemporaryFolder()
    let path = folder.file("store.db")
    let isDue = Atomic<Bool>(false)
    var tuning = Tuning()
    tuning.commitFault = {
      if isDue.exchange(false, ordering: .relaxed) { rename(path, path + ".away") }
      return nil
    }
    try await withDatabase(path, tuning) { storage in
      _ = try await storage.create("/a", "1")
      isDue.store(true, ordering: .relaxed)
      await #expect { try await storage.put("/a", "2") } throws: { error in
        if case StorageError.unreachable(let text) = error {
          text.contains("outcome of the write is unknown")
        } else {
          false
        }
      }
      rename(path + ".away", path)
      _ = try await storage.put("/b", "3")
    }
    // The file came back, and with it what was written.
    let found = try await result(path) { try await [$0.text("/a"), $0.text("/b")] }
    #expect(found == ["2", "3"])
  }

  @Test func `a database that breaks where its file is gone is alive, as a restart would lose it`() async throws {
    let folder = try TemporaryFolder()
    let path = folder.file("store.db")
    let isDue = Atomic<Bool>(false)
    var tuning = Tuning()
    tuning.commitFault = {
      guard isDue.exchange(false, ordering: .relaxed) else { return nil }
      rename(path, path + ".away")
      return .lost
    }
    try await withDatabase(path, tuning) { storage in
      _ = try await storage.create("/a", "1")
      isDue.store(true, ordering: .relaxed)
      await #expect(throws: StorageError.self) { try await storage.put("/a", "2") }
      try await storage.livenessCheck()
      await #expect(throws: StorageError.self) { try await storage.readinessCheck() }
      rename(path + ".away", path)
      try await eventually("another write") { (try? await storage.put("/a", "3")) != nil }
      try await storage.livenessCheck()
      try await storage.readinessCheck()
    }
  }

  @Test func `what stands in its place is left alone at the end too`() async throws {
    let folder = try TemporaryFolder()
    let path = folder.file("store.db")
    try await withDatabase(path) { storage in
      _ = try await storage.create("/a", "1")
      for name in [path, path + "-wal"] {
        rename(name, name + ".away")
        try Data("somebody's".utf8).write(to: URL(filePath: name))
      }
    }
    for name in [path, path + "-wal"] { #expect(FileManager.default.contents(atPath: name) == Data("somebody's".utf8)) }
    // And ours is whole.
    for name in [path, path + "-wal"] { rename(name + ".away", name) }
    let found = try await result(path) { try await $0.text("/a") }
    #expect(found == "1")
  }

  @Test func `a lease that ends meanwhile is seen to afterwards`() async throws {
    let folder = try TemporaryFolder()
    let path = folder.file("store.db")
    try await withDatabase(path) { storage in
      _ = try await storage.create(key: "/a", value: bytes("1"), ttl: .milliseconds(300))
      rename(path, path + ".away")
      await #expect(throws: StorageError.self) { try await storage.create("/b", "1") }
      try await Task.sleep(for: .milliseconds(400))
      #expect(try await storage.text("/a") == "1")
      rename(path + ".away", path)
      try await eventually("the end of the lease") { (try? await storage.text("/a")) == nil }
    }
  }
}
