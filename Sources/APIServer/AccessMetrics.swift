import HTTPServer
import Metrics
import Synchronization

/// Counts who came in and what they were told, each reactor by itself, so that it costs a request no more than a lock
/// that nobody else wants. (apiserver `endpoints/filters/metrics.go`.)
final class AccessMetrics: Sendable {
  enum Authentication: Int, CaseIterable, Sendable {
    case success, failure, error
    var label: String { "\(self)" }
  }
  enum Authorization: Int, CaseIterable, Sendable {
    case allowed, denied, noOpinion, error
    var label: String { self == .noOpinion ? "no-opinion" : "\(self)" }
  }

  private struct Counts {
    var authentications = [Int](repeating: 0, count: Authentication.allCases.count)
    var authorizations = [Int](repeating: 0, count: Authorization.allCases.count)
    var users = [Int](repeating: 0, count: AccessMetrics.userNames.count)

    mutating func recognize(at place: Int) {
      authentications[Authentication.success.rawValue] += 1
      users[place] += 1
    }
  }
  /// A `Mutex` can't stand in an array.
  private final class Shard: Sendable {
    let counts = Mutex(Counts())
  }

  /// Names that are shown as they are, then what all others are counted as, so that users can't make up series.
  private static let userNames = [
    "admin", "client", "kube_proxy", "kubelet", "system:serviceaccount:kube-system:default", "email_id", "other",
  ]

  private let shards: [Shard]

  /// As many shards as reactors; a reactor whose number is higher shares one.
  init(shards: Int) { self.shards = (0..<max(1, shards)).map { _ in Shard() } }

  private func count(on reactor: Reactor, _ body: (inout Counts) -> Void) {
    shards[reactor.index % shards.count].counts.withLock { body(&$0) }
  }

  /// Where a user is counted.
  static func place(of user: String) -> Int {
    if let known = userNames.dropLast(2).firstIndex(of: user) { return known }
    return user.utf8.contains(UInt8(ascii: "@")) ? userNames.count - 2 : userNames.count - 1
  }

  /// Somebody was recognized. Any thread, as all here.
  func recognized(_ user: String, on reactor: Reactor) {
    let place = Self.place(of: user)
    count(on: reactor) { $0.recognize(at: place) }
  }

  /// Somebody who is counted at `place` was recognized, and allowed what they asked.
  func passed(at place: Int, on reactor: Reactor) {
    count(on: reactor) { counts in
      counts.recognize(at: place)
      counts.authorizations[Authorization.allowed.rawValue] += 1
    }
  }

  /// Somebody was not: `error` where credentials were wrong, `failure` where there were none.
  func unrecognized(_ result: Authentication, on reactor: Reactor) {
    count(on: reactor) { $0.authentications[result.rawValue] += 1 }
  }

  func decided(_ result: Authorization, on reactor: Reactor) {
    count(on: reactor) { $0.authorizations[result.rawValue] += 1 }
  }

  func write(_ text: inout MetricsText) {
    var sum = Counts()
    for shard in shards {
      let counts = shard.counts.withLock { $0 }
      for place in sum.authentications.indices { sum.authentications[place] += counts.authentications[place] }
      for place in sum.authorizations.indices { sum.authorizations[place] += counts.authorizations[place] }
      for place in sum.users.indices { sum.users[place] += counts.users[place] }
    }
    text.family(
      "authentication_attempts", .counter,
      "Requests over TLS by whether somebody was recognized: success, failure (no credentials) or error (wrong ones).")
    for result in Authentication.allCases {
      text.sample([("result", result.label)], sum.authentications[result.rawValue])
    }
    text.family(
      "authenticated_user_requests", .counter, "Requests over TLS of recognized users, by name where it is a known one."
    )
    for (place, name) in Self.userNames.enumerated() where sum.users[place] > 0 {
      text.sample([("username", name)], sum.users[place])
    }
    text.family(
      "authorization_attempts_total", .counter,
      "Decisions on requests over TLS: allowed, denied, no-opinion (refused too) or error.")
    for result in Authorization.allCases {
      text.sample([("result", result.label)], sum.authorizations[result.rawValue])
    }
  }
}
