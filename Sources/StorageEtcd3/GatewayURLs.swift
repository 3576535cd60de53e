/// The URLs of one endpoint that we call; the frequent ones are made once.
struct GatewayURLs: Sendable {
  enum Path: Sendable {
    case range, transaction, compaction, leaseGrant, alarm, status, authenticate, version, watch, snapshot
  }

  private let base: String
  private let range: String
  private let transaction: String

  init(base: String) {
    self.base = base
    range = base + "/v3/kv/range"
    transaction = base + "/v3/kv/txn"
  }

  func url(_ path: Path) -> String {
    switch path {
    case .range: range
    case .transaction: transaction
    case .compaction: base + "/v3/kv/compaction"
    case .leaseGrant: base + "/v3/lease/grant"
    case .alarm: base + "/v3/maintenance/alarm"
    case .status: base + "/v3/maintenance/status"
    case .authenticate: base + "/v3/auth/authenticate"
    case .version: base + "/version"
    case .watch: base + "/v3/watch"
    case .snapshot: base + "/v3/maintenance/snapshot"
    }
  }
}
