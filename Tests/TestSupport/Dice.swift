/// Small, repeatable and good enough for tests (splitmix64). The seed is a test argument, so that a failure can be
/// replayed.
public struct Dice: RandomNumberGenerator, Sendable {
  private var state: UInt64
  public init(_ seed: UInt64) { state = seed }

  public mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }

  public mutating func pick<T>(_ from: [T]) -> T { from[Int(next() % UInt64(from.count))] }
  /// True once in `n` throws.
  public mutating func one(in n: UInt64) -> Bool { next() % n == 0 }
  public mutating func number(below n: Int) -> Int { Int(next() % UInt64(n)) }

  /// Some of these, in any order; perhaps none.
  public mutating func some<T>(_ from: [T]) -> [T] { from.filter { _ in !one(in: 3) }.shuffled(using: &self) }
}

extension Repository {
  /// How many rounds of a property one seed gets: a hundred thousand in all, with four seeds, where large counts were
  /// asked for.
  public static func rounds(_ few: Int) -> Int { Tools.isFullRun ? 25_000 : few }
}
