import ByteBuffers
import Capacity
import Storage

/// The last events, so that a watch can start in the past. It grows while it covers less than `freshness` and shrinks
/// when a quarter of it would do (semantics 1.8; upstream `resizeCacheLocked`).
///
/// Events are addressed by sequence numbers that never repeat: `start..<end` are held, and event `s` stands at `s %
/// capacity`. It is also bounded in bytes: a storm of writes over few objects would otherwise keep hundreds of
/// megabytes of their past. Invariants: end - start <= capacity <= capacityMax; revisions do not decrease; `base` <=
/// every revision held; `bytes` is the sum of the events' costs.
struct EventRing {
  static let capacityMin = 100

  private var slots: ContiguousArray<CacheEvent?>
  private(set) var start = 0
  private(set) var end = 0
  /// Every event after this revision is held.
  private(set) var base: Revision
  /// Bytes that the events keep alive, at most: an event's previous object is mostly the one of an earlier event.
  private(set) var bytes = 0
  let capacityMax: Int
  let freshness: Duration
  /// Counts the events that leave while queues hold them.
  private let memory: MemoryBudget

  init(base: Revision, capacityMax: Int, freshness: Duration, memory: MemoryBudget = MemoryBudget(limit: 0)) {
    self.base = base
    self.capacityMax = max(capacityMax, 1)
    self.freshness = freshness
    self.memory = memory
    slots = ContiguousArray(repeating: nil, count: min(Self.capacityMin, self.capacityMax))
  }

  var capacity: Int { slots.count }
  var count: Int { end - start }

  subscript(sequence: Int) -> CacheEvent? {
    precondition(sequence >= start && sequence < end, "event \(sequence) of \(start)..<\(end)")
    return slots[sequence % slots.count]
  }

  /// The revision that a message names as the oldest from which a watch can start: the one before the oldest event, as
  /// upstream tells it.
  var oldestStart: Revision {
    guard start > 0, start < end, let oldest = self[start] else { return base }
    return max(base, Revision(oldest.revision.rawValue - 1))
  }

  /// Beyond `bytesMax` the oldest events go, but never the last `capacityMin`.
  mutating func append(_ event: CacheEvent, bytesMax: Int = .max) {
    if count == capacity { makeRoom(now: event.time) }
    slots[end % slots.count] = event
    end += 1
    bytes += event.cost
    while bytes > bytesMax && count > Self.capacityMin { evict() }
  }

  private mutating func makeRoom(now: ContinuousClock.Instant) {
    guard let oldest = self[start], let newerQuarter = self[end - max(1, capacity / 4)] else { return }
    if now - oldest.time < freshness && capacity < capacityMax {
      resize(to: min(capacity * 2, capacityMax))
    } else if now - newerQuarter.time > freshness && capacity > Self.capacityMin {
      resize(to: max(capacity / 2, Self.capacityMin))
    }
    if count == capacity { evict() }
  }

  private mutating func evict() {
    let place = start % slots.count
    let isQueued = !isKnownUniquelyReferenced(&slots[place])
    if let gone = slots[place] {
      base = max(base, gone.revision)
      bytes -= gone.cost
      if isQueued { gone.holdForQueues(memory) }
    }
    slots[place] = nil
    start += 1
  }

  private mutating func resize(to capacity: Int) {
    while count > capacity { evict() }
    var larger = ContiguousArray<CacheEvent?>(repeating: nil, count: capacity)
    for sequence in start..<end { larger[sequence % capacity] = self[sequence] }
    slots = larger
  }

  /// The sequence of the first event after `revision`; `end` when there is none yet. `revision` >= `base`. O(log n).
  func firstSequence(after revision: Revision) -> Int {
    var low = start
    var high = end
    while low < high {
      let middle = (low + high) / 2
      if let event = self[middle], event.revision <= revision { low = middle + 1 } else { high = middle }
    }
    return low
  }

  func checkInvariants(report: (String) -> Void) {
    if count > capacity || count < 0 { report("\(count) events in a ring of \(capacity)") }
    if capacity > capacityMax { report("ring of \(capacity), at most \(capacityMax) allowed") }
    var last = base
    for sequence in start..<end {
      guard let event = self[sequence] else {
        report("no event at \(sequence)")
        continue
      }
      if event.revision < last { report("event \(event.revision) after \(last)") }
      last = event.revision
    }
    let cost = (start..<end).reduce(0) { $0 + (self[$1]?.cost ?? 0) }
    if cost != bytes { report("ring counts \(bytes) bytes, has \(cost)") }
    let held = slots.reduce(0) { $0 + ($1 == nil ? 0 : 1) }
    if held != count { report("\(held) slots filled for \(count) events") }
  }
}
