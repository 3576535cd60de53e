import Synchronization

/// The largest value ever seen. (Kubernetes: `cacher.HighWaterMark`.)
final class HighWaterMark: Sendable {
  private let mark = Atomic<Int>(0)
  /// True when `value` is a new record.
  @discardableResult
  func update(_ value: Int) -> Bool {
    mark.max(value, ordering: .relaxed).oldValue < value
  }
  var value: Int { mark.load(ordering: .relaxed) }
}

/// Waiting times that double, with jitter so that replicas do not march in step.
struct Backoff {
  let first: Duration
  let longest: Duration
  private var next: Duration

  init(first: Duration, longest: Duration) {
    self.first = first
    self.longest = longest
    next = first
  }
  mutating func reset() { next = first }
  /// Between one and two times the step.
  mutating func step() -> Duration {
    let now = next
    next = min(next * 2, longest)
    return now * Double.random(in: 1...2)
  }
}
