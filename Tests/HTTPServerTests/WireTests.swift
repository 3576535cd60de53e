import ByteBuffers
import Foundation
import LoadClient
import Synchronization
import TestSupport
import Testing

@testable import HTTPServer

@Suite(.serialized) struct `HTTP over sockets` {
  private struct Bench {
    let server: HTTPServer
    let handler: TestHandler
    let port: Int
  }

  private func start(_ change: (inout HTTPServer.Configuration) -> Void = { _ in }) throws -> Bench {
    var configuration = HTTPServer.Configuration(endpoints: [.address(host: "127.0.0.1", port: 0)])
    configuration.reactors = 2
    change(&configuration)
    let handler = TestHandler()
    let server = try HTTPServer(configuration: configuration, handler: handler)
    try server.start()
    return Bench(server: server, handler: handler, port: server.ports[0])
  }

  /// All bytes until the server closes.
  private func exchange(_ port: Int, _ text: String) throws -> String {
    let client = try Client(port: port, patience: 5)
    try client.send(Array(text.utf8))
    var all: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = recv(client.descriptor, &buffer, buffer.count, 0)
      if count <= 0 { return String(decoding: all, as: UTF8.self) }
      all += buffer[..<count]
    }
  }

  @Test func `bodies come and go, with a length and in chunks`() async throws {
    let bench = try start()
    try await blocking {
      let client = try Client(port: bench.port)
      for size in [0, 1, 1_000, 100_000, 3 << 20] {
        let body = [UInt8](repeating: 0x61, count: size)
        let answer = try client.call("POST", "/echo", body: body, keepsBody: true)
        #expect(answer.status == 200 && answer.body == body)
      }
      let chunked = try exchange(bench.port, "POST /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
      #expect(chunked.hasSuffix("\r\n\r\nabcde") && chunked.contains("Content-Length: 5\r\n") && chunked.contains("Connection: close\r\n"))
    }
    await bench.server.drain(deadline: .seconds(1))
  }

  @Test func `pipelined requests are answered in order, deferred ones too`() async throws {
    let bench = try start()
    try await blocking {
      let one = "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n"
      let text = try exchange(
        bench.port, one + "a" + "GET /later HTTP/1.1\r\nHost: x\r\n\r\n" + one + "b" + "GET /elsewhere HTTP/1.1\r\nHost: x\r\n\r\nGET /stream HTTP/1.1\r\nHost: x\r\n\r\n" + "GET /twice HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
      let bodies = text.components(separatedBy: "\r\n\r\n").dropFirst().map { $0.components(separatedBy: "HTTP/1.1")[0] }
      #expect(bodies.first == "a" && text.contains("later") && text.contains("4\r\none,\r\n3\r\ntwo\r\n0\r\n\r\n") && text.hasSuffix("first"))
      let order = ["\r\n\r\na", "later", "\r\n\r\nb", "elsewhere", "one,", "first"].map { text.range(of: $0)?.lowerBound }
      #expect(zip(order, order.dropFirst()).allSatisfy { a, b in a.flatMap { a in b.map { a < $0 } } ?? false })
    }
    await bench.server.drain(deadline: .seconds(1))
  }

  @Test func `100-continue is sent when a body is waited for, HEAD has no body, HTTP/1.0 no chunks`() async throws {
    let bench = try start()
    try await blocking {
      let client = try Client(port: bench.port, patience: 5)
      try client.send(Array("POST /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n".utf8))
      #expect(try client.receiveHead().status == 100)
      try client.send(Array("ok".utf8))
      #expect(try client.receiveHead().status == 200)
      let head = try exchange(bench.port, "HEAD /large HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
      #expect(head.contains("Content-Length: \(8 << 20)\r\n") && head.hasSuffix("\r\n\r\n"))
      let old = try exchange(bench.port, "GET /stream HTTP/1.0\r\n\r\n")
      #expect(!old.contains("chunked") && old.hasSuffix("\r\n\r\none,two"))
    }
    await bench.server.drain(deadline: .seconds(1))
  }

  @Test func `large answers reach slow readers whole, in many slices or one`() async throws {
    let bench = try start()
    try await blocking {
      let client = try Client(port: bench.port)
      var small: Int32 = 65_536
      setsockopt(client.descriptor, SOL_SOCKET, SO_RCVBUF, &small, 4)
      let answer = try client.call("GET", "/large", keepsBody: true)
      #expect(answer.body.count == 8 << 20 && answer.body.allSatisfy { $0 == 0x78 })
      let many = try client.call("GET", "/many", keepsBody: true)
      #expect(String(decoding: many.body, as: UTF8.self) == (0..<5_000).map { "item \($0)\n" }.joined())
    }
    await bench.server.drain(deadline: .seconds(1))
  }

  @Test func `limits are told to the client before the connection ends`() async throws {
    let bench = try start { $0.limits.maxBodyBytes = 1_000; $0.limits.maxHeadBytes = 2_000 }
    try await blocking {
      let tooLong = try exchange(bench.port, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\n\r\n" + String(repeating: "x", count: 1_001))
      #expect(tooLong.hasPrefix("HTTP/1.1 413 "))
      let chunked = try exchange(bench.port, "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n" + String(repeating: "x", count: 1_001))
      #expect(chunked.hasPrefix("HTTP/1.1 413 "))
      #expect(try exchange(bench.port, "GET /\(String(repeating: "a", count: 3_000)) HTTP/1.1\r\nHost: x\r\n\r\n").hasPrefix("HTTP/1.1 431 "))
      for (text, status) in `Request heads`.refused.prefix(12) {
        #expect(try exchange(bench.port, text).hasPrefix("HTTP/1.1 \(status) "), "\(text)")
      }
    }
    await bench.server.drain(deadline: .seconds(1))
  }

  @Test func `those who send too slowly or nothing at all are closed`() async throws {
    let bench = try start { $0.limits.headTimeout = .milliseconds(300); $0.limits.bodyTimeout = .milliseconds(300); $0.limits.idleTimeout = .milliseconds(300) }
    try await blocking {
      for text in ["", "GET / HT", "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab", "GET /none HTTP/1.1\r\nHost: x\r\n\r\n"] {
        _ = try exchange(bench.port, text)  // returns because the server closes, long before the client's patience ends
      }
      #expect(bench.server.statistics.timedOutConnections == 4)
    }
    await bench.server.drain(deadline: .seconds(1))
  }

  @Test func `a client that goes away ends its stream, and late answers go nowhere`() async throws {
    let bench = try start()
    try await blocking {
      for _ in 0..<20 {
        let client = try Client(port: bench.port)
        try client.request("GET", "/endless")
        #expect(try client.receiveHead().status == 200)
        let other = try Client(port: bench.port)
        try other.request("GET", "/later")
      }
    }
    try await eventually("streams to be closed") { bench.handler.closed.load(ordering: .relaxed) == 20 }
    try await eventually("connections to be gone") { bench.server.statistics.openConnections == 0 }
    #expect(try await blocking { try Client(port: bench.port).call("GET", "/later", keepsBody: true).body } == Array("later".utf8))
    await bench.server.drain(deadline: .seconds(1))
  }

  @Test func `a drained server leaves no thread and no descriptor`() async throws {
    let before = ProcessState.descriptorCount()
    for _ in 0..<10 {
      let bench = try start()
      let client = try Client(port: bench.port)
      #expect(try await blocking { try Client(port: bench.port).call("GET", "/none").status } == 404)
      _ = client
      await bench.server.drain(deadline: .seconds(1))
      #expect(throws: Failure.self) { try Client(port: bench.port) }
    }
    try await eventually("descriptors to be closed") { ProcessState.descriptorCount() <= before }
  }

  @Test func `a timer that is cancelled does not fire`() async throws {
    let bench = try start()
    let fired = Mutex<[Int]>([])
    let reactor = bench.server.reactors[0]
    for (place, delay) in [(3, 60), (1, 20), (2, 40)] { reactor.schedule(after: .milliseconds(delay)) { fired.withLock { $0.append(place) } } }
    reactor.schedule(after: .milliseconds(30)) { fired.withLock { $0.append(9) } }.cancel()
    try await eventually("the timers") { fired.withLock { $0.count } == 3 }
    #expect(fired.withLock { $0 } == [1, 2, 3])
    await bench.server.drain(deadline: .seconds(1))
  }
}
