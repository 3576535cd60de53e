import Metrics

/// What is counted of the requests of one series.
struct SeriesCounts {
  private(set) var codes: [(code: Int, count: Int)] = []
  private(set) var duration = Histogram(bounds: Self.durationBounds)
  private(set) var sizes = Histogram(bounds: Self.sizeBounds)
  /// Of what was sent; nil until something was.
  private(set) var bodies: Histogram?

  // kube-apiserver's buckets.
  private static let durationBounds = [
    0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60,
  ]
  private static let sizeBounds = Histogram.exponentialBounds(start: 1_000, factor: 10, count: 7)
  static let bodyBounds = (0..<31).map { 50_000 + 100_000 * Double($0) }

  /// A request was answered after so many seconds. `bytes`: of the answer's body, nil where these are not told;
  /// `received`: of the request's.
  mutating func add(_ code: Int, seconds: Double, bytes: Int?, received: Int) {
    count(code, 1)
    duration.observe(seconds)
    if let bytes { sizes.observe(Double(bytes)) }
    guard received > 0 else { return }
    if bodies == nil { bodies = Histogram(bounds: Self.bodyBounds) }
    bodies?.observe(Double(received))
  }

  private mutating func count(_ code: Int, _ more: Int) {
    if let place = codes.firstIndex(where: { $0.code == code }) {
      codes[place].count += more
    } else {
      codes.append((code, more))
    }
  }

  mutating func add(_ other: SeriesCounts) {
    for (code, count) in other.codes { self.count(code, count) }
    duration.add(other.duration)
    sizes.add(other.sizes)
    if let more = other.bodies {
      bodies = bodies ?? Histogram(bounds: Self.bodyBounds)
      bodies?.add(more)
    }
  }
}
