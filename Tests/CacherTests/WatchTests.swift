import ByteBuffers
import Capacity
import Machinery
import Storage
import Synchronization
import TestSupport
import Testing

@testable import Cacher

@Suite struct `Watches of a Cacher` {
  private func a(_ name: String) -> String { prefix + name }

  /// Runs the home until `condition` holds.
  private func pump(_ home: ManualHome, _ what: String, _ condition: () -> Bool) async throws {
    try await eventually(what, every: .milliseconds(1)) {
      home.run()
      return condition()
    }
  }

  @Test(arguments: CacherPropertyProofs.all)
  func `unset sends the state as of now, then the bookmark that ends it, then changes`(
    _ proof: FreshnessProofKind
  ) async throws {
    let storage = ModelStorage(proof)
    storage.put(a("b"), "v1")
    let cacher = try await makeCacher(storage)
    let home = ManualHome()
    storage.put(a("a"), "v2")
    let watch = Collector(
      try await cacher.watch(WatchRequest(target: .prefix(prefix), allowBookmarks: true), home: home))
    try await pump(home, "the state") { watch.lines.count == 3 }
    storage.put(a("b"), "v3")
    storage.put(a("a"), nil)
    try await pump(home, "the changes") { watch.lines.count == 5 }
    #expect(
      watch.lines == [
        "added \(a("a")) 3 v2", "added \(a("b")) 2 v1", "bookmark 3 end", "modified \(a("b")) 4 v3",
        "deleted \(a("a")) 5 v2",
      ])
    await cacher.destroy()
    try await pump(home, "the end") { watch.end != nil }
    #expect(watch.end == .shutDown)
    await #expect(throws: StorageError.shutDown) {
      _ = try await cacher.watch(WatchRequest(target: .prefix(prefix)), home: home)
    }
    await cacher.destroy()
  }

  @Test func `without bookmarks nothing marks the end of the state, and from now on there is no state`() async throws {
    let storage = ModelStorage(.inProcess)
    storage.put(a("a"), "v1")
    let cacher = try await makeCacher(storage)
    let home = ManualHome()
    let atHand = Collector(try await cacher.watch(WatchRequest(target: .prefix(prefix), start: .any), home: home))
    let fromNow = Collector(
      try await cacher.watch(
        WatchRequest(target: .prefix(prefix), sendInitialEvents: false, allowBookmarks: true), home: home))
    home.run()
    storage.put(a("b"), "v2")
    try await pump(home, "the change") { atHand.lines.count == 2 && fromNow.lines.count == 1 }
    #expect(atHand.lines == ["added \(a("a")) 2 v1", "added \(a("b")) 3 v2"])
    #expect(fromNow.lines == ["added \(a("b")) 3 v2"])
    await cacher.destroy()
  }

  @Test func `a start older than the ring is an ERROR event with 410, and then the end`() async throws {
    let storage = ModelStorage(.inProcess)
    let cacher = try await makeCacher(storage) { $0.capacity = 3 }
    for n in 1...6 { storage.put(a("a"), "v\(n)") }
    try await eventually("cached") { cacher.cached(key: a("a"))?.value == "v6" }
    let home = ManualHome()
    let tooOld = Collector(
      try await cacher.watch(WatchRequest(target: .prefix(prefix), start: .after(Revision(3))), home: home))
    let justRight = Collector(
      try await cacher.watch(WatchRequest(target: .prefix(prefix), start: .after(Revision(4))), home: home))
    home.run()
    #expect(tooOld.lines == ["error 410 Expired too old resource version: 3 (4)"])
    #expect(tooOld.end == .failed)
    #expect(justRight.lines == ["modified \(a("a")) 5 v4", "modified \(a("a")) 6 v5", "modified \(a("a")) 7 v6"])
    await cacher.destroy()
  }

  @Test func `a start in the future is silent until the storage gets there`() async throws {
    let storage = ModelStorage(.inProcess)
    let cacher = try await makeCacher(storage)
    let home = ManualHome()
    let watch = Collector(
      try await cacher.watch(WatchRequest(target: .prefix(prefix), start: .after(Revision(4))), home: home))
    for n in 2...6 { storage.put(a("a"), "v\(n)") }
    try await pump(home, "two changes") { watch.lines.count == 2 }
    #expect(watch.lines == ["modified \(a("a")) 5 v5", "modified \(a("a")) 6 v6"])
    await cacher.destroy()
  }

  @Test func `initial events of the future wait, and then are an ERROR event with 504`() async throws {
    let storage = ModelStorage(.inProcess)
    let cacher = try await makeCacher(storage)
    let home = ManualHome()
    let request = WatchRequest(
      target: .prefix(prefix), start: .after(Revision(50)), sendInitialEvents: true, allowBookmarks: true)
    let watch = Collector(try await cacher.watch(request, home: home))
    home.run()
    #expect(watch.lines == ["error 504 Timeout Timeout: Too large resource version: 50, current: 1"])
    #expect(watch.events.first?.status?.details?.causes.first?.reason == "ResourceVersionTooLarge")
    #expect(watch.end == .failed)
    await cacher.destroy()
  }

  @Test func `a watcher that does not keep up is ended without an error, counted, and slows nobody`() async throws {
    let storage = ModelStorage(.inProcess)
    let cacher = try await makeCacher(storage)
    let home = ManualHome()
    let slow = Collector(
      try await cacher.watch(
        WatchRequest(
          target: .prefix(prefix), start: .after(Revision(1)), budget: WatchBudget(events: 10, bytes: 1 << 20)),
        home: home))
    let small = Collector(
      try await cacher.watch(
        WatchRequest(
          target: .prefix(prefix), start: .after(Revision(1)), budget: WatchBudget(events: 1_000, bytes: 500)),
        home: home))
    let quick = Collector(
      try await cacher.watch(WatchRequest(target: .prefix(prefix), start: .after(Revision(1))), home: home))
    home.run()
    slow.pause()
    small.pause()
    for n in 1...40 { storage.put(a("a"), "v\(n)") }
    try await pump(home, "all changes") { quick.lines.count == 40 }
    try await pump(home, "two ended") { cacher.statistics.watchersTerminated == 2 }
    slow.resume()
    small.resume()
    try await pump(home, "ends seen") { slow.end != nil && small.end != nil }
    #expect(slow.end == .tooSlow && small.end == .tooSlow)
    #expect(slow.lines.isEmpty && small.lines.isEmpty)
    #expect(cacher.statistics.watchers == 1)
    #expect(violations(cacher).isEmpty)
    await cacher.destroy()
  }

  @Test func `what only a queue holds counts in the budget, at whose end the watch that lags is ended and nobody else`()
    async throws
  {
    let storage = ModelStorage(.inProcess)
    let memory = MemoryBudget(limit: 200_000)
    let cacher = try await makeCacher(storage) {
      $0.memory = memory
      $0.capacity = 100
    }
    let home = ManualHome()
    let slow = Collector(
      try await cacher.watch(WatchRequest(target: .prefix(prefix), start: .after(Revision(1))), home: home))
    let quick = Collector(
      try await cacher.watch(WatchRequest(target: .prefix(prefix), start: .after(Revision(1))), home: home))
    home.run()
    func change(_ numbers: ClosedRange<Int>) async throws {
      for n in numbers {
        storage.put(a("a"), "\(n)" + String(repeating: "x", count: 1_000))
        try await pump(home, "change \(n)") { quick.lines.count == n }
      }
    }
    slow.pause()
    try await change(1...100)
    #expect(memory.used == 0)
    try await change(101...150)
    #expect((50_000..<100_000).contains(memory.used))
    slow.resume()
    try await pump(home, "the slow one has caught up") { slow.lines.count == 150 }
    #expect(memory.used == 0 && cacher.statistics.watchers == 2)
    slow.pause()
    try await change(151...500)
    slow.resume()
    try await pump(home, "the end is seen") { slow.end != nil }
    #expect(slow.end == .tooSlow && slow.lines.count == 150)
    #expect(cacher.statistics.watchersTerminated == 1 && cacher.statistics.watchers == 1)
    #expect(memory.used == 0 && memory.endedReaders == 1)
    #expect(violations(cacher).isEmpty)
    await cacher.destroy()
  }

  @Test func `a home is woken once a batch, however many watchers it has`() async throws {
    let storage = ModelStorage(.inProcess)
    let cacher = try await makeCacher(storage)
    let home = ManualHome()
    var all: [Collector] = []
    for _ in 0..<50 {
      all.append(
        Collector(try await cacher.watch(WatchRequest(target: .prefix(prefix), start: .after(Revision(1))), home: home))
      )
    }
    home.run()
    let before = home.posts
    storage.put(a("a"), "v")
    try await eventually("delivered") { cacher.statistics.deliveries == 50 }
    try await eventually("posted") { home.waiting > 0 }
    #expect(home.posts == before + 1)
    // Nobody has taken anything: they know already.
    storage.put(a("b"), "v")
    try await eventually("delivered") { cacher.statistics.deliveries == 100 }
    home.run()
    #expect(all.allSatisfy { $0.lines.count == 2 })
    for one in all { one.watcher.stop() }
    #expect(cacher.statistics.watchers == 0)
    await cacher.destroy()
  }

  @Test func `an event visits only watchers of its scope and its trigger values`() async throws {
    let storage = ModelStorage(.inProcess)
    let cacher = try await makeCacher(storage) { $0.trigger = TriggerPublisher(field: "node") }
    let home = ManualHome()
    func open(_ target: WatchTarget, _ predicate: SelectionPredicate = .everything) async throws -> Collector {
      Collector(
        try await cacher.watch(
          WatchRequest(target: target, start: .after(Revision(1)), predicate: predicate), home: home))
    }
    let inOne = try await open(.prefix(a("ns1/")))
    let single = try await open(.key(a("ns1/x")))
    let onA = try await open(.prefix(prefix), field("node", "a"))
    let onB = try await open(.prefix(prefix), field("node", "b"))
    home.run()
    storage.put(a("ns1/x"), "node=a;1")
    storage.put(a("ns2/x"), "node=a;2")
    storage.put(a("ns2/x"), "node=b;3")
    storage.put(a("ns1/xx"), "node=c;4")
    try await pump(home, "all of it") {
      inOne.lines.count == 2 && single.lines.count == 1 && onA.lines.count == 3 && onB.lines.count == 1
    }
    #expect(
      onA.lines == [
        "added \(a("ns1/x")) 2 node=a;1", "added \(a("ns2/x")) 3 node=a;2", "deleted \(a("ns2/x")) 4 node=a;2",
      ])
    #expect(onB.lines == ["added \(a("ns2/x")) 4 node=b;3"])
    #expect(cacher.statistics.deliveries == 7)
    #expect(violations(cacher).isEmpty)
    await cacher.destroy()
  }

  @Test func `bookmarks come about once a minute and shortly before the deadline, and move with progress`() async throws
  {
    let time = TestClock()
    let storage = ModelStorage(.inProcess)
    let cacher = try await makeCacher(storage) { $0.clock = time.clock }
    let home = ManualHome()
    let request = WatchRequest(
      target: .prefix(prefix), start: .after(Revision(1)), allowBookmarks: true, deadline: time.now + .seconds(100))
    let watch = Collector(try await cacher.watch(request, home: home))
    let without = Collector(
      try await cacher.watch(WatchRequest(target: .prefix(prefix), start: .after(Revision(1))), home: home))
    home.run()
    storage.put("/r/others/x", "v")
    try await eventually("progress") { cacher.statistics.revision == Revision(2) }
    time.advance(.seconds(50))
    cacher.offerBookmarks(now: time.now)
    home.run()
    #expect(watch.lines.isEmpty)
    time.advance(.seconds(17))
    try await pump(home, "the minute's bookmark") { watch.lines == ["bookmark 2"] }
    storage.put("/r/others/x", "v")
    try await eventually("progress") { cacher.statistics.revision == Revision(3) }
    time.advance(.milliseconds(31_500))
    try await pump(home, "the last bookmark") { watch.lines == ["bookmark 2", "bookmark 3"] }
    #expect(without.lines.isEmpty)
    await cacher.destroy()
  }

  @Test func `nothing ticks for bookmarks until a watch wants them`() async throws {
    let time = TestClock()
    let ticks = Mutex(0)
    let storage = ModelStorage(.inProcess)
    let cacher = try await makeCacher(storage) {
      $0.clock = CacherClock(
        now: { time.now },
        sleep: { duration in
          if duration >= .seconds(1) { ticks.withLock { $0 += 1 } }
          try await Task.sleep(for: .milliseconds(1))
        })
    }
    let home = ManualHome()
    let without = Collector(
      try await cacher.watch(WatchRequest(target: .prefix(prefix), start: .after(Revision(1))), home: home))
    home.run()
    for round in 1...20 {
      storage.put(a("a"), "v\(round)")
      try await pump(home, "a change") { without.lines.count == round }
    }
    #expect(ticks.withLock { $0 } == 0)
    let wanting = Collector(
      try await cacher.watch(
        WatchRequest(target: .prefix(prefix), start: .after(Revision(21)), allowBookmarks: true), home: home))
    try await pump(home, "ticks") { ticks.withLock { $0 } > 1 }
    #expect(wanting.end == nil)
    await cacher.destroy()
  }

  @Test func `a relist ends the watches, and what is older than the list can't be resumed`() async throws {
    let storage = ModelStorage(.progress)
    storage.put(a("a"), "v1")
    let problems = Mutex<[String]>([])
    let cacher = try await makeCacher(storage) {
      $0.report = { problem in problems.withLock { $0.append("\(problem)") } }
    }
    let home = ManualHome()
    let watch = Collector(
      try await cacher.watch(WatchRequest(target: .prefix(prefix), start: .any, allowBookmarks: true), home: home))
    try await pump(home, "the state") { watch.lines.count == 2 }
    // Lost, and while it is lost, everything that it would resume from is compacted.
    storage.set { $0.watchFailures = 3 }
    storage.loseWatches()
    storage.put(a("b"), "v2")
    storage.compactAll()
    try await pump(home, "the end") { watch.end == .relisted }
    #expect(watch.lines.count == 2)
    try await within(.seconds(10), "ready") { try await cacher.waitUntilReady() }
    let old = Collector(
      try await cacher.watch(WatchRequest(target: .prefix(prefix), start: .after(Revision(2))), home: home))
    home.run()
    #expect(old.lines == ["error 410 Expired too old resource version: 2 (3)"])
    #expect(problems.withLock { $0 }.contains { $0.hasPrefix("relist") })
    await cacher.destroy()
  }

  @Test(arguments: CacherPropertyProofs.all)
  func `a new Cacher lets watches from before it resume`(_ proof: FreshnessProofKind) async throws {
    let storage = ModelStorage(proof)
    for n in 1...30 { storage.put(a("a\(n % 4)"), "v\(n)") }
    let cacher = try await makeCacher(storage) { $0.historyAtStart = 20 }
    let home = ManualHome()
    let watch = Collector(
      try await cacher.watch(WatchRequest(target: .prefix(prefix), start: .after(Revision(25))), home: home))
    home.run()
    #expect(watch.lines == (26...31).map { "modified \(a("a\(($0 - 1) % 4)")) \($0) v\($0 - 1)" })
    await cacher.destroy()
  }

  @Test func `a removal of an unknown key makes the cache list again`() async throws {
    let storage = ModelStorage(.progress)
    let cacher = try await makeCacher(storage)
    storage.put(a("ghost"), nil, isLie: true)
    try await eventually("listed again") { cacher.statistics.lists == 2 && cacher.statistics.isReady }
    await cacher.destroy()
  }

  @Test(arguments: [FreshnessProofKind.inProcess, .newestAndCount])
  func `an object that can't be decoded fails what would have to show it, and nothing else`(
    proof: FreshnessProofKind
  ) async throws {
    let storage = ModelStorage(proof)
    let named = Mutex<Set<String>>([])
    let cacher = try await makeCacher(storage) {
      $0.report = { if case .undecodable(let key, _) = $0 { named.withLock { _ = $0.insert(key) } } }
    }
    storage.put(a("bad"), "whole")
    storage.put(a("good"), "v")
    try await eventually("both are cached") { cacher.cached(key: a("good")) != nil }
    let home = ManualHome()
    let early = Collector(try await cacher.watch(WatchRequest(target: .prefix(prefix), start: .any), home: home))
    home.run()
    storage.put(a("bad"), "damaged")
    // Whoever watched an object that nobody can read any more must look again.
    try await eventually("watches end, and the cache serves again") {
      home.run()
      return early.end == .relisted && cacher.statistics.isReady
    }
    #expect(named.withLock { $0 } == [a("bad")])
    #expect(try await cacher.get(key: a("good"), freshness: .consistent).value == "v")
    #expect(early.changes.count == 2)
    await #expect(throws: TestCodec.Damaged.self) { _ = try await cacher.get(key: a("bad"), freshness: .any) }
    await #expect(throws: TestCodec.Damaged.self) {
      _ = try await cacher.list(ListRequest(prefix: prefix, freshness: .any))
    }
    await #expect(throws: TestCodec.Damaged.self) {
      _ = try await cacher.watch(WatchRequest(target: .prefix(prefix), start: .any), home: home)
    }
    #expect(try await cacher.list(ListRequest(prefix: a("good"))).objects.map(\.value) == ["v"])
    // Damaged once more, it ends no watch; readable again, it is new to those who watch.
    let revision = cacher.statistics.revision
    let late = Collector(
      try await cacher.watch(WatchRequest(target: .prefix(prefix), start: .after(revision)), home: home))
    storage.put(a("bad"), "damaged")
    storage.put(a("bad"), "mended")
    try await eventually("shown") {
      home.run()
      return !late.changes.isEmpty
    }
    #expect(late.changes.map { $0.hasPrefix("added \(a("bad"))") && $0.hasSuffix("mended") } == [true])
    #expect(
      try await cacher.list(ListRequest(prefix: prefix, freshness: .any)).objects.map(\.value) == ["mended", "v"])
    storage.put(a("bad"), "damaged")
    try await eventually("ended") {
      home.run()
      return late.end == .relisted && cacher.statistics.isReady
    }
    storage.put(a("bad"), nil)
    try await eventually("gone") { try await cacher.list(ListRequest(prefix: prefix)).objects.map(\.value) == ["v"] }
    #expect(violations(cacher).isEmpty)
    await cacher.destroy()
  }
}

enum CacherPropertyProofs {
  static let all: [FreshnessProofKind] = [.inProcess, .progress, .newestAndCount]
}
