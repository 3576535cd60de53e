import Testing

@testable import HTTPServer

@Suite struct `Request heads` {
  static func parse(_ text: String) throws -> (Request, HeadFacts) {
    let request = Request()
    var text = text
    let facts = try text.withUTF8 { bytes in
      var scanner = HeadScanner()
      let raw = UnsafeRawBufferPointer(bytes)
      guard let end = try scanner.end(of: raw) else { throw Refusal.malformed("incomplete") }
      return try HeadParser.parse(UnsafeRawBufferPointer(rebasing: raw[..<end]), into: request)
    }
    return (request, facts)
  }

  @Test(arguments: [
    ("GET / HTTP/1.1\r\nHost: x\r\n\r\n", BodyFraming.none, true), ("GET / HTTP/1.0\r\n\r\n", .none, false),
    ("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", .none, true),
    ("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 12\r\n\r\n", .length(12), true),
    (
      "POST /a HTTP/1.1\r\nHost: x\r\ncontent-length: 12\r\nContent-Length: 12\r\nConnection: foo, close\r\n\r\n",
      .length(12), false
    ),
    ("POST /a HTTP/1.1\r\nhost:x\r\nTransfer-Encoding: Chunked\r\n\r\n", .chunked, true),
    ("GET http://h/p?q HTTP/1.1\r\nHost: x\r\n\r\n", .none, true),
  ])
  func `framing and persistence are read`(text: String, framing: BodyFraming, keepsAlive: Bool) throws {
    let (_, facts) = try Self.parse(text)
    #expect(facts.framing == framing && facts.keepsAlive == keepsAlive)
  }

  static let refused: [(String, Int)] = [
    ("GET / HTTP/1.1\r\n\r\n", 400), ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
    ("GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505), ("GET / HTTP/1.2\r\nHost: a\r\n\r\n", 505),
    ("GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400), ("GET / HTTP/1.1 \r\nHost: a\r\n\r\n", 400),
    ("GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", 400), (" GET / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("GET /\u{1} HTTP/1.1\r\nHost: a\r\n\r\n", 400), ("GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n", 400), ("GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: a\r\nX: b\rc\r\n\r\n", 400), ("GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: a\r\nX: \u{0}\r\n\r\n", 400), ("GET x HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("GET /#f HTTP/1.1\r\nHost: a\r\n\r\n", 400), ("FOO\r\n\r\n", 400),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\n", 400),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\n", 400),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: \r\n\r\n", 400),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n", 400),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
    ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501),
    ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", 501),
    ("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
    ("POST / HTTP/1.1\r\nHost: a\r\nExpect: tea\r\n\r\n", 417),
  ]

  @Test(arguments: refused)
  func `what is ambiguous or malformed is refused`(text: String, status: Int) {
    #expect { try Self.parse(text) } throws: { ($0 as? Refusal)?.status == status }
  }

  @Test func `the parts of a request can be asked for`() throws {
    var text = "PATCH /a%20b/c?x=1&y HTTP/1.1\r\nHost: h\r\nX-Thing:  one \r\nx-thing: two\r\n\r\n"
    text.withUTF8 { bytes in
      let request = Request()
      _ = try? HeadParser.parse(UnsafeRawBufferPointer(bytes), into: request)
      #expect(request.method == .patch && request.methodName == "PATCH")
      #expect(request.path == "/a%20b/c" && request.query == "x=1&y")
      #expect(
        request.header("X-THING") == "one" && request.headers("x-thing") == ["one", "two"]
          && request.header("none") == nil)
    }
  }

  @Test func `a head that comes byte by byte ends where it ends`() throws {
    let text = Array("GET / HTTP/1.1\r\nHost: x\r\n\r\nrest".utf8)
    var scanner = HeadScanner()
    for count in 1...text.count {
      let end = try text[..<count].withUnsafeBytes { try scanner.end(of: $0) }
      if let end {
        #expect(end == text.count - 4 && count == end)
        return
      }
    }
    Issue.record("no end found")
  }
}

@Suite struct `Request heads that are too much` {
  private static func head(fields: Int) -> String {
    "GET /a?b HTTP/1.1\r\nHost: x\r\n"
      + String(
        repeating: "a:\r\n",
        count: fields - 1) + "\r\n"
  }

  @Test func `the number of headers is bounded, and what many took is let go of`() throws {
    func parse(_ fields: Int) throws -> Request {
      let request = Request()
      var text = Self.head(fields: fields)
      _ = try text.withUTF8 { try HeadParser.parse(UnsafeRawBufferPointer($0), into: request, maxFields: 2_000) }
      return request
    }
    let many = try parse(2_000)
    #expect(many.fields.count == 2_000)
    many.forgetHead()
    #expect(many.fields.capacity == 0)
    #expect { try parse(2_001) } throws: { ($0 as? Refusal)?.status == 431 }
    let few = try parse(10)
    let kept = few.fields.capacity
    few.forgetHead()
    #expect(kept > 0 && few.fields.capacity == kept)
  }

  @Test(arguments: [
    ("PUT /a/b?c=d HTTP/1.1\r\nHost: unfinis", "PUT", "/a/b?c=d"), ("PUT /a", "", ""),
    ("PUT /a HTTP/1.1\n", "", ""), ("\n", "", ""), ("PUT /a HTTP/3.1\r\n", "PUT", ""),
  ])
  func `the target of an incomplete head is read as far as it is there`(text: String, method: String, target: String) {
    var text = text
    text.withUTF8 { bytes in
      let request = Request()
      HeadParser.readTarget(UnsafeRawBufferPointer(bytes), into: request)
      #expect(
        request.pathRange.isEmpty
          ? target.isEmpty
          : request.path + (request.query.map { "?" + $0 } ?? "") == target && request.methodName == method)
    }
  }
}

@Suite struct `Buffers of input` {
  @Test func `what a long head took is let go of, though bytes of the next request are there`() {
    var spares = ReadBuffer.Spares()
    var buffer = ReadBuffer()
    var filled = 0
    while filled < 1 << 20 {
      let room = buffer.room(from: &spares)
      for place in room.indices { room[place] = UInt8(truncatingIfNeeded: filled + place) }
      buffer.filled(room.count)
      filled += room.count
    }
    buffer.consume(filled - 3)
    buffer.rest(in: &spares, shrinks: false)
    #expect(buffer.capacity >= 1 << 20)
    buffer.rest(in: &spares, shrinks: true)
    #expect(
      buffer.capacity == ReadBuffer.usual
        && buffer.bytes.elementsEqual((filled - 3..<filled).map { UInt8(truncatingIfNeeded: $0) }))
    buffer.consume(3)
    buffer.rest(in: &spares, shrinks: true)
    #expect(buffer.capacity == 0)
  }
}

@Suite struct `Chunked bodies` {
  static func decode(_ text: String, inPiecesOf size: Int) throws -> (body: String, rest: Int, isDone: Bool) {
    var decoder = ChunkDecoder()
    var body: [UInt8] = []
    let bytes = Array(text.utf8)
    var at = 0
    while at < bytes.count && !decoder.isDone {
      let piece = Array(bytes[at..<min(bytes.count, at + size)])
      at += try piece.withUnsafeBytes { try decoder.take($0, into: &body, limit: 100) }
    }
    return (String(decoding: body, as: UTF8.self), bytes.count - at, decoder.isDone)
  }

  @Test(arguments: 1...12)
  func `framing is taken off, however the bytes come`(size: Int) throws {
    let result = try Self.decode(
      "4\r\nWiki\r\n6;ext=\"x\"\r\npedia \r\nA\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\nNEXT", inPiecesOf: size)
    #expect(result.body == "Wikipedia 0123456789" && result.isDone && result.rest == 4)
  }

  @Test(arguments: [
    ("x\r\n", 400), ("\r\n", 400), ("4\nWiki", 400), ("4\r\nWikiX\r\n", 400), ("4\r\nWiki\rX", 400), ("-1\r\n", 400),
    ("fffffffffffffffff\r\n", 400), ("65\r\n", 413), ("0\r\nX: y\n\r\n", 400), ("4 \r\nWiki", 400),
  ])
  func `bad framing is refused`(text: String, status: Int) {
    #expect { try Self.decode(text, inPiecesOf: 1) } throws: { ($0 as? Refusal)?.status == status }
    #expect { try Self.decode(text, inPiecesOf: 100) } throws: { ($0 as? Refusal)?.status == status }
  }

  @Test func `lines of chunks may not be much more than what they frame`() throws {
    func decode(_ chunk: String, _ count: Int) throws {
      var decoder = ChunkDecoder()
      var body: [UInt8] = []
      var bytes = String(repeating: chunk, count: count)
      _ = try bytes.withUTF8 { try decoder.take(UnsafeRawBufferPointer($0), into: &body, limit: 1 << 20) }
    }
    try decode("1\r\na\r\n", 100_000)
    try decode("1;a=b;c=d\r\na\r\n", 100_000)
    let long = String(repeating: "x", count: 4_000)
    try decode("1;\(long)\r\na\r\n", 4)
    #expect { try decode("1;\(long)\r\na\r\n", 5) } throws: { ($0 as? Refusal)?.status == 400 }
    try decode("2000;\(long)\r\n" + String(repeating: "a", count: 8_192) + "\r\n", 100)
  }
}
