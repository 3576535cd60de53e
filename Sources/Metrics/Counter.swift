import Synchronization

/// A number that many threads may change: a count of things that happened, or of things there are.
public final class Counter: Sendable {
  private let number = Atomic<Int>(0)
  public init() {}
  public var value: Int { number.load(ordering: .relaxed) }
  public func add(_ more: Int = 1) { number.wrappingAdd(more, ordering: .relaxed) }
}
