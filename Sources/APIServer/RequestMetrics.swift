import HTTPServer
import Machinery
import Metrics
import Registry
import Synchronization

/// Which requests are counted together: the labels of `apiserver_request_total` and its siblings, as small numbers.
struct RequestSeries: Sendable, Equatable {
  /// As metrics tell verbs apart. (apiserver `metrics.CleanVerb`: a LIST is told from a GET, a WATCH from both, an
  /// APPLY from a PATCH.)
  enum Verb: Int, Sendable, CaseIterable {
    case get, list, watch, post, put, patch, apply, delete, other
    var label: String { self == .other ? "other" : "\(self)".uppercased() }
  }
  /// What a request is about. (apiserver `metrics.CleanScope`.)
  enum Scope: Int, Sendable, CaseIterable {
    case cluster, namespace, resource
    var label: String { "\(self)" }
  }

  let verb: Verb
  /// Place of the resource among the endpoints; nil for paths that are no resources.
  let resource: Int?
  let isStatus: Bool
  let scope: Scope
  let isDryRun: Bool
  /// For what is no resource: the path, if it is one that is served, so that clients can't make up series.
  let path: StaticString

  /// A request for a resource.
  init(_ verb: Verb, resource: Int, isStatus: Bool = false, scope: Scope, isDryRun: Bool = false) {
    self.verb = verb
    self.resource = resource
    self.isStatus = isStatus
    self.scope = scope
    self.isDryRun = isDryRun
    path = ""
  }

  /// A request for something else.
  init(_ verb: Verb, path: StaticString) {
    self.verb = verb
    resource = nil
    isStatus = false
    scope = .cluster
    isDryRun = false
    self.path = path
  }

  static func == (a: RequestSeries, b: RequestSeries) -> Bool {
    a.slot == b.slot && a.path.description == b.path.description
  }

  /// Series a resource may have.
  static let slots = Verb.allCases.count * Scope.allCases.count * 4

  /// Place in the table of a resource's series.
  var slot: Int {
    let place =
      ((verb.rawValue * Scope.allCases.count + scope.rawValue) * 2 + (isStatus ? 1 : 0)) * 2 + (isDryRun ? 1 : 0)
    return (resource ?? 0) * Self.slots + place
  }

  /// What a path and a method are counted as.
  static func of(
    _ path: RequestPath, _ method: HTTPMethod, isWatch: Bool, isApply: Bool, isDryRun: Bool
  ) -> RequestSeries {
    func named(_ plain: Verb) -> Verb {
      switch method {
      case .get, .head: plain
      case .post: .post
      case .put: .put
      case .patch: isApply ? .apply : .patch
      case .delete: .delete
      case .options, .other: .other
      }
    }
    switch path {
    case .collection(let resource, let namespace):
      let scope: Scope = method == .post ? .resource : namespace.isEmpty ? .cluster : .namespace
      return RequestSeries(named(isWatch ? .watch : .list), resource: resource, scope: scope, isDryRun: isDryRun)
    case .item(let resource, _, _):
      return RequestSeries(named(isWatch ? .watch : .get), resource: resource, scope: .resource, isDryRun: isDryRun)
    case .status(let resource, _, _):
      return RequestSeries(named(.get), resource: resource, isStatus: true, scope: .resource, isDryRun: isDryRun)
    case .watchCollection(let resource, let namespace):
      return RequestSeries(named(.watch), resource: resource, scope: namespace.isEmpty ? .cluster : .namespace)
    case .watchItem(let resource, _, _): return RequestSeries(named(.watch), resource: resource, scope: .resource)
    case .root: return RequestSeries(named(.get), path: "/")
    case .health(let name, _):
      return RequestSeries(named(.get), path: name == "livez" ? "/livez" : name == "readyz" ? "/readyz" : "/healthz")
    case .version: return RequestSeries(named(.get), path: "/version")
    case .metrics: return RequestSeries(named(.get), path: "/metrics")
    case .coreVersions: return RequestSeries(named(.get), path: "/api")
    case .groups, .group: return RequestSeries(named(.get), path: "/apis")
    default: return RequestSeries(named(.get), path: "")
    }
  }
}

/// Counts requests where they are answered. Each reactor has a shard of its own, whose lock nobody else wants but a
/// scrape, so that counting costs a request some ten nanoseconds and never waits for another core.
final class RequestMetrics: Sendable {
  private struct Series {
    let labels: RequestSeries
    var codes: [(code: Int, count: Int)] = []
    var duration = Histogram(bounds: RequestMetrics.durationBounds)
    var sizes = Histogram(bounds: RequestMetrics.sizeBounds)
    /// Of what was sent; nil until something was.
    var bodies: Histogram?

    mutating func count(_ code: Int, _ more: Int = 1) {
      if let place = codes.firstIndex(where: { $0.code == code }) {
        codes[place].count += more
      } else {
        codes.append((code, more))
      }
    }

    mutating func add(_ other: Series) {
      for (code, count) in other.codes { self.count(code, count) }
      duration.add(other.duration)
      sizes.add(other.sizes)
      if let more = other.bodies {
        bodies = bodies ?? Histogram(bounds: RequestMetrics.bodyBounds)
        bodies?.add(more)
      }
    }
  }

  private struct Shard {
    /// By slot; the index of `series`, -1 where there is none yet.
    var places: [Int]
    var series: [Series] = []
    /// Of what is no resource: few enough to be looked for one by one.
    var others: [Series] = []
    /// By size.
    var watchEvents: [Histogram]
    var openWatches: [Int]
  }

  // kube-apiserver's buckets.
  private static let durationBounds = [
    0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60,
  ]
  private static let bodyBounds = (0..<31).map { 50_000 + 100_000 * Double($0) }
  private static let eventBounds = Histogram.exponentialBounds(start: 1_024, factor: 2, count: 8)
  private static let sizeBounds = Histogram.exponentialBounds(start: 1_000, factor: 10, count: 7)

  private let resources: [ResourceInfo]
  private let shards: [SharedShard]
  /// A `Mutex` can't stand in an array.
  private final class SharedShard: Sendable {
    let shard: Mutex<Shard>
    init(_ shard: sending Shard) { self.shard = Mutex(shard) }
  }
  /// Requests that were ended because their time was up.
  let terminations = Counter()

  /// As many shards as reactors; a reactor whose number is higher shares one.
  init(_ resources: [ResourceInfo], shards: Int) {
    self.resources = resources
    self.shards = (0..<max(1, shards)).map { _ in
      SharedShard(
        Shard(
          places: [Int](repeating: -1, count: resources.count * RequestSeries.slots),
          watchEvents: [Histogram](repeating: Histogram(bounds: Self.eventBounds), count: resources.count),
          openWatches: [Int](repeating: 0, count: resources.count)))
    }
  }

  private func shard(_ reactor: Reactor) -> SharedShard { shards[reactor.index % shards.count] }

  /// A request was answered. `bytes`: of the answer's body; `received`: of the request's. Any thread.
  func answered(
    _ labels: RequestSeries, on reactor: Reactor, code: Int, duration: Duration, bytes: Int, received: Int = 0
  ) {
    let seconds = duration.inSeconds
    shard(reactor).shard.withLock { shard in
      if labels.resource == nil {
        let place =
          shard.others.firstIndex { $0.labels == labels }
          ?? {
            shard.others.append(Series(labels: labels))
            return shard.others.count - 1
          }()
        Self.note(&shard.others[place], code, seconds, bytes, 0)
        return
      }
      var place = shard.places[labels.slot]
      if place < 0 {
        place = shard.series.count
        shard.places[labels.slot] = place
        shard.series.append(Series(labels: labels))
      }
      Self.note(&shard.series[place], code, seconds, bytes, received)
    }
  }

  private static func note(_ series: inout Series, _ code: Int, _ seconds: Double, _ bytes: Int, _ received: Int) {
    series.count(code)
    series.duration.observe(seconds)
    if series.labels.verb == .get || series.labels.verb == .list { series.sizes.observe(Double(bytes)) }
    guard received > 0 else { return }
    if series.bodies == nil { series.bodies = Histogram(bounds: bodyBounds) }
    series.bodies?.observe(Double(received))
  }

  func watchOpened(_ resource: Int, on reactor: Reactor) {
    shard(reactor).shard.withLock { $0.openWatches[resource] += 1 }
  }
  func watchClosed(_ resource: Int, on reactor: Reactor) {
    shard(reactor).shard.withLock { $0.openWatches[resource] -= 1 }
  }
  /// Events of so many bytes each were sent.
  func watchSent(_ sizes: [Int], _ resource: Int, on reactor: Reactor) {
    shard(reactor).shard.withLock { shard in
      for size in sizes { shard.watchEvents[resource].observe(Double(size)) }
    }
  }

  /// Watches that are open now.
  var openWatches: Int { shards.reduce(0) { sum, shard in sum + shard.shard.withLock { $0.openWatches.reduce(0, +) } } }

  // MARK: the scrape

  func write(_ text: inout MetricsText) {
    var all: [Series] = []
    var watchEvents = [Histogram](repeating: Histogram(bounds: Self.eventBounds), count: resources.count)
    var openWatches = [Int](repeating: 0, count: resources.count)
    for shared in shards {
      // Copied under the lock, added up outside it.
      let shard = shared.shard.withLock { $0 }
      for series in shard.series + shard.others {
        if let place = all.firstIndex(where: { $0.labels == series.labels }) {
          all[place].add(series)
        } else {
          all.append(series)
        }
      }
      for resource in resources.indices {
        watchEvents[resource].add(shard.watchEvents[resource])
        openWatches[resource] += shard.openWatches[resource]
      }
    }
    text.family(
      "apiserver_request_total", .counter,
      "Requests answered, by verb, dry run, group, version, resource, subresource, scope, component and code.")
    for series in all {
      for (code, count) in series.codes.sorted(by: { $0.code < $1.code }) {
        text.sample(labels(series.labels, hasDryRun: true) + [("code", String(code))], count)
      }
    }
    text.family(
      "apiserver_request_duration_seconds", .histogram,
      "Time from a request's arrival to its answer, or to the end of its watch, in seconds.")
    for series in all { text.sample(labels(series.labels, hasDryRun: true), series.duration) }
    text.family("apiserver_response_sizes", .histogram, "Bytes of the bodies that answered GET and LIST.")
    for series in all where series.sizes.count > 0 {
      text.sample(labels(series.labels, hasDryRun: false), series.sizes)
    }
    text.family("apiserver_longrunning_requests", .gauge, "Watches that are open.")
    for place in resources.indices {
      text.sample(labels(RequestSeries(.watch, resource: place, scope: .cluster), hasDryRun: false), openWatches[place])
    }
    text.family("apiserver_watch_events_total", .counter, "Events sent to watches.")
    for (place, info) in resources.enumerated() {
      text.sample(
        [("group", info.groupVersion.group), ("version", info.groupVersion.version), ("resource", info.plural)],
        watchEvents[place].count)
    }
    text.family("apiserver_watch_events_sizes", .histogram, "Watch event size distribution in bytes.")
    for (place, info) in resources.enumerated() where watchEvents[place].count > 0 {
      text.sample(
        [("group", info.groupVersion.group), ("version", info.groupVersion.version), ("resource", info.plural)],
        watchEvents[place])
    }
    writeBodies(all, &text)
    text.family("apiserver_request_terminations_total", .counter, "Requests that were ended because their time was up.")
    text.sample([], terminations.value)
  }

  private func writeBodies(_ all: [Series], _ text: inout MetricsText) {
    text.family(
      "apiserver_request_body_size_bytes", .histogram,
      "Apiserver request body size in bytes broken out by resource and verb.")
    // By kube-apiserver's verbs: an apply is a patch, and it makes no difference whether of the object or its status.
    let verbs: [(String, (RequestSeries) -> Bool)] = [
      ("create", { $0.verb == .post }), ("update", { $0.verb == .put }),
      ("patch", { $0.verb == .patch || $0.verb == .apply }),
      ("delete", { $0.verb == .delete && $0.scope == .resource }),
      ("delete_collection", { $0.verb == .delete && $0.scope != .resource }),
    ]
    for (place, info) in resources.enumerated() {
      for (verb, isOne) in verbs {
        var sum: Histogram?
        for case let bodies? in all.filter({ $0.labels.resource == place && isOne($0.labels) }).map(\.bodies) {
          sum = sum ?? Histogram(bounds: Self.bodyBounds)
          sum?.add(bodies)
        }
        if let sum {
          text.sample([("group", info.groupVersion.group), ("resource", info.plural), ("verb", verb)], sum)
        }
      }
    }
  }

  private func labels(_ series: RequestSeries, hasDryRun: Bool) -> MetricsText.Labels {
    let info = series.resource.map { resources[$0] }
    var labels: MetricsText.Labels = [
      ("verb", series.verb.label), ("group", info?.groupVersion.group ?? ""),
      ("version", info?.groupVersion.version ?? ""), ("resource", info?.plural ?? ""),
      ("subresource", info == nil ? series.path.description : series.isStatus ? "status" : ""),
      ("scope", info == nil ? "" : series.scope.label),
      ("component", "apiserver"),
    ]
    if hasDryRun { labels.insert(("dry_run", series.isDryRun ? "All" : ""), at: 1) }
    return labels
  }
}
