import ByteBuffers
import Capacity
import Metrics
import Testing

@testable import APIServer

@Suite struct `Requests at work` {
  @Test func `a kind has so many places and no more, and each comes back when it is released`() {
    let limiter = InflightLimiter(readOnly: 2, mutating: 0)
    func enter() -> InflightLimiter.Place? {
      limiter.enter(.readOnly, user: "a", isHeartbeat: false, isPrivileged: false)
    }
    var first = enter()
    let second = enter()
    #expect(first != nil && second != nil)
    #expect(enter() == nil)
    first = nil
    #expect(enter() != nil)
    // The other kind has no limit.
    let many = (0..<1_000).map { _ in limiter.enter(.mutating, user: "a", isHeartbeat: false, isPrivileged: false) }
    #expect(many.allSatisfy { $0 != nil })
    var text = MetricsText()
    limiter.write(&text)
    #expect(text.text.contains(#"apiserver_current_inflight_requests{request_kind="readOnly"} 1"#), "\(text.text)")
    #expect(text.text.contains(#"apiserver_current_inflight_requests{request_kind="mutating"} 1000"#))
    #expect(text.text.contains(#"apiserver_dropped_requests_total{request_kind="readOnly"} 1"#))
  }

  @Test func `users whose names are equivalent have a part each`() {
    let limiter = InflightLimiter(readOnly: 4, mutating: 0)
    var places: [InflightLimiter.Place] = []
    func enter(_ user: String) -> Bool {
      guard let place = limiter.enter(.readOnly, user: user, isHeartbeat: false, isPrivileged: false) else {
        return false
      }
      places.append(place)
      return true
    }
    #expect(enter("K") && enter("K") && enter("\u{212A}") && !enter("K") && enter("\u{212A}"))
  }

  @Test func `once it is half full nobody takes more than an even part`() {
    let limiter = InflightLimiter(readOnly: 100, mutating: 100)
    var places: [InflightLimiter.Place] = []
    func enter(_ user: String) -> Bool {
      guard let place = limiter.enter(.readOnly, user: user, isHeartbeat: false, isPrivileged: false) else {
        return false
      }
      places.append(place)
      return true
    }
    // Alone, one takes all but what the first of others will find.
    #expect((0..<90).allSatisfy { _ in enter("greedy") })
    #expect(enter("modest"))
    // Two share a hundred: the one who has ninety waits, the other goes on.
    #expect(!enter("greedy"))
    #expect((0..<9).allSatisfy { _ in enter("modest") })
    #expect(!enter("modest") && !enter("third"))
    #expect(places.count == 100)
  }

  @Test func `a tenth is kept for heartbeats, and whoever may do everything always gets in`() {
    let limiter = InflightLimiter(readOnly: 1, mutating: 20)
    var places: [InflightLimiter.Place?] = []
    func enter(_ user: String, isHeartbeat: Bool = false, isPrivileged: Bool = false) -> Bool {
      places.append(limiter.enter(.mutating, user: user, isHeartbeat: isHeartbeat, isPrivileged: isPrivileged))
      return places.last.flatMap { $0 } != nil
    }
    #expect((0..<18).allSatisfy { enter("user-\($0)") })
    #expect(!enter("another"))
    #expect(enter("system:node:a", isHeartbeat: true) && enter("system:node:b", isHeartbeat: true))
    #expect(!enter("system:node:c", isHeartbeat: true))
    #expect(enter("root", isPrivileged: true))
  }

  @Test func `when the memory is used up, single objects are still read and heartbeats are still heard`() async throws {
    let budget = MemoryBudget(limit: 1 << 20)
    try await TestServer.with(budget: budget) { server in
      try server.createNode("a")
      let heartbeat = #"{"status":{"phase":"Running"}}"#
      do {
        let held = budget.holding(1 << 20)
        defer { withExtendedLifetime(held) {} }
        #expect(try server.call("GET", "/api/v1/nodes").code == 429)
        #expect(try server.call("GET", "/api/v1/nodes?limit=5").code == 429)
        #expect(try server.call("DELETE", "/api/v1/nodes/a").code == 429)
        #expect(
          try server.call("POST", "/api/v1/nodes", #"{"kind":"Node","apiVersion":"v1","metadata":{"name":"b"}}"#).code
            == 429)
        // With and without the way that answers from memory at once.
        for path in ["/api/v1/nodes/a", "/api/v1/nodes/a?pretty=true", "/api/v1/nodes/a/status"] {
          #expect(try server.call("GET", path).code == 200, "\(path)")
        }
        #expect(
          try server.call(
            "PATCH", "/api/v1/nodes/a/status", heartbeat, headers: ["Content-Type": "application/merge-patch+json"]
          ).code == 200)
      }
      #expect(try server.call("GET", "/api/v1/nodes?limit=5").code == 200)
      #expect(try server.call("DELETE", "/api/v1/nodes/a").code == 200)
    }
  }
}
