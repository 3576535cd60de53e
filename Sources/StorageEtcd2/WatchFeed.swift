import CurlHTTP
import EtcdTransport
import Storage

/// All watches of a storage, fed from one sequence: the events of etcd2's whole store, from its root.
///
/// etcd2 answers a poll with one event, the first at or above an index, and forgets all but the last 1,000 of the
/// store. One feed for all watches follows from that: a watch of its own for a quiet resource would be forgotten while
/// other resources change, and the feed's position, which every change of anything moves, is the progress of all
/// watches. Several polls hang at once, for consecutive indexes, so that a burst is read at many events a round trip. A
/// lost connection is no end: the feed asks again, elsewhere, from its position.
///
/// Invariant: every event at or below `position` has been given to every reader it concerns, once and in order.
actor WatchFeed {
  /// Most polls at once.
  static let widest = 16

  let client: Etcd2Client
  let cache: ValueCache

  private struct Reader {
    let prefix: String
    let after: Int64
    let sink: StorageWatch
  }
  private var readers: [Int: Reader] = [:]
  private var nextReader = 0
  /// Nil while the feed does not run.
  private var window: EventWindow?
  private var runner: Task<Void, Never>?
  private var isClosed = false
  /// Readers want to hear when the feed has come this far.
  private var wanted: Int64 = 0
  private var isMarking = false

  init(client: Etcd2Client, cache: ValueCache) {
    self.client = client
    self.cache = cache
  }

  private var position: Int64 { window?.end ?? 0 }

  // MARK: - Readers

  /// A watch of the changes behind `after`. `now` is the store's index as just read. Throws `.compacted`,
  /// `.unreachable`, `.shutDown`.
  func open(_ prefix: String, after: Int64, now: Int64) async throws -> StorageWatch {
    var earlier: [FeedEvent] = []
    var known = after
    while true {
      if isClosed { throw StorageError.shutDown }
      try Task.checkCancellation()
      guard let window else {
        start(at: now)
        continue
      }
      if known >= window.start { break }
      // From before the feed began.
      earlier += try await history(after: known, through: window.start)
      known = window.start
    }
    let sink = StorageWatch(onCancel: {})
    let events = (earlier[...] + (window?.events(after: known) ?? []))
    if events.contains(where: { $0.removes(from: prefix) }) {
      throw StorageError.compacted(requested: Revision(after), compacted: Revision(position))
    }
    let changes = events.compactMap { $0.change(under: prefix) }
    if !changes.isEmpty { sink.offer(.events(changes)) }
    nextReader += 1
    readers[nextReader] = Reader(prefix: prefix, after: after, sink: sink)
    return sink
  }

  /// The events behind `after` up to `end`, read from etcd.
  private func history(after: Int64, through end: Int64) async throws -> [FeedEvent] {
    var found: [FeedEvent] = []
    var next = after + 1
    while next <= end {
      do {
        guard let answer = try await client.poll(from: next, patience: .milliseconds(200)) else {
          // There is no event as yet: one of our own shows it.
          try await client.writeMarker()
          continue
        }
        if answer.code == Etcd2Answer.Code.eventIndexCleared {
          throw StorageError.compacted(requested: Revision(after), compacted: Revision(answer.clearedThrough))
        }
        guard let event = try FeedEvent(answer, cache) else { throw StorageError.refused("etcd: \(answer.text)") }
        if event.index <= end { found.append(event) }
        next = event.index + 1
      } catch let failure as CallFailure {
        throw failure.storageError
      } catch let unknown as UnknownOutcome {
        throw unknown.storageError
      }
    }
    return found
  }

  /// Tells the readers when everything up to `target` has been delivered. An index can move without an event (a
  /// restarted member, a hidden key, a refresh); if the feed then stands still, it is given one.
  func requestProgress(through target: Int64) async {
    guard window != nil else { return }
    if target <= position { return announce() }
    wanted = max(wanted, target)
    let before = position
    try? await Task.sleep(for: .milliseconds(50))
    if position == before && target > position { await mark() }
  }

  private func mark() async {
    if isMarking || isClosed { return }
    isMarking = true
    defer { isMarking = false }
    // If it fails, whoever waits asks again.
    try? await client.writeMarker()
  }

  private func announce() {
    for (id, reader) in readers where position > reader.after {
      if !reader.sink.offer(.progress(Revision(position))) { readers[id] = nil }
    }
  }

  /// Ends every watch with `.shutDown`. No watch can be opened any more.
  func close() async {
    isClosed = true
    runner?.cancel()
    finishAll(.shutDown)
    await runner?.value
  }

  private func finishAll(_ error: StorageError) {
    for reader in readers.values { reader.sink.finish(error) }
    readers = [:]
  }

  private func deliver(_ events: [FeedEvent]) {
    for event in events {
      client.integrity.saw(event.index)
      window?.append(event)
    }
    for (id, reader) in readers {
      if events.contains(where: { $0.index > reader.after && $0.removes(from: reader.prefix) }) {
        reader.sink.finish(StorageError.compacted(requested: Revision(reader.after), compacted: Revision(position)))
        readers[id] = nil
        continue
      }
      let changes = events.compactMap { $0.index > reader.after ? $0.change(under: reader.prefix) : nil }
      if !changes.isEmpty && !reader.sink.offer(.events(changes)) { readers[id] = nil }
    }
    if wanted > 0 && position >= wanted {
      wanted = 0
      announce()
    }
  }

  // MARK: - The feed

  private func start(at index: Int64) {
    window = EventWindow(at: index)
    runner = Task { await run() }
  }

  /// What a child task of a session came back with.
  private enum Finding: Sendable {
    /// The first event at or above an index.
    case event(Int64, FeedEvent)
    /// No event at or above an index as yet.
    case nothing(Int64)
    /// Events behind the position are forgotten, up to this index.
    case cleared(through: Int64)
    case refused(StorageError)
    case tick
    /// The store's index; nil if nobody would tell.
    case index(Int64?)
  }

  private enum SessionEnd { case again, over }

  private func run() async {
    while !isClosed, !Task.isCancelled, window != nil {
      if await session() == .over { break }
    }
  }

  /// Follows the events until something makes a new start better.
  private func session() async -> SessionEnd {
    await withTaskGroup(of: Finding.self) { group in
      defer { group.cancelAll() }
      var asked: Set<Int64> = []
      var arrived: [Int64: FeedEvent] = [:]
      var width = 1
      var lastSign = ContinuousClock.now
      var isKnocking = false
      /// Since when the store is known to be further than we are.
      var behindSince: ContinuousClock.Instant?
      let timing = client.timing
      func tick() { group.addTask { await Self.wait(.seconds(1)) } }
      tick()
      while !isClosed {
        for index in (position + 1)...(position + Int64(width))
        where arrived[index] == nil && asked.insert(index).inserted {
          group.addTask { await self.poll(from: index) }
        }
        guard let finding = await group.next(), !isClosed, !Task.isCancelled else { return .over }
        switch finding {
        case .event(let index, let event):
          asked.remove(index)
          width = ContinuousClock.now - lastSign < .milliseconds(50) ? min(width * 2, Self.widest) : width
          lastSign = .now
          if index > position { arrived[index] = event }
          var batch: [FeedEvent] = []
          var reached = position
          while let next = arrived.removeValue(forKey: reached + 1) {
            reached = next.index
            batch.append(next)
          }
          if !batch.isEmpty {
            arrived = arrived.filter { $0.key > reached }
            behindSince = nil
            deliver(batch)
          }
        case .nothing(let index):
          asked.remove(index)
          width = 1
          announce()
        case .cleared(let through):
          let error = StorageError.compacted(requested: Revision(position), compacted: Revision(max(through, position)))
          window = nil
          finishAll(error)
          return .over
        case .refused(let error):
          window = nil
          finishAll(error)
          return .over
        case .tick:
          let now = ContinuousClock.now
          if let since = behindSince, now - since > timing.giveUpAfter {
            // The member that we ask is behind, or holds its polls for ever.
            client.transport.endpoints.failed(client.transport.endpoints.choose().index)
            return .again
          }
          if !isKnocking && now - lastSign > timing.knockAfter {
            isKnocking = true
            group.addTask { [client] in .index(try? await client.currentIndex()) }
          }
          tick()
        case .index(let index):
          isKnocking = false
          // Nobody answers: the polls may hang at a server that is gone.
          guard let index else { return .again }
          lastSign = .now
          if index > position {
            if behindSince == nil { behindSince = .now }
            await mark()
          } else {
            behindSince = nil
          }
        }
      }
      return .over
    }
  }

  private static func wait(_ time: Duration, _ finding: Finding = .tick) async -> Finding {
    try? await Task.sleep(for: time)
    return finding
  }

  private nonisolated func poll(from index: Int64) async -> Finding {
    let began = ContinuousClock.now
    var finding = Finding.nothing(index)
    do {
      if let answer = try await client.poll(from: index, patience: client.timing.poll) {
        if let event = try FeedEvent(answer, cache) { return .event(index, event) }
        if answer.code == Etcd2Answer.Code.eventIndexCleared { return .cleared(through: answer.clearedThrough) }
        return .refused(.watchClosed("etcd: \(answer.text)"))
      }
    } catch StorageError.wrongAnswer(let text) {
      return .refused(.watchClosed(text))
    } catch let error as StorageError {
      return .refused(error)
    } catch let failure as CallFailure where failure.kind == .final {
      return .refused(.watchClosed("etcd: \(failure.text)"))
    } catch {}
    // A server that ends polls at once must not keep us busy.
    if ContinuousClock.now - began < .seconds(1) { finding = await Self.wait(.milliseconds(200), finding) }
    return finding
  }
}

extension FeedEvent {
  /// Has it removed keys under `prefix` without saying which?
  func removes(from prefix: String) -> Bool {
    guard let removedDirectory else { return false }
    return removedDirectory.utf8.starts(with: prefix.utf8) || prefix.utf8.starts(with: removedDirectory.utf8)
  }

  func change(under prefix: String) -> StorageEvent? {
    guard let change, change.key.utf8.starts(with: prefix.utf8) else { return nil }
    return change
  }
}
