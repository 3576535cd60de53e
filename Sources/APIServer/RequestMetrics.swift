import HTTPServer
import Machinery
import Metrics
import Registry
import Synchronization

/// Counts requests where they are answered: those of resources with their endpoints, all others here.
final class RequestMetrics: Sendable {
  private struct Other {
    let verb: RequestSeries.Verb
    let path: StaticString
    var counts = SeriesCounts()
  }
  /// What is no resource: few enough to be looked for one by one.
  private final class Shard: Sendable {
    let others = Mutex<[Other]>([])
  }

  private let shards: [Shard]
  /// Requests that were ended because their time was up.
  let terminations = Counter()

  /// As many shards as reactors; a reactor whose number is higher shares one.
  init(shards: Int) { self.shards = (0..<max(1, shards)).map { _ in Shard() } }

  /// A request was answered. `bytes`: of the answer's body; `received`: of the request's. Any thread.
  func answered(
    _ series: RequestSeries, on reactor: Reactor, code: Int, duration: Duration, bytes: Int, received: Int = 0
  ) {
    if let endpoint = series.endpoint {
      return endpoint.answered(
        series.verb, part: series.part, series.scope, isDryRun: series.isDryRun, on: reactor, code: code,
        duration: duration, bytes: bytes, received: received)
    }
    let seconds = duration.inSeconds
    let bytes = series.verb == .get ? bytes : nil
    shards[reactor.index % shards.count].others.withLock { others in
      let place = Self.place(series.verb, series.path, &others)
      others[place].counts.add(code, seconds: seconds, bytes: bytes, received: 0)
    }
  }

  private static func place(_ verb: RequestSeries.Verb, _ path: StaticString, _ others: inout [Other]) -> Int {
    if let place = others.firstIndex(where: { $0.verb == verb && $0.path.description == path.description }) {
      return place
    }
    others.append(Other(verb: verb, path: path))
    return others.count - 1
  }

  // MARK: the scrape

  /// One line, or one histogram, of the requests' families.
  private struct Line {
    /// Without `dry_run`.
    let labels: MetricsText.Labels
    let dryRun: String
    let counts: SeriesCounts

    var all: MetricsText.Labels {
      var labels = labels
      labels.insert(("dry_run", dryRun), at: 1)
      return labels
    }
  }

  /// Of the endpoints that are served now: those of others are gone with them.
  func write(_ text: inout MetricsText, _ endpoints: [EndpointMetrics]) {
    let sums = endpoints.map { ($0, $0.sum) }
    let lines = sums.flatMap { endpoint, sum in sum.series.map { Self.line(endpoint, $0) } } + otherLines
    text.family(
      "apiserver_request_total", .counter,
      "Requests answered, by verb, dry run, group, version, resource, subresource, scope, component and code.")
    for line in lines {
      for (code, count) in line.counts.codes.sorted(by: { $0.code < $1.code }) {
        text.sample(line.all + [("code", String(code))], count)
      }
    }
    text.family(
      "apiserver_request_duration_seconds", .histogram,
      "Time from a request's arrival to its answer, or to the end of its watch, in seconds.")
    for line in lines { text.sample(line.all, line.counts.duration) }
    text.family("apiserver_response_sizes", .histogram, "Bytes of the bodies that answered GET and LIST.")
    for line in lines where line.counts.sizes.count > 0 { text.sample(line.labels, line.counts.sizes) }
    text.family("apiserver_longrunning_requests", .gauge, "Watches that are open.")
    for (endpoint, sum) in sums {
      text.sample(Self.labels(.watch, endpoint, subresource: "", scope: "cluster"), sum.openWatches)
    }
    text.family("apiserver_watch_events_total", .counter, "Events sent to watches.")
    for (endpoint, sum) in sums { text.sample(Self.names(endpoint), sum.watchEvents.count) }
    text.family("apiserver_watch_events_sizes", .histogram, "Watch event size distribution in bytes.")
    for (endpoint, sum) in sums where sum.watchEvents.count > 0 {
      text.sample(Self.names(endpoint), sum.watchEvents)
    }
    Self.writeBodies(sums, &text)
    text.family("apiserver_request_terminations_total", .counter, "Requests that were ended because their time was up.")
    text.sample([], terminations.value)
  }

  private static func writeBodies(
    _ sums: [(endpoint: EndpointMetrics, sum: EndpointMetrics.Sum)], _ text: inout MetricsText
  ) {
    text.family(
      "apiserver_request_body_size_bytes", .histogram,
      "Apiserver request body size in bytes broken out by resource and verb.")
    // By kube-apiserver's verbs: an apply is a patch, and it makes no difference whether of the object or its status.
    let verbs: [(String, (EndpointMetrics.Series) -> Bool)] = [
      ("create", { $0.verb == .post }), ("update", { $0.verb == .put }),
      ("patch", { $0.verb == .patch || $0.verb == .apply }),
      ("delete", { $0.verb == .delete && $0.scope == .resource }),
      ("delete_collection", { $0.verb == .delete && $0.scope != .resource }),
    ]
    // The versions of a resource count as one.
    var seen: Set<ByteString> = []
    for (endpoint, _) in sums where seen.insert(ByteString("\(endpoint.group)/\(endpoint.resource)")).inserted {
      let members = sums.filter { $0.endpoint.group == endpoint.group && $0.endpoint.resource == endpoint.resource }
      let series = members.flatMap(\.sum.series)
      for (verb, isOne) in verbs {
        var sum: Histogram?
        for case let bodies? in series.filter(isOne).map(\.counts.bodies) {
          sum = sum ?? Histogram(bounds: SeriesCounts.bodyBounds)
          sum?.add(bodies)
        }
        if let sum {
          text.sample([("group", endpoint.group), ("resource", endpoint.resource), ("verb", verb)], sum)
        }
      }
    }
  }

  private var otherLines: [Line] {
    var all: [Other] = []
    for shard in shards {
      for other in shard.others.withLock({ $0 }) {
        let place = Self.place(other.verb, other.path, &all)
        all[place].counts.add(other.counts)
      }
    }
    return all.map { other in
      let labels = Self.labels(other.verb, nil, subresource: other.path.description, scope: "")
      return Line(labels: labels, dryRun: "", counts: other.counts)
    }
  }

  private static func line(_ endpoint: EndpointMetrics, _ series: EndpointMetrics.Series) -> Line {
    Line(
      labels: labels(series.verb, endpoint, subresource: series.subresource, scope: series.scope.label),
      dryRun: series.isDryRun ? "All" : "", counts: series.counts)
  }

  private static func names(_ endpoint: EndpointMetrics) -> MetricsText.Labels {
    [("group", endpoint.group), ("version", endpoint.version), ("resource", endpoint.resource)]
  }

  private static func labels(
    _ verb: RequestSeries.Verb, _ endpoint: EndpointMetrics?, subresource: String, scope: String
  ) -> MetricsText.Labels {
    [
      ("verb", verb.label), ("group", endpoint?.group ?? ""), ("version", endpoint?.version ?? ""),
      ("resource", endpoint?.resource ?? ""), ("subresource", subresource), ("scope", scope),
      ("component", "apiserver"),
    ]
  }
}
