import ByteBuffers
import Foundation
import Storage
import Synchronization
import TestSupport
import Testing

@testable import StorageSQLite

/// What is particular about a database in memory; what it has in common with a file the contract of storages says.
@Suite struct `A database in memory` {
  private let memory = StorageBackend.Config.inMemory

  @Test func `two of them know nothing of each other, and leave nothing behind`() async throws {
    try await withDatabase(memory) { one in
      _ = try await one.create("/a", "1")
      try await withDatabase(memory) { other in
        #expect(try await other.count(prefix: "/") == 0)
        _ = try await other.create("/a", "2")
        #expect(try await one.text("/a") == "1")
      }
      #expect(try await one.text("/a") == "1")
      #expect(one.reserve.asked == 0)
      #expect(try FileManager.default.contentsOfDirectory(atPath: ".").allSatisfy { !$0.hasPrefix(memory) })
    }
    #expect(try await result(memory) { try await $0.count(prefix: "/") } == 0)
  }

  @Test func `it outlives that all its connections are opened anew`() async throws {
    let faults = Mutex<[CommitFault]>([])
    var tuning = Tuning()
    tuning.commitFault = { faults.withLock { $0.popLast() } }
    try await withDatabase(memory, tuning) { storage in
      let first = try await storage.create("/a", "1")
      faults.withLock { $0 = [.lost] }
      await #expect(throws: StorageError.self) { try await storage.put("/a", "2") }
      #expect(try await storage.text("/a") == "1")
      #expect(try await storage.put("/a", "3").rawValue == first.rawValue + 1)
    }
  }

  @Test func `readers and writers that get in each other's way wait for each other`() async throws {
    try await withDatabase(memory) { storage in
      try await withThrowingTaskGroup(of: Void.self) { group in
        for writer in 0..<8 {
          group.addTask { for n in 0..<40 { _ = try await storage.put("/\(writer)", "\(n)") } }
          group.addTask {
            for _ in 0..<20 {
              let list = try await storage.list()
              // A state as it was at one revision, and nothing of a batch that is not done.
              #expect(list.objects.allSatisfy { $0.revision <= list.revision })
            }
          }
        }
        try await group.waitForAll()
      }
      #expect(try await storage.list().objects.map(\.value.text) == [String](repeating: "39", count: 8))
    }
  }

  @Test func `a snapshot of it is a database file`() async throws {
    let folder = try TemporaryFolder()
    try await withDatabase(memory) { storage in
      let last = try await storage.create("/a", "kept")
      #expect(try storage.snapshot(to: folder.file("copy.db")) { _, _ in }.revision == last)
    }
    let facts = try SQLiteSnapshot.restore(folder.file("copy.db"), to: folder.file("store.db")) { _, _ in }
    #expect(facts.keys == 1)
    #expect(try await result(folder.file("store.db")) { try await $0.text("/a") } == "kept")
  }
}
