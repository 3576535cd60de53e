import JSON
import Logging
import Machinery
import Registry
import TestSupport
import Testing

@testable import Controllers
@testable import Resources

@Suite struct `The election` {
  private func elector(_ bench: Bench, _ identity: String, _ timing: LeaderElector.Timing) throws -> LeaderElector {
    LeaderElector(
      ObjectName("l", namespace: "a"), in: try bench["leases"], bench.client, identity: identity, timing: timing,
      Logger(label: "test"))
  }

  @Test func `one holds the lease, the other waits until it is given back or has run out`() async throws {
    try await Bench.with([.leases]) { bench in
      try await bench.make("namespaces", "a")
      var timing = LeaderElector.Timing()
      let (one, two) = (try elector(bench, "one", timing), try elector(bench, "two", timing))
      #expect(await one.tryAcquireOrRenew())
      #expect(await !two.tryAcquireOrRenew())
      #expect(await one.tryAcquireOrRenew())
      var spec = try #require(try await bench.get("leases", "l", in: "a")?["spec"])
      #expect(spec["holderIdentity"] == "one" && spec["leaseDurationSeconds"] == 15 && spec["leaseTransitions"] == 0)
      #expect(spec["acquireTime"] != spec["renewTime"])
      // What nobody renews for its time is free, as seen by who waits.
      try await bench.change("leases", "l", in: "a") { $0["spec"]?["leaseDurationSeconds"] = 1 }
      #expect(await !two.tryAcquireOrRenew())
      try await eventually("the lease to run out") { await two.tryAcquireOrRenew() }
      spec = try #require(try await bench.get("leases", "l", in: "a")?["spec"])
      #expect(spec["holderIdentity"] == "two" && spec["leaseTransitions"] == 1)
      #expect(await !one.tryAcquireOrRenew())
      // Whoever works until it is told to end gives the lease back.
      timing.retry = .milliseconds(20)
      let three = try elector(bench, "two", timing)
      let (began, begin) = AsyncStream.makeStream(of: Void.self)
      let task = Task {
        await three.run {
          begin.finish()
          while !Task.isCancelled { try? await Task.sleep(for: .seconds(60)) }
        }
      }
      for await _ in began {}
      task.cancel()
      await task.value
      #expect(await one.tryAcquireOrRenew())
    }
  }
}
