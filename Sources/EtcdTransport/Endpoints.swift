import Glibc
package import Storage
import Synchronization

/// One of etcd's client URLs, without a path.
package struct Endpoint: Sendable, Equatable {
  package let base: String

  /// Checks a URL of the configuration: `http` or `https`, a host, an optional port and nothing else.
  package static func parse(_ text: String) throws(StorageError) -> Endpoint {
    let wrong = StorageError.invalidConfiguration("etcd server \"\(text)\" is no URL such as http://127.0.0.1:2379")
    guard let colon = text.firstIndex(of: ":"), text[colon...].hasPrefix("://") else { throw wrong }
    let scheme = text[..<colon]
    var rest = text[text.index(colon, offsetBy: 3)...]
    if rest.hasSuffix("/") { rest = rest.dropLast() }
    guard scheme == "http" || scheme == "https", !rest.isEmpty else { throw wrong }
    guard rest.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && !"/?#@\\\"<>".utf8.contains($0) }) else { throw wrong }
    var host = rest
    var port: Substring?
    if rest.hasPrefix("[") {
      guard let close = rest.firstIndex(of: "]") else { throw wrong }
      host = rest[...close]
      let tail = rest[rest.index(after: close)...]
      if !tail.isEmpty {
        guard tail.hasPrefix(":") else { throw wrong }
        port = tail.dropFirst()
      }
    } else if let mark = rest.firstIndex(of: ":") {
      host = rest[..<mark]
      port = rest[rest.index(after: mark)...]
    }
    guard !host.isEmpty, host != "[]" else { throw wrong }
    var number = 2379
    if let port {
      guard let given = UInt16(port), given > 0 else { throw wrong }
      number = Int(given)
    }
    return Endpoint(base: "\(scheme)://\(host):\(number)")
  }
}

/// Which server to ask. Sticky: calls stay with one endpoint until it fails, and one that failed is left alone for a
/// while.
///
/// Invariant: `states.count >= 1`, `current` is a valid index.
package final class Endpoints: Sendable {
  package let all: [Endpoint]

  private struct State {
    var failures = 0
    var restUntil = ContinuousClock.now
  }
  private struct Choice {
    var states: [State]
    var current = 0
  }
  private let choice: Mutex<Choice>

  /// How long an endpoint rests after its first failure, and at most: a lone server that comes back is found soon.
  private static let firstRest = Duration.milliseconds(20)
  private static let longestRest = Duration.milliseconds(640)

  package init(_ all: [Endpoint]) {
    precondition(!all.isEmpty, "a storage without servers")
    self.all = all
    choice = Mutex(Choice(states: all.map { _ in State() }))
  }

  /// The endpoint to ask, and how long to wait before it may be asked.
  package func choose() -> (index: Int, wait: Duration) {
    choice.withLock { choice in
      let now = ContinuousClock.now
      if choice.states[choice.current].restUntil <= now { return (choice.current, .zero) }
      // In order from the current one, so that all calls agree on the next.
      for step in 1..<max(choice.states.count, 1) {
        let index = (choice.current + step) % choice.states.count
        if choice.states[index].restUntil <= now {
          choice.current = index
          return (index, .zero)
        }
      }
      let index = choice.states.indices.min { choice.states[$0].restUntil < choice.states[$1].restUntil } ?? 0
      choice.current = index
      return (index, choice.states[index].restUntil - now)
    }
  }

  package func succeeded(_ index: Int) {
    choice.withLock { $0.states[index].failures = 0 }
  }

  /// Calls that fail together count once.
  package func failed(_ index: Int) {
    choice.withLock { choice in
      let now = ContinuousClock.now
      guard choice.states[index].restUntil <= now else { return }
      let doublings = min(choice.states[index].failures, 5)
      choice.states[index].failures += 1
      let rest = min(Endpoints.firstRest * (1 << doublings), Endpoints.longestRest)
      choice.states[index].restUntil = now + rest * Double.random(in: 0.75...1.25)
    }
  }

  package var description: String { all.map(\.base).joined(separator: ", ") }
}
