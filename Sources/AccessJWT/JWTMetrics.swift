import ByteBuffers
import Cryptography
import Machinery
public import Metrics
import Synchronization

/// What is counted of token issuers, under kube-apiserver's names; issuers and sets of keys are told by their digests.
/// (apiserver `plugin/pkg/authenticator/token/oidc/metrics.go`.)
public final class JWTMetrics: Sendable {
  private struct Issuer {
    /// Authenticators that ask it.
    var users = 0
    var good = Histogram(bounds: JWTMetrics.bounds)
    var bad = Histogram(bounds: JWTMetrics.bounds)
    /// When its keys were last fetched, and when that last failed, in seconds since 1970.
    var lastFetch: Int64?
    var lastFailure: Int64?
    /// The digest of the keys that it published last.
    var keySet: String?
  }

  private let issuers = Mutex<[String: Issuer]>([:])
  private static let bounds = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

  public init() {}

  /// One more authenticator asks an issuer.
  func joined(_ issuer: String) { issuers.withLock { $0[issuer, default: Issuer()].users += 1 } }

  /// One fewer does. What is counted of tokens stays; what is known of an issuer's keys goes with the last.
  func left(_ issuer: String) {
    issuers.withLock { issuers in
      guard var known = issuers[issuer] else { return }
      known.users -= 1
      if known.users == 0 { (known.lastFetch, known.lastFailure, known.keySet) = (nil, nil, nil) }
      issuers[issuer] = known
    }
  }

  /// A token of an issuer that was not remembered was looked at, which took so long.
  func looked(_ issuer: String, isGood: Bool, _ time: Duration) {
    issuers.withLock { issuers in
      if isGood {
        issuers[issuer, default: Issuer()].good.observe(time.inSeconds)
      } else {
        issuers[issuer, default: Issuer()].bad.observe(time.inSeconds)
      }
    }
  }

  /// An issuer was asked for its keys. `keySet`: its answer; nil when that was none.
  func fetched(_ issuer: String, _ keySet: [UInt8]?) {
    let digest = keySet.map { "sha256:" + Digest.sha256.hex($0, .lower) }
    issuers.withLock { issuers in
      if let digest {
        issuers[issuer, default: Issuer()].keySet = digest
        issuers[issuer]?.lastFetch = Timestamp.now
      } else {
        issuers[issuer, default: Issuer()].lastFailure = Timestamp.now
      }
    }
  }

  public func write(_ text: inout MetricsText) {
    let all = issuers.withLock { $0 }.sorted { $0.key < $1.key }.map {
      ("sha256:" + Digest.sha256.hex(Array($0.key.utf8), .lower), $0.value)
    }
    guard !all.isEmpty else { return }
    let prefix = "apiserver_authentication_jwt_authenticator_"
    text.family(
      prefix + "latency_seconds", .histogram,
      "How long tokens of an issuer that were not remembered were looked at, by whether they were good.")
    for (hash, issuer) in all {
      if issuer.good.count > 0 { text.sample([("result", "success"), ("jwt_issuer_hash", hash)], issuer.good) }
      if issuer.bad.count > 0 { text.sample([("result", "failure"), ("jwt_issuer_hash", hash)], issuer.bad) }
    }
    // Servers have no identity here, so its digest is kube-apiserver's of none.
    func labels(_ hash: String) -> MetricsText.Labels { [("jwt_issuer_hash", hash), ("apiserver_id_hash", "")] }
    text.family(
      prefix + "jwks_fetch_last_timestamp_seconds", .gauge,
      "When an issuer was last asked for its keys, in seconds since 1970, by whether that succeeded.")
    for (hash, issuer) in all {
      for (result, time) in [("success", issuer.lastFetch), ("failure", issuer.lastFailure)] {
        if let time { text.sample([("result", result)] + labels(hash), Int(time)) }
      }
    }
    text.family(
      prefix + "jwks_fetch_last_key_set_info", .gauge, "The digest of the keys that an issuer published last.")
    for (hash, issuer) in all {
      if let keySet = issuer.keySet { text.sample(labels(hash) + [("hash", keySet)], 1) }
    }
  }
}
