import ByteBuffers
import Capacity
import Foundation
import LoadClient
import Synchronization
import TestSupport
import Testing

@testable import HTTPServer

/// Requests over HTTP/2 frames of our own, and by curl.
@Suite(.serialized) struct `HTTP2 over sockets` {
  private struct Bench {
    let server: HTTPServer
    let handler: TestHandler
    let port: Int

    static func start(_ change: (inout HTTPServer.Configuration) -> Void = { _ in }) throws -> Bench {
      var configuration = HTTPServer.Configuration(endpoints: [.address(host: "127.0.0.1", port: 0)])
      configuration.reactors = 2
      change(&configuration)
      let handler = TestHandler()
      let server = try HTTPServer(configuration: configuration, handler: handler)
      try server.start()
      return Bench(server: server, handler: handler, port: server.ports[0])
    }

    func end() async { await server.drain(deadline: .seconds(1)) }
  }

  @Test func `a request has the same parts as over HTTP1`() async throws {
    let bench = try Bench.start()
    try await blocking {
      let client = try FrameClient(port: bench.port)
      let answer = try client.call(
        "PATCH", "/request?a=b", on: 1, body: [], [("x-thing", "one"), ("x-thing", "two"), ("cookie", "c")])
      #expect(answer.status == 200)
      #expect(answer.text == "PATCH /request a=b\ncookie: c\nhost: x\nx-thing: one\nx-thing: two\n")
      #expect(
        answer.headers["content-length"] == String(answer.body.count)
          && answer.headers["date"]?.hasSuffix(" GMT") == true && answer.headers["connection"] == nil)
      let old = try Client(port: bench.port)
      #expect(
        String(decoding: try old.call("GET", "/request?a=b", keepsBody: true).body, as: UTF8.self).hasPrefix(
          "GET /request a=b\n"))
    }
    await bench.end()
  }

  @Test func `bodies come and go beyond the windows`() async throws {
    let bench = try Bench.start()
    try await blocking {
      let client = try FrameClient(port: bench.port)
      let body = (0..<(3 << 20)).map { UInt8(truncatingIfNeeded: $0 &* 31) }
      try client.upload([1: body])
      let echo = try client.answer(on: 1)
      #expect(echo.status == 200 && echo.body == body)
      #expect(try client.call("POST", "/echo", on: 3, body: []).body == [])
      #expect(try client.call("POST", "/echo", on: 5, body: [1, 2, 3]).body == [1, 2, 3])
      let large = try client.call("GET", "/large", on: 7)
      #expect(large.body.count == 8 << 20 && large.body.allSatisfy { $0 == 0x78 })
      #expect(try client.call("GET", "/many", on: 9).text == (0..<5_000).map { "item \($0)\n" }.joined())
    }
    await bench.end()
  }

  @Test func `bodies that are too much together go one after another`() async throws {
    let bench = try Bench.start { $0.limits.maxHeldBytes = 300_000 }
    try await blocking {
      let client = try FrameClient(port: bench.port)
      let bodies = Dictionary(
        uniqueKeysWithValues: stride(from: UInt32(1), to: 17, by: 2).map { id in
          (id, [UInt8](repeating: UInt8(id), count: 700_000 + Int(id)))
        })
      let highest = try client.upload(bodies)
      for (id, body) in bodies { #expect(try client.answer(on: id).body == body) }
      // The first windows of all, and what the oldest and the allowance add.
      #expect(highest < 8 * (256 << 10) + 1_300_000, "\(highest) bytes were on their way")
    }
    await bench.end()
  }

  @Test func `many requests are open at once, and answers overtake one another`() async throws {
    let bench = try Bench.start()
    try await blocking {
      let client = try FrameClient(port: bench.port)
      for stream in stride(from: UInt32(1), to: 101, by: 2) {
        try client.send(.headers(stream, HPACK.request("GET", "/later")))
      }
      #expect(try client.call("GET", "/elsewhere", on: 101).text == "elsewhere")
      #expect(try client.call("GET", "/stream", on: 103).text == "one,two")
      for stream in stride(from: UInt32(1), to: 101, by: 2) { #expect(try client.answer(on: stream).text == "later") }
      #expect(try client.call("GET", "/twice", on: 105).text == "first")
      #expect(bench.server.statistics.acceptedConnections == 1 && bench.server.statistics.requests == 53)
    }
    await bench.end()
  }

  @Test func `HEAD has no body, 100-continue is sent, trailers are read, and a broken answer is reset`() async throws {
    let bench = try Bench.start()
    try await blocking {
      let client = try FrameClient(port: bench.port)
      let head = try client.call("HEAD", "/large", on: 1)
      #expect(head.status == 200 && head.headers["content-length"] == String(8 << 20) && head.body.isEmpty)
      #expect(try client.call("HEAD", "/stream", on: 3).body.isEmpty)
      try client.send(.headers(5, HPACK.request("POST", "/echo", [("expect", "100-continue")]), .endHeaders))
      let interim = try client.until("100") { $0.kind == .headers }
      #expect(interim.fields.first?.value == "100" && !interim.flags.contains(.endStream))
      try client.send(.data(5, Array("ok".utf8)))
      #expect(try client.answer(on: 5).text == "ok")
      try client.send(
        .headers(7, HPACK.request("POST", "/echo"), .endHeaders), .data(7, Array("with trailer".utf8), []),
        .headers(7, HPACK.block([("x-sum", "1")])))
      #expect(try client.answer(on: 7).text == "with trailer")
      let aborted = try client.call("GET", "/aborted", on: 9)
      #expect(aborted.status == 200 && aborted.text == "half" && aborted.reset == 2)
      #expect(try client.isAlive())
    }
    await bench.end()
  }

  @Test func `limits are told to the client, and the connection goes on`() async throws {
    let bench = try Bench.start {
      $0.limits.maxBodyBytes = 1_000; $0.limits.maxHeadBytes = 4_000
    }
    try await blocking {
      let client = try FrameClient(port: bench.port)
      #expect(try client.call("POST", "/echo", on: 1, body: [UInt8](repeating: 1, count: 1_001)).status == 413)
      try client.send(.headers(3, HPACK.request("POST", "/echo", [("content-length", "1001")]), .endHeaders))
      #expect(try client.answer(on: 3).status == 413)
      #expect(try client.call("GET", "/none", on: 5, [("x", String(repeating: "a", count: 4_100))]).status == 431)
      #expect(try client.call("GET", "/a#b", on: 7).status == 400)
      #expect(try client.call("POST", "/echo", on: 9, body: [UInt8](repeating: 1, count: 1_000)).status == 200)
      // Far beyond the limit even reading on is refused.
      try client.send(
        .headers(11, HPACK.request("GET", "/none", [("x", String(repeating: "a", count: 10_000))]), .endStream),
        .continuation(11, HPACK.block([("x", String(repeating: "a", count: 10_000))])))
      let end = try client.until("GOAWAY") { $0.kind == .goAway }
      #expect(end.number(at: 4) == 11)
    }
    await bench.end()
  }

  @Test func `a stream that is reset cancels its request, and so does a connection that ends`() async throws {
    let bench = try Bench.start()
    try await blocking {
      let client = try FrameClient(port: bench.port)
      for stream in [UInt32(1), 3, 5] { try client.send(.headers(stream, HPACK.request("GET", "/never"))) }
      try client.send(.headers(7, HPACK.request("GET", "/endless")))
      try client.until("the stream's head") { $0.kind == .headers && $0.stream == 7 }
      try client.send(.reset(1), .reset(7))
      #expect(try client.isAlive())
      while bench.handler.cancelled.load(ordering: .relaxed) < 1 || bench.handler.closed.load(ordering: .relaxed) < 1 {
        usleep(1_000)
      }
      #expect(bench.handler.cancelled.load(ordering: .relaxed) == 1)
      _ = client
    }
    try await eventually("the others to be cancelled") { bench.handler.cancelled.load(ordering: .relaxed) == 3 }
    try await eventually("the connection to be gone") { bench.server.statistics.openConnections == 0 }
    await bench.end()
  }

  @Test func `a client that does not read holds up only its stream, and that ends at its budget`() async throws {
    let bench = try Bench.start { $0.limits.writeTimeout = .seconds(1) }
    try await blocking {
      let client = try FrameClient(port: bench.port, settings: [(4, 100_000)])
      try client.send(.headers(1, HPACK.request("GET", "/flood")))
      // The stream's window is used up and never opened; the rest of the connection is as ever.
      var received = 0
      while received < 100_000 { received += try client.until("data") { $0.kind == .data }.payload.count }
      #expect(received == 100_000)
      for stream in stride(from: UInt32(3), to: 43, by: 2) {
        #expect(try client.call("GET", "/later", on: stream).text == "later")
      }
      let reset = try client.until("the end of the stream") { $0.kind == .reset }
      #expect(reset.stream == 1 && reset.number(at: 0) == 8 && bench.handler.closed.load(ordering: .relaxed) == 1)
      #expect(bench.server.statistics.timedOutConnections == 1)
      #expect(try client.isAlive())
    }
    await bench.end()
  }

  @Test func `slow heads, slow bodies and silence end`() async throws {
    let bench = try Bench.start {
      $0.limits.headTimeout = .milliseconds(600); $0.limits.bodyTimeout = .milliseconds(600);
      $0.limits.idleTimeout = .milliseconds(600)
    }
    try await blocking {
      func untilClosed(_ client: FrameClient) throws { while try client.receive() != nil {} }
      try untilClosed(try FrameClient(port: bench.port, settings: nil))
      try untilClosed(try FrameClient(port: bench.port))
      let slowPreface = try FrameClient(port: bench.port, settings: nil)
      try slowPreface.socket.send(Array("PRI * HTTP/2.0\r\n".utf8))
      try untilClosed(slowPreface)
      let slowHead = try FrameClient(port: bench.port)
      try slowHead.send(.headers(1, HPACK.request(), .endStream))
      try untilClosed(slowHead)
      let slowBody = try FrameClient(port: bench.port)
      try slowBody.send(.headers(1, HPACK.request("POST", "/echo"), .endHeaders), .data(1, [1], []))
      #expect(try slowBody.answer(on: 1).reset == 8)
      try untilClosed(slowBody)
    }
    await bench.end()
  }

  @Test func `a drained server finishes what is open and refuses what is new`() async throws {
    let bench = try Bench.start()
    let client = try await blocking {
      let client = try FrameClient(port: bench.port)
      try client.send(.headers(1, HPACK.request("GET", "/drained")), .headers(3, HPACK.request("GET", "/later")))
      try client.until("the stream's head") { $0.kind == .headers && $0.stream == 1 }
      return Held(client)
    }
    async let drained: Void = bench.server.drain(deadline: .seconds(5))
    try await blocking {
      let announced = try client.value.until("GOAWAY") { $0.kind == .goAway }
      #expect(announced.number(at: 0) == 0x7FFF_FFFF && announced.number(at: 4) == 0)
      try client.value.until("the watch's end") { $0.stream == 1 && $0.flags.contains(.endStream) }
      while try client.value.receive() != nil {}
    }
    await drained
  }

  private final class Held: @unchecked Sendable {  // Sendable: one thread at a time, as the test awaits each.
    let value: FrameClient
    init(_ value: FrameClient) { self.value = value }
  }

  @Test func `by chance clients are sent elsewhere, and no request is lost`() async throws {
    let bench = try Bench.start { $0.goawayChance = 0.2 }
    try await blocking {
      var served = 0
      var connections = 0
      while served < 200 {
        let client = try FrameClient(port: bench.port)
        connections += 1
        var stream: UInt32 = 1
        while !client.isLeft {
          let answer = try client.call("GET", "/later", on: stream)
          #expect(answer.text == "later")
          served += 1
          stream += 2
          if served >= 200 { break }
        }
      }
      #expect(connections > 5)
    }
    await bench.end()
  }

  @Test func `curl speaks HTTP2 with prior knowledge, and over TLS because ALPN says so`() async throws {
    let certificates = try await Certificates()
    try await certificates.issue("server", subject: "/CN=localhost")
    let credentials = try TLSCredentials(
      TLSConfiguration(
        keyPair: .init(certFile: certificates.file("server.crt"), keyFile: certificates.file("server.key"))))
    let bench = try Bench.start { $0.endpoints.append(.address(host: "127.0.0.1", port: 0, tls: credentials)) }
    let secure = "https://127.0.0.1:\(bench.server.ports[1])"
    let version = ["-w", " HTTP/%{http_version}", "--cacert", certificates.authority]
    #expect(
      try await run(["curl", "-sS", "--http2-prior-knowledge", "http://127.0.0.1:\(bench.port)/later"] + version).output
        == "later HTTP/2")
    #expect(try await run(["curl", "-sS", "\(secure)/later"] + version).output == "later HTTP/2")
    #expect(try await run(["curl", "-sS", "--http1.1", "\(secure)/later"] + version).output == "later HTTP/1.1")
    let urls = (0..<60).flatMap { _ in ["\(secure)/stream", "-o", "/dev/null"] }
    let parallel = try await run(
      [
        "curl", "-sS", "-Z", "--parallel-max", "60", "-w", "%{size_download} %{num_connects}\n", "--cacert",
        certificates.authority,
      ] + urls)
    #expect(parallel.output.split(separator: "\n").count { $0.hasPrefix("7 ") } == 60, "\(parallel.output)")
    let large = try await run([
      "curl", "-sS", "\(secure)/large", "-o", "/dev/null", "-w", "%{size_download} %{http_version}", "--cacert",
      certificates.authority,
    ])
    #expect(large.output == "8388608 2")
    let file = certificates.file("body")
    try String(repeating: "0123456789abcdef", count: 180_000).write(toFile: file, atomically: true, encoding: .utf8)
    let echo = try await run([
      "bash", "-c",
      "curl -sS --cacert \(certificates.authority) --data-binary @\(file) \(secure)/echo | cmp - \(file) && echo same",
    ])
    #expect(echo.output == "same\n")
    await bench.end()
  }

  @Test
  func `the answer to a body that nobody reads ends its stream without an error, and the rest of the body is taken`()
    async throws
  {
    let bench = try Bench.start { $0.limits.maxBodyBytes = 100_000 }
    try await blocking {
      let client = try FrameClient(port: bench.port)
      // Far more than the windows: they open although nobody wants the bytes.
      try client.upload([1: [UInt8](repeating: 0x61, count: 5 << 20), 3: [UInt8](repeating: 0x61, count: 100_000)])
      let refused = try client.answer(on: 1)
      #expect(refused.status == 413 && refused.text == "limit is 100000" && refused.reset == nil)
      #expect(try client.answer(on: 3).body.count == 100_000)
      // Announced, and not begun.
      try client.send(
        .headers(
          5,
          HPACK.request(
            "POST", "/echo",
            [("content-length", "100001"), ("expect", "100-continue")]), .endHeaders))
      let announced = try client.answer(on: 5)
      #expect(announced.status == 413 && announced.interim.isEmpty && announced.reset == nil)
      #expect(try client.call("GET", "/elsewhere", on: 7).text == "elsewhere")
    }
    await bench.end()
  }

  @Test
  func
    `a body that nobody reads is thrown away up to a limit and for so long, then its stream is reset without an error`()
    async throws
  {
    let bench = try Bench.start {
      $0.limits.maxBodyBytes = 1_000; $0.limits.maxLingerBytes = 50_000; $0.limits.lingerTimeout = .milliseconds(200)
    }
    try await blocking {
      let client = try FrameClient(port: bench.port)
      try client.send(.headers(1, HPACK.request("POST", "/echo"), .endHeaders))
      for _ in 0..<6 { try client.send(.data(1, [UInt8](repeating: 0x61, count: 10_000), [])) }
      #expect(try client.answer(on: 1).status == 413)
      #expect(try client.until("a reset") { $0.kind == .reset && $0.stream == 1 }.number(at: 0) == 0)
      try client.send(.headers(3, HPACK.request("POST", "/echo", [("content-length", "1001")]), .endHeaders))
      #expect(try client.answer(on: 3).status == 413)
      #expect(try client.until("a reset") { $0.kind == .reset && $0.stream == 3 }.number(at: 0) == 0)
      #expect(try client.call("GET", "/elsewhere", on: 5).text == "elsewhere")
    }
    await bench.end()
  }

  @Test
  func
    `more headers than there may be are refused, a head that does not end is in the budget, and the handler hears of what was refused`()
    async throws
  {
    let budget = MemoryBudget(limit: 8 << 20)
    let bench = try Bench.start { $0.budget = budget }
    try await blocking {
      let client = try FrameClient(port: bench.port)
      let many = (0..<2_000).map { _ in ("a", "") }
      func ask(_ stream: UInt32, _ fields: Int) throws -> Int {
        let block = HPACK.request("GET", "/none?x", Array(many.prefix(fields - 1)))
        try client.send(
          .headers(
            stream, Array(block.prefix(16_000)),
            block.count > 16_000 ? .endStream : [.endStream, .endHeaders]))
        if block.count > 16_000 { try client.send(.continuation(stream, Array(block.dropFirst(16_000)))) }
        return try client.answer(on: stream).status
      }
      #expect(try ask(1, 2_000) == 404)
      #expect(try ask(3, 2_001) == 431)
      #expect(budget.used == 0)
      try client.send(
        .headers(
          5, HPACK.request("GET", "/none", [("x", String(repeating: "a", count: 14_000))]),
          .endStream))
      try client.send(.continuation(5, HPACK.block([("x", String(repeating: "a", count: 14_000))]), []))
      let deadline = Date().addingTimeInterval(10)
      while budget.used == 0 && Date() < deadline { usleep(10_000) }
      #expect(budget.used > 0)
    }
    #expect(bench.handler.refusals.withLock { $0 } == ["431 GET /none?x false"])
    await bench.end()
  }
}
