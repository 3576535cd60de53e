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

  @Test
  func `a connection that somebody else has made is served without any listener, and no more once the server ends`()
    async throws
  {
    let handler = TestHandler()
    let server = try HTTPServer(configuration: .init(endpoints: []), handler: handler)
    try server.start()
    func pair() throws -> (ours: Int32, server: Int32) {
      var ends: [Int32] = [-1, -1]
      #expect(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, &ends) == 0)
      return (ends[0], ends[1])
    }
    @Sendable func readAll(_ descriptor: Int32) -> String {
      var all: [UInt8] = []
      var buffer = [UInt8](repeating: 0, count: 65_536)
      while case let count = recv(descriptor, &buffer, buffer.count, 0), count > 0 { all += buffer[..<count] }
      return String(decoding: all, as: UTF8.self)
    }
    let (first, second) = (try pair(), try pair())
    defer { for end in [first.ours, second.ours] { close(end) } }
    try server.serve(connected: first.server, peer: "10.0.0.1")
    let text =
      "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi"
      + "GET /stream HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    let answer = try await blocking {
      #expect(send(first.ours, text, text.utf8.count, Int32(MSG_NOSIGNAL)) == text.utf8.count)
      return readAll(first.ours)
    }
    #expect(answer.contains("\r\n\r\nhiHTTP/1.1 200 OK\r\n") && answer.hasSuffix("3\r\ntwo\r\n0\r\n\r\n"), "\(answer)")
    await server.drain(deadline: .seconds(5))
    #expect(server.statistics.acceptedConnections == 1 && server.statistics.openConnections == 0)
    // Nobody serves it, and its client hears so.
    try server.serve(connected: second.server, peer: "10.0.0.1")
    #expect(try await blocking { readAll(second.ours) } == "")
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
      let chunked = try exchange(
        bench.port,
        "POST /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
      )
      #expect(
        chunked.hasSuffix("\r\n\r\nabcde") && chunked.contains("Content-Length: 5\r\n")
          && chunked.contains("Connection: close\r\n"))
    }
    await bench.server.drain(deadline: .seconds(1))
  }

  @Test func `pipelined requests are answered in order, deferred ones too`() async throws {
    let bench = try start()
    try await blocking {
      let one = "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n"
      let text = try exchange(
        bench.port,
        one + "a" + "GET /later HTTP/1.1\r\nHost: x\r\n\r\n" + one + "b"
          + "GET /elsewhere HTTP/1.1\r\nHost: x\r\n\r\nGET /stream HTTP/1.1\r\nHost: x\r\n\r\n"
          + "GET /twice HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
      let bodies = text.components(separatedBy: "\r\n\r\n").dropFirst().map {
        $0.components(separatedBy: "HTTP/1.1")[0]
      }
      #expect(
        bodies.first == "a" && text.contains("later") && text.contains("4\r\none,\r\n3\r\ntwo\r\n0\r\n\r\n")
          && text.hasSuffix("first"))
      let order = ["\r\n\r\na", "later", "\r\n\r\nb", "elsewhere", "one,", "first"].map {
        text.range(of: $0)?.lowerBound
      }
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
    let bench = try start {
      $0.limits.maxBodyBytes = 1_000; $0.limits.maxHeadBytes = 2_000
    }
    try await blocking {
      let tooLong = try exchange(
        bench.port,
        "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\n\r\n" + String(repeating: "x", count: 1_001))
      #expect(tooLong.hasPrefix("HTTP/1.1 413 "))
      let chunked = try exchange(
        bench.port,
        "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n"
          + String(repeating: "x", count: 1_001))
      #expect(chunked.hasPrefix("HTTP/1.1 413 "))
      #expect(
        try exchange(bench.port, "GET /\(String(repeating: "a", count: 3_000)) HTTP/1.1\r\nHost: x\r\n\r\n").hasPrefix(
          "HTTP/1.1 431 "))
      for (text, status) in `Request heads`.refused.prefix(12) {
        #expect(try exchange(bench.port, text).hasPrefix("HTTP/1.1 \(status) "), "\(text)")
      }
    }
    await bench.server.drain(deadline: .seconds(1))
  }

  @Test func `those who send too slowly or nothing at all are closed`() async throws {
    let bench = try start {
      $0.limits.headTimeout = .milliseconds(300); $0.limits.bodyTimeout = .milliseconds(300);
      $0.limits.idleTimeout = .milliseconds(300)
    }
    try await blocking {
      for text in [
        "", "GET / HT", "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab",
        "GET /none HTTP/1.1\r\nHost: x\r\n\r\n",
      ] {
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
    #expect(
      try await blocking { try Client(port: bench.port).call("GET", "/later", keepsBody: true).body }
        == Array("later".utf8))
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
    for (place, delay) in [(3, 60), (1, 20), (2, 40)] {
      reactor.schedule(after: .milliseconds(delay)) { fired.withLock { $0.append(place) } }
    }
    reactor.schedule(after: .milliseconds(30)) { fired.withLock { $0.append(9) } }.cancel()
    try await eventually("the timers") { fired.withLock { $0.count } == 3 }
    #expect(fired.withLock { $0 } == [1, 2, 3])
    await bench.server.drain(deadline: .seconds(1))
  }

  /// Sends all before it reads, as many clients do.
  private func upload(
    _ port: Int, _ head: String, _ body: [UInt8], chunkSize: Int = 0
  ) throws -> (
    status: Int,
    body: String
  ) {
    let client = try Client(port: port, patience: 10)
    try client.send(Array("POST /echo HTTP/1.1\r\nHost: x\r\n\(head)\r\n\r\n".utf8))
    if chunkSize == 0 { try client.send(body) }
    var rest = chunkSize == 0 ? [] : body[...]
    while !rest.isEmpty {
      let part = rest.prefix(chunkSize)
      rest = rest.dropFirst(part.count)
      try client.send(Array("\(String(part.count, radix: 16))\r\n".utf8) + part + Array("\r\n".utf8))
    }
    if chunkSize > 0 { try client.send(Array("0\r\n\r\n".utf8)) }
    var all: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = recv(client.descriptor, &buffer, buffer.count, 0)
      if count < 0 { throw Failure("receive: \(errno)") }
      if count == 0 { break }
      all += buffer[..<count]
    }
    let text = String(decoding: all, as: UTF8.self)
    return (Int(text.dropFirst(9).prefix(3)) ?? 0, text.components(separatedBy: "\r\n\r\n").dropFirst().joined())
  }

  @Test func `who sends a body that nobody reads, and reads only then, finds the answer`() async throws {
    let bench = try start()
    let body = [UInt8](repeating: 0x61, count: 10 << 20)
    try await blocking {
      for (head, size) in [
        ("Content-Length: \(body.count)", 0), ("Transfer-Encoding: chunked", 60_000),
        ("Transfer-Encoding: chunked", 4 << 20),
      ] {
        let answer = try upload(bench.port, head, body, chunkSize: size)
        #expect(answer.status == 413 && answer.body == "limit is 3145728", "\(head): \(answer)")
      }
      // The same of what can't be read as a request.
      #expect(try upload(bench.port, "Content-Length: \(body.count)\r\nContent-Length: 1", body).status == 400)
      #expect(try upload(bench.port, "Expect: tea\r\nContent-Length: \(body.count)", body).status == 417)
    }
    try await eventually("connections to be gone") { bench.server.statistics.openConnections == 0 }
    #expect(bench.server.statistics.timedOutConnections == 0)
    await bench.server.drain(deadline: .seconds(1))
  }

  @Test func `a body that nobody reads is thrown away up to a limit, and for so long`() async throws {
    let bench = try start {
      $0.limits.maxLingerBytes = 4 << 20; $0.limits.lingerTimeout = .milliseconds(200)
    }
    try await blocking {
      let endless = try Client(port: bench.port, patience: 10)
      try endless.send(Array("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n".utf8))
      var sent = 0
      let piece = [UInt8](repeating: 0x61, count: 1 << 20)
      while sent < 200 << 20, (try? endless.send(piece)) != nil { sent += piece.count }
      #expect(sent < 100 << 20)
      // Who sends nothing more is not waited for.
      let silent = try Client(port: bench.port, patience: 10)
      try silent.send(Array("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n".utf8))
      #expect(try silent.receiveHead().status == 413)
    }
    try await eventually("connections to be gone") { bench.server.statistics.openConnections == 0 }
    await bench.server.drain(deadline: .seconds(1))
  }

  @Test func `a request that takes its time reads no more of a body that is too long than may be thrown away`()
    async throws
  {
    let bench = try start { $0.limits.maxLingerBytes = 1 << 20 }
    try await blocking {
      let client = try Client(port: bench.port, patience: 10)
      try client.send(Array("POST /never HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n".utf8))
      var sent = 0
      let piece = [UInt8](repeating: 0x61, count: 1 << 20)
      var timeout = timeval(tv_sec: 0, tv_usec: 300_000)
      setsockopt(client.descriptor, SOL_SOCKET, SO_SNDTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
      while sent < 100 << 20, (try? client.send(piece)) != nil { sent += piece.count }
      #expect(sent < 50 << 20)
    }
    await bench.server.drain(deadline: .seconds(1))
  }

  @Test func `more headers than there may be are refused, however short`() async throws {
    let bench = try start()
    try await blocking {
      func ask(_ fields: Int) throws -> Int {
        try Int(
          exchange(
            bench.port,
            "GET /request HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + String(repeating: "a:\r\n", count: fields - 2)
              + "\r\n"
          ).dropFirst(9).prefix(3)) ?? 0
      }
      let statuses = try [2_000, 2_001, 200_000].map(ask)
      #expect(statuses == [200, 431, 431])
    }
    await bench.server.drain(deadline: .seconds(1))
  }

  @Test func `who pipelines and takes no answers is not read from`() async throws {
    let bench = try start()
    try await blocking {
      let client = try Client(port: bench.port, patience: 10)
      var timeout = timeval(tv_sec: 0, tv_usec: 300_000)
      setsockopt(client.descriptor, SOL_SOCKET, SO_SNDTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
      try client.send(Array("GET /large HTTP/1.1\r\nHost: x\r\n\r\n".utf8))
      let requests = Array(String(repeating: "GET /none HTTP/1.1\r\nHost: x\r\n\r\n", count: 30_000).utf8)
      var sent = 0
      while sent < 100 << 20, (try? client.send(requests)) != nil { sent += requests.count }
      #expect(sent < 50 << 20)
    }
    await bench.server.drain(deadline: .seconds(1))
  }

  @Test func `the handler hears what was refused, and a log why`() async throws {
    let told = Mutex<[String]>([])
    let bench = try start {
      $0.limits.maxHeadBytes = 2_000
      $0.requestRefused = { peer, status, reason in told.withLock { $0.append("\(peer) \(status) \(reason)") } }
    }
    let cases = [
      ("GET /a?b=c HTTP/1.1\r\nHost: x\r\nbroken\r\n\r\n", "400 GET /a?b=c false"),
      ("POST /d HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", "400 POST /d true"),
      ("PUT /e HTTP/1.1\r\nHost: x\r\nA: \(String(repeating: "a", count: 3_000))", "431 PUT /e false"),
      ("GET /f HTTP/1.1\r\nHost: x\r\n A: b\r\n\r\n", "400 GET /f false"),
      ("GET /g HTTP/3.0\r\n\r\n", "400 -"), ("nonsense\r\n\r\n", "400 -"),
      ("GET /\(String(repeating: "a", count: 3_000))", "431 -"),
    ]
    try await blocking {
      // One request before it, whose target must not be taken for the next one's.
      for (text, _) in cases { _ = try exchange(bench.port, "GET /none HTTP/1.1\r\nHost: x\r\n\r\n" + text) }
    }
    let heard = bench.handler.refusals.withLock { $0 }
    #expect(heard.count == cases.count)
    for (have, want) in zip(heard, cases.map(\.1)) {
      #expect(
        have == want || want == "400 -" && have.hasSuffix(" -"),
        "\(have), not \(want)")
    }
    #expect(
      told.withLock { $0 }.count == cases.count && told.withLock { $0 }.allSatisfy { $0.hasPrefix("127.0.0.1 ") },
      "\(told.withLock { $0 })")
    await bench.server.drain(deadline: .seconds(1))
  }
}
