import Storage
import Synchronization
import TestSupport
import Testing

@testable import Cacher

@Suite struct `The check of a cache against its storage` {
  private func a(_ name: String) -> String { prefix + name }

  @Test(arguments: [FreshnessProofKind.inProcess, .progress, .newestAndCount])
  func `passes while both agree, over more than one page (semantics 1.19)`(proof: FreshnessProofKind) async throws {
    let storage = ModelStorage(proof)
    let cacher = try await makeCacher(storage)
    #expect(await cacher.checkConsistency() == .passed, "nothing on both sides")
    for n in 0..<1_200 { storage.put(a("k\(n)"), "v") }
    for n in 0..<50 { storage.put(a("k\(n * 7)"), nil) }
    try await eventually("the writes") {
      cacher.statistics.objects == 1_150 && cacher.state.withLock { $0.lastEvent } == storage.now
    }
    #expect(await cacher.checkConsistency() == .passed)
    #expect(cacher.statistics.consistencyChecksPassed == 2 && cacher.statistics.consistencyChecksFailed == 0)
    await cacher.destroy()
  }

  @Test(arguments: ["missing", "extra", "old"])
  func `finds what differs, and serves no older states until it passes again (semantics 1.19)`(
    kind: String
  ) async throws {
    let storage = ModelStorage(.inProcess)
    let reports = Mutex<[String]>([])
    let cacher = try await makeCacher(storage) { config in
      config.report = { problem in
        if case .inconsistent(_, let difference) = problem { reports.withLock { $0.append(difference) } }
      }
    }
    for n in 0..<20 { storage.put(a("k\(n)"), "v") }
    try await eventually("the writes") { cacher.statistics.objects == 20 }
    let first = try await cacher.list(ListRequest(prefix: prefix, limit: 5))
    storage.put(a("k1"), "w")
    try await eventually("the write") { cacher.cached(key: a("k1"))?.value == "w" }
    #expect(cacher.statistics.snapshots > 0)
    // The cache goes wrong behind everybody's back.
    let truth = cacher.state.withLock { s in
      let truth = s.tree
      switch kind {
      case "missing": _ = s.tree.remove(a("k3"))
      case "extra": s.tree.set(TestCodec.make(a("k99"), "v", Revision(1)))
      default: s.tree.set(TestCodec.make(a("k3"), "v", Revision(1)))
      }
      return truth
    }
    guard case .failed(let difference) = await cacher.checkConsistency() else { Issue.record("it passed"); return }
    #expect(difference.contains(kind == "extra" ? a("k99") : a("k3")) && reports.withLock { $0 } == [difference])
    #expect(cacher.statistics.consistencyChecksFailed == 1 && cacher.statistics.snapshots == 0)
    let lists = storage.calls("getList")
    let second = try await cacher.list(
      ListRequest(prefix: prefix, startKey: first.nextKey, limit: 100, exactRevision: first.revision))
    #expect(
      second.objects.count == 15 && second.objects.allSatisfy { $0.value == "v" }
        && storage.calls("getList") == lists + 1, "the storage tells")
    cacher.state.withLock { $0.tree = truth }
    #expect(await cacher.checkConsistency() == .passed)
    _ = try await cacher.list(ListRequest(prefix: prefix, limit: 5))
    storage.put(a("k2"), "w")
    try await eventually("the write") { cacher.cached(key: a("k2"))?.value == "w" }
    #expect(cacher.statistics.snapshots > 0)
    await cacher.destroy()
  }

  @Test func `says nothing where history is gone or nobody answers`() async throws {
    let storage = ModelStorage(.progress)
    let cacher = try await makeCacher(storage)
    storage.put(a("k"), "v")
    try await eventually("the write") { cacher.statistics.objects == 1 }
    storage.set { $0.isUnreachable = true }
    guard case .impossible = await cacher.checkConsistency() else { Issue.record("it knew"); return }
    #expect(cacher.statistics.consistencyChecksImpossible == 1 && cacher.state.withLock { $0.isConsistent })
    storage.set { $0.isUnreachable = false }
    await cacher.destroy()
  }

  @Test func `runs by itself`() async throws {
    let storage = ModelStorage(.inProcess)
    let cacher = try await makeCacher(storage) { config in
      config.clock = TestClock().clock
      config.consistencyCheckPeriod = .seconds(300)
    }
    try await eventually("a check") { cacher.statistics.consistencyChecksPassed > 0 }
    await cacher.destroy()
  }
}
