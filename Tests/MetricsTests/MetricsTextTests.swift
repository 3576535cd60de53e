import Metrics
import Testing

@Suite struct `Metrics text` {
  @Test func `an observation falls into the first bucket whose bound it does not pass`() {
    var histogram = Histogram(bounds: [1, 2, 4])
    for value in [0.5, 1, 1.5, 4, 9] { histogram.observe(value) }
    #expect(histogram.counts == [2, 1, 1, 1])
    #expect(histogram.count == 5)
    #expect(histogram.sum == 16)
    var other = Histogram(bounds: [1, 2, 4])
    other.observe(3)
    other.add(histogram)
    #expect(other.counts == [2, 1, 2, 1])
  }

  @Test func `a family's head stands once before all its samples, whoever writes them`() {
    var text = MetricsText()
    for resource in ["nodes", "leases"] {
      text.family("objects", .gauge, "Objects.")
      text.sample([("resource", resource)], 3)
      text.family("bytes", .gauge, "Bytes.")
      text.sample([("resource", resource)], 0.5)
    }
    #expect(
      text.text == """
        # HELP objects Objects.
        # TYPE objects gauge
        objects{resource="nodes"} 3
        objects{resource="leases"} 3
        # HELP bytes Bytes.
        # TYPE bytes gauge
        bytes{resource="nodes"} 0.5
        bytes{resource="leases"} 0.5

        """)
  }

  @Test func `a histogram's buckets add up, and the last holds all`() {
    var histogram = Histogram(bounds: Histogram.exponentialBounds(start: 1_000, factor: 10, count: 2))
    for value in [1.0, 2_000, 1e9] { histogram.observe(value) }
    var text = MetricsText()
    text.family("sizes", .histogram, "Sizes.")
    text.sample([], histogram)
    #expect(
      text.text.hasSuffix(
        """
        sizes_bucket{le="1000"} 1
        sizes_bucket{le="10000"} 2
        sizes_bucket{le="+Inf"} 3
        sizes_sum 1000002001
        sizes_count 3

        """))
  }

  @Test func `label values are escaped`() {
    var text = MetricsText()
    text.family("a", .counter, "One\nline.")
    text.sample([("path", "a\"b\\c\nd")], 1)
    #expect(text.text == "# HELP a One\\nline.\n# TYPE a counter\na{path=\"a\\\"b\\\\c\\nd\"} 1\n")
  }

  @Test func `the process tells of its memory, descriptors and time`() {
    var text = MetricsText()
    ProcessMetrics.source(&text)
    func value(_ name: String) -> Double? {
      text.text.split(separator: "\n").first { $0.hasPrefix(name + " ") }.flatMap {
        Double($0.split(separator: " ")[1])
      }
    }
    #expect((value("process_resident_memory_bytes") ?? 0) > 1e6)
    #expect((value("process_open_fds") ?? 0) >= 3)
    #expect((value("process_start_time_seconds") ?? 0) > 1.6e9)
    #expect((value("process_cpu_seconds_total") ?? -1) >= 0)
  }
}
