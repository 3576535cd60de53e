import ByteBuffers
import Storage
import Synchronization
import TestSupport
import Testing

@Suite struct `Storage contract: writes` {
  @Test(arguments: Backend.allCases)
  func `a created object is read back as it was written`(on backend: Backend) async throws {
    try await withStorage(backend) { storage, prefix in
      let made = try await storage.create(prefix + "a", "one")
      let read = try await storage.get(prefix + "a")
      #expect(read.key == prefix + "a")
      #expect(read.value.text == "one")
      #expect(read.revision == made.revision)
      #expect(read.lease == 0)
      #expect(!read.isStale)
      #expect(made.revision > Revision(1))
      #expect(try await storage.get(key: prefix + "a", isConsistent: false).revision == made.revision)
    }
  }

  @Test(arguments: Backend.allCases)
  func `a key is created once`(on backend: Backend) async throws {
    try await withStorage(backend) { storage, prefix in
      let first = try await storage.create(prefix + "a", "one")
      await #expect(throws: StorageError.keyExists(key: prefix + "a")) { try await storage.create(prefix + "a", "two") }
      #expect(try await storage.get(prefix + "a").revision == first.revision)
      _ = try await storage.remove(prefix + "a")
      let again = try await storage.create(prefix + "a", "three")
      #expect(again.revision > first.revision)
    }
  }

  @Test(arguments: Backend.allCases)
  func `of many that create one key exactly one succeeds`(on backend: Backend) async throws {
    try await withStorage(backend) { storage, prefix in
      let won = try await withThrowingTaskGroup(of: Bool.self) { group in
        for writer in 0..<32 {
          group.addTask {
            do {
              _ = try await storage.create(prefix + "one", "\(writer)")
              return true
            } catch StorageError.keyExists { return false }
          }
        }
        return try await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
      }
      #expect(won == 1)
    }
  }

  @Test(arguments: Backend.allCases)
  func `a missing key is not found by any verb`(on backend: Backend) async throws {
    try await withStorage(backend) { storage, prefix in
      let missing = StorageError.keyNotFound(key: prefix + "a")
      await #expect(throws: missing) { try await storage.get(prefix + "a") }
      await #expect(throws: missing) { try await storage.remove(prefix + "a") }
      await #expect(throws: missing) {
        try await storage.guaranteedUpdate(key: prefix + "a", ignoreNotFound: false, origin: nil) { _ in
          .write(bytes("x"), ttl: nil)
        }
      }
      await #expect(throws: missing) {
        try await storage.guaranteedUpdate(key: prefix + "a", ignoreNotFound: true, origin: nil) { _ in .delete }
      }
    }
  }

  @Test(arguments: Backend.allCases)
  func `an update that ignores a missing key creates it`(on backend: Backend) async throws {
    try await withStorage(backend) { storage, prefix in
      let outcome = try await storage.guaranteedUpdate(key: prefix + "a", ignoreNotFound: true, origin: nil) { shown in
        #expect(shown == nil)
        return .write(bytes("one"), ttl: nil)
      }
      #expect(outcome.wasWritten)
      #expect(try await storage.get(prefix + "a").revision == outcome.object.revision)
    }
  }

  @Test(arguments: Backend.allCases)
  func `64 writers that count in one key lose nothing`(on backend: Backend) async throws {
    try await withStorage(backend) { storage, prefix in
      _ = try await storage.create(prefix + "counter", "0")
      try await withThrowingTaskGroup(of: Void.self) { group in
        for _ in 0..<64 {
          group.addTask {
            for _ in 0..<4 {
              _ = try await storage.guaranteedUpdate(key: prefix + "counter", ignoreNotFound: false, origin: nil) {
                shown in
                .write(bytes("\((Int(shown?.value.text ?? "") ?? -1_000_000) + 1)"), ttl: nil)
              }
            }
          }
        }
        try await group.waitForAll()
      }
      #expect(try await storage.get(prefix + "counter").value.text == "256")
    }
  }

  @Test(arguments: Backend.allCases)
  func `writers that all begin with the same old object lose nothing`(on backend: Backend) async throws {
    try await withStorage(backend) { storage, prefix in
      let old = try await storage.create(prefix + "counter", "0")
      try await withThrowingTaskGroup(of: Void.self) { group in
        for _ in 0..<16 {
          group.addTask {
            _ = try await storage.guaranteedUpdate(key: prefix + "counter", ignoreNotFound: false, origin: old) {
              shown in
              .write(bytes("\((Int(shown?.value.text ?? "") ?? -1_000_000) + 1)"), ttl: nil)
            }
          }
        }
        try await group.waitForAll()
      }
      #expect(try await storage.get(prefix + "counter").value.text == "16")
    }
  }

  @Test(arguments: Backend.allCases)
  func `keep writes nothing and returns the object`(on backend: Backend) async throws {
    try await withStorage(backend) { storage, prefix in
      let made = try await storage.create(prefix + "a", "one")
      let outcome = try await storage.guaranteedUpdate(key: prefix + "a", ignoreNotFound: false, origin: nil) { _ in
        .keep
      }
      #expect(!outcome.wasWritten)
      #expect(outcome.object.revision == made.revision)
      let fromOrigin = try await storage.guaranteedUpdate(key: prefix + "a", ignoreNotFound: false, origin: made) { _ in
        .keep
      }
      #expect(!fromOrigin.wasWritten && fromOrigin.object.revision == made.revision)
    }
  }

  @Test(arguments: Backend.allCases)
  func `bytes that are stored already write nothing`(on backend: Backend) async throws {
    try await withStorage(backend) { storage, prefix in
      let made = try await storage.create(prefix + "a", "one")
      for origin in [nil, made] {
        let outcome = try await storage.guaranteedUpdate(key: prefix + "a", ignoreNotFound: false, origin: origin) {
          _ in
          .write(bytes("one"), ttl: nil)
        }
        #expect(!outcome.wasWritten)
        #expect(outcome.object.revision == made.revision)
      }
    }
  }

  @Test(arguments: Backend.allCases)
  func `keeping an old object is believed only after a fresh read`(on backend: Backend) async throws {
    try await withStorage(backend) { storage, prefix in
      let old = try await storage.create(prefix + "a", "one")
      let new = try await storage.put(prefix + "a", "two")
      let outcome = try await storage.guaranteedUpdate(key: prefix + "a", ignoreNotFound: false, origin: old) { _ in
        .keep
      }
      #expect(outcome.object.revision == new.revision)
      #expect(outcome.object.value.text == "two")
      // "one" equals what was shown first, but not what is stored.
      let written = try await storage.guaranteedUpdate(key: prefix + "a", ignoreNotFound: false, origin: old) { _ in
        .write(bytes("one"), ttl: nil)
      }
      #expect(written.wasWritten)
      #expect(try await storage.get(prefix + "a").value.text == "one")
    }
  }

  @Test(arguments: Backend.allCases)
  func `an error about an old object is believed only after a fresh read`(on backend: Backend) async throws {
    try await withStorage(backend) { storage, prefix in
      let old = try await storage.create(prefix + "a", "one")
      _ = try await storage.put(prefix + "a", "two")
      let outcome = try await storage.guaranteedUpdate(key: prefix + "a", ignoreNotFound: false, origin: old) { shown in
        if shown?.value.text == "one" { throw Refused("too old") }
        return .write(bytes("three"), ttl: nil)
      }
      #expect(outcome.object.value.text == "three")
      await #expect(throws: Refused("never")) {
        try await storage.guaranteedUpdate(key: prefix + "a", ignoreNotFound: false, origin: old) { _ in
          throw Refused("never")
        }
      }
      let current = try await storage.get(prefix + "a")
      await #expect(throws: Refused("never")) {
        try await storage.guaranteedUpdate(key: prefix + "a", ignoreNotFound: false, origin: current) { _ in
          throw Refused("never")
        }
      }
      #expect(try await storage.get(prefix + "a").revision == current.revision)
    }
  }

  @Test(arguments: Backend.allCases)
  func `an update of a removed key by its old object does not bring it back`(on backend: Backend) async throws {
    try await withStorage(backend) { storage, prefix in
      let old = try await storage.create(prefix + "a", "one")
      _ = try await storage.remove(prefix + "a")
      await #expect(throws: StorageError.keyNotFound(key: prefix + "a")) {
        try await storage.guaranteedUpdate(key: prefix + "a", ignoreNotFound: false, origin: old) { _ in
          .write(bytes("x"), ttl: nil)
        }
      }
      await #expect(throws: StorageError.keyNotFound(key: prefix + "a")) {
        try await storage.delete(key: prefix + "a", origin: old) { _ in }
      }
      #expect(try await storage.count(prefix: prefix) == 0)
    }
  }

  @Test(arguments: Backend.allCases)
  func `an update may decide to delete`(on backend: Backend) async throws {
    try await withStorage(backend) { storage, prefix in
      let made = try await storage.create(prefix + "a", "one")
      let outcome = try await storage.guaranteedUpdate(key: prefix + "a", ignoreNotFound: false, origin: nil) { _ in
        .delete
      }
      #expect(outcome.wasWritten)
      #expect(outcome.object.value.text == "one")
      #expect(outcome.object.revision > made.revision)
      await #expect(throws: StorageError.keyNotFound(key: prefix + "a")) { try await storage.get(prefix + "a") }
    }
  }

  @Test(arguments: Backend.allCases)
  func `a removal answers with the object and its own revision`(on backend: Backend) async throws {
    try await withStorage(backend) { storage, prefix in
      let made = try await storage.create(prefix + "a", "one")
      let removed = try await storage.remove(prefix + "a")
      #expect(removed.value.text == "one")
      #expect(removed.revision > made.revision)
      #expect(try await storage.currentRevision() >= removed.revision)
    }
  }

  @Test(arguments: Backend.allCases)
  func `a removal that is not accepted leaves the key`(on backend: Backend) async throws {
    try await withStorage(backend) { storage, prefix in
      let old = try await storage.create(prefix + "a", "one")
      await #expect(throws: Refused("no")) {
        try await storage.delete(key: prefix + "a", origin: nil) { _ in throw Refused("no") }
      }
      await #expect(throws: Refused("no")) {
        try await storage.delete(key: prefix + "a", origin: old) { _ in throw Refused("no") }
      }
      #expect(try await storage.get(prefix + "a").revision == old.revision)
      // Judged by an old object: shown the new one before it counts.
      _ = try await storage.put(prefix + "a", "two")
      let removed = try await storage.delete(key: prefix + "a", origin: old) { shown in
        if shown.value.text == "one" { throw Refused("too old") }
      }
      #expect(removed.value.text == "two")
    }
  }

  @Test(arguments: Backend.allCases)
  func `a removal accepted for an old object is decided again for the new one`(on backend: Backend) async throws {
    try await withStorage(backend) { storage, prefix in
      let old = try await storage.create(prefix + "a", "one")
      _ = try await storage.put(prefix + "a", "two")
      await #expect(throws: Refused("new")) {
        try await storage.delete(key: prefix + "a", origin: old) { shown in
          if shown.value.text == "two" { throw Refused("new") }
        }
      }
      #expect(try await storage.get(prefix + "a").value.text == "two")
    }
  }

  @Test(arguments: Backend.allCases)
  func `values of all sizes and bytes are kept`(on backend: Backend) async throws {
    try await withStorage(backend) { storage, prefix in
      let all = SharedBytes((0..<4_096).map { UInt8(truncatingIfNeeded: $0) })
      let large = SharedBytes((0..<1_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31) })
      for (name, value) in [("empty", SharedBytes.empty), ("all", all), ("large", large)] {
        _ = try await storage.create(key: prefix + name, value: value, ttl: nil)
        #expect(try await storage.get(prefix + name).value.hasSameBytes(as: value))
      }
      #expect(try await storage.list(prefix).objects.map(\.value.count) == [4_096, 0, 1_000_000])
    }
  }

  @Test(arguments: Backend.allCases)
  func `every write has a revision of its own and they only grow`(on backend: Backend) async throws {
    try await withStorage(backend) { storage, prefix in
      let revisions = try await withThrowingTaskGroup(of: [Revision].self) { group in
        for writer in 0..<8 {
          group.addTask {
            var seen: [Revision] = []
            for _ in 0..<10 {
              seen.append(try await storage.create("\(prefix)\(writer)", "x").revision)
              seen.append(try await storage.put("\(prefix)\(writer)", "y").revision)
              seen.append(try await storage.remove("\(prefix)\(writer)").revision)
            }
            #expect(seen == seen.sorted())
            return seen
          }
        }
        return try await group.reduce(into: []) { $0 += $1 }
      }
      #expect(Set(revisions).count == 240)
      #expect(try await storage.currentRevision() >= revisions.max() ?? .zero)
    }
  }

  @Test(arguments: Backend.allCases)
  func `an update may wait for other writes, and nothing waits for it`(on backend: Backend) async throws {
    try await withStorage(backend) { storage, prefix in
      _ = try await storage.create(prefix + "a", "one")
      // Whatever the backend writes with, the closure does not hold it: writes of others and of the same key go on.
      let outcome = try await storage.guaranteedUpdate(key: prefix + "a", ignoreNotFound: false, origin: nil) { shown in
        _ = try await storage.put(prefix + "b", "from within")
        if shown?.value.text == "one" { _ = try await storage.put(prefix + "a", "two") }
        return .write(bytes((shown?.value.text ?? "") + "+"), ttl: nil)
      }
      #expect(outcome.object.value.text == "two+")
      #expect(try await storage.get(prefix + "b").value.text == "from within")
      let removed = try await storage.delete(key: prefix + "a", origin: nil) { shown in
        if shown.value.text == "two+" { _ = try await storage.put(prefix + "a", "three") }
      }
      #expect(removed.value.text == "three")
    }
  }
}
