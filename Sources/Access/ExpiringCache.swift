import Synchronization

/// Answers that are good for a while, at most so many. What comes when it is full takes the place of what has expired,
/// or else of all: whoever said it can be asked again.
public final class ExpiringCache<Value: Sendable>: Sendable {
  private let entries = Mutex<[ByteString: (value: Value, until: ContinuousClock.Instant)]>([:])
  private let countMax: Int

  public init(countMax: Int) { self.countMax = countMax }

  public subscript(key: String) -> Value? {
    entries.withLock { entries in
      guard let entry = entries[key] else { return nil }
      if entry.until > .now { return entry.value }
      entries[key] = nil
      return nil
    }
  }

  /// Remembers `value` for `life`; not at all where that is nothing.
  public func keep(_ value: Value, for key: String, _ life: Duration) {
    guard life > .zero else { return }
    entries.withLock { entries in
      if entries.count >= countMax {
        let now = ContinuousClock.now
        entries = entries.filter { $0.value.until > now }
        if entries.count >= countMax { entries = [:] }
      }
      entries[key] = (value, .now + life)
    }
  }
}
