import Cacher
import Logging
import Metrics
import Synchronization
import TestSupport
import Testing

@testable import Controllers

@Suite struct `The work queue` {
  private let time = TestClock()
  private let a = ObjectName("a")
  private let b = ObjectName("b", namespace: "n")

  private func queue(_ pace: RetryPace = RetryPace(), capacity: Int = 100) -> WorkQueue {
    WorkQueue("test", pace: pace, capacity: capacity, clock: time.clock)
  }

  @Test func `a key that waits is not queued twice, and keys come in the order of their coming`() async {
    let queue = queue()
    for key in [a, b, a, b] { queue.add(key) }
    #expect(queue.count == 2)
    #expect(await queue.next() == a)
    #expect(await queue.next() == b)
    #expect(queue.count == 0)
  }

  @Test func `a key that is worked on comes again after that, once`() async {
    let queue = queue()
    queue.add(a)
    #expect(await queue.next() == a)
    for _ in 0..<3 { queue.add(a) }
    queue.add(b)
    // Nobody else is given it meanwhile.
    #expect(await queue.next() == b)
    #expect(queue.count == 0)
    queue.done(a)
    #expect(queue.count == 1)
    #expect(await queue.next() == a)
    queue.done(a)
    #expect(queue.count == 0)
  }

  @Test func `workers that wait are given keys, the one that waits longest first`() async throws {
    let queue = queue()
    async let got = queue.next()
    queue.add(a)
    #expect(await got == a)
  }

  @Test func `a delayed key comes when its time is over, and for the earlier of two times`() async {
    let queue = queue()
    queue.add(a, after: .seconds(10))
    queue.add(b, after: .seconds(5))
    queue.add(a, after: .seconds(2))
    queue.add(b, after: .seconds(7))
    await time.sleeping(for: .seconds(2))
    #expect(queue.count == 0)
    time.advance(by: .seconds(2))
    #expect(await queue.next() == a)
    queue.done(a)
    await time.sleeping(for: .seconds(3))
    time.advance(by: .seconds(3))
    #expect(await queue.next() == b)
    #expect(queue.count == 0)
    // It has not come twice.
    queue.done(b)
    time.advance(by: .seconds(100))
    queue.add(ObjectName("last"))
    #expect(await queue.next() == ObjectName("last"))
  }

  @Test func `failures double a key's wait up to a bound, and are forgotten`() {
    var limiter = RetryLimiter(
      RetryPace {
        $0.first = .milliseconds(5)
        $0.longest = .seconds(1_000)
        $0.burst = 1e9
      })
    let now = time.clock.now()
    let delays = (0..<20).map { _ in limiter.delay(of: a, now: now) }
    #expect(Array(delays.prefix(4)) == [5, 10, 20, 40].map { Duration.milliseconds($0) })
    #expect(delays[17] == .milliseconds(5 << 17))
    #expect(Array(delays.suffix(2)) == [.seconds(1_000), .seconds(1_000)])
    #expect(limiter.failures(of: a) == 20)
    #expect(limiter.delay(of: b, now: now) == .milliseconds(5))
    limiter.forget(a)
    #expect(limiter.delay(of: a, now: now) == .milliseconds(5))
  }

  @Test func `failures without number do not overflow`() {
    var limiter = RetryLimiter(RetryPace { $0.burst = 1e9 })
    let now = time.clock.now()
    for _ in 0..<5_000 { #expect(limiter.delay(of: a, now: now) <= .seconds(1_000)) }
  }

  @Test func `all keys together have a bucket of tries`() {
    var limiter = RetryLimiter(
      RetryPace {
        $0.rate = 10
        $0.burst = 2
      })
    var now = time.clock.now()
    func delay(_ name: Int) -> Duration { limiter.delay(of: ObjectName("\(name)"), now: now) }
    #expect((0..<4).map { delay($0) } == [5, 5, 100, 200].map { Duration.milliseconds($0) })
    now += .seconds(1)
    // Two of the ten tokens of a second were owed, and more than two are not kept.
    #expect((4..<7).map { delay($0) } == [5, 5, 100].map { Duration.milliseconds($0) })
  }

  @Test func `a key that failed comes again after its wait`() async {
    let queue = queue()
    queue.add(a)
    #expect(await queue.next() == a)
    #expect(queue.addLimited(a) == .milliseconds(5))
    queue.done(a)
    #expect(queue.count == 0 && queue.failures(of: a) == 1)
    await time.sleeping(for: .milliseconds(5))
    time.advance(by: .milliseconds(5))
    #expect(await queue.next() == a)
    queue.forget(a)
    #expect(queue.failures(of: a) == 0)
  }

  @Test func `who feeds a full queue waits until a key is taken and done`() async {
    let queue = queue(capacity: 2)
    await queue.room()
    queue.add(a)
    await queue.room()
    queue.add(b)
    async let isRoom: Void = queue.room()
    #expect(await queue.next() == a)
    queue.done(a)
    await isRoom
  }

  @Test func `a shut queue gives out what it has, takes nothing, and can be opened again`() async {
    let queue = queue()
    queue.add(a)
    queue.add(b, after: .seconds(1))
    queue.shutDown()
    queue.add(ObjectName("late"))
    #expect(await queue.next() == a)
    #expect(await queue.next() == nil)
    queue.done(a)
    await queue.room()
    queue.open()
    #expect(queue.count == 0)
    queue.add(b)
    #expect(await queue.next() == b)
  }

  @Test func `workers that wait hear that the queue is shut`() async {
    let queue = queue()
    async let got = queue.next()
    queue.shutDown()
    #expect(await got == nil)
  }

  @Test func `its figures have client-go's names`() async throws {
    let queue = queue()
    queue.add(a)
    queue.add(b)
    time.advance(by: .milliseconds(500))
    #expect(await queue.next() == a)
    time.advance(by: .seconds(2))
    var text = MetricsText()
    queue.write(&text)
    var lines = Set(text.text.split(separator: "\n").map(String.init))
    for line in [
      #"workqueue_adds_total{name="test"} 2"#, #"workqueue_depth{name="test"} 1"#,
      #"workqueue_queue_duration_seconds_count{name="test"} 1"#,
      #"workqueue_queue_duration_seconds_sum{name="test"} 0.5"#,
      #"workqueue_unfinished_work_seconds{name="test"} 2"#,
      #"workqueue_longest_running_processor_seconds{name="test"} 2"#, #"workqueue_retries_total{name="test"} 0"#,
      #"workqueue_work_duration_seconds_count{name="test"} 0"#,
    ] {
      #expect(lines.contains(line), "\(line) is not in\n\(text.text)")
    }
    queue.addLimited(a)
    queue.done(a)
    text = MetricsText()
    queue.write(&text)
    lines = Set(text.text.split(separator: "\n").map(String.init))
    for line in [
      #"workqueue_retries_total{name="test"} 1"#, #"workqueue_work_duration_seconds_sum{name="test"} 2"#,
      #"workqueue_unfinished_work_seconds{name="test"} 0"#,
    ] {
      #expect(lines.contains(line), "\(line) is not in\n\(text.text)")
    }
  }
}

@Suite struct `A controller that follows nothing` {
  private final class Idle: Controller {
    let name = "idle"
    let queue = WorkQueue("idle")
    let sources: [EventSource] = []
    let begun = Atomic<Int>(0)
    let worked = Atomic<Int>(0)

    func begin() {
      begun.add(1, ordering: .relaxed)
      queue.add(ObjectName("now"))
      queue.add(ObjectName("later"), after: .milliseconds(300))
    }
    func sync(_ key: ObjectName) async throws -> SyncOutcome {
      worked.add(1, ordering: .relaxed)
      return .done
    }
  }

  @Test func `begins once`() async throws {
    let controller = Idle()
    let task = Task { await controller.run(Logger(label: "idle")) }
    try await eventually("both keys were worked on") { controller.worked.load(ordering: .relaxed) >= 2 }
    #expect(controller.begun.load(ordering: .relaxed) == 1)
    task.cancel()
    await task.value
    #expect(controller.worked.load(ordering: .relaxed) == 2)
  }
}
