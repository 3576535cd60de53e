public import Metrics

/// How much the database holds of its disk, under Kubernetes' name. (`storage_monitor`.)
public struct DatabaseSizeMetric: Sendable {
  private let bytes: PolledNumber

  /// `period`: zero for not at all.
  public init(_ storage: any Storage, every period: Duration) {
    bytes = PolledNumber(every: period) { try await storage.databaseBytes() }
  }

  public func start() { bytes.start() }
  public func stop() async { await bytes.stop() }

  public func write(_ text: inout MetricsText) {
    guard let bytes = bytes.value, bytes >= 0 else { return }
    text.family("apiserver_storage_size_bytes", .gauge, "Bytes that the database of the storage takes.")
    text.sample([("storage_cluster_id", "etcd-0")], bytes)
  }
}
