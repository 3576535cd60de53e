public import Cacher
public import Metrics
import Synchronization

/// The keys that a controller has to look at, each at most once, however often it is added: a key that is added while it
/// is worked on comes again after that. What failed comes again later, see `RetryPace`. (client-go: `workqueue`.)
///
/// It holds keys of objects, so their number is its bound; whoever feeds it waits for `room`, so that a long list is not
/// in it as a whole. Nothing runs here while no key waits for its time.
public final class WorkQueue: Sendable {
  fileprivate struct State {
    var isOpen = true
    /// In the order in which they are worked on, from `head` on.
    var queue: [ObjectName] = []
    var head = 0
    /// All that have to be looked at.
    var dirty: Set<ObjectName> = []
    /// Those that are worked on.
    var processing: Set<ObjectName> = []
    var delayed = DelayedKeys()
    var limiter: RetryLimiter
    var metrics = QueueMetrics()
    var timer: (due: ContinuousClock.Instant, task: Task<Void, Never>)?
    /// Workers that have nothing to do, the one that waits longest first.
    var idle: [CheckedContinuation<ObjectName?, Never>] = []
    /// Those who feed the queue and found it full.
    var full: [CheckedContinuation<Void, Never>] = []

    var waiting: Int { queue.count - head }
    var held: Int { dirty.count + delayed.count }
  }

  /// The label of its metrics.
  public let name: String
  private let clock: CacherClock
  private let capacity: Int
  private let state: Mutex<State>

  /// `capacity`: as many keys wait before those who feed the queue do.
  public init(_ name: String, pace: RetryPace = RetryPace(), capacity: Int = 16_384, clock: CacherClock = .system) {
    self.name = name
    self.clock = clock
    self.capacity = capacity
    state = Mutex(State(limiter: RetryLimiter(pace)))
  }

  // MARK: what is to be done

  public func add(_ key: ObjectName) {
    let now = clock.now()
    let handed = state.withLock { s in
      s.add(key, now)
      return s.handOut(now)
    }
    for (worker, key) in handed { worker.resume(returning: key) }
  }

  /// Adds a key when the time is over.
  public func add(_ key: ObjectName, after delay: Duration) {
    let isNow = state.withLock { s in
      guard s.isOpen else { return false }
      s.metrics.retried()
      if delay <= .zero { return true }
      s.delayed.add(key, due: clock.now() + delay)
      schedule(&s)
      return false
    }
    if isNow { add(key) }
  }

  /// Adds a key that failed, later the more often it did; returns when.
  @discardableResult
  public func addLimited(_ key: ObjectName) -> Duration {
    let delay = state.withLock { $0.limiter.delay(of: key, now: clock.now()) }
    add(key, after: delay)
    return delay
  }

  /// The key's failures count no more.
  public func forget(_ key: ObjectName) { state.withLock { $0.limiter.forget(key) } }

  /// How often the key has failed.
  public func failures(of key: ObjectName) -> Int { state.withLock { $0.limiter.failures(of: key) } }

  // MARK: workers

  /// The next key, which `done` has to be told of; nil once the queue is shut and empty.
  public func next() async -> ObjectName? {
    await withCheckedContinuation { worker in
      let now = clock.now()
      let (handed, isOver) = state.withLock { s in
        s.idle.append(worker)
        return (s.handOut(now), s.takeIdleIfOver())
      }
      for (worker, key) in handed { worker.resume(returning: key) }
      for worker in isOver { worker.resume(returning: nil) }
    }
  }

  /// The work on a key has ended.
  public func done(_ key: ObjectName) {
    let now = clock.now()
    let (handed, over, fed) = state.withLock { s in
      s.metrics.ended(key, now)
      s.processing.remove(key)
      if s.dirty.contains(key) { s.queue.append(key) }
      return (s.handOut(now), s.takeIdleIfOver(), s.takeFed(capacity))
    }
    for (worker, key) in handed { worker.resume(returning: key) }
    for worker in over { worker.resume(returning: nil) }
    for feeder in fed { feeder.resume() }
  }

  /// Returns when there is room for more.
  public func room() async {
    await withCheckedContinuation { feeder in
      let fed = state.withLock { s in
        s.full.append(feeder)
        return s.takeFed(capacity)
      }
      for feeder in fed { feeder.resume() }
    }
  }

  /// Keys that wait to be worked on now.
  public var count: Int { state.withLock { $0.waiting } }

  // MARK: life

  /// Takes nothing any more, and lets workers go when what is there is done.
  public func shutDown() {
    let (over, fed, timer) = state.withLock { s in
      s.isOpen = false
      s.delayed = DelayedKeys()
      defer { s.timer = nil }
      return (s.takeIdleIfOver(), s.takeFed(capacity), s.timer?.task)
    }
    timer?.cancel()
    for worker in over { worker.resume(returning: nil) }
    for feeder in fed { feeder.resume() }
  }

  /// Begins anew and empty, after `shutDown` and the end of all workers; what was counted stays.
  public func open() {
    state.withLock { s in
      s.isOpen = true
      s.queue = []
      s.head = 0
      s.dirty = []
      s.processing = []
      s.limiter = RetryLimiter(s.limiter.pace)
      s.metrics.restarted()
    }
  }

  // MARK: time

  /// One timer, for the key that is due first.
  private func schedule(_ s: inout State) {
    guard let due = s.delayed.next else { return }
    if let timer = s.timer {
      if timer.due <= due { return }
      timer.task.cancel()
    }
    let pause = due - clock.now()
    let task = Task { [weak self, clock] in
      guard (try? await clock.sleep(pause)) != nil else { return }
      self?.timeIsUp(due)
    }
    s.timer = (due, task)
  }

  private func timeIsUp(_ due: ContinuousClock.Instant) {
    let now = max(due, clock.now())
    let handed = state.withLock { s in
      // Another timer has taken this one's place.
      guard s.timer?.due == due else { return [] as [Handed] }
      s.timer = nil
      for key in s.delayed.take(dueBy: now) { s.add(key, now) }
      schedule(&s)
      return s.handOut(now)
    }
    for (worker, key) in handed { worker.resume(returning: key) }
  }
}

extension WorkQueue {
  /// Writes its figures under client-go's names.
  public func write(_ text: inout MetricsText) {
    let now = clock.now()
    let metrics = state.withLock { $0.metrics }
    metrics.write(name, now, to: &text)
  }

  fileprivate typealias Handed = (worker: CheckedContinuation<ObjectName?, Never>, key: ObjectName)
}

extension WorkQueue.State {
  fileprivate mutating func add(_ key: ObjectName, _ now: ContinuousClock.Instant) {
    guard isOpen, dirty.insert(key).inserted else { return }
    metrics.added(key, now)
    if !processing.contains(key) { queue.append(key) }
  }

  /// Gives keys to workers that have none.
  fileprivate mutating func handOut(_ now: ContinuousClock.Instant) -> [WorkQueue.Handed] {
    guard !idle.isEmpty && waiting > 0 else { return [] }
    var handed: [WorkQueue.Handed] = []
    for worker in idle.prefix(waiting) {
      let key = queue[head]
      head += 1
      dirty.remove(key)
      processing.insert(key)
      metrics.begun(key, now)
      handed.append((worker, key))
    }
    idle.removeFirst(handed.count)
    if head == queue.count || head > 1_024 {
      queue.removeFirst(head)
      head = 0
    }
    return handed
  }

  /// Workers that have nothing to wait for any more.
  fileprivate mutating func takeIdleIfOver() -> [CheckedContinuation<ObjectName?, Never>] {
    guard !isOpen && waiting == 0 else { return [] }
    defer { idle = [] }
    return idle
  }

  /// Feeders that may go on.
  fileprivate mutating func takeFed(_ capacity: Int) -> [CheckedContinuation<Void, Never>] {
    guard !isOpen || held < capacity else { return [] }
    defer { full = [] }
    return full
  }
}
