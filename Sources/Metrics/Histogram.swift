/// Observations counted by buckets, as Prometheus wants them. A value: its owner keeps it behind its own lock or on its
/// own thread.
public struct Histogram: Sendable {
  /// Upper bounds, rising; the last bucket, without a bound, is not among them.
  public let bounds: [Double]
  /// One count a bound, and one for all that is above the last.
  public private(set) var counts: [Int]
  public private(set) var sum = 0.0

  public init(bounds: [Double]) {
    self.bounds = bounds
    counts = [Int](repeating: 0, count: bounds.count + 1)
  }

  public var count: Int { counts.reduce(0, +) }

  /// Most observations fall into the first buckets, so a search from the front beats a bisection.
  public mutating func observe(_ value: Double) {
    var place = 0
    while place < bounds.count, value > bounds[place] { place += 1 }
    counts[place] += 1
    sum += value
  }

  /// Adds what another histogram of the same bounds has counted.
  public mutating func add(_ other: Histogram) {
    precondition(bounds == other.bounds, "histograms of \(bounds.count) and \(other.bounds.count) bounds")
    for place in counts.indices { counts[place] += other.counts[place] }
    sum += other.sum
  }

  /// `count` bounds, from `start` on, each `factor` times the one before. (Prometheus: `ExponentialBuckets`.)
  public static func exponentialBounds(start: Double, factor: Double, count: Int) -> [Double] {
    var bounds: [Double] = []
    var next = start
    for _ in 0..<count {
      bounds.append(next)
      next *= factor
    }
    return bounds
  }
}

extension Duration {
  /// For histograms, which count seconds.
  public var inSeconds: Double {
    let (seconds, attoseconds) = components
    return Double(seconds) + Double(attoseconds) * 1e-18
  }
}
