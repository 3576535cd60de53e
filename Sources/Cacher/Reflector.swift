import Storage
import Synchronization

/// Keeps a Cacher equal to its storage: lists, then watches; resumes a lost watch from the last revision; lists again
/// only when history is gone or the cache is wrong. (Kubernetes: `cache.Reflector`.)
struct Reflector {
  let cacher: Cacher
  private var config: CacherConfig { cacher.config }
  private var storage: any Storage { cacher.config.storage }

  init(cacher: Cacher) { self.cacher = cacher }

  /// Keys of one page of the list.
  static let pageSize = 1_000
  /// Objects that one task decodes.
  static let decodeSlice = 128
  /// How often it is looked whether what could not be read can be read by now (another EncryptionConfiguration).
  static let unreadableRetry: Duration = .seconds(5)
  /// How long one attempt to prove a new list up to date may take.
  static let startWait: Duration = .seconds(5)

  /// Returns on cancellation.
  func run() async {
    var backoff = Backoff(first: .milliseconds(200), longest: .seconds(15))
    // After a relist nothing older than the list can be resumed (semantics 2.36), so only the first one looks back.
    var history = config.historyAtStart
    while !Task.isCancelled {
      var position = Position()
      do {
        var (tree, revision) = try await list(history: history)
        position = Position(listed: revision)
        cacher.replace(with: tree, at: revision)
        history = 0
        backoff.reset()
        try await follow(&tree, &position)
      } catch {
        if Task.isCancelled { return }
        report(error, at: position.revision)
      }
      cacher.becomeUnready()
      do { try await config.clock.sleep(backoff.step()) } catch { return }
    }
  }

  private func report(_ error: any Error, at position: Revision) {
    switch error {
    case StorageError.compacted: config.report(.relist(after: position, reason: "history is compacted"))
    case let wrong as CacheIsWrong: config.report(.relist(after: position, reason: wrong.description))
    default: config.report(.listFailed(error))
    }
  }

  // MARK: List

  private func list(history: Int64) async throws -> (ObjectTree, Revision) {
    if history > 0 {
      let oldest = try await storage.oldestWatchableRevision(atMostBack: history)
      do {
        // All of history is there, and it begins with nothing: the first write of every backend is revision 2. (0 would
        // mean "now" to etcd.)
        if oldest <= Revision(1) { return (ObjectTree(indexedBy: config.trigger), Revision(1)) }
        return try await list(at: oldest)
      } catch StorageError.compacted, StorageError.futureRevision {
        // Compacted since we asked: what is there now will do.
      }
    }
    return try await list(at: nil)
  }

  private func list(at exact: Revision?) async throws -> (ObjectTree, Revision) {
    var tree = ObjectTree(indexedBy: config.trigger)
    var options = StorageListOptions(limit: Self.pageSize, exactRevision: exact)
    var revision = exact
    while true {
      let page = try await storage.getList(prefix: config.resourcePrefix, options: options)
      let shown = revision ?? page.revision
      revision = shown
      for read in try await decodeSlices(page.objects, { read($0) }) {
        switch read {
        case .object(let object): tree.set(object)
        case .unreadable(let key, let value): tree.setUnreadable(key, value)
        }
      }
      guard page.hasMore, let last = page.objects.last else { return (tree, shown) }
      options.startKey = last.key + "\0"
      options.exactRevision = shown
    }
  }

  /// What `decode` makes of each input, in their order; long inputs are divided among tasks.
  private func decodeSlices<Input: Sendable, Output: Sendable>(
    _ inputs: [Input], _ decode: @escaping @Sendable (Input) throws -> Output
  ) async throws -> [Output] {
    guard inputs.count > Self.decodeSlice else { return try inputs.map(decode) }
    return try await withThrowingTaskGroup(of: (Int, [Output]).self) { group in
      for start in stride(from: 0, to: inputs.count, by: Self.decodeSlice) {
        let slice = inputs[start..<min(start + Self.decodeSlice, inputs.count)]
        group.addTask { (start, try slice.map(decode)) }
      }
      var parts: [(Int, [Output])] = []
      for try await part in group { parts.append(part) }
      return parts.sorted { $0.0 < $1.0 }.flatMap { $0.1 }
    }
  }

  private enum Reading: Sendable {
    case object(CachedObject)
    case unreadable(key: String, ObjectTree.Unreadable)
  }

  /// One value that can't be read must not hide all others (semantics 2.51 is upstream's way; its cache stays out of
  /// service).
  private func read(_ stored: StoredObject) -> Reading {
    do { return .object(try config.codec.decode(stored)) } catch {
      config.report(.undecodable(key: stored.key, error: error))
      return .unreadable(key: stored.key, .init(revision: stored.revision, failure: error))
    }
  }

  // MARK: Watch

  /// Watches from `position` until cancelled, or until only a new list helps.
  private func follow(_ tree: inout ObjectTree, _ position: inout Position) async throws {
    // Proving that the list is up to date needs the watch to run, so it runs beside it.
    let list = cacher.statistics.lists
    let proving = Task { [self] in await proveReady(list: list) }
    defer { proving.cancel() }
    var backoff = Backoff(first: .milliseconds(20), longest: .seconds(2))
    while true {
      try Task.checkCancellation()
      do {
        try await followOnce(&tree, &position, &backoff)
      } catch let error as CacheIsWrong {
        throw error
      } catch StorageError.compacted(let requested, let compacted) {
        throw StorageError.compacted(requested: requested, compacted: compacted)
      } catch {
        if Task.isCancelled { throw CancellationError() }
        cacher.setFollowing(false)
        config.report(.watchLost(after: position.revision, error))
        cacher.countResumption()
        try await config.clock.sleep(backoff.step())
      }
    }
  }

  /// One storage watch; throws what ended it.
  private func followOnce(_ tree: inout ObjectTree, _ position: inout Position, _ backoff: inout Backoff) async throws {
    let proof = try await storage.freshnessProof()
    cacher.setProof(proof)
    let watch = try await storage.watch(prefix: config.resourcePrefix, after: position.revision)
    defer { watch.cancel() }
    let unreadable = tree.unreadable.keys.map(\.text)
    let retrying =
      unreadable.isEmpty
      ? nil
      : Task { [self] in
        if await canRead(oneOf: unreadable) {
          watch.finish(CacheIsWrong(description: "what could not be read can be read now"))
        }
      }
    defer { retrying?.cancel() }
    cacher.setFollowing(true)
    while true {
      let items = try await watch.nextBatch()
      cacher.incoming.update(items.reduce(0) { if case .events(let events) = $1 { $0 + events.count } else { $0 } })
      backoff.reset()
      for item in Self.joined(items) {
        switch item {
        case .events(let events):
          try await apply(events, to: &tree, &position)
        case .progress(let revision):
          // Where progress may overtake events, believing it would lose them (semantics 1.5).
          guard proof != .newestAndCount, revision > position.revision else { continue }
          position.revision = revision
          cacher.advance(to: revision)
        }
      }
    }
  }

  /// Events that came in several pieces, as one.
  private static func joined(_ items: [StorageWatchItem]) -> [StorageWatchItem] {
    guard items.count > 1 else { return items }
    var joined: [StorageWatchItem] = []
    var run: [StorageEvent] = []
    for item in items {
      if case .events(let events) = item {
        run += events
        continue
      }
      if !run.isEmpty { joined.append(.events(run)) }
      run = []
      joined.append(item)
    }
    if !run.isEmpty { joined.append(.events(run)) }
    return joined
  }

  /// Slice by slice, so that watchers do not wait for the last event of a long batch to be decoded. A revision is never
  /// divided. While nobody can watch (history comes in at the start), the whole batch is decoded on all cores and
  /// applied at once.
  private func apply(_ events: [StorageEvent], to tree: inout ObjectTree, _ position: inout Position) async throws {
    if events.count > Self.decodeSlice, !cacher.watches.withLock({ $0.isOpen }) {
      return try cacher.apply(try await decodeSlices(events) { try decode($0) }, to: &tree, after: &position)
    }
    var next = 0
    while next < events.count {
      var end = min(next + Cacher.batchMax, events.count)
      while end < events.count && events[end].revision == events[end - 1].revision { end += 1 }
      try cacher.apply(try events[next..<end].map { try decode($0) }, to: &tree, after: &position)
      next = end
    }
  }

  private func decode(_ event: StorageEvent) throws -> DecodedEvent {
    let written = cacher.recent.withLock { $0.take(event.key, at: event.revision) }
    guard event.kind == .put else { return DecodedEvent(key: event.key, object: nil, revision: event.revision) }
    if let written { return DecodedEvent(key: event.key, object: written, revision: event.revision) }
    guard let stored = event.object else {
      throw CacheIsWrong(description: "\(event.key) at \(event.revision) came without a value")
    }
    switch read(stored) {
    case .object(let object): return DecodedEvent(key: event.key, object: object, revision: event.revision)
    case .unreadable(let key, let value):
      return DecodedEvent(key: key, object: nil, revision: event.revision, failure: value.failure)
    }
  }

  /// Returns true once one of them can be read, false on cancellation.
  private func canRead(oneOf keys: [String]) async -> Bool {
    while true {
      do { try await config.clock.sleep(Self.unreadableRetry) } catch { return false }
      guard let key = keys.randomElement() else { return false }
      if let stored = try? await storage.get(key: key, isConsistent: false), (try? config.codec.decode(stored)) != nil {
        return true
      }
    }
  }

  /// Opens the cache once it is as new as the storage was after the list.
  private func proveReady(list: Int) async {
    while !Task.isCancelled {
      do {
        if let need = try await cacher.proof(), case .reached = try await cacher.wait(for: need, limit: Self.startWait)
        {
          return cacher.becomeReady(list: list)
        }
        if cacher.isDestroyed { return }
      } catch {
        if Task.isCancelled { return }
      }
      do { try await config.clock.sleep(.milliseconds(10)) } catch { return }
    }
  }
}

extension Cacher {
  func setProof(_ proof: FreshnessProofKind) { state.withLock { $0.proof = proof } }
  func countResumption() { state.withLock { $0.statistics.watchResumptions += 1 } }
}
