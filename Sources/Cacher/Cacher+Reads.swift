import Glibc
public import Storage
import Synchronization

extension Cacher {
  /// A range with a selector of more objects than this is not searched in one go on a reactor.
  static let visitsInOneGo = 1_024
  /// A range without selectors of more objects than this is not copied in one go; copying references is much cheaper
  /// than matching.
  static let copiesInOneGo = 16_384

  // MARK: GET

  public func cached(key: String) -> CachedObject? {
    let tree = state.withLock { $0.isFilled ? $0.tree : ObjectTree() }
    return tree[key]
  }

  public func getNow(key: String, freshness: Freshness) -> NowResult {
    guard let view = viewNow(freshness, count: { $0.getsFromCache += 1 }) else { return .mustWait }
    if let object = view.tree[key] { return .found(config.handedOut(object)) }
    // The storage may be able to read it by now, and knows the reason if not.
    return view.tree.unreadable[key] == nil ? .missing : .mustWait
  }

  /// The state, if it is as fresh as asked, without waiting. Where the process knows the storage's revision, that is
  /// read before the lock, so nothing committed before this call is missing.
  private func viewNow(_ freshness: Freshness, count: (inout CacherStatistics) -> Void) -> CacheView? {
    let needed: Revision
    switch freshness {
    case .any: needed = .zero
    case .notOlderThan(let revision): needed = revision
    case .consistent:
      guard let revision = storage.revisionInProcess else { return nil }
      needed = revision
    }
    return state.withLock { s in
      guard s.isReady && s.revision >= needed else { return nil }
      count(&s.statistics)
      return s.view
    }
  }

  public func get(key: String, freshness: Freshness) async throws -> CachedObject {
    switch getNow(key: key, freshness: freshness) {
    case .found(let object): return object
    case .missing: throw StorageError.keyNotFound(key: key)
    case .mustWait: break
    }
    let (phase, kind) = state.withLock { ($0.phase, $0.proof) }
    if phase == .destroyed { throw StorageError.shutDown }
    // A point read is cheaper than a fence (semantics 1.6), and serves while the cache is not ready (2.31).
    let isPointRead = phase != .ready || freshness == .consistent && kind == .newestAndCount
    if !isPointRead, let view = try await fresh(freshness) {
      let object = view.tree[key]
      if object != nil || view.tree.unreadable[key] == nil {
        state.withLock { $0.statistics.getsFromCache += 1 }
        guard let object else { throw StorageError.keyNotFound(key: key) }
        return config.handedOut(object)
      }
    }
    state.withLock { $0.statistics.readsFromStorage += 1 }
    return config.handedOut(try decode(try await storage.get(key: key, isConsistent: true)))
  }

  /// The cached object where it is the same one, so that decoding is not repeated.
  func decode(_ stored: StoredObject) throws -> CachedObject { try known(stored) { try codec.decode($0) } }

  private func known(
    _ stored: StoredObject, orElse decode: (StoredObject) throws -> CachedObject
  ) throws -> CachedObject {
    if let known = cached(key: stored.key), known.revision == stored.revision { return known }
    do { return try decode(stored) } catch {
      config.report(.undecodable(key: stored.key, error: error))
      throw error
    }
  }

  public func written(
    _ stored: StoredObject, decode: (StoredObject) throws -> CachedObject
  ) throws -> CachedObject {
    if let known = recent.withLock({ $0[stored.key] }), known.revision == stored.revision {
      return config.handedOut(known)
    }
    let object = try known(stored, orElse: decode)
    let seen = state.withLock { $0.revision }
    recent.withLock { $0.note(object, seen: seen) }
    return config.handedOut(object)
  }

  // MARK: LIST

  public func listNow(_ request: ListRequest) -> ObjectList? {
    let view: CacheView
    if let exact = request.exactRevision {
      let now: CacheView? = state.withLock { s in
        guard s.isReady, case .here(let view) = s.exact(exact) else { return nil }
        s.statistics.listsFromCache += 1
        return view
      }
      guard let now else { return nil }
      view = now
    } else {
      guard let now = viewNow(request.freshness, count: { $0.listsFromCache += 1 }) else { return nil }
      view = now
    }
    // A list that would miss something is the storage's to refuse.
    guard view.tree.failure(prefix: request.prefix) == nil else { return nil }
    let ranks = view.tree.ranks(prefix: request.prefix, from: request.startKey)
    let limit = request.limit > 0 ? request.limit : .max
    var page = PageBuilder(request, view, ranks)
    if request.predicate.isEverything {
      guard min(ranks.count, limit) <= Self.copiesInOneGo else { return nil }
    } else {
      guard page.visitsMax <= Self.visitsInOneGo else { return nil }
    }
    while !page.isDone { page.visit(Self.copiesInOneGo) }
    return finish(page)
  }

  public func list(_ request: ListRequest) async throws -> ObjectList {
    if let now = listNow(request) { return now }
    guard let view = try await listView(request), view.tree.failure(prefix: request.prefix) == nil else {
      return try await listFromStorage(request)
    }
    var page = PageBuilder(request, view, view.tree.ranks(prefix: request.prefix, from: request.startKey))
    while !page.isDone {
      page.visit(request.predicate.isEverything ? Self.copiesInOneGo : Self.visitsInOneGo)
      // On a reactor this gives other connections their turn.
      await Task.yield()
    }
    state.withLock { $0.statistics.listsFromCache += 1 }
    return finish(page)
  }

  /// The state that a list shows; nil when the storage has to be asked.
  private func listView(_ request: ListRequest) async throws -> CacheView? {
    switch state.withLock({ $0.phase }) {
    case .destroyed: throw StorageError.shutDown
    case .notReady:
      if request.exactRevision == nil && !(request.limit > 0 && request.predicate.isEverything) { throw notReady() }
      return nil
    case .ready: break
    }
    guard let exact = request.exactRevision else { return try await fresh(request.freshness) }
    var isSecond = false
    while true {
      switch state.withLock({ $0.exact(exact) }) {
      case .here(let view): return view
      case .gone: return nil
      case .between(let older):
        return replay(older, to: exact)
      case .future:
        if isSecond { return nil }
        isSecond = true
        // An idle cache without trustworthy progress may never get there, though the storage has been.
        if state.withLock({ $0.proof }) == .newestAndCount, case .fence(let fence)? = try await proof(),
          fence.revision >= exact
        {
          return nil
        }
        switch try await wait(for: .revision(exact), limit: config.freshnessWait) {
        case .reached: continue
        case .interrupted: return nil
        case .timedOut:
          throw StorageError.resourceVersionTooLarge(requested: exact, current: state.withLock { $0.revision })
        }
      }
    }
  }

  /// A state between two snapshots: the older one and the events from there.
  private func replay(_ older: SnapshotShelf.Snapshot, to revision: Revision) -> CacheView? {
    let events: [CacheEvent]? = watches.withLock { w in
      guard w.isOpen && w.ring.base <= older.through else { return nil }
      var events: [CacheEvent] = []
      for sequence in w.ring.firstSequence(after: older.through)..<w.ring.end {
        guard let event = w.ring[sequence], event.revision <= revision else { break }
        events.append(event)
      }
      return events
    }
    guard let events else { return nil }
    var tree = older.tree
    for event in events {
      if let object = event.object { tree.set(object) } else { tree.remove(event.key) }
    }
    return CacheView(tree: tree, revision: revision)
  }

  /// The page as an answer; a state that has more pages is kept for them.
  private func finish(_ page: PageBuilder) -> ObjectList {
    let list = config.handedOut(page.list)
    if list.hasMore {
      state.withLock { s in
        if list.revision >= s.lastEvent && list.revision <= s.revision { s.isTipWanted = true }
      }
    }
    return list
  }

  /// What a client is told while the cache is out of service: longer the longer it has been (semantics 2.31).
  func notReady() -> StorageError {
    let seconds: Double = state.withLock { s in
      guard case .notReady(let since) = s.phase else { return 0 }
      return Double((config.clock.now() - since).components.seconds)
    }
    return .notReady(retryAfterSeconds: Int(min(30, max(1, exp(0.06 * min(seconds, 600))))))
  }

  private func listFromStorage(_ request: ListRequest) async throws -> ObjectList {
    state.withLock { $0.statistics.readsFromStorage += 1 }
    return config.handedOut(try await StorageLister(storage: storage) { try self.decode($0) }.list(request))
  }
}

extension CacheState {
  enum Exact {
    case here(CacheView)
    /// Newer than this snapshot, older than the next.
    case between(SnapshotShelf.Snapshot)
    case future
    case gone
  }

  /// The state at exactly `wanted` (semantics 1.19).
  func exact(_ wanted: Revision) -> Exact {
    let older = shelf.newest(notAfter: wanted)
    if let older, wanted <= older.through { return .here(CacheView(tree: older.tree, revision: wanted)) }
    if wanted > revision { return .future }
    if wanted >= lastEvent { return .here(CacheView(tree: tree, revision: wanted)) }
    return older.map { .between($0) } ?? .gone
  }
}

/// Collects one page from a state, as many objects at a time as the caller allows.
struct PageBuilder {
  private let request: ListRequest
  private let view: CacheView
  private var ranks: Range<Int>
  private let limit: Int
  private var objects: [CachedObject] = []
  private var lastKey: String?
  /// The keys of all that can be wanted; nil where every object has to be looked at.
  private var wanted: ContiguousArray<String>.SubSequence?

  init(_ request: ListRequest, _ view: CacheView, _ ranks: Range<Int>) {
    self.request = request
    self.view = view
    self.ranks = ranks
    limit = request.limit > 0 ? request.limit : .max
    if !request.predicate.isEverything {
      wanted = view.tree.indexed(request.predicate, ranks, prefix: request.prefix, from: request.startKey)?[...]
    }
    if request.predicate.isEverything { objects.reserveCapacity(min(ranks.count, limit)) }
  }

  var isDone: Bool { ranks.isEmpty || objects.count >= limit }
  /// How many objects there are to look at.
  var visitsMax: Int { wanted?.count ?? ranks.count }

  mutating func visit(_ most: Int) {
    if request.predicate.isEverything {
      let count = min(most, ranks.count, limit - objects.count)
      view.tree.collect(ranks.lowerBound..<ranks.lowerBound + count, into: &objects)
      ranks = ranks.lowerBound + count..<ranks.upperBound
      lastKey = objects.last?.key
      return
    }
    if let wanted { return visit(most, of: wanted) }
    let count = min(most, ranks.count)
    var visited = 0
    for object in view.tree.objects(ranks.lowerBound..<ranks.lowerBound + count) {
      visited += 1
      guard request.predicate.matches(labels: object.labels, fields: object.fields) else { continue }
      objects.append(object)
      lastKey = object.key
      if objects.count >= limit { break }
    }
    ranks = ranks.lowerBound + visited..<ranks.upperBound
  }

  /// The same of known keys. A full page says that there is more as it would of any: if there are objects behind it.
  private mutating func visit(_ most: Int, of keys: ContiguousArray<String>.SubSequence) {
    for key in keys.prefix(most) {
      guard let object = view.tree[key],
        request.predicate.matches(labels: object.labels, fields: object.fields)
      else { continue }
      objects.append(object)
      lastKey = key
      if objects.count >= limit {
        ranks = min(view.tree.rank(of: key) + 1, ranks.upperBound)..<ranks.upperBound
        return
      }
    }
    wanted = keys.dropFirst(most)
    if keys.count <= most { ranks = ranks.upperBound..<ranks.upperBound }
  }

  var list: ObjectList {
    let hasMore = !ranks.isEmpty
    return ObjectList(
      revision: view.revision, objects: objects, hasMore: hasMore, nextKey: hasMore ? lastKey.map { $0 + "\0" } : nil,
      remaining: hasMore && request.predicate.isEverything ? ranks.count : nil)
  }
}
