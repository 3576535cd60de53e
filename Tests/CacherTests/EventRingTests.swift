import ByteBuffers
import Capacity
import Storage
import Testing

@testable import Cacher

@Suite struct `Event ring` {
  private let start = ContinuousClock.now
  private func event(_ revision: Int64, at time: Duration) -> CacheEvent {
    CacheEvent(
      object: TestCodec.make("k", "v", Revision(revision)), previous: nil, revision: Revision(revision),
      time: start + time)
  }

  @Test func `it doubles while its oldest event is young, up to its bound, and then forgets the oldest`() {
    var ring = EventRing(base: Revision(5), capacityMax: 400, freshness: .seconds(75))
    for n in 1...500 {
      ring.append(event(Int64(10 + n), at: .milliseconds(n)))
      ring.checkInvariants { Issue.record("\($0)") }
      if n == 100 { #expect(ring.capacity == 100 && ring.base == Revision(5)) }
      if n == 101 { #expect(ring.capacity == 200) }
    }
    #expect(ring.capacity == 400 && ring.count == 400)
    #expect(ring.base == Revision(110))
    #expect(ring[ring.start]?.revision == Revision(111))
    #expect(ring.oldestStart == Revision(110))
    #expect(ring.firstSequence(after: Revision(110)) == ring.start)
    #expect(ring[ring.firstSequence(after: Revision(300))]?.revision == Revision(301))
    #expect(ring.firstSequence(after: Revision(9_999)) == ring.end)
  }

  @Test func `it halves when its newest quarter covers the time, but never below its first size`() {
    var ring = EventRing(base: .zero, capacityMax: 10_000, freshness: .seconds(75))
    for n in 1...401 { ring.append(event(Int64(n), at: .zero)) }
    #expect(ring.capacity == 800)
    for n in 402...1_600 { ring.append(event(Int64(n), at: .seconds(10 * n))) }
    ring.checkInvariants { Issue.record("\($0)") }
    #expect(ring.capacity == 100)
    #expect(ring.count == 100 && ring.base == Revision(1_500))
  }

  @Test func `an event that leaves counts in the budget as long as somebody holds it`() {
    let memory = MemoryBudget(limit: 1 << 20)
    var ring = EventRing(base: .zero, capacityMax: 100, freshness: .seconds(75), memory: memory)
    var held: [CacheEvent] = []
    for n in 1...250 {
      let event = event(Int64(n), at: .zero)
      if n % 10 == 0 { held.append(event) }
      ring.append(event)
    }
    #expect(held.count == 25 && held.filter(\.isHeldForQueues).count == 15)
    #expect(memory.used == held.prefix(15).reduce(0) { $0 + $1.cost })
    held.removeFirst(5)
    #expect(memory.used == held.prefix(10).reduce(0) { $0 + $1.cost })
    held = []
    #expect(memory.used == 0)
  }

  @Test func `beyond its bytes the oldest go, but a hundred stay`() {
    var ring = EventRing(base: .zero, capacityMax: 10_000, freshness: .seconds(75))
    let cost = event(1, at: .zero).cost
    for n in 1...1_000 { ring.append(event(Int64(n), at: .zero), bytesMax: 300 * (cost + 3)) }
    ring.checkInvariants { Issue.record("\($0)") }
    #expect((290...310).contains(ring.count) && ring.base == Revision(Int64(1_000 - ring.count)))
    for n in 1_001...1_010 { ring.append(event(Int64(n), at: .zero), bytesMax: 1) }
    #expect(ring.count == 100)
  }
}
