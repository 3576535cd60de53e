import Metrics
import Synchronization

/// How many requests may be at work at once: `--max-requests-inflight` and `--max-mutating-requests-inflight`.
/// (apiserver `filters.WithMaxInFlightLimit`.)
///
/// What memory answers at once is over before it could be counted, and watches are long; neither takes a place. Of the
/// places there are, users share: once half of them are taken, nobody holds more than an even part. The last tenth of
/// the places for changes is kept for nodes that report their status, because a server that hears no heartbeat takes
/// living nodes for dead.
final class InflightLimiter: Sendable {
  enum Kind: Int, Sendable, CaseIterable {
    case readOnly, mutating
    var label: String { "\(self)" }
  }

  /// What a request is to the limiter.
  enum Load: Sendable, Equatable {
    /// Health checks, and what runs long.
    case exempt
    case readOnly(isList: Bool)
    case mutating(isHeartbeat: Bool)
  }

  /// A taken place; given back when it is released, or forgotten.
  final class Place: Sendable {
    private let limiter: InflightLimiter
    private let kind: Kind
    private let user: String
    fileprivate init(_ limiter: InflightLimiter, _ kind: Kind, _ user: String) {
      self.limiter = limiter
      self.kind = kind
      self.user = user
    }
    deinit { limiter.release(kind, user) }
  }

  private struct Places {
    var taken = 0
    /// Of each user who has any.
    var byUser: [ByteString: Int] = [:]
  }

  /// Most requests at once, by kind; 0 for no limit.
  private let limits: [Int]
  private let readOnly = Mutex(Places())
  private let mutating = Mutex(Places())
  private let rejectedReadOnly = Counter()
  private let rejectedMutating = Counter()

  init(readOnly: Int, mutating: Int) { limits = [readOnly, mutating] }

  private func places<R>(_ kind: Kind, _ body: (inout Places) -> R) -> R {
    switch kind {
    case .readOnly: readOnly.withLock { body(&$0) }
    case .mutating: mutating.withLock { body(&$0) }
    }
  }

  /// A place for a request of `user`; nil when it has to be refused. `isPrivileged`: those who always get an answer, so
  /// that they can help.
  func enter(_ kind: Kind, user: String, isHeartbeat: Bool, isPrivileged: Bool) -> Place? {
    let limit = limits[kind.rawValue]
    let isIn = places(kind) { places -> Bool in
      let own = places.byUser[user, default: 0]
      guard
        limit == 0 || isPrivileged
          || Self.hasRoom(
            places, own: own, limit: limit, kept: kind == .mutating && !isHeartbeat ? (limit + 9) / 10 : 0)
      else { return false }
      places.taken += 1
      places.byUser[user] = own + 1
      return true
    }
    if isIn { return Place(self, kind, user) }
    (kind == .readOnly ? rejectedReadOnly : rejectedMutating).add()
    return nil
  }

  private static func hasRoom(_ places: Places, own: Int, limit: Int, kept: Int) -> Bool {
    // A limit of 1 keeps nothing: somebody has to be served.
    let limit = max(1, limit - kept)
    if places.taken >= limit { return false }
    if places.taken * 2 < limit { return true }
    let users = places.byUser.count + (own == 0 ? 1 : 0)
    return own < max(1, limit / users)
  }

  private func release(_ kind: Kind, _ user: String) {
    places(kind) { places in
      places.taken -= 1
      let own = places.byUser[user, default: 1] - 1
      places.byUser[user] = own > 0 ? own : nil
    }
  }

  func write(_ text: inout MetricsText) {
    text.family(
      "apiserver_current_inflight_requests", .gauge,
      "Requests at work, by kind. What memory answers at once is never at work.")
    for kind in Kind.allCases { text.sample([("request_kind", kind.label)], places(kind) { $0.taken }) }
    text.family("apiserver_dropped_requests_total", .counter, "Requests refused with 429, by kind.")
    text.sample([("request_kind", Kind.readOnly.label)], rejectedReadOnly.value)
    text.sample([("request_kind", Kind.mutating.label)], rejectedMutating.value)
  }
}
