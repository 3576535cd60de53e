import Foundation
import LoadClient
import Synchronization
import TestSupport
import Testing

/// Nothing that was acknowledged is lost, and a watcher sees every change once and in order, whatever happens to the
/// servers in between.
@Suite(.serialized) struct `Faults` {
  static let writers = 8
  static let changes = Tools.isFullRun ? 2_500 : 250  // a writer

  @Test(arguments: [Backend.etcd34, .etcd2])
  func `etcd stopped, continued, killed and restarted loses nothing and repeats nothing`(
    on backend: Backend
  ) async throws {
    let daemon = try await Daemon.start(on: backend)
    defer { daemon.stop() }
    let etcd = try #require(daemon.etcd)
    try await follow(daemon) { progress in
      try await progress.reach(0.25)
      etcd.pause()
      try await Task.sleep(for: .seconds(3))  // long enough for calls to run into it
      etcd.resume()
      try await progress.reach(0.5)
      try await etcd.kill()
      try await etcd.restart()
      try await progress.reach(0.75)
      try await etcd.kill()
      try await etcd.restart()
    }
  }

  @Test func `Binnacle killed with SQLite keeps every acknowledged write, and watches resume`() async throws {
    let daemon = try await Daemon.start(on: .sqlite)
    defer { daemon.stop() }
    try await follow(daemon) { progress in
      for share in [0.25, 0.5, 0.75] {
        try await progress.reach(share)
        try await daemon.kill()
        try await daemon.launch()
      }
    }
  }

  @Test func `Binnacle restarted over etcd lets watches resume`() async throws {
    let daemon = try await Daemon.start(on: .etcd35)
    defer { daemon.stop() }
    try await follow(daemon) { progress in
      for share in [0.33, 0.66] {
        try await progress.reach(share)
        #expect(try await daemon.end() == 0)
        try await daemon.launch()
      }
    }
  }

  /// How far the writers are.
  final class Progress: Sendable {
    let made = Atomic<Int>(0)
    func reach(_ share: Double) async throws {
      let goal = Int(Double(Faults.writers * Faults.changes) * share)
      try await eventually("\(goal) changes", within: .seconds(300)) { self.made.load(ordering: .relaxed) >= goal }
    }
  }

  private func follow(_ daemon: Daemon, _ faults: @escaping @Sendable (Progress) async throws -> Void) async throws {
    let follower = Follower(port: daemon.port)
    let progress = Progress()
    let port = daemon.port
    // The follower must hold a revision before the first change, so that it has to see them all.
    async let following: Void = awaitingThreads(1) { _ in follower.run() }
    try await eventually("the first list", within: .seconds(20)) { follower.state.withLock { !$0.revision.isEmpty } }
    let failed = Atomic<Int>(0)
    async let writing: Void = awaitingThreads(Self.writers) { writer in
      if !Writer.run(
        port: port, name: "n\(writer)", count: Faults.changes, made: { _ in progress.made.add(1, ordering: .relaxed) })
      {
        failed.add(1, ordering: .relaxed)
      }
    }
    try await faults(progress)
    await writing
    #expect(failed.load(ordering: .relaxed) == 0, "\(daemon.log.suffix(2_000))")
    let total = Self.writers * Self.changes
    try? await eventually("every change to be seen", within: .seconds(60)) {
      follower.state.withLock { $0.events >= total || !$0.problems.isEmpty }
    }
    follower.stop()
    await following
    let (events, problems, seen) = follower.state.withLock { ($0.events, $0.problems, $0.seen) }
    #expect(problems.isEmpty, "\(problems.prefix(5))")
    #expect(follower.state.withLock { $0.gone } == 0)
    #expect(events == total)
    for writer in 0..<Self.writers { #expect(seen["n\(writer)"]?.count == Self.changes) }
    // What was acknowledged is there.
    let list = try Client(port: port).call("GET", "/api/v1/nodes", keepsBody: true)
    let items =
      (try JSONSerialization.jsonObject(with: Data(list.body)) as? [String: Any])?["items"] as? [[String: Any]] ?? []
    #expect(items.count == Self.writers)
    for item in items {
      let meta = item["metadata"] as? [String: Any]
      #expect((meta?["annotations"] as? [String: Any])?["n"] as? String == String(Self.changes))
    }
  }
}
