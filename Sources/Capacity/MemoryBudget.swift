import Synchronization

/// Memory that clients may make a server hold beside what it holds anyway: TLS handshakes and records that wait, heads
/// and bodies that are coming or being worked on, answers on their way that nobody shares, and events that only the
/// queues of slow watches still hold. One for all reactors. What comes when it is used up is refused, and slow readers
/// are ended, so that the server does not grow.
///
/// Bytes that the cache holds too are not counted: a thousand readers of one list cost a list of pointers each.
public final class MemoryBudget: Sendable {
  /// In bytes; 0 for no limit.
  public let limit: Int
  fileprivate let taken = Atomic<Int>(0)
  private let refusals = Atomic<Int>(0)
  private let ended = Atomic<Int>(0)

  public init(limit: Int) { self.limit = max(0, limit) }

  public var used: Int { taken.load(ordering: .relaxed) }
  /// Requests that were refused for it.
  public var refused: Int { refusals.load(ordering: .relaxed) }
  /// Connections and streams of slow readers that were ended for it.
  public var endedReaders: Int { ended.load(ordering: .relaxed) }
  public var isUsedUp: Bool { limit > 0 && used >= limit }

  /// A slow reader was ended because the budget is used up.
  public func readerEnded() { ended.add(1, ordering: .relaxed) }
  /// A request was turned away because the budget is used up.
  public func requestRefused() { refusals.add(1, ordering: .relaxed) }

  /// A part of a budget; given back when it is let go of.
  public final class Share: Sendable {
    private let budget: MemoryBudget
    fileprivate let held = Atomic<Int>(0)
    fileprivate init(_ budget: MemoryBudget) { self.budget = budget }
    deinit { budget.taken.subtract(held.load(ordering: .relaxed), ordering: .relaxed) }

    /// In bytes.
    public var bytes: Int { held.load(ordering: .relaxed) }

    /// Adds what is held already, whether or not there is room for it.
    public func hold(_ bytes: Int) {
      held.add(bytes, ordering: .relaxed)
      budget.taken.add(bytes, ordering: .relaxed)
    }

    /// Makes it as large as `bytes`, up to a step; false when there is no room for that, and it stays as it was.
    public func grow(to bytes: Int) -> Bool {
      let before = held.load(ordering: .relaxed)
      guard bytes > before else { return true }
      let wanted = (bytes + MemoryBudget.step - 1) / MemoryBudget.step * MemoryBudget.step
      let now = budget.taken.add(wanted - before, ordering: .relaxed).newValue
      if budget.limit > 0 && now > budget.limit {
        budget.taken.subtract(wanted - before, ordering: .relaxed)
        budget.requestRefused()
        return false
      }
      held.store(wanted, ordering: .relaxed)
      return true
    }
  }

  /// Shares grow in steps, so that many small ones cost little.
  private static let step = 32 << 10

  /// An empty share. Used by one thread at a time.
  public func share() -> Share { Share(self) }

  /// Room for what is about to be made, held until it is let go of; nil where there is none.
  public func reserve(_ bytes: Int) -> Share? {
    let share = Share(self)
    return share.grow(to: bytes) ? share : nil
  }

  /// What is held already, whether or not there is room for it.
  public func holding(_ bytes: Int) -> Share {
    let share = Share(self)
    share.hold(bytes)
    return share
  }
}
