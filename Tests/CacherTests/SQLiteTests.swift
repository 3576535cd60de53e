import ByteBuffers
import Dispatch
import Machinery
import Storage
import StorageSQLite
import Synchronization
import TestSupport
import Testing

@testable import Cacher

/// A home with a thread of its own, as a reactor is.
final class QueueHome: WatchHome {
  private let queue = DispatchQueue(label: "home")
  func post(_ job: @escaping @Sendable () -> Void) { queue.async(execute: job) }
}

@Suite struct `Cacher over SQLite` {
  private func makeStorage(_ folder: TemporaryFolder) async throws -> (any Storage, DestroyFunc) {
    var config = StorageBackend.Config()
    config.type = StorageBackend.typeSQLite
    config.prefix = "/r"
    config.sqlitePath = folder.file("state.db")
    return try await SQLiteStorage.make(config)
  }

  /// The changes that a watch showed, folded; and what is wrong with their order.
  private func fold(_ events: [WatchEvent]) -> (state: [String: String], problems: [String]) {
    var state: [String: String] = [:]
    var problems: [String] = []
    var last = Revision.zero
    var isInitial = true
    for event in events {
      if event.kind == .bookmark {
        isInitial = isInitial && !event.isInitialEventsEnd
        continue
      }
      guard let object = event.object else {
        problems.append(event.line)
        continue
      }
      if !isInitial && event.revision <= last { problems.append("\(event.revision) after \(last)") }
      if !isInitial { last = event.revision }
      switch event.kind {
      case .added:
        if state.updateValue(object.value, forKey: object.key) != nil { problems.append("added twice: \(event.line)") }
      case .modified:
        if state.updateValue(object.value, forKey: object.key) == nil {
          problems.append("modified before added: \(event.line)")
        }
      default:
        if state.removeValue(forKey: object.key) == nil { problems.append("deleted before added: \(event.line)") }
      }
    }
    return (state, problems)
  }

  @Test(arguments: [true, false])
  func `watchers see every change of eight writers once and in order, also one that resumes after a restart`(
    isCached: Bool
  ) async throws {
    let folder = try TemporaryFolder()
    let (storage, destroy) = try await makeStorage(folder)
    var config = CacherConfig(
      storage: storage, resource: GroupResource(resource: "things"), resourcePrefix: prefix, codec: TestCodec())
    config.freshnessWait = .seconds(20)
    let cacher = Cacher(config)
    let undecorated = UndecoratedStorage(config)
    let objects: any ObjectStorage = isCached ? cacher : undecorated
    if isCached {
      cacher.start()
      try await within(.seconds(20), "ready") { try await cacher.waitUntilReady() }
    }
    let home = QueueHome()
    let early = Collector(
      try await objects.watch(WatchRequest(target: .prefix(prefix), allowBookmarks: true), home: home), takeMax: 50)
    let red = Collector(
      try await objects.watch(
        WatchRequest(target: .prefix(prefix), start: .after(Revision(1)), predicate: label("color", "red")), home: home),
      takeMax: 50)

    let writes = 150
    try await withThrowingTaskGroup(of: Void.self) { group in
      for writer in 0..<8 {
        group.addTask {
          var random = Random(seed: UInt64(writer))
          for n in 0..<writes {
            let key = prefix + "w\(writer)-\(n % 9)"
            let color = Bool.random(using: &random) ? "red" : "blue"
            if n % 9 == 8 && n % 2 == 0 {
              _ = try? await objects.delete(key: key, origin: nil) { _ in }
            } else {
              _ = try await objects.guaranteedUpdate(key: key, ignoreNotFound: true, origin: nil) { _ in
                .write(SharedBytes("color=\(color);\(n)"), ttl: nil)
              }
            }
            // What was written can be read.
            if n % 10 == 0 && n % 9 != 8 {
              #expect(try await objects.get(key: key, freshness: .consistent).value == "color=\(color);\(n)")
            }
          }
        }
      }
      try await group.waitForAll()
    }
    let final = try await objects.list(ListRequest(prefix: prefix))
    let expected = Dictionary(uniqueKeysWithValues: final.objects.map { ($0.key, $0.value) })
    let late = Collector(
      try await objects.watch(WatchRequest(target: .prefix(prefix), start: .after(Revision(1))), home: home),
      takeMax: 50)
    try await eventually("all events are there", within: .seconds(30)) {
      fold(early.events).state == expected && fold(late.events).state == expected
        && fold(red.events).state == expected.filter { $0.value.hasPrefix("color=red") }
    }
    #expect(
      fold(early.events).problems.isEmpty && fold(late.events).problems.isEmpty && fold(red.events).problems.isEmpty)
    // From the beginning: each change is there.
    let all = try await storage.watch(prefix: prefix, after: Revision(1))
    var logged: [Int64] = []
    while logged.last != late.events.last?.revision.rawValue {
      for item in try await all.nextBatch() {
        if case .events(let events) = item { logged += events.map(\.revision.rawValue) }
      }
    }
    all.cancel()
    #expect(late.events.map(\.revision.rawValue) == logged)
    await cacher.destroy()
    await undecorated.destroy()
    try await eventually("clean ends") { early.end == .shutDown && red.end == .shutDown && late.end == .shutDown }

    if isCached {
      // Another process: a watch from the middle goes on where it was.
      let again = Cacher(config)
      again.start()
      try await within(.seconds(20), "ready") { try await again.waitUntilReady() }
      let middle = logged[logged.count / 2]
      let resumed = Collector(
        try await again.watch(WatchRequest(target: .prefix(prefix), start: .after(Revision(middle))), home: home),
        takeMax: 50)
      try await eventually("resumed") { resumed.events.map(\.revision.rawValue) == logged.filter { $0 > middle } }
      #expect(try await again.list(ListRequest(prefix: prefix)).objects.map(\.line) == final.objects.map(\.line))
      var problems: [String] = []
      again.checkInvariants { problems.append($0) }
      #expect(problems.isEmpty)
      await again.destroy()
    }
    await destroy()
  }

  @Test func `raw storage without a cache pages, waits for nothing and tells what is compacted`() async throws {
    let folder = try TemporaryFolder()
    let (storage, destroy) = try await makeStorage(folder)
    let config = CacherConfig(
      storage: storage, resource: GroupResource(resource: "things"), resourcePrefix: prefix, codec: TestCodec())
    let objects = UndecoratedStorage(config)
    for n in 0..<9 {
      _ = try await objects.create(
        key: prefix + "k\(n)", value: SharedBytes("color=\(n % 3 == 0 ? "red" : "blue")"), ttl: nil)
    }
    let first = try await objects.list(ListRequest(prefix: prefix, limit: 2, predicate: label("color", "red")))
    #expect(first.objects.map(\.key) == [prefix + "k0", prefix + "k3"] && first.hasMore && first.remaining == nil)
    _ = try await objects.delete(key: prefix + "k6", origin: nil) { _ in }
    let second = try await objects.list(
      ListRequest(
        prefix: prefix, startKey: first.nextKey, limit: 2, exactRevision: first.revision,
        predicate: label("color", "red")))
    #expect(second.objects.map(\.key) == [prefix + "k6"] && !second.hasMore)
    let home = QueueHome()
    let single = Collector(
      try await objects.watch(WatchRequest(target: .key(prefix + "k1"), allowBookmarks: true), home: home))
    _ = try await objects.create(key: prefix + "k11", value: SharedBytes("x"), ttl: nil)
    _ = try await objects.delete(key: prefix + "k1", origin: nil) { _ in }
    try await eventually("three events") { single.lines.count == 3 }
    #expect(
      single.lines[0] == "added \(prefix)k1 3 color=blue" && single.lines[2] == "deleted \(prefix)k1 13 color=blue")
    try await storage.compact(through: Revision(5))
    let old = Collector(
      try await objects.watch(WatchRequest(target: .prefix(prefix), start: .after(Revision(3))), home: home))
    try await eventually("expired") { old.end == .failed }
    #expect(old.events.first?.status?.code == 410)
    single.watcher.stop()
    await objects.destroy()
    await destroy()
  }
}
