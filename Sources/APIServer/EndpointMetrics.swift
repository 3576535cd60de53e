import HTTPServer
import Machinery
import Metrics
import Registry
import Synchronization

/// Counts the requests of one endpoint where they are answered. Each reactor has a shard of its own, whose lock nobody
/// else wants but a scrape, so that counting costs a request some ten nanoseconds and never waits for another core.
/// Whoever comes and goes with its endpoint: requests that are still at work then count to the end.
final class EndpointMetrics: Sendable {
  /// One series as a scrape sees it.
  struct Series {
    let verb: RequestSeries.Verb
    let scope: RequestSeries.Scope
    /// Empty for the object itself.
    let subresource: String
    let isDryRun: Bool
    var counts: SeriesCounts
  }

  /// All of it, added up over the reactors.
  struct Sum {
    var series: [Series] = []
    /// By size.
    var watchEvents = Histogram(bounds: EndpointMetrics.eventBounds)
    var openWatches = 0
  }

  private struct Shard {
    /// By slot; the index of `series`, -1 where there is none yet.
    var places: [Int32]
    var series: [(slot: Int, counts: SeriesCounts)] = []
    var watchEvents = Histogram(bounds: EndpointMetrics.eventBounds)
    var openWatches = 0
  }
  /// A `Mutex` can't stand in an array.
  private final class SharedShard: Sendable {
    let shard: Mutex<Shard>
    init(_ shard: sending Shard) { self.shard = Mutex(shard) }
  }

  private static let eventBounds = Histogram.exponentialBounds(start: 1_024, factor: 2, count: 8)

  let group: String
  let version: String
  let resource: String
  let subresources: [String]
  private let shards: [SharedShard]

  /// As many shards as reactors; a reactor whose number is higher shares one.
  init(_ info: ResourceInfo, shards: Int) {
    group = info.groupVersion.group
    version = info.groupVersion.version
    resource = info.plural
    subresources = info.subresources.map(\.name)
    let slots = RequestSeries.slots(subresources: subresources.count)
    self.shards = (0..<max(1, shards)).map { _ in SharedShard(Shard(places: [Int32](repeating: -1, count: slots))) }
  }

  /// Does it count what such an endpoint has?
  func fits(_ info: ResourceInfo) -> Bool {
    group == info.groupVersion.group && version == info.groupVersion.version && resource == info.plural
      && subresources == info.subresources.map(\.name)
  }

  var shardCount: Int { shards.count }

  private func shard(_ reactor: Reactor) -> SharedShard { shards[reactor.index % shards.count] }

  /// A request was answered. `bytes`: of the answer's body; `received`: of the request's. Any thread.
  func answered(
    _ verb: RequestSeries.Verb, part: Int = 0, _ scope: RequestSeries.Scope, isDryRun: Bool = false,
    on reactor: Reactor, code: Int, duration: Duration, bytes: Int, received: Int = 0
  ) {
    let seconds = duration.inSeconds
    let slot = RequestSeries.slot(verb, part: part, scope: scope, isDryRun: isDryRun)
    let bytes = verb == .get || verb == .list ? bytes : nil
    shard(reactor).shard.withLock { shard in
      var place = Int(shard.places[slot])
      if place < 0 {
        place = shard.series.count
        shard.places[slot] = Int32(place)
        shard.series.append((slot, SeriesCounts()))
      }
      shard.series[place].counts.add(code, seconds: seconds, bytes: bytes, received: received)
    }
  }

  func watchOpened(on reactor: Reactor) { shard(reactor).shard.withLock { $0.openWatches += 1 } }
  func watchClosed(on reactor: Reactor) { shard(reactor).shard.withLock { $0.openWatches -= 1 } }
  /// Events of so many bytes each were sent.
  func watchSent(_ sizes: [Int], on reactor: Reactor) {
    shard(reactor).shard.withLock { shard in
      for size in sizes { shard.watchEvents.observe(Double(size)) }
    }
  }

  var openWatches: Int { shards.reduce(0) { sum, shard in sum + shard.shard.withLock { $0.openWatches } } }

  var sum: Sum {
    var sum = Sum()
    var bySlot: [Int: SeriesCounts] = [:]
    for shared in shards {
      // Copied under the lock, added up outside it.
      let shard = shared.shard.withLock { $0 }
      for (slot, counts) in shard.series { bySlot[slot, default: SeriesCounts()].add(counts) }
      sum.watchEvents.add(shard.watchEvents)
      sum.openWatches += shard.openWatches
    }
    for (slot, counts) in bySlot.sorted(by: { $0.key < $1.key }) { sum.series.append(series(slot, counts)) }
    return sum
  }

  private func series(_ slot: Int, _ counts: SeriesCounts) -> Series {
    typealias Request = RequestSeries
    let isDryRun = slot % 2 == 1
    let scope = slot / 2 % Request.Scope.allCases.count
    let verb = slot / 2 / Request.Scope.allCases.count % Request.Verb.allCases.count
    let part = slot / 2 / Request.Scope.allCases.count / Request.Verb.allCases.count
    return Series(
      verb: Request.Verb.allCases[verb], scope: Request.Scope.allCases[scope],
      subresource: part == 0 ? "" : subresources[part - 1], isDryRun: isDryRun, counts: counts)
  }
}
