public import Machinery
public import Metrics
import Storage

extension CacherStatistics {
  /// Writes the figures of one resource's cache under Kubernetes' names. (apiserver: `cacher/metrics`,
  /// `etcd3/metrics`.)
  public func write(_ text: inout MetricsText, _ resource: GroupResource) {
    let labels: MetricsText.Labels = [("group", resource.group), ("resource", resource.resource)]
    text.family("apiserver_resource_size_estimate_bytes", .gauge, "Bytes of the documents of a resource's objects.")
    text.sample(labels, bytes)
    text.family(
      "apiserver_watch_cache_resource_version", .gauge, "How far the watch cache has come, in its fifteen last digits.")
    text.sample(labels, Int(revision.rawValue % 1_000_000_000_000_000))
    text.family("apiserver_watch_cache_capacity", .gauge, "Events that the watch cache has room for.")
    text.sample(labels, ringCapacity)
    text.family("apiserver_watch_cache_events_dispatched_total", .counter, "Events that the watch cache has given out.")
    text.sample(labels, eventsDispatched)
    text.family("apiserver_watch_cache_initializations_total", .counter, "Lists that the watch cache was filled from.")
    text.sample(labels, lists)
    text.family(
      "apiserver_terminated_watchers_total", .counter, "Watches ended because their clients could not keep up.")
    text.sample(labels, watchersTerminated)
    text.family("apiserver_cache_list_total", .counter, "Lists answered from the watch cache.")
    text.sample(labels + [("index", "")], listsFromCache)
    text.family(
      "apiserver_storage_consistency_checks_total", .counter, "Checks of the watch cache against the storage.")
    text.sample(labels + [("status", "success")], consistencyChecksPassed)
    text.sample(labels + [("status", "failure")], consistencyChecksFailed)
    text.sample(labels + [("status", "error")], consistencyChecksImpossible)
    // What Kubernetes has no name for.
    text.family(
      "apiserver_watch_cache_incoming_high_water_mark", .gauge,
      "Most events ever found waiting between storage and watch cache.")
    text.sample(labels, incomingHighWaterMark)
    text.family("apiserver_watch_cache_events", .gauge, "Events that the watch cache remembers.")
    text.sample(labels, ringLength)
    text.family(
      "apiserver_watch_cache_snapshots", .gauge, "Older states that the watch cache holds for pages and exact reads.")
    text.sample(labels, snapshots)
    text.family("apiserver_watch_cache_reads_total", .counter, "Reads by where they were answered.")
    text.sample(labels + [("from", "cache")], getsFromCache + listsFromCache)
    text.sample(labels + [("from", "storage")], readsFromStorage)
    text.family(
      "apiserver_watch_cache_freshness_waits_total", .counter, "Reads that waited for the watch cache to get somewhere."
    )
    text.sample(labels, freshnessWaits)
  }
}

extension Cacher {
  public func writeMetrics(_ text: inout MetricsText) {
    let statistics = statistics
    if config.countMetricPollPeriod > .zero { config.resource.writeCount(statistics.objects, &text) }
    statistics.write(&text, config.resource)
  }
}

extension GroupResource {
  /// The number of objects; -1 for one that can't be had.
  func writeCount(_ count: Int, _ text: inout MetricsText) {
    text.family("apiserver_resource_objects", .gauge, "Objects of a resource.")
    text.sample([("group", group), ("resource", resource)], count)
    text.family("apiserver_storage_objects", .gauge, "Objects of a resource, by its name with its group.")
    text.sample([("resource", description)], count)
  }
}
