import Foundation
import LoadClient
import Synchronization
import TestSupport
import Testing

/// Binnacle over three members of etcd, each on a host of its own, while one thing after another goes wrong. For each:
/// what was acknowledged is there, nothing is done twice, a watcher sees every change once and in order or is told that
/// it must list again, and service comes back.
@Suite(.serialized) struct `Fault matrix` {
  enum Fault: String, CaseIterable {
    case leaderKilled = "leader killed (-9), started again", followerKilled = "follower killed (-9), started again",
      leaderStopped = "leader stopped (SIGSTOP), continued",
      followerStopped = "follower stopped (SIGSTOP), continued", leaderCut = "leader cut off from all, joined again",
      followerCut = "follower cut off from all, joined again",
      binnacleCut = "Binnacle cut off from etcd, joined again", slowLink = "slow link: 100 ms a piece, 300 KB a second",
      clockAhead = "Binnacle's clock two hours ahead",
      clockBehind = "Binnacle's clock two hours behind", compaction = "compaction under a watch that lags", noSpace =
      "NOSPACE, cleared", memberReplaced = "member replaced by a new one"
  }

  private struct Row {
    let fault: Fault
    var acknowledged = 0
    var seen = 0
    var resumptions = 0
    var gone = 0
    var pause = 0.0
    var returned = 0.0
  }

  private static let writers = 4
  /// For how long a fault lasts: longer than it takes to elect another leader.
  private static let hold: Duration = Tools.isFullRun ? .seconds(10) : .seconds(2)

  @Test
  func
    `whatever goes wrong with etcd, its network or the clock, no write is lost or done twice, and watches miss nothing`()
    async throws
  {
    let cluster = try await LabCluster(.v3_4, members: 3)
    var rows: [Row] = []
    for fault in Fault.allCases { rows.append(try await Self.run(fault, cluster)) }
    if Tools.isFullRun { try Self.write(rows) }
  }

  /// Writers note when they were answered, and how far they are.
  private final class Progress: Sendable {
    let isOver = Atomic<Bool>(false)
    let times = Mutex<[Double]>([])
    let last = Mutex<[String: Int]>([:])
    let failed = Atomic<Int>(0)

    func run(_ port: Int, _ name: String) {
      let isDone = Writer.run(port: port, name: name, patience: 90, isOver: { self.isOver.load(ordering: .relaxed) }) {
        n in
        times.withLock { $0.append(monotonicSeconds()) }
        last.withLock { $0[name] = n }
        usleep(4_000)
      }
      if !isDone { failed.add(1, ordering: .relaxed) }
    }

    func reach(_ count: Int, _ what: String) async throws {
      try await eventually("\(what): \(count) changes", within: .seconds(100)) {
        self.times.withLock { $0.count } >= count
      }
    }
  }

  private static func run(_ fault: Fault, _ cluster: LabCluster) async throws -> Row {
    // A lease's worth of keys of its own, so that each begins with nothing.
    let prefix = ["--etcd-prefix", "/fault-\(fault)", "--etcd-compaction-interval", "0"]
    let wires = fault == .slowLink ? try (0..<3).map { try SlowWire(to: cluster.lab.address($0), port: 2379) } : []
    defer { for wire in wires { wire.stop() } }
    let servers = wires.isEmpty ? cluster.urls : wires.map { "http://127.0.0.1:\($0.port)" }
    let daemon = try Daemon.over(servers: servers.joined(separator: ","))
    try await daemon.launch(arguments: prefix)
    defer { daemon.stop() }
    // Where the one that is watched is stopped, another takes the writes.
    let other = fault == .compaction ? try Daemon.over(servers: cluster.urls.joined(separator: ",")) : nil
    try await other?.launch(arguments: prefix)
    defer { other?.stop() }

    let follower = Follower(port: daemon.port)
    let progress = Progress()
    let port = (other ?? daemon).port
    async let following: Void = awaitingThreads(1) { _ in follower.run() }
    // Said before they are waited for, or a step that fails would wait without end.
    defer { follower.stop() }
    try await eventually("the first list", within: .seconds(20)) { follower.state.withLock { !$0.revision.isEmpty } }
    async let writing: Void = awaitingThreads(writers) { progress.run(port, "w\($0)") }
    defer { progress.isOver.store(true, ordering: .relaxed) }
    try await progress.reach(40, fault.rawValue)

    let began = monotonicSeconds()
    let leader = try await cluster.leader()
    let victim =
      [.followerKilled, .followerStopped, .followerCut, .memberReplaced].contains(fault) ? (leader + 1) % 3 : leader
    let healed: Double
    switch fault {
    case .leaderKilled, .followerKilled:
      try await cluster.kill(victim)
      try await Task.sleep(for: hold)
      healed = monotonicSeconds()
      try cluster.restart(victim)
    case .leaderStopped, .followerStopped:
      cluster.pause(victim)
      try await Task.sleep(for: hold)
      healed = monotonicSeconds()
      cluster.resume(victim)
    case .leaderCut, .followerCut:
      try cluster.lab.cut(victim)
      try await Task.sleep(for: hold)
      healed = monotonicSeconds()
      try cluster.lab.mend(victim)
    case .binnacleCut:
      try cluster.lab.cut(nil)
      try await Task.sleep(for: hold)
      healed = monotonicSeconds()
      try cluster.lab.mend(nil)
    case .slowLink:
      for wire in wires { wire.slow(milliseconds: 100, bytesPerSecond: 300_000) }
      try await Task.sleep(for: hold)
      healed = monotonicSeconds()
      for wire in wires { wire.slow(milliseconds: 0, bytesPerSecond: 0) }
    case .clockAhead, .clockBehind:
      try await daemon.kill()
      try await daemon.launch(
        arguments: prefix, prefix: try Tools.shiftingClock(by: fault == .clockAhead ? "+2h" : "-2h"))
      try await Task.sleep(for: hold)
      try await daemon.kill()
      healed = monotonicSeconds()
      try await daemon.launch(arguments: prefix)
    case .compaction:
      daemon.pause()
      try await Task.sleep(for: hold)
      let header = try await cluster.call("/v3/kv/range", #"{"key":"AA=="}"#)["header"] as? [String: Any]
      try await cluster.call(
        "/v3/kv/compaction", "{\"revision\":\"\(header?["revision"] as? String ?? "")\",\"physical\":true}")
      healed = monotonicSeconds()
      daemon.resume()
    case .noSpace:
      try await cluster.call("/v3/maintenance/alarm", #"{"action":"ACTIVATE","memberID":"0","alarm":"NOSPACE"}"#)
      try await Task.sleep(for: hold)
      healed = monotonicSeconds()
      for alarm in try await cluster.call("/v3/maintenance/alarm", #"{"action":"GET"}"#)["alarms"] as? [[String: Any]]
        ?? []
      {
        try await cluster.call(
          "/v3/maintenance/alarm",
          "{\"action\":\"DEACTIVATE\",\"memberID\":\"\(alarm["memberID"] as? String ?? "0")\",\"alarm\":\"NOSPACE\"}")
      }
    case .memberReplaced:
      try await cluster.replace(victim)
      healed = monotonicSeconds()
    }
    // It goes on, and for a while.
    let atHealing = progress.times.withLock { $0.count }
    try await progress.reach(atHealing + 100, fault.rawValue)
    for member in 0..<3 { try await cluster.waitUntilHealthy(member) }
    progress.isOver.store(true, ordering: .relaxed)
    await writing
    #expect(progress.failed.load(ordering: .relaxed) == 0, "\(fault.rawValue): \(daemon.log.suffix(2_000))")

    let last = progress.last.withLock { $0 }
    try? await eventually("every change to be seen", within: .seconds(60)) {
      follower.state.withLock { s in !s.problems.isEmpty || last.allSatisfy { s.seen[$0.key]?.last == $0.value } }
    }
    follower.stop()
    await following
    let state = follower.state.withLock { $0 }
    #expect(state.problems.isEmpty, "\(fault.rawValue): \(state.problems.prefix(5))")
    for (name, n) in last {
      if state.gone == 0 {
        #expect(state.seen[name] == Array(1...n), "\(fault.rawValue): \(name)")
      } else {
        #expect(state.seen[name]?.last == n, "\(fault.rawValue): \(name)")
      }
    }
    // Only what etcd no longer has may be gone.
    #expect(fault == .compaction || state.gone == 0, "\(fault.rawValue): \(state.gone) watches had to begin again")
    let list = try Client(port: daemon.port).call("GET", "/api/v1/nodes", keepsBody: true)
    let items =
      (try JSONSerialization.jsonObject(with: Data(list.body)) as? [String: Any])?["items"] as? [[String: Any]] ?? []
    let present = items.compactMap { $0["metadata"] as? [String: Any] }.reduce(into: [String: String]()) {
      found, meta in
      found[meta["name"] as? String ?? ""] = (meta["annotations"] as? [String: Any])?["n"] as? String
    }
    #expect(present == last.mapValues { String($0) }, "\(fault.rawValue)")

    // From the fault on: the longest time without an acknowledged write, and how long after the healing writes went on.
    let times = progress.times.withLock { $0.sorted() }.filter { $0 >= began }
    let gaps = zip([began] + times, times).map { $1 - $0 }
    var row = Row(fault: fault)
    row.acknowledged = last.values.reduce(0, +)
    row.seen = state.seen.values.reduce(0) { $0 + $1.count }
    (row.resumptions, row.gone) = (state.resumptions, state.gone)
    row.pause = gaps.max() ?? 0
    row.returned = max(0, (times.first { $0 >= healed } ?? healed) - healed)
    return row
  }

  private static func write(_ rows: [Row]) throws {
    func seconds(_ number: Double) -> String { String(format: "%.1f s", number) }
    var text = """
      # What happens when etcd, its network or the clock fails

      Written by `scripts/test --full` (Tests/EndToEndTests/FaultMatrix.swift): Binnacle over three members of etcd 3.4.23, each on a host of its own, four clients that write and
      one that watches. Each fault lasts \(hold.components.seconds) seconds. Every write that was acknowledged was there at the end, none was done twice, and the watcher saw each change once and in order;
      where its revision was compacted away it was told so (410) and listed again.

      | fault | acknowledged writes | seen by the watcher | watches opened | told 410 | longest time without a write | writes went on after the healing |
      |---|---|---|---|---|---|---|

      """
    for row in rows {
      text +=
        "| \(row.fault.rawValue) | \(row.acknowledged) | \(row.seen) | \(row.resumptions) | \(row.gone) | \(seconds(row.pause)) | \(seconds(row.returned)) |\n"
    }
    let folder = Repository.root.appending(path: "docs")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    try text.write(to: folder.appending(path: "fault-matrix.md"), atomically: true, encoding: .utf8)
  }
}
