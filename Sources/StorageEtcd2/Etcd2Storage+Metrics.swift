public import Metrics

extension Etcd2Storage {
  /// Writes the figures of the cache of decoded values under the names of Kubernetes 1.6. (apiserver: `etcd/metrics`.)
  public func writeMetrics(_ text: inout MetricsText) {
    let figures = cache.statistics
    text.family("etcd_helper_cache_hit_count", .counter, "Values that were decoded already.")
    text.sample([], figures.hits)
    text.family("etcd_helper_cache_miss_count", .counter, "Values that had to be decoded.")
    text.sample([], figures.misses)
    text.family("etcd_helper_cache_entry_count", .gauge, "Decoded values that are kept.")
    text.sample([], figures.entries)
  }
}
