import ByteBuffers
import Glibc
import Synchronization

/// Bounds what all objects of a process keep in encodings beside their documents: pretty text, messages of protobuf,
/// compressed pieces.
///
/// What is made for one reader or one event finds room up to the limit. Encodings made for a list come by the thousand:
/// they get three quarters of it, and where that is full they are handed out unkept, so that one pass over all objects
/// neither pushes out what others use nor leaves events without room. A sweep makes room, off the reactors: it goes
/// round all tables and takes what nobody has used since it last came by. Bytes that an answer on its way still holds
/// would not come back, so they stay and stay counted.
///
/// Reading takes no lock but the object's own, and notes the use there.
public final class EncodingCache: Sendable {
  /// The limit where none is given: so much of the objects' bytes, but at least `leastBytes`, so that a small cluster
  /// shares its frames.
  static let share = 4
  public static let leastBytes = 16 << 20

  private let given: Int?
  private let held = Atomic<Int>(0)
  private let objects = Atomic<Int>(0)
  private let evicted = Atomic<Int>(0)
  private let refused = Atomic<Int>(0)
  private let ring = Mutex(Ring())
  private let isSweeping = Atomic<Bool>(false)
  /// When a sweep may come for the sake of a list, in nanoseconds.
  private let nextSweep = Atomic<Int>(0)
  private let pause: Duration

  /// Tables that have held something since they were last looked at, in the order in which the hand comes by.
  private struct Ring {
    var tables = ContiguousArray<EncodingTable>()
    var hand = 0
    /// Where emptied tables are looked for when one is added.
    var broom = 0

    mutating func takeOut(_ place: Int) {
      guard let last = tables.popLast(), place < tables.count else { return }
      tables[place] = last
    }
  }

  /// `limit`: in bytes; nil for a quarter of the objects' bytes. `pause`: between two sweeps for the sake of lists.
  public init(limit: Int? = nil, pause: Duration = .seconds(1)) {
    given = limit.map { max(0, $0) }
    self.pause = pause
  }

  /// Keeps all there is: for objects that belong to no cache.
  public static let unbounded = EncodingCache(limit: Int.max / 2)

  /// In bytes.
  public var limit: Int { given ?? max(objects.load(ordering: .relaxed) / Self.share, Self.leastBytes) }
  /// Bytes of encodings that are kept, with what it takes to keep them.
  public var bytes: Int { held.load(ordering: .relaxed) }
  /// Encodings that a sweep took out.
  public var evictions: Int { evicted.load(ordering: .relaxed) }
  /// Encodings that were not kept because there was no room.
  public var unkept: Int { refused.load(ordering: .relaxed) }

  /// A cache's objects take so many bytes more, or less.
  func changeObjectBytes(by change: Int) {
    objects.add(change, ordering: .relaxed)
    if change < 0, bytes > limit { beginSweep(isUrgent: true) }
  }

  /// What one encoding costs beside its bytes: its object, its allocation, its entry.
  static let overhead = 64
  static func cost(_ bytes: SharedBytes) -> Int { bytes.count + overhead }

  /// Takes room for an encoding; false where there is none.
  func admit(_ cost: Int, isOneOfMany: Bool) -> Bool {
    let limit = limit
    let now = held.add(cost, ordering: .relaxed).newValue
    if now > (isOneOfMany ? limit - limit / 4 : limit) {
      held.subtract(cost, ordering: .relaxed)
      refused.add(1, ordering: .relaxed)
      // What could not fit an empty cache is no reason to empty it.
      if cost <= limit / 2 { beginSweep(isUrgent: !isOneOfMany) }
      return false
    }
    if !isOneOfMany, now > limit - limit / 8 { beginSweep(isUrgent: true) }
    return true
  }

  func giveBack(_ cost: Int) { held.subtract(cost, ordering: .relaxed) }

  /// A table has its first encoding.
  func list(_ table: EncodingTable) {
    ring.withLock { ring in
      ring.tables.append(table)
      // Some looked at for one that is added, so that those that are empty can't pile up. What is put in a taken place
      // is mostly not empty yet.
      for _ in 0..<4 {
        if ring.broom >= ring.tables.count { ring.broom = 0 }
        if ring.tables[ring.broom].leaveIfEmpty() { ring.takeOut(ring.broom) } else { ring.broom += 1 }
        if ring.tables.isEmpty { break }
      }
    }
  }

  // MARK: sweeps

  /// Makes room soon. `isUrgent`: the limit is near or passed; else a list has found no room, which can wait.
  private func beginSweep(isUrgent: Bool) {
    if !isUrgent, Self.nanoseconds < nextSweep.load(ordering: .relaxed) { return }
    guard !isSweeping.exchange(true, ordering: .acquiringAndReleasing) else { return }
    // By itself: whoever has noticed is on its way with something else, often on a reactor.
    Task.detached(executorPreference: globalConcurrentExecutor) { [self] in
      let limit = limit
      await sweep(to: isUrgent ? limit - limit / 4 : limit / 2, rounds: isUrgent ? 2 : 1)
      nextSweep.store(Self.nanoseconds + Int(pause / .nanoseconds(1)), ordering: .relaxed)
      isSweeping.store(false, ordering: .releasing)
    }
  }

  private static var nanoseconds: Int {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return time.tv_sec * 1_000_000_000 + time.tv_nsec
  }

  /// Tables under one hold of the lock.
  private static let tablesAtATime = 256

  /// Goes round at most so often, until what is kept is no more than `target`. What was used since the last round is
  /// passed over once.
  func sweep(to target: Int, rounds: Int) async {
    var left = ring.withLock { $0.tables.count } * rounds
    while left > 0 && bytes > target {
      var garbage: [SharedBytes] = []
      ring.withLock { ring in
        for _ in 0..<Self.tablesAtATime where left > 0 && bytes > target && !ring.tables.isEmpty {
          left -= 1
          if ring.hand >= ring.tables.count { ring.hand = 0 }
          let table = ring.tables[ring.hand]
          table.sweep(into: &garbage)
          if table.leaveIfEmpty() { ring.takeOut(ring.hand) } else { ring.hand += 1 }
        }
        if ring.tables.isEmpty { left = 0 }
      }
      evicted.add(garbage.count, ordering: .relaxed)
      garbage = []
      await Task.yield()
    }
  }

  /// How many tables are known, emptied ones among them.
  var tables: Int { ring.withLock { $0.tables.count } }

  /// Reports every violation of an invariant, with its numbers; for tests while nothing else goes on.
  func checkInvariants(report: (String) -> Void) {
    let counted = ring.withLock { $0.tables.reduce(0) { $0 + $1.cost } }
    if counted != bytes { report("\(bytes) bytes counted, \(counted) kept") }
    if bytes > limit { report("\(bytes) bytes kept, \(limit) allowed") }
  }
}

/// The encodings of one object. The object owns it; the cache knows it while it holds something, so that a sweep finds
/// it.
///
/// Lock order: the cache's ring, then a table.
final class EncodingTable: Sendable {
  private struct Entry {
    let id: EncodingID
    var bytes: SharedBytes
    /// The object in another form, whose document `bytes` are; nil for an encoding.
    var form: CachedObject?
    var isUsed = true
  }
  private struct State {
    /// Oldest first; almost always empty or one long, so an array beats a dictionary.
    var entries: ContiguousArray<Entry> = []
    var isListed = false

    func place(of id: EncodingID) -> Int? { entries.firstIndex { $0.id == id } }

    /// Does nobody else hold what is kept there?
    mutating func isOnlyHere(_ place: Int) -> Bool {
      entries[place].form == nil
        ? isKnownUniquelyReferenced(&entries[place].bytes) : isKnownUniquelyReferenced(&entries[place].form)
    }
  }
  private let state = Mutex(State())
  private let cache: EncodingCache

  init(_ cache: EncodingCache) { self.cache = cache }

  func known(_ id: EncodingID) -> SharedBytes? {
    state.withLock { state in
      guard let place = state.place(of: id) else { return nil }
      if !state.entries[place].isUsed { state.entries[place].isUsed = true }
      return state.entries[place].bytes
    }
  }

  func knownForm(_ id: EncodingID) -> CachedObject? {
    state.withLock { state in
      guard let place = state.place(of: id) else { return nil }
      if !state.entries[place].isUsed { state.entries[place].isUsed = true }
      return state.entries[place].form
    }
  }

  /// Keeps the object in another form beside its document.
  func keep(_ id: EncodingID, _ form: CachedObject) {
    guard keep(id, form.document, isOneOfMany: true).isKept else { return }
    state.withLock { state in
      if let place = state.place(of: id), state.entries[place].bytes === form.document {
        state.entries[place].form = form
      }
    }
  }

  /// Keeps `made`, or hands out what somebody else has kept meanwhile.
  func keep(_ id: EncodingID, _ made: SharedBytes, isOneOfMany: Bool) -> (bytes: SharedBytes, isKept: Bool) {
    let cost = EncodingCache.cost(made)
    guard cache.admit(cost, isOneOfMany: isOneOfMany) else {
      if let known = known(id) { return (known, true) }
      return (made, false)
    }
    var back = 0
    let (bytes, isNew) = state.withLock { state -> (SharedBytes, Bool) in
      if let place = state.place(of: id) {
        back = cost
        return (state.entries[place].bytes, false)
      }
      if state.entries.count >= CachedObject.encodingsMax {
        back = EncodingCache.cost(state.entries.removeFirst().bytes)
      }
      state.entries.append(Entry(id: id, bytes: made))
      defer { state.isListed = true }
      return (made, !state.isListed)
    }
    if back > 0 { cache.giveBack(back) }
    if isNew { cache.list(self) }
    return (bytes, true)
  }

  /// Lets go of all: the object is gone, or another has taken its place.
  func clear() {
    let gone = state.withLock { state in
      let gone = state.entries
      state.entries = []
      return gone
    }
    if !gone.isEmpty { cache.giveBack(gone.reduce(0) { $0 + EncodingCache.cost($1.bytes) }) }
  }

  /// Takes out what nobody has used since the last time and nobody else holds.
  func sweep(into garbage: inout [SharedBytes]) {
    state.withLock { state in
      var place = 0
      while place < state.entries.count {
        if state.entries[place].isUsed {
          state.entries[place].isUsed = false
        } else if state.isOnlyHere(place) {
          let bytes = state.entries.remove(at: place).bytes
          cache.giveBack(EncodingCache.cost(bytes))
          garbage.append(bytes)
          continue
        }
        place += 1
      }
    }
  }

  /// True when it holds nothing; the cache then takes it off its list.
  func leaveIfEmpty() -> Bool {
    state.withLock { state in
      guard state.entries.isEmpty else { return false }
      state.isListed = false
      return true
    }
  }

  var cost: Int { state.withLock { $0.entries.reduce(0) { $0 + EncodingCache.cost($1.bytes) } } }
}
