import ByteBuffers
import Foundation
import Machinery
import Storage
import StorageEtcd3
import StorageSQLite
import Synchronization
import TestSupport
import Testing

@testable import StorageEncryption

/// A raw storage of either kind, and a way to look at what is really on its disk.
struct Disk: Sendable {
  let raw: any Storage
  let destroy: DestroyFunc
  /// The folder that holds everything.
  let folder: String
  let keep: [any Sendable]

  static func sqlite() async throws -> Disk {
    let folder = try TemporaryFolder()
    var config = StorageBackend.Config()
    config.type = StorageBackend.typeSQLite
    config.sqlitePath = folder.file("data/store.db")
    let (storage, destroy) = try await SQLiteStorage.make(config)
    return Disk(raw: storage, destroy: destroy, folder: folder.file("data"), keep: [folder])
  }

  static func etcd3() async throws -> Disk {
    let server = try await EtcdServer.start(.v3_5)
    var config = StorageBackend.Config()
    config.serverList = [server.url]
    config.compactionInterval = .zero
    let (storage, destroy) = try await Etcd3Storage.make(config)
    return Disk(raw: storage, destroy: destroy, folder: server.dataFolder, keep: [server])
  }

  /// Does any file hold this text?
  func holds(_ text: String) throws -> Bool {
    let needle = Data(text.utf8)
    let files = try FileManager.default.subpathsOfDirectory(atPath: folder).map { folder + "/" + $0 }
    return files.contains { FileManager.default.contents(atPath: $0)?.range(of: needle) != nil }
  }
}

@Suite struct `Encrypted storage` {
  static let kinds = ["sqlite", "etcd3"]

  private func withDisk(_ kind: String, _ body: @escaping @Sendable (Disk) async throws -> Void) async throws {
    let disk = kind == "sqlite" ? try await Disk.sqlite() : try await Disk.etcd3()
    do { try await within(.seconds(90), "the test") { try await body(disk) } } catch {
      await disk.destroy()
      throw error
    }
    await disk.destroy()
  }

  private func key(_ n: Int) -> String { "/registry/minions/n\(n)" }

  @Test(arguments: kinds)
  func `values on disk hold no clear text, in any of their versions`(_ kind: String) async throws {
    try await withDisk(kind) { disk in
      let mark = "do-not-show-this-\(UInt64.random(in: 0 ... .max))"
      let plain = disk.raw
      _ = try await plain.create(
        key: "/registry/minions/open", value: SharedBytes("{\"seen\":\"\(mark)-open\"}"), ttl: nil)
      for name in ["aesgcm", "aescbc", "secretbox"] {
        let storage = TransformedStorage(disk.raw, transformer: try transformer([provider(name, [("k", 7)])]))
        let key = "/registry/minions/\(name)"
        let made = try await storage.create(key: key, value: SharedBytes("{\"secret\":\"\(mark)-first\"}"), ttl: nil)
        _ = try await storage.guaranteedUpdate(key: key, ignoreNotFound: false, origin: made) { _ in
          .write(SharedBytes("{\"secret\":\"\(mark)-second\"}"), ttl: nil)
        }
        #expect(try await storage.get(key: key, isConsistent: true).value.text == "{\"secret\":\"\(mark)-second\"}")
        #expect(try await disk.raw.get(key: key, isConsistent: true).value.begins("k8s:enc:\(name):v1:k:"))
      }
      // The one in clear text proves that the search would find it.
      #expect(try disk.holds("\(mark)-open"))
      #expect(try !disk.holds("\(mark)-first") && !disk.holds("\(mark)-second"))
    }
  }

  @Test(arguments: kinds)
  func `rotation through three keys of three providers loses nothing`(_ kind: String) async throws {
    try await withDisk(kind) { disk in
      let count = 60
      let file = try ConfigFile("[\(entry(["nodes"], ["{identity: {}}"]))]")
      let providers = try file.providers(reloads: true)
      let storage = TransformedStorage(
        disk.raw, transformer: try #require(providers.transformer(for: GroupResource(resource: "nodes"))))
      for n in 0..<count { _ = try await storage.create(key: key(n), value: SharedBytes("value \(n)"), ttl: nil) }
      let stages = [
        provider("aescbc", [("one", 1)]), provider("aesgcm", [("two", 2)]), provider("secretbox", [("three", 3)]),
      ]
      var before = "{identity: {}}"
      for stage in stages {
        // Upstream's order: the new key reads first, then writes, then everything is written again, then the old one
        // goes.
        for list in [[before, stage], [stage, before]] {
          try file.write("[\(entry(["nodes"], list))]")
          #expect(try providers.reload())
          let all = try await storage.getList(prefix: "/registry/minions/", options: StorageListOptions()).objects
          #expect(all.count == count && all.allSatisfy { $0.unreadable == nil && $0.isStale == (list[0] == stage) })
        }
        for n in 0..<count {
          let stale = try await storage.get(key: key(n), isConsistent: true)
          #expect(stale.isStale && stale.value.text == "value \(n)")
          // What the caller holds does not know that it is stale: an update that changes nothing is written all the
          // same (semantics 2.10).
          let held = StoredObject(key: stale.key, value: stale.value, revision: stale.revision)
          let outcome = try await storage.guaranteedUpdate(
            key: stale.key, ignoreNotFound: false, origin: n % 2 == 0 ? held : nil
          ) { shown in
            .write(shown?.value ?? .empty, ttl: nil)
          }
          #expect(
            outcome.wasWritten && outcome.object.revision > stale.revision && outcome.object.value.text == "value \(n)")
          let again = try await storage.guaranteedUpdate(key: stale.key, ignoreNotFound: false, origin: outcome.object)
          { shown in
            .write(shown?.value ?? .empty, ttl: nil)
          }
          #expect(!again.wasWritten && again.object.revision == outcome.object.revision)
        }
        try file.write("[\(entry(["nodes"], [stage]))]")
        #expect(try providers.reload())
        let list = try await storage.getList(prefix: "/registry/minions/", options: StorageListOptions())
        #expect(list.objects.count == count && list.objects.allSatisfy { $0.unreadable == nil && !$0.isStale })
        #expect(Set(list.objects.map(\.value.text)) == Set((0..<count).map { "value \($0)" }))
        before = stage
      }
    }
  }

  @Test(arguments: kinds)
  func `a value whose key was removed, and one with a flipped byte, are named, and the others are served`(
    _ kind: String
  ) async throws {
    try await withDisk(kind) { disk in
      let old = TransformedStorage(disk.raw, transformer: try transformer([provider("aesgcm", [("old", 1)])]))
      let new = TransformedStorage(disk.raw, transformer: try transformer([provider("aesgcm", [("new", 2)])]))
      _ = try await old.create(key: key(0), value: SharedBytes("lost"), ttl: nil)
      _ = try await new.create(key: key(1), value: SharedBytes("kept"), ttl: nil)
      let sound = try await new.create(key: key(2), value: SharedBytes("damaged"), ttl: nil)
      let stored = try await disk.raw.get(key: key(2), isConsistent: true)
      _ = try await disk.raw.guaranteedUpdate(key: key(2), ignoreNotFound: false, origin: nil) { _ in
        .write(stored.value.flipped(at: stored.value.count - 3), ttl: nil)
      }
      let list = try await new.getList(prefix: "/registry/minions/", options: StorageListOptions())
      #expect(
        list.objects.map(\.unreadable) == [
          "no matching key was found for the provided AES transformer", nil, "cipher: message authentication failed",
        ])
      #expect(list.objects[1].value.text == "kept")
      // Nothing but the event of the damage differs: a watch goes on.
      let watch = try await new.watch(prefix: "/registry/minions/", after: Revision(sound.revision.rawValue - 1))
      defer { watch.cancel() }
      var events: [StorageEvent] = []
      while events.count < 2 { for case .events(let batch) in try await watch.nextBatch() { events += batch } }
      #expect(
        events[0].value?.text == "damaged" && events[0].unreadable == nil
          && events[1].unreadable == "cipher: message authentication failed")
      // Whoever decodes it throws the reason, also while an update is shown it.
      await #expect(
        throws: StorageError.untransformable(
          key: key(0), reason: "no matching key was found for the provided AES transformer")
      ) {
        _ = try await new.guaranteedUpdate(key: key(0), ignoreNotFound: false, origin: nil) { shown in
          guard let shown else { return .keep }
          throw shown.undecodable("")
        }
      }
      // It can be removed without being read.
      let removed = try await new.delete(key: key(0), origin: nil) { #expect($0.unreadable != nil) }
      #expect(removed.unreadable != nil)
      #expect(try await new.count(prefix: "/registry/minions/") == 2)
    }
  }

  @Test(arguments: kinds)
  func `keys change under load without a failed read or write`(_ kind: String) async throws {
    try await withDisk(kind) { disk in
      func config(_ stage: Int) -> String {
        let names = ["aesgcm", "secretbox", "aescbc"]
        let list = [stage, stage + 1, stage + 2].map { provider(names[$0 % 3], [("k\($0 % 3)", UInt8($0 % 3))]) }
        return "[\(entry(["nodes"], list))]"
      }
      let file = try ConfigFile(config(0))
      let providers = try file.providers(reloads: true)
      let storage = TransformedStorage(
        disk.raw, transformer: try #require(providers.transformer(for: GroupResource(resource: "nodes"))))
      let load = Load(storage)
      try await withThrowingTaskGroup(of: Void.self) { group in
        for worker in 0..<6 { group.addTask { try await load.write(worker) } }
        for stage in 1...30 {
          let reached = load.writes
          try file.write(config(stage))
          #expect(try providers.reload())
          try await eventually("writes under the new key", within: .seconds(20)) { load.writes >= reached + 12 }
        }
        load.end()
        try await group.waitForAll()
      }
    }
  }
}

/// Writers that check what they wrote.
private final class Load: Sendable {
  private let storage: any Storage
  private let isOver = Atomic(false)
  private let count = Atomic(0)

  init(_ storage: any Storage) { self.storage = storage }

  var writes: Int { count.load(ordering: .relaxed) }
  func end() { isOver.store(true, ordering: .relaxed) }

  func write(_ worker: Int) async throws {
    let key = "/registry/minions/n\(worker)"
    var n = 0
    var last: StoredObject?
    while !isOver.load(ordering: .relaxed) {
      let previous = "\(worker) \(n)"
      n += 1
      let text = "\(worker) \(n)"
      let outcome = try await storage.guaranteedUpdate(key: key, ignoreNotFound: true, origin: n % 3 == 0 ? nil : last)
      { shown in
        if let shown { #expect(shown.unreadable == nil && shown.value.text == previous) }
        return .write(SharedBytes(text), ttl: nil)
      }
      last = outcome.object
      #expect(try await storage.get(key: key, isConsistent: true).value.text == text)
      count.add(1, ordering: .relaxed)
    }
  }
}
