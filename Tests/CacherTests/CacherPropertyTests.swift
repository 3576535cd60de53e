import Machinery
import Storage
import Synchronization
import TestSupport
import Testing

@testable import Cacher

/// One watch of a property test and what it must show.
private struct Watched {
  let collector: Collector
  let request: WatchRequest
  /// Known for a watch of changes; for one with a state, told by the bookmark that ends it.
  let after: Revision?
}

@Suite struct `Cacher under random writes, losses and compactions` {
  static let proofs: [FreshnessProofKind] = [.inProcess, .progress, .newestAndCount]

  @Test(arguments: proofs, [11, 12, 13, 14, 15, 16] as [UInt64])
  func `each watcher sees every change once and in order, and reads equal the model`(
    proof: FreshnessProofKind, seed: UInt64
  ) async throws {
    var random = Random(seed: seed)
    let storage = ModelStorage(proof)
    for n in 0..<5 { storage.put(prefix + "ns\(n % 3)/o\(n)", "color=red;n\(n)") }
    let cacher = try await makeCacher(storage) {
      $0.capacity = 150
      $0.freshnessWait = .seconds(8)
    }
    let home = ManualHome()
    var watched: [Watched] = []
    var failures: [String] = []
    let predicates: [SelectionPredicate] = [
      .everything, .everything, label("color", "red"), label("color", "blue"), field("node", "a"),
    ]

    for step in 1...400 {
      switch Int.random(in: 0..<100, using: &random) {
      case 0..<55:
        let key = prefix + "ns\(Int.random(in: 0..<3, using: &random))/o\(Int.random(in: 0..<12, using: &random))"
        let isRemoval = Int.random(in: 0..<4, using: &random) == 0
        if isRemoval {
          if storage.world.withLock({ $0.live[key] != nil }) { storage.put(key, nil) }
        } else {
          let color = ["red", "blue", "green"].randomElement(using: &random) ?? ""
          let node = ["a", "b"].randomElement(using: &random) ?? ""
          storage.put(key, "color=\(color);node=\(node);\(step)")
        }
      case 55..<60: storage.put("/r/others/x", "\(step)")
      case 60..<64: storage.loseWatches()
      case 64..<66: storage.set { $0.watchFailures = 2 }
      case 66..<70: storage.hold()
      case 70..<76: storage.release()
      case 76..<77:
        storage.release()
        storage.compactAll()
        storage.loseWatches()
      case 77..<90:
        let target: WatchTarget =
          switch Int.random(in: 0..<4, using: &random) {
          case 0: .prefix(prefix + "ns1/")
          case 1: .key(prefix + "ns2/o\(Int.random(in: 0..<12, using: &random))")
          default: .prefix(prefix)
          }
        var request = WatchRequest(
          target: target, allowBookmarks: true, predicate: predicates.randomElement(using: &random) ?? .everything)
        let now = storage.now.rawValue
        switch Int.random(in: 0..<4, using: &random) {
        case 0:
          storage.release()
          request.start = .unset
        case 1: request.start = .any
        default: request.start = .after(Revision(max(1, now - Int64.random(in: -3...80, using: &random))))
        }
        do {
          let watcher = try await cacher.watch(request, home: home)
          var after: Revision?
          if case .after(let revision) = request.start { after = revision }
          watched.append(
            Watched(
              collector: Collector(watcher, takeMax: Int.random(in: 1...9, using: &random)), request: request,
              after: after))
        } catch StorageError.notReady {
          // Mostly wait, so that there is something to see afterwards.
          if Int.random(in: 0..<4, using: &random) != 0 {
            try await within(.seconds(20), "ready again") { try await cacher.waitUntilReady() }
          }
        }
      case 90..<94: watched.randomElement(using: &random)?.collector.pause()
      case 94..<97: watched.randomElement(using: &random)?.collector.resume()
      default:
        storage.release()
        let asked = storage.now
        do {
          let list = try await cacher.list(ListRequest(prefix: prefix))
          let model = ModelStorage.state(of: storage.world.withLock { $0.log }, at: asked)
          let mine = model.filter { $0.key.hasPrefix(prefix) }
          if list.objects.map(\.line) != mine.keys.sorted().map({ "\($0) \(mine[$0]!.revision) \(mine[$0]!.value)" }) {
            failures.append("step \(step): consistent list at \(list.revision) differs from the model at \(asked)")
          }
        } catch StorageError.notReady {}
        try await checkExact(
          cacher, storage, Revision(max(2, asked.rawValue - Int64.random(in: 0...60, using: &random))), &failures)
      }
      if step % 3 == 0 { home.run() }
      if step % 5 == 0 { await Task.yield() }
      failures += violations(cacher).map { "step \(step): \($0)" }
    }

    // Everything arrives, and everybody reads on.
    storage.release()
    storage.put(prefix + "ns0/last", "color=red;node=a")
    storage.put(prefix + "ns1/last", "color=blue;node=a")
    storage.put(prefix + "ns2/last", "color=blue;node=b")
    let last = storage.now
    try await eventually("the cache is at \(last)") {
      let list = cacher.listNow(ListRequest(prefix: prefix, freshness: .notOlderThan(last)))
      return list != nil || cacher.cached(key: prefix + "ns2/last") != nil
    }
    for one in watched { one.collector.resume() }
    // An event can be read a moment before its watchers hear of it, so they are given time to be right.
    let log = storage.world.withLock { $0.log }
    var problems: [String] = []
    try? await eventually("every watcher has seen everything", every: .milliseconds(2)) {
      home.run()
      problems = watched.enumerated().flatMap { number, one in
        check(one, log).map { "watch \(number) \(one.request.start) \(one.request.target): \($0)" }
      }
      return problems.isEmpty
    }
    failures += problems
    failures += violations(cacher)
    await cacher.destroy()
    #expect(failures.isEmpty, "seed \(seed), \(proof): \(failures.prefix(5))")
    #expect(watched.count > 10)
  }

  private func checkExact(
    _ cacher: Cacher, _ storage: ModelStorage, _ revision: Revision, _ failures: inout [String]
  ) async throws {
    do {
      let list = try await cacher.list(ListRequest(prefix: prefix, exactRevision: revision))
      let model = ModelStorage.state(of: storage.world.withLock { $0.log }, at: revision).filter {
        $0.key.hasPrefix(prefix)
      }
      if list.revision != revision { failures.append("asked for \(revision), got \(list.revision)") }
      if list.objects.map(\.line) != model.keys.sorted().map({ "\($0) \(model[$0]!.revision) \(model[$0]!.value)" }) {
        failures.append("exact list at \(revision) differs from the model")
      }
    } catch StorageError.compacted {
    } catch StorageError.resourceVersionTooLarge {
      failures.append("exact list at \(revision) came too late")
    } catch StorageError.notReady {
    }
  }

  private func check(_ one: Watched, _ log: [ModelStorage.Change]) -> [String] {
    var lines = one.collector.changes
    if let first = lines.first, first.hasPrefix("error") {
      return lines.count == 1 && first.hasPrefix("error 410 Expired too old resource version:")
        && one.collector.end == .failed
        ? [] : ["unexpected error: \(lines)"]
    }
    let covers: (String) -> Bool =
      switch one.request.target {
      case .prefix(let prefix): { $0.hasPrefix(prefix) }
      case .key(let key): { $0 == key }
      }
    var after = one.after ?? .zero
    if one.after == nil {
      // The state first.
      guard let bookmark = one.collector.events.firstIndex(where: \.isInitialEventsEnd) else {
        return one.collector.end == nil ? ["no end of the initial events: \(one.collector.lines)"] : []
      }
      after = one.collector.events[bookmark].revision
      let state = ModelStorage.state(of: log, at: after).filter {
        covers($0.key) && TestCodec.matches($0.value.value, one.request.predicate)
      }
      let expected = state.keys.sorted().map { "added \($0) \(state[$0]!.revision) \(state[$0]!.value)" }
      if Array(lines.prefix(bookmark)) != expected {
        return ["state at \(after) is \(lines.prefix(bookmark)), expected \(expected)"]
      }
      lines = Array(lines.dropFirst(bookmark))
    }
    let expected = ModelStorage.stream(of: log, after: after, covers: covers, one.request.predicate)
    // A watch that ended early has shown a beginning of it.
    let due = one.collector.end == nil ? expected : Array(expected.prefix(lines.count))
    if lines == due { return [] }
    let place =
      zip(lines, due).enumerated().first { $0.element.0 != $0.element.1 }?.offset ?? min(lines.count, due.count)
    return [
      "end \(String(describing: one.collector.end)): \(lines.count) of \(due.count) lines after \(after), first difference at \(place): "
        + "\(lines.dropFirst(place).prefix(2)) for \(due.dropFirst(place).prefix(2))"
    ]
  }
}
