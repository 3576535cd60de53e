import ByteBuffers
import Capacity
import Machinery
import Storage
import Synchronization

/// What a watcher needs of whoever feeds it.
protocol WatchFeed: AnyObject, Sendable {
  /// Reads on from `sequence` of the event ring; when its end is reached, the watcher goes live under the ring's lock.
  func catchUp(_ watcher: CacheWatcher, from sequence: Int, max: Int) -> CatchUp
  /// The watcher is over.
  func remove(_ watcher: CacheWatcher)
}

/// A stretch of the event ring, filtered for one watcher.
struct CatchUp {
  var events: [CacheWatcher.Entry] = []
  /// Where to read on; nil once the watcher is live.
  var next: Int?
  /// The ring has moved past the watcher, or there is no ring any more.
  var isLost = false
}

/// One open watch: first the state it began with (read from a snapshot as it is taken), then the ring's events, then a
/// queue of its own. Until it is live it costs no queue, only a snapshot; so a slow reader of a large state is not
/// ended for being slow.
///
/// Invariants: nothing waits until the watcher is live; what waits stays within the budget, or the watcher ends;
/// revisions that it delivers increase and are above `after`, but for those of the initial state.
public final class CacheWatcher: Sendable {
  enum Entry {
    case event(CacheEvent, WatchEvent.Kind)
    case bookmark(Revision)
  }

  /// Where the next event comes from.
  enum Source {
    case state(InitialState)
    case ring(Int)
    case queue
  }

  struct InitialState {
    var tree: ObjectTree
    /// What is left of it.
    var ranks: Range<Int>
    let revision: Revision
    /// Send the bookmark that ends the initial events?
    let announcesEnd: Bool
    /// Where to go on in the ring; nil for the queue.
    let sequence: Int?
  }

  private struct State {
    var source: Source
    /// What waits: this one, and then the queue from `head` on. Who keeps up has no more than one, and so no queue.
    var first: Entry?
    var queue: ContiguousArray<Entry> = []
    var head = 0
    var bytes = 0
    var error: WatchEvent?
    var end: WatchEnd?
    var callback: (@Sendable () -> Void)?
    /// A callback is on its way, or `take` has been left with more to take.
    var isSignalled = true
    var nextBookmark: ContinuousClock.Instant?
    var waiting: Int { (first == nil ? 0 : 1) + queue.count - head }
    var oldest: Entry? { first ?? (head < queue.count ? queue[head] : nil) }

    mutating func add(_ entry: Entry) {
      if case .event(let event, _) = entry { bytes += event.cost }
      if waiting == 0 { first = entry } else { queue.append(entry) }
    }

    /// Moves the oldest entries out, at most `max`.
    mutating func take(_ max: Int, first taken: inout Entry?, rest: inout ContiguousArray<Entry>) {
      guard max > 0 else { return }
      taken = first
      if case .event(let event, _) = first { bytes -= event.cost }
      first = nil
      let count = min(max - (taken == nil ? 0 : 1), queue.count - head)
      guard count > 0 else { return }
      if head == 0 && count == queue.count {
        swap(&rest, &queue)
        bytes = 0
      } else {
        rest.append(contentsOf: queue[head..<head + count])
        for entry in rest { if case .event(let event, _) = entry { bytes -= event.cost } }
        head += count
      }
      guard head == queue.count else { return }
      queue.removeAll(keepingCapacity: queue.count <= CacheWatcher.keptMax)
      head = 0
    }
  }

  /// Places that an empty queue keeps.
  static let keptMax = 64

  /// Events visited for one `take`, so that a selective watcher does not hold its reactor.
  static let visitsMax = 1_024

  let target: WatchTarget
  /// The same as an index sees it.
  let scope: KeyScope
  let triggerValue: String?
  let predicate: SelectionPredicate
  let isUnselective: Bool
  /// Nothing at or below this revision is delivered, but for the initial state.
  let after: Revision
  let allowBookmarks: Bool
  let deadline: ContinuousClock.Instant?
  let budget: WatchBudget
  let home: any WatchHome
  /// The home's place in the feed's table.
  let homeSlot: Int
  private let codec: any ObjectCodec
  private let copier: (@Sendable (CachedObject) -> CachedObject)?
  private let feed: (any WatchFeed)?
  private let state: Mutex<State>
  /// The reader's: what it took from the queue. The two arrays take turns, so that a burst allocates nothing.
  // touched in `take` only, which has one caller at a time
  private nonisolated(unsafe) var taken: ContiguousArray<Entry> = []

  init(
    _ request: WatchRequest, home: any WatchHome, homeSlot: Int, scope: KeyScope, triggerValue: String?,
    after: Revision, source: Source,
    feed: (any WatchFeed)?, codec: any ObjectCodec, copier: (@Sendable (CachedObject) -> CachedObject)?
  ) {
    target = request.target
    predicate = request.predicate
    isUnselective = request.predicate.isEverything
    allowBookmarks = request.allowBookmarks
    deadline = request.deadline
    budget = request.budget
    self.scope = scope
    self.triggerValue = triggerValue
    self.after = after
    self.home = home
    self.homeSlot = homeSlot
    self.feed = feed
    self.codec = codec
    self.copier = copier
    state = Mutex(State(source: source))
  }

  /// A watch that consists of one ERROR event.
  init(failed status: Status, _ request: WatchRequest, home: any WatchHome, codec: any ObjectCodec) {
    target = request.target
    predicate = request.predicate
    isUnselective = true
    allowBookmarks = false
    deadline = nil
    budget = request.budget
    scope = KeyScope()
    triggerValue = nil
    after = .zero
    self.home = home
    homeSlot = 0
    feed = nil
    self.codec = codec
    copier = nil
    var first = State(source: .queue)
    first.error = WatchEvent(error: status)
    first.end = .failed
    state = Mutex(first)
  }

  // MARK: The reader's side

  /// `callback` runs on the home, inside a `post`, when events wait or the watch has ended; the first time soon after
  /// this call. It is not repeated until `take` has returned fewer events than it was asked for.
  public func setReady(_ callback: @escaping @Sendable () -> Void) {
    state.withLock { $0.callback = callback }
    home.post { [self] in fire() }
  }

  /// Puts up to `max` events in order into `events`, which is empty; fewer than `max` means that nothing more waits now
  /// and that the callback will come. Returns the end once no event is left. Never blocks; one caller at a time.
  public func take(max: Int, into events: inout [WatchEvent]) -> WatchEnd? {
    enum Step { case done(WatchEnd?), initial(InitialState), ring(Int), error(WatchEvent) }
    while events.count < max {
      var first: Entry?
      let step: Step = state.withLock { s in
        if let error = s.error {
          s.error = nil
          return .error(error)
        }
        switch s.source {
        case .state(let initial): return s.end.map { .done($0) } ?? .initial(initial)
        case .ring(let sequence): return s.end.map { .done($0) } ?? .ring(sequence)
        case .queue:
          let room = max - events.count
          let isAll = s.waiting <= room
          s.take(room, first: &first, rest: &taken)
          if isAll {
            if s.waiting < room || s.end != nil { s.isSignalled = false }
            return .done(s.end)
          }
          return .done(nil)
        }
      }
      switch step {
      case .error(let error): events.append(error)
      case .done(let end):
        if let first { append(first, to: &events) }
        guard !taken.isEmpty else { return end }
        append(taken, to: &events)
        taken.removeAll(keepingCapacity: taken.count <= Self.keptMax)
        return end
      case .initial(let initial):
        if takeInitial(initial, max: max, into: &events) {
          postAgain()
          return nil
        }
      case .ring(let sequence):
        guard let feed else { return .stopped }
        let result = feed.catchUp(self, from: sequence, max: max - events.count)
        append(result.events, to: &events)
        if result.isLost {
          end(.tooSlow, dropQueue: true)
          return .tooSlow
        }
        guard let next = result.next else { continue }  // Live now: what came since waits in the queue.
        state.withLock { if case .ring = $0.source { $0.source = .ring(next) } }
        if events.count < max {
          postAgain()
          return nil
        }
      }
    }
    return nil
  }

  /// One stretch of the initial state; true when so much was visited that others should have their turn.
  private func takeInitial(_ initial: InitialState, max: Int, into events: inout [WatchEvent]) -> Bool {
    var rest = initial
    let room = min(Self.visitsMax, isUnselective ? max - events.count : Self.visitsMax)
    let visited = rest.ranks.lowerBound..<min(rest.ranks.upperBound, rest.ranks.lowerBound + room)
    var consumed = visited.lowerBound
    for object in rest.tree.objects(visited) {
      if events.count == max { break }
      consumed += 1
      if isUnselective || predicate.matches(labels: object.labels, fields: object.fields) {
        events.append(WatchEvent(.added, copier?(object) ?? object, revision: object.revision))
      }
    }
    rest.ranks = consumed..<rest.ranks.upperBound
    if rest.ranks.isEmpty && (events.count < max || !rest.announcesEnd) {
      if rest.announcesEnd { events.append(WatchEvent(bookmark: rest.revision, isInitialEventsEnd: true)) }
      state.withLock { s in s.source = rest.sequence.map { .ring($0) } ?? .queue }
      return false
    }
    state.withLock { s in s.source = .state(rest) }
    return events.count < max && visited.count == Self.visitsMax
  }

  private func append(_ entries: some Sequence<Entry>, to events: inout [WatchEvent]) {
    for entry in entries { append(entry, to: &events) }
  }

  private func append(_ entry: Entry, to events: inout [WatchEvent]) {
    switch entry {
    case .event(let event, let kind):
      guard let event = event.watchEvent(kind, codec: codec) else { break }
      if let copier, let object = event.object {
        events.append(WatchEvent(kind, copier(object), revision: event.revision))
      } else {
        events.append(event)
      }
    case .bookmark(let revision): events.append(WatchEvent(bookmark: revision))
    }
  }

  private func postAgain() { home.post { [self] in fire() } }

  /// Ends the watch; idempotent. The callback does not run any more once the home has seen this call.
  public func stop() { end(.stopped, dropQueue: true) }

  // MARK: The feed's side

  /// Home's thread: tells the reader.
  func fire() {
    let callback = state.withLock { $0.callback }
    callback?()
  }

  /// Ends the watch, if it has not ended. With `dropQueue` at once, else after what is queued. True when the home must
  /// hear of it.
  @discardableResult
  func end(_ end: WatchEnd, dropQueue: Bool) -> Bool {
    let (isFirst, mustWake) = state.withLock { s -> (Bool, Bool) in
      if end == .stopped { s.callback = nil }
      if dropQueue {
        s.first = nil
        s.queue = []
        s.head = 0
        s.bytes = 0
      }
      guard s.end == nil else { return (false, false) }
      s.end = end
      defer { s.isSignalled = true }
      return (true, !s.isSignalled)
    }
    if isFirst { feed?.remove(self) }
    return mustWake
  }

  /// What an offer came to.
  enum Offer { case nothing, wake, tooSlow }

  /// Does this watcher's target hold the key?
  func covers(_ key: String) -> Bool {
    switch target {
    case .prefix(let prefix): hasKeyPrefix(key, prefix)
    case .key(let wanted): withKeyBytes(key) { compareKeys($0, wanted) == 0 }
    }
  }

  /// What this watcher sees of an event, if anything; the target has been looked at.
  @inline(__always)
  func kind(of event: CacheEvent) -> WatchEvent.Kind? {
    guard event.revision > after else { return nil }
    return isUnselective ? event.plainKind : event.kind(for: predicate)
  }

  /// Queues what it wants of `events`. Cheap: one lock for the batch. With `.tooSlow` the caller ends the watch.
  /// `usedUp`: a budget of which nothing is left, so that nobody may lag behind the ring. Under the lock of the ring.
  func offer(_ events: ArraySlice<CacheEvent>, usedUp: MemoryBudget?, delivered: inout Int) -> Offer {
    state.withLock { s in
      guard s.end == nil else { return .nothing }
      var isNew = false
      for event in events {
        guard let kind = kind(of: event) else { continue }
        s.add(.event(event, kind))
        delivered += 1
        isNew = true
      }
      if s.waiting > budget.events || s.bytes > budget.bytes && s.waiting > 1 { return .tooSlow }
      if let usedUp, case .event(let oldest, _) = s.oldest, oldest.isHeldForQueues {
        usedUp.readerEnded()
        return .tooSlow
      }
      guard isNew && !s.isSignalled else { return .nothing }
      s.isSignalled = true
      return .wake
    }
  }

  /// Queues a bookmark if its time has come; dropped when the queue is full.
  func offerBookmark(
    _ revision: Revision, now: ContinuousClock.Instant, period: Duration, beforeDeadline: Duration
  ) -> Offer {
    state.withLock { s in
      guard s.end == nil, case .queue = s.source else { return .nothing }
      guard let due = s.nextBookmark else {
        s.nextBookmark = bookmarkTime(after: now, period: period, beforeDeadline: beforeDeadline)
        return .nothing
      }
      guard now >= due else { return .nothing }
      s.nextBookmark = bookmarkTime(after: now, period: period, beforeDeadline: beforeDeadline)
      guard revision >= after, s.waiting < budget.events else { return .nothing }
      s.add(.bookmark(revision))
      guard !s.isSignalled else { return .nothing }
      s.isSignalled = true
      return .wake
    }
  }

  private func bookmarkTime(
    after now: ContinuousClock.Instant, period: Duration, beforeDeadline: Duration
  ) -> ContinuousClock.Instant {
    let regular = now + period * Double.random(in: 0.9...1.1)
    guard let deadline else { return regular }
    let last = deadline - beforeDeadline
    return last > now ? min(last, regular) : regular
  }

  /// Feed, under the ring's lock: from now on events are offered.
  func goLive(now: ContinuousClock.Instant, period: Duration, beforeDeadline: Duration) {
    state.withLock { s in
      s.source = .queue
      if allowBookmarks { s.nextBookmark = bookmarkTime(after: now, period: period, beforeDeadline: beforeDeadline) }
    }
  }

  /// Events and bytes that wait.
  var depth: (events: Int, bytes: Int) { state.withLock { ($0.waiting, $0.bytes) } }
}
