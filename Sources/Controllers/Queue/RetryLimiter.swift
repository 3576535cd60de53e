import Metrics

/// How long a key waits before it is tried again: each failure doubles its own wait, and all keys together share a
/// bucket of tries. The longer of both counts. (client-go: `DefaultTypedControllerRateLimiter`.)
public struct RetryPace: Sendable {
  /// The wait after a key's first failure.
  public var first: Duration = .milliseconds(5)
  public var longest: Duration = .seconds(1_000)
  /// Tries of all keys in a second, once the bucket is empty.
  public var rate = 10.0
  /// What the bucket holds.
  public var burst = 100.0
  public init() {}
  /// With all defaults but those that `change` sets.
  public init(_ change: (inout RetryPace) -> Void) { change(&self) }
}

/// Keeps the count for a `RetryPace`. A value: its owner keeps it behind its own lock.
struct RetryLimiter {
  let pace: RetryPace
  private var failures: [ObjectName: Int] = [:]
  private var tokens: Double
  private var last: ContinuousClock.Instant?

  init(_ pace: RetryPace) {
    self.pace = pace
    tokens = pace.burst
  }

  func failures(of key: ObjectName) -> Int { failures[key] ?? 0 }

  /// The key has failed once more; returns how long it has to wait.
  mutating func delay(of key: ObjectName, now: ContinuousClock.Instant) -> Duration {
    let before = failures(of: key)
    failures[key] = before < .max ? before + 1 : before
    return max(backOff(before), shared(now))
  }

  private func backOff(_ failures: Int) -> Duration {
    var delay = pace.first
    // Whoever has doubled so often is past any longest wait.
    for _ in 0..<min(failures, 62) {
      delay *= 2
      if delay >= pace.longest { return pace.longest }
    }
    return delay
  }

  /// Takes a token of the bucket, or one that it will have. (`rate.Limiter.Reserve`)
  private mutating func shared(_ now: ContinuousClock.Instant) -> Duration {
    if let last { tokens = min(pace.burst, tokens + (now - last).inSeconds * pace.rate) }
    last = now
    tokens -= 1
    return tokens < 0 ? .seconds(-tokens / pace.rate) : .zero
  }

  mutating func forget(_ key: ObjectName) { failures[key] = nil }
}
