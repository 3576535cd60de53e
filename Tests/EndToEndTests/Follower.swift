import Foundation
import LoadClient
import Synchronization

/// Follows the nodes by watches, as a client should: lists once, then resumes after the last revision whenever a watch
/// ends. Notes every event, and what must never happen.
final class Follower: Sendable {
  struct State {
    var revision = ""
    /// Values of the annotation `n` by node, in the order seen.
    var seen: [String: [Int]] = [:]
    var events = 0
    var problems: [String] = []
    var resumptions = 0
    /// Watches that ended because their revision was gone: the follower lists again then, and what came in between it
    /// has not seen.
    var gone = 0
  }
  let state = Mutex(State())
  private let isStopped = Atomic<Bool>(false)
  private let port: Int

  init(port: Int) { self.port = port }

  func stop() { isStopped.store(true, ordering: .releasing) }

  /// On a thread that may block.
  func run() {
    while !isStopped.load(ordering: .acquiring) {
      do { try followOnce() } catch { usleep(20_000) }
    }
  }

  private func followOnce() throws {
    let client = try Client(port: port, patience: 2)
    var revision = state.withLock { $0.revision }
    if revision.isEmpty {
      let list = try client.call("GET", "/api/v1/nodes", keepsBody: true)
      guard list.status == 200, let object = try JSONSerialization.jsonObject(with: Data(list.body)) as? [String: Any]
      else { throw Failure("list: \(list.status)") }
      revision = (object["metadata"] as? [String: Any])?["resourceVersion"] as? String ?? ""
      let items = object["items"] as? [[String: Any]] ?? []
      state.withLock { s in
        s.revision = revision
        for meta in items.compactMap({ $0["metadata"] as? [String: Any] }) {
          guard let name = meta["name"] as? String,
            let n = ((meta["annotations"] as? [String: Any])?["n"] as? String).flatMap(Int.init)
          else { continue }
          if n < s.seen[name]?.last ?? 0 {
            s.problems.append("\(name): a list says \(n) after \(s.seen[name]?.last ?? 0)")
          }
          s.seen[name, default: []].append(n)
        }
      }
    }
    try client.request(
      "GET", "/api/v1/nodes?watch=true&allowWatchBookmarks=true&timeoutSeconds=5&resourceVersion=\(revision)")
    let head = try client.receiveHead()
    if head.status == 410 { return relist() }
    guard head.status == 200 else { throw Failure("watch: \(head.status)") }
    state.withLock { $0.resumptions += 1 }
    var pending: [UInt8] = []
    while try client.takeChunk(into: &pending) {
      while let end = pending.firstIndex(of: 10) {
        note(Data(pending[..<end]))
        pending.removeSubrange(...end)
        if state.withLock({ $0.revision.isEmpty }) { return }
      }
      if isStopped.load(ordering: .acquiring) { return }
    }
  }

  private func relist() {
    state.withLock { s in
      s.gone += 1
      s.revision = ""
    }
  }

  private func note(_ line: Data) {
    guard let event = try? JSONSerialization.jsonObject(with: line) as? [String: Any],
      let type = event["type"] as? String,
      let object = event["object"] as? [String: Any]
    else {
      return state.withLock { $0.problems.append("not an event: \(String(decoding: line.prefix(200), as: UTF8.self))") }
    }
    let meta = object["metadata"] as? [String: Any] ?? [:]
    let revision = meta["resourceVersion"] as? String ?? ""
    if type == "ERROR", object["code"] as? Int == 410 { return relist() }
    state.withLock { s in
      if type == "ERROR" { return s.problems.append("ERROR \(object)") }
      if type == "BOOKMARK" {
        if (Int(revision) ?? 0) < (Int(s.revision) ?? 0) {
          s.problems.append("bookmark \(revision) after \(s.revision)")
        }
        s.revision = revision
        return
      }
      if (Int(revision) ?? 0) <= (Int(s.revision) ?? 0) {
        s.problems.append("\(type) at \(revision) after \(s.revision)")
      }
      s.revision = revision
      s.events += 1
      guard let name = meta["name"] as? String,
        let n = ((meta["annotations"] as? [String: Any])?["n"] as? String).flatMap(Int.init)
      else { return }
      let last = s.seen[name]?.last ?? 0
      if n != last + 1 { s.problems.append("\(name): \(n) after \(last), at \(revision)") }
      s.seen[name, default: []].append(n)
    }
  }
}

/// Writes changes of one node, each until it is acknowledged: a change whose outcome is unknown is sent again, and
/// changes nothing if it was done.
enum Writer {
  static func body(_ name: String, _ n: Int) -> [UInt8] {
    Array(#"{"kind":"Node","apiVersion":"v1","metadata":{"name":"\#(name)","annotations":{"n":"\#(n)"}}}"#.utf8)
  }

  /// Makes changes 1 to `count` of node `name`, or until `isOver`; returns false when one could not be made in
  /// `patience` seconds.
  static func run(
    port: Int, name: String, count: Int = .max, patience: Double = 60, isOver: @Sendable () -> Bool = { false },
    made: @Sendable (Int) -> Void = { _ in }
  ) -> Bool {
    var client: Client?
    for n in 1...count {
      if isOver() { break }
      let deadline = monotonicSeconds() + patience
      while true {
        if monotonicSeconds() > deadline { return false }
        do {
          let connection = try client ?? Client(port: port, patience: 5)
          client = connection
          let answer =
            n == 1
            ? try connection.call("POST", "/api/v1/nodes", body: body(name, n))
            : try connection.call("PUT", "/api/v1/nodes/\(name)", body: body(name, n))
          if answer.status == 200 || answer.status == 201 || (n == 1 && answer.status == 409) { break }
          usleep(10_000)
        } catch {
          client = nil
          usleep(10_000)
        }
      }
      made(n)
    }
    return true
  }
}
