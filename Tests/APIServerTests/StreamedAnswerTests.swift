import ByteBuffers
import Cacher
import Capacity
import Foundation
import HTTPServer
import JSON
import Machinery
import Schema
import Storage
import Synchronization
import TestSupport
import Testing

@testable import APIServer
@testable import Registry

/// A Table without the cells that show an object's age in seconds, which goes on between two requests.
private func ageless(_ body: [UInt8]) -> [UInt8] {
  var out: [UInt8] = []
  out.reserveCapacity(body.count)
  var digits = 0
  for byte in body {
    if byte == UInt8(ascii: "s"), digits > 0 { out.removeLast(digits) }
    digits = (0x30...0x39).contains(byte) ? digits + 1 : 0
    out.append(byte)
  }
  return out
}

/// What curl gets of a path, by arguments of its own.
private func curl(_ arguments: [String]) throws -> [UInt8] {
  let process = Process()
  process.executableURL = URL(fileURLWithPath: "/usr/bin/curl")
  process.arguments = ["-sS", "--max-time", "60", "-A", "test"] + arguments
  let output = Pipe()
  process.standardOutput = output
  try process.run()
  let body = output.fileHandleForReading.readDataToEndOfFile()
  process.waitUntilExit()
  #expect(process.terminationStatus == 0, "\(arguments)")
  return Array(body)
}

@Suite(.serialized) struct `Answers that are made piece by piece` {
  private static let table = "application/json;as=Table;g=meta.k8s.io;v=v1"
  private static let partial = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
  private static let protobuf = "application/vnd.kubernetes.protobuf"

  /// Joins the pages of a list, each little enough to be made whole, to what the whole list must be.
  private static func joined(_ server: TestServer, _ accept: String, _ query: String, items: String) throws -> JSONValue
  {
    var all: [JSONValue] = []
    var token = ""
    while true {
      let reply = try server.call(
        "GET", "/api/v1/nodes?limit=20&continue=\(token)&\(query)", headers: ["Accept": accept])
      #expect(reply.code == 200 && reply.header("Content-Length") != nil)
      var page = try reply.json()
      guard case .array(let some)? = page[items] else { throw URLError(.cannotParseResponse) }
      all += some
      let next: String? = if case .string(let next)? = page["metadata"]?["continue"] { next } else { nil }
      guard let next, !next.isEmpty else {
        page[items] = .array(all)
        return page
      }
      token = next
    }
  }

  @Test func `they are byte for byte what a whole answer is, in every form, over HTTP1 and HTTP2, compressed or not`()
    async throws
  {
    let budget = MemoryBudget(limit: 16 << 20)
    try await TestServer.with(budget: budget) { server in
      // Text that does not compress away, and some that has to be escaped.
      var random = SystemRandomNumberGenerator()
      for i in 0..<120 {
        let noise = (0..<6_000).map { _ in String("abcdefgh01234567".randomElement(using: &random) ?? "x") }.joined()
        let body =
          #"{"metadata":{"name":"n\#(i)","labels":{"l":"\#(i % 3)"},"annotations":{"noise":"\#(noise)","text":"a: b\nc \"d\" é"}}}"#
        #expect(try server.call("POST", "/api/v1/nodes", body).code == 201)
      }
      let compact = try server.call("GET", "/api/v1/nodes")
      #expect(compact.header("Content-Length") != nil && compact.body.count > 2 * AnswerPiece.size)
      let list = SharedBytes(Array(compact.body.dropLast()))
      func pretty(_ value: SharedBytes) -> [UInt8] { JSONIndent.pretty([ByteSlice(value)]).array }
      let table = try Self.joined(server, Self.table, "", items: "rows").encoded()
      let wide = try Self.joined(server, Self.table, "includeObject=Object", items: "rows").encoded()
      let metadata = try Self.joined(server, Self.partial, "", items: "items").encoded()
      let forms: [(query: String, accept: String, whole: [UInt8])] = [
        ("?pretty=1", "application/json", pretty(list)),
        ("", "application/yaml", try JSONValue(parsing: ByteSlice(list)).yaml().array),
        ("", Self.table.replacing("json", with: "yaml"), try JSONValue(parsing: ByteSlice(table)).yaml().array),
        ("?includeObject=Object", Self.table, wide.array + [0x0A]),
        ("?includeObject=Object&pretty=1", Self.table, pretty(wide)),
        ("", Self.table, table.array + [0x0A]),
        ("?pretty=1", Self.table, pretty(table)),
        ("", Self.partial, metadata.array + [0x0A]),
        ("?pretty=1", Self.partial, pretty(metadata)),
        ("", Self.partial.replacing("json", with: "yaml"), try JSONValue(parsing: ByteSlice(metadata)).yaml().array),
        ("", "application/json", compact.body),
      ]
      for (query, accept, whole) in forms {
        let path = "/api/v1/nodes" + query
        let shown = ageless(whole)
        let answer = try server.call("GET", path, headers: ["Accept": accept])
        // What the cache shares goes out as one.
        let isShared = query.isEmpty && (accept == "application/json" || accept == Self.partial)
        #expect(
          answer.code == 200 && answer.header("Transfer-Encoding") == (isShared ? nil : "chunked"), "\(path) \(accept)")
        #expect(ageless(answer.body) == shown, "\(path) \(accept)")
        let url = "http://127.0.0.1:\(server.port)\(path)"
        #expect(ageless(try curl(["-H", "Accept: \(accept)", "--compressed", url])) == shown, "\(path) \(accept) gzip")
        #expect(
          ageless(try curl(["-H", "Accept: \(accept)", "--http2-prior-knowledge", url])) == shown,
          "\(path) \(accept) HTTP/2")
        #expect(
          ageless(try curl(["-H", "Accept: \(accept)", "--http2-prior-knowledge", "--compressed", url])) == shown,
          "\(path) \(accept) HTTP/2 gzip")
        let zipped = try server.call("GET", path, headers: ["Accept": accept, "Accept-Encoding": "gzip"])
        #expect(
          zipped.header("Content-Encoding") == "gzip" && zipped.header("Vary") == "Accept-Encoding", "\(path) \(accept)"
        )
      }
      try Self.checkProtobuf(server)
      let metrics = try server.call("GET", "/metrics").text
      let sum = metrics.split(separator: "\n").first { $0.hasPrefix("apiserver_response_sizes_sum{verb=\"LIST\"") }?
        .split(separator: " ").last
      // Once over each protocol, besides what is compressed.
      #expect(Double(sum ?? "") ?? 0 > Double(2 * forms.reduce(0) { $0 + $1.whole.count } * 9 / 10))
      #expect(budget.refused == 0)
      try await eventually("the budget to be free", within: .seconds(10)) { budget.used == 0 }
      // What a collection's removal answers is a list like another.
      let gone = try server.call("DELETE", "/api/v1/nodes", headers: ["Accept": "application/yaml"])
      #expect(
        gone.code == 200 && gone.header("Transfer-Encoding") == "chunked"
          && gone.text.components(separatedBy: "\n- metadata:").count == 121)
    }
  }

  /// A list in protobuf is what its envelope says and holds each object's message, whether these are kept or not.
  private static func checkProtobuf(_ server: TestServer) throws {
    let endpoint = try #require(server.nodes)
    let prepared = try endpoint.store.prepareList(.everything, namespace: "")
    let list = try #require(endpoint.store.listNow(prepared))
    for version in [nil, "v1"] {
      let accept = version == nil ? protobuf : partial.replacing("json", with: protobuf.dropFirst("application/".count))
      var message = endpoint.protobuf.metadata(of: list)
      for object in list.objects {
        message += try endpoint.protobuf.item(object, partial: version, isKept: false).bytes.array
      }
      let whole = endpoint.protobuf.listHead(size: message.count, partial: version) + message + ProtobufForm.tail.array
      let url = "http://127.0.0.1:\(server.port)/api/v1/nodes"
      for _ in 0..<2 {
        #expect(try server.call("GET", "/api/v1/nodes", headers: ["Accept": accept]).body == whole)
        #expect(try curl(["-H", "Accept: \(accept)", "--compressed", url]) == whole)
        #expect(try curl(["-H", "Accept: \(accept)", "--compressed", "--http2-prior-knowledge", url]) == whole)
      }
    }
  }

  @Test func `a list of any size is answered within the budget, and is never refused for its size`() async throws {
    // The old rule asked for three times the list.
    let budget = MemoryBudget(limit: 2 << 20)
    try await TestServer.with(budget: budget) { server in
      let noise = String(repeating: "x", count: 20_000)
      for i in 0..<150 {
        #expect(
          try server.call("POST", "/api/v1/nodes", #"{"metadata":{"name":"n\#(i)","annotations":{"a":"\#(noise)"}}}"#)
            .code == 201)
      }
      for accept in [
        "application/yaml", Self.table + ";pretty=1", Self.partial, Self.protobuf, "application/json;pretty=1",
      ] {
        let answer = try server.call("GET", "/api/v1/nodes?includeObject=Object", headers: ["Accept": accept])
        #expect(answer.code == 200 && answer.body.count > 2 << 20, "\(accept) \(answer.code) \(answer.body.count)")
        // The client has it all a moment before the server knows.
        try await eventually("the budget to be free") { budget.used == 0 }
      }
      #expect(budget.refused == 0)
    }
  }

  @Test func `an object that has no such form is an error, not an empty place`() async throws {
    try await TestServer.with { server in
      let broken = SharedBytes(#"{"kind":"Node","apiVersion":"v1","metadata":{"name":"#)
      let object = CachedObject(
        key: "/n", revision: Revision(1), document: broken, objectEnd: broken.count, itemOffset: 0,
        revisionRange: 0..<0, labels: StringMap([]),
        fields: StringMap([]))
      let endpoint = try #require(server.nodes)
      let list = ListResult(objects: [object], resourceVersion: "1", continueToken: "", remaining: nil)
      let rows = TableRows(endpoint, version: "v1", include: .metadata)
      for form in [ListPieces.Form.whole, .partial(version: "v1"), .table(rows)] {
        #expect(throws: Status.self) {
          try ListPieces(endpoint, list, form, .yaml, pretty: false).next(isCompressed: false)
        }
      }
      for form in [ListPieces.Form.partial(version: "v1"), .table(rows)] {
        #expect(throws: Status.self) {
          try ListPieces(endpoint, list, form, .json, pretty: false).next(isCompressed: false)
        }
      }
      for version in [nil, "v1"] {
        #expect(throws: Status.self) {
          try ProtobufPieces(endpoint.protobuf, list, partial: version, acceptsGzip: false).measure(1)
        }
      }
    }
  }

  /// A list of one node whose annotation stands in so many arrays; no such node could be stored.
  private static func deepList(_ width: Int) -> ListResult {
    let deep =
      String(repeating: "[", count: 400) + String(repeating: "0,", count: width) + "0"
      + String(repeating: "]", count: 400)
    let lead = #"{"kind":"Node","apiVersion":"v1","#
    let text = SharedBytes(lead + #""metadata":{"name":"n"},"deep":\#(deep)}"#)
    let object = CachedObject(
      key: "/n", revision: Revision(1), document: text, objectEnd: text.count, itemOffset: lead.utf8.count,
      revisionRange: 0..<0, labels: StringMap([]), fields: StringMap([]))
    return ListResult(objects: [object], resourceVersion: "1", continueToken: "", remaining: nil)
  }

  @Test func `what is deep is many times longer when indented, yet its pieces are not`() async throws {
    try await TestServer.with { server in
      let endpoint = try #require(server.nodes)
      let list = Self.deepList(3_000)
      func source(_ media: MediaType) throws -> ListPieces {
        try ListPieces(endpoint, list, .whole, media, pretty: true)
      }
      let pieces = try source(.json)
      var (all, count): ([UInt8], Int) = ([], 0)
      while true {
        let piece = try pieces.next(isCompressed: false)
        #expect(piece.ownBytes == piece.plainBytes && piece.ownBytes < AnswerPiece.size + 4_096)
        count += 1
        for slice in piece.slices { all += slice.array }
        if piece.isLast { break }
      }
      let head = endpoint.listHead(list)
      let item = list.objects[0].listItem.array
      let whole = SharedBytes(Array(head.utf8) + [UInt8(ascii: "{")] + item + Array("]}".utf8))
      #expect(count > 8 && all == JSONIndent.pretty([ByteSlice(whole)]).array)
      // Where a piece can't be bound, there must be room for it.
      for (limit, fits) in [(2 << 20, false), (16 << 20, true)] {
        let share = try #require(MemoryBudget(limit: limit).reserve(AnswerPiece.room))
        let made = try? Answer.made(try source(.yaml), contentType: "", acceptsGzip: false, share: share)
        #expect((made != nil) == fits, "\(limit)")
        if fits { #expect(share.bytes > made?.heldBytes ?? .max) }
        let small = try #require(MemoryBudget(limit: limit).reserve(0))
        let little = try? Answer.whole(try source(.json), contentType: "", share: small)
        #expect((little != nil) == fits, "\(limit)")
      }
    }
  }

  @Test func `what was deleted counts while its list is read slowly`() async throws {
    let budget = MemoryBudget(limit: 64 << 20)
    try await TestServer.with(budget: budget) { server in
      let noise = String(repeating: "x", count: 240_000)
      let count = 32
      for i in 0..<count {
        let body = #"{"metadata":{"name":"n\#(i)","annotations":{"a":"\#(noise)"}}}"#
        #expect(try server.call("POST", "/api/v1/nodes", body).code == 201)
      }
      let connection = try RawConnection(port: server.port)
      try connection.send("DELETE", "/api/v1/nodes", headers: ["Accept": "application/yaml"])
      // More than the buffers of two sockets take, so that it goes on until the client reads.
      try await eventually("they count", within: .seconds(30)) {
        budget.used > AnswerPiece.room + count * noise.utf8.count
      }
      #expect(try connection.head().code == 200)
      while try connection.chunk() != nil {}
      connection.close()
      try await eventually("the budget to be free", within: .seconds(10)) { budget.used == 0 }
    }
  }

  // MARK: the pump

  /// Gives so many pieces, then ends or fails.
  private final class Pieces: AnswerSource {
    let left: Mutex<Int>
    let fails: Bool
    /// Of each.
    let bytes: Int
    let made = Atomic<Int>(0)
    init(_ count: Int, bytes: Int = AnswerPiece.size, fails: Bool = false) {
      left = Mutex(count)
      self.bytes = bytes
      self.fails = fails
    }
    func next(isCompressed: Bool) throws(Status) -> AnswerPiece {
      let rest = left.withLock {
        $0 -= 1
        return $0
      }
      if fails && rest <= 0 { throw .unrenderable("a piece") }
      made.add(1, ordering: .relaxed)
      let slice = ByteSlice(SharedBytes([UInt8](repeating: 0x70, count: bytes)))
      return AnswerPiece(parts: [.bytes(slice)], ownBytes: slice.count, isLast: rest <= 0)
    }
  }

  private final class PumpHandler: RequestHandler {
    let source: Pieces
    let budget: MemoryBudget
    let end = Mutex<AnswerPump.End?>(nil)
    init(_ source: Pieces, _ budget: MemoryBudget) {
      self.source = source
      self.budget = budget
    }
    func handle(_ request: Request, _ exchange: Exchange) {
      guard let share = budget.reserve(AnswerPiece.room), let first = try? source.next(isCompressed: false) else {
        return
      }
      let body = StreamedBody(first: first.slices, source: source, compressor: nil, share: share)
      AnswerPump(body, on: exchange.reactor) { end in self.end.withLock { $0 = end } }.start(
        exchange, ResponseHead(status: 200))
    }
  }

  private func bench(
    _ pieces: Int, bytes: Int = AnswerPiece.size, fails: Bool = false, limit: Int = 16 << 20
  ) throws -> (server: HTTPServer, handler: PumpHandler, port: Int) {
    let budget = MemoryBudget(limit: limit)
    var configuration = HTTPServer.Configuration(endpoints: [.address(host: "127.0.0.1", port: 0)])
    configuration.reactors = 1
    configuration.budget = budget
    let handler = PumpHandler(Pieces(pieces, bytes: bytes, fails: fails), budget)
    let server = try HTTPServer(configuration: configuration, handler: handler)
    try server.start()
    return (server, handler, server.ports[0])
  }

  @Test(arguments: ["HTTP/1.1", "HTTP/1.0", "HTTP/2"])
  func `what can't be made breaks an answer off, so that nobody takes it for the whole`(version: String) async throws {
    let bench = try bench(9, fails: true)
    let status = try await blockingStatus {
      let process = Process()
      process.executableURL = URL(fileURLWithPath: "/usr/bin/curl")
      let flag = version == "HTTP/2" ? "--http2-prior-knowledge" : version == "HTTP/1.0" ? "--http1.0" : "--http1.1"
      process.arguments = ["-sS", "--max-time", "30", flag, "-o", "/dev/null", "http://127.0.0.1:\(bench.port)/"]
      process.standardError = Pipe()
      try process.run()
      process.waitUntilExit()
      return process.terminationStatus
    }
    // 18: partial file; 56: receive failed; 92: stream error.
    #expect([18, 56, 92].contains(status), "\(version): \(status)")
    guard case .failed? = bench.handler.end.withLock({ $0 }) else {
      Issue.record("ended otherwise")
      return
    }
    try await eventually("the budget to be free", within: .seconds(10)) { bench.handler.budget.used == 0 }
    await bench.server.drain(deadline: .seconds(1))
  }

  @Test(arguments: ["HTTP/1.1", "HTTP/2"])
  func `a client that reads slowly makes no more pieces than wait, and one that goes ends them`(
    version: String
  ) async throws {
    let bench = try bench(100_000)
    let child = Process()
    child.executableURL = URL(fileURLWithPath: "/usr/bin/curl")
    let flag = version == "HTTP/2" ? "--http2-prior-knowledge" : "--http1.1"
    child.arguments = ["-sS", flag, "--limit-rate", "1k", "-o", "/dev/null", "http://127.0.0.1:\(bench.port)/"]
    child.standardError = Pipe()
    try child.run()
    try await eventually("it began", within: .seconds(10)) { bench.handler.source.made.load(ordering: .relaxed) > 1 }
    // The buffers of two sockets take some megabytes; then it stands still.
    let source = bench.handler.source
    var (last, looks) = (0, 0)
    try await eventually("it stands still", within: .seconds(20)) {
      let now = source.made.load(ordering: .relaxed)
      looks = now == last ? looks + 1 : 0
      last = now
      return looks == 30
    }
    #expect(
      last < 200 && bench.handler.budget.used >= AnswerPiece.room && bench.handler.end.withLock { $0 } == nil, "\(last)"
    )
    kill(child.processIdentifier, SIGKILL)
    try await eventually("it ended", within: .seconds(10)) {
      if case .left? = bench.handler.end.withLock({ $0 }) { true } else { false }
    }
    try await eventually("the budget to be free", within: .seconds(10)) { bench.handler.budget.used == 0 }
    await bench.server.drain(deadline: .seconds(1))
  }

  @Test(arguments: [(4 << 20, false), (16 << 20, true)])
  func `a piece that is larger than others needs room of its own`(limit: Int, fits: Bool) async throws {
    let bench = try bench(3, bytes: 3 << 20, limit: limit)
    let connection = try RawConnection(port: bench.port)
    try connection.send("GET", "/")
    #expect(try connection.head().code == 200)
    var bytes = 0
    while let chunk = try? connection.chunk() { bytes += chunk.count }
    connection.close()
    try await eventually("it ended", within: .seconds(10)) { bench.handler.end.withLock { $0 } != nil }
    let isComplete = if case .complete? = bench.handler.end.withLock({ $0 }) { true } else { false }
    #expect(isComplete == fits && (bytes == 9 << 20) == fits, "\(bytes)")
    try await eventually("the budget to be free", within: .seconds(10)) { bench.handler.budget.used == 0 }
    await bench.server.drain(deadline: .seconds(1))
  }

  @Test func `while the budget is used up, those who don't take their pieces are ended`() async throws {
    let bench = try bench(100_000, limit: AnswerPiece.room)
    let connection = try RawConnection(port: bench.port)
    try connection.send("GET", "/")
    #expect(try connection.head().code == 200)
    try await eventually("it ended", within: .seconds(20)) {
      if case .left? = bench.handler.end.withLock({ $0 }) { true } else { false }
    }
    #expect(bench.handler.budget.endedReaders == 1)
    // The pump tells of its end, then goes.
    try await eventually("the budget to be free", within: .seconds(10)) { bench.handler.budget.used == 0 }
    connection.close()
    await bench.server.drain(deadline: .seconds(1))
  }

  @Test func `a server that drains, and a client that ends its half, get the rest`() async throws {
    for isDraining in [true, false] {
      let bench = try bench(40)
      let connection = try RawConnection(port: bench.port)
      try connection.send("GET", "/")
      #expect(try connection.head().code == 200)
      async let drained: Void = isDraining ? bench.server.drain(deadline: .seconds(20)) : ()
      if !isDraining { connection.endHalf() }
      var bytes = 0
      while let chunk = try connection.chunk() { bytes += chunk.count }
      #expect(bytes == 40 * AnswerPiece.size)
      connection.close()
      await drained
      if !isDraining { await bench.server.drain(deadline: .seconds(1)) }
    }
  }

  private func blockingStatus(_ body: @escaping @Sendable () throws -> Int32) async throws -> Int32 {
    try await withCheckedThrowingContinuation { continuation in
      Thread.detachNewThread { continuation.resume(with: Result { try body() }) }
    }
  }
}
