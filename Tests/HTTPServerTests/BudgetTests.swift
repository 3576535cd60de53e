import ByteBuffers
import Capacity
import Foundation
import LoadClient
import TestSupport
import Testing

@testable import HTTPServer

/// What clients can make the server hold, and for how long.
@Suite(.serialized) struct `Limits of memory and time` {
  private func start(_ change: (inout HTTPServer.Configuration) -> Void) throws -> (server: HTTPServer, port: Int) {
    var configuration = HTTPServer.Configuration(endpoints: [.address(host: "127.0.0.1", port: 0)])
    configuration.reactors = 1
    change(&configuration)
    let server = try HTTPServer(configuration: configuration, handler: TestHandler())
    try server.start()
    return (server, server.ports[0])
  }

  private func post(_ length: Int, sending count: Int) -> [UInt8] {
    Array("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: \(length)\r\n\r\n".utf8)
      + [UInt8](repeating: 0x78, count: count)
  }

  @Test(arguments: ["a length", "chunks", "a head"])
  func `requests beyond the budget are refused, small ones are served, and all is given back`(kind: String) async throws
  {
    let budget = MemoryBudget(limit: 2 << 20)
    let bench = try start { $0.budget = budget }
    try await blocking {
      // Each holds four times its 300,000 bytes, but for a head.
      var holders: [Client] = []
      for _ in 0..<3 {
        let client = try Client(port: bench.port, patience: 5)
        switch kind {
        case "a length": try client.send(self.post(1 << 20, sending: 300_000))
        case "chunks":
          try client.send(
            Array("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n493e0\r\n".utf8)
              + [UInt8](repeating: 0x78, count: 300_000))
        default:
          try client.send(Array("GET /echo HTTP/1.1\r\nHost: x\r\nA: ".utf8) + [UInt8](repeating: 0x78, count: 900_000))
        }
        usleep(50_000)
        holders.append(client)
      }
      let statuses = try holders.compactMap { client -> Int? in
        var ready = pollfd(fd: client.descriptor, events: Int16(POLLIN), revents: 0)
        return poll(&ready, 1, 100) > 0 ? try client.receiveHead().status : nil
      }
      #expect(!statuses.isEmpty && statuses.allSatisfy { $0 == 429 } && statuses.count < 3, "\(statuses)")
      #expect(budget.refused == statuses.count && budget.used > 1 << 20 && budget.used <= 2 << 20)
      let small = try Client(port: bench.port, patience: 5)
      try small.send(self.post(5, sending: 5))
      #expect(try small.receiveHead().status == 200)
    }
    try await eventually("the budget to be free", within: .seconds(10)) { budget.used == 0 }
    await bench.server.drain(deadline: .seconds(1))
  }

  @Test func `an answer that is done gives back what it held`() async throws {
    let budget = MemoryBudget(limit: 64 << 20)
    let bench = try start { $0.budget = budget }
    try await blocking {
      let client = try Client(port: bench.port)
      for _ in 0..<3 {
        #expect(try client.call("GET", "/own", keepsBody: true).body.count == 8 << 20)
        #expect(
          try client.call("POST", "/echo", body: [UInt8](repeating: 0x78, count: 100_000), keepsBody: true).body.count
            == 100_000)
      }
    }
    #expect(budget.used == 0 && budget.refused == 0)
    await bench.server.drain(deadline: .seconds(1))
  }

  @Test func `while the budget is used up, those who don't take their answers are ended`() async throws {
    let budget = MemoryBudget(limit: 32 << 20)
    let bench = try start { $0.budget = budget }
    try await blocking {
      var sleepers: [Client] = []
      for _ in 0..<6 {
        let client = try Client(port: bench.port)
        try client.request("GET", "/own")
        sleepers.append(client)
      }
      let deadline = Date().addingTimeInterval(10)
      while budget.endedReaders < 6 && Date() < deadline { usleep(50_000) }
      // Those that were looked at while it was used up; below the limit others may go on.
      #expect(budget.endedReaders >= 3 && budget.used < 32 << 20, "\(budget.endedReaders) \(budget.used)")
      withExtendedLifetime(sleepers) {}
    }
    try await eventually("the budget to be free", within: .seconds(10)) { budget.used == 0 }
    await bench.server.drain(deadline: .seconds(1))
  }

  @Test func `over HTTP2 a stream is refused, and its connection goes on`() async throws {
    let budget = MemoryBudget(limit: 1 << 20)
    let bench = try start { $0.budget = budget }
    try await blocking {
      let client = try FrameClient(port: bench.port, patience: 10)
      try client.send(.headers(1, HPACK.request("POST", "/echo"), .endHeaders))
      for _ in 0..<4 { try client.send(.data(1, [UInt8](repeating: 0x78, count: 15_000), [])) }
      #expect(try client.call("GET", "/elsewhere", on: 3).text == "elsewhere")
      try client.send(.headers(5, HPACK.request("POST", "/echo"), .endHeaders))
      for _ in 0..<14 { try client.send(.data(5, [UInt8](repeating: 0x78, count: 15_000), [])) }
      #expect(try client.call("GET", "/elsewhere", on: 7).text == "elsewhere")
      #expect(
        budget.refused == 1 && budget.used <= 1 << 20 && budget.used > 200_000, "\(budget.refused) \(budget.used)")
    }
    try await eventually("the budget to be free", within: .seconds(10)) { budget.used == 0 }
    await bench.server.drain(deadline: .seconds(1))
  }

  @Test func `one address has so many connections and no more`() async throws {
    let bench = try start { $0.maxConnectionsPerAddress = 3 }
    try await blocking {
      var open = try (0..<3).map { _ in try Client(port: bench.port, patience: 5) }
      for client in open { #expect(try client.call("GET", "/elsewhere").status == 200) }
      let fourth = try Client(port: bench.port, patience: 5)
      #expect(throws: (any Error).self) { try fourth.call("GET", "/elsewhere") }
      #expect(bench.server.statistics.refusedConnections == 1)
      open.removeLast()
      // Its place is free again.
      var status = 0
      for _ in 0..<100 where status == 0 {
        usleep(20_000)
        status = (try? Client(port: bench.port, patience: 5).call("GET", "/elsewhere").status) ?? 0
      }
      #expect(status == 200)
    }
    await bench.server.drain(deadline: .seconds(1))
  }

  @Test func `a body that trickles in ends, and so does a reader who takes drops`() async throws {
    let bench = try start {
      $0.limits.bodyTimeout = .seconds(5)
      $0.limits.wholeBodyTimeout = .seconds(1)
      $0.limits.writeTimeout = .seconds(2)
      $0.limits.minWrittenBytes = 16 << 10
    }
    try await blocking {
      let sender = try Client(port: bench.port, patience: 10)
      try sender.send(self.post(1_000, sending: 1))
      var sent = 1
      while sent < 100, (try? sender.send([0x78])) != nil {
        sent += 1
        usleep(100_000)
      }
      #expect(sent < 60)
      for (bytes, isEnded) in [(200, true), (200_000, false)] {
        let reader = try Client(port: bench.port, patience: 10)
        var small: Int32 = 4_096
        if isEnded { setsockopt(reader.descriptor, SOL_SOCKET, SO_RCVBUF, &small, 4) }
        try reader.request("GET", "/large")
        var buffer = [UInt8](repeating: 0, count: bytes)
        let timedOut = bench.server.statistics.timedOutConnections
        for _ in 0..<60 where bench.server.statistics.timedOutConnections == timedOut {
          _ = recv(reader.descriptor, &buffer, bytes, Int32(MSG_DONTWAIT))
          usleep(100_000)
        }
        #expect((bench.server.statistics.timedOutConnections > timedOut) == isEnded, "\(bytes)")
      }
    }
    await bench.server.drain(deadline: .seconds(1))
  }
}
