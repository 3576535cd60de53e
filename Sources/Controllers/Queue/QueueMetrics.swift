import Metrics

/// What a queue counts. A value: its owner keeps it behind its own lock. (client-go: `defaultQueueMetrics`.)
struct QueueMetrics {
  /// 10 ns to 10 s.
  private static let bounds = Histogram.exponentialBounds(start: 10e-9, factor: 10, count: 10)

  private var depth = 0
  private var adds = 0
  private var retries = 0
  private var latency = Histogram(bounds: bounds)
  private var workDuration = Histogram(bounds: bounds)
  private var addTimes: [ObjectName: ContinuousClock.Instant] = [:]
  private var startTimes: [ObjectName: ContinuousClock.Instant] = [:]

  mutating func added(_ key: ObjectName, _ now: ContinuousClock.Instant) {
    adds += 1
    depth += 1
    if addTimes[key] == nil { addTimes[key] = now }
  }

  mutating func begun(_ key: ObjectName, _ now: ContinuousClock.Instant) {
    depth -= 1
    startTimes[key] = now
    if let added = addTimes.removeValue(forKey: key) { latency.observe((now - added).inSeconds) }
  }

  mutating func ended(_ key: ObjectName, _ now: ContinuousClock.Instant) {
    if let started = startTimes.removeValue(forKey: key) { workDuration.observe((now - started).inSeconds) }
  }

  mutating func retried() { retries += 1 }

  /// What was in the queue is not any more.
  mutating func restarted() {
    depth = 0
    addTimes = [:]
    startTimes = [:]
  }

  func write(_ name: String, _ now: ContinuousClock.Instant, to text: inout MetricsText) {
    let labels: MetricsText.Labels = [("name", name)]
    let ages = startTimes.values.map { (now - $0).inSeconds }
    text.family("workqueue_adds_total", .counter, "Total number of adds handled by workqueue")
    text.sample(labels, adds)
    text.family("workqueue_depth", .gauge, "Current depth of workqueue")
    text.sample(labels, depth)
    text.family(
      "workqueue_longest_running_processor_seconds", .gauge,
      "How many seconds has the longest running processor for workqueue been running.")
    text.sample(labels, ages.max() ?? 0)
    text.family(
      "workqueue_queue_duration_seconds", .histogram,
      "How long in seconds an item stays in workqueue before being requested.")
    text.sample(labels, latency)
    text.family("workqueue_retries_total", .counter, "Total number of retries handled by workqueue")
    text.sample(labels, retries)
    text.family(
      "workqueue_unfinished_work_seconds", .gauge,
      "How many seconds of work has done that is in progress and hasn't been observed by work_duration. Large values indicate stuck threads. One can deduce the number of stuck threads by observing the rate at which this increases."
    )
    text.sample(labels, ages.reduce(0, +))
    text.family(
      "workqueue_work_duration_seconds", .histogram,
      "How long in seconds processing an item from workqueue takes.")
    text.sample(labels, workDuration)
  }
}
