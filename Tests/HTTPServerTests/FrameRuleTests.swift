import Foundation
import LoadClient
import TestSupport
import Testing

@testable import HTTPServer

/// Frames that RFC 9113 has a rule for, and what a server must make of them.
@Suite(.serialized) struct `RFC 9113` {
  /// What follows when the frames have been sent.
  enum Outcome: Equatable {
    /// The connection ends with one of these codes in GOAWAY.
    case ends(Set<Code>)
    /// The stream is reset with one of these codes, and the connection lives.
    case resets(UInt32, Set<Code>)
    /// Reset of the stream or end of the connection: the RFC leaves the choice.
    case fails(Set<Code>)
    /// The stream is answered with this status, and the connection lives.
    case answers(UInt32, Int)
    /// Nothing happens, and the connection lives.
    case ignored
  }

  enum Code: UInt32 {
    case noError, protocolError, internalError, flowControl, settingsTimeout, streamClosed, frameSize, refused, cancel,
      compression, connect, calm
  }

  struct Case: CustomTestStringConvertible, Sendable {
    let section: String
    let what: String
    let outcome: Outcome
    /// Sent behind the preface, a SETTINGS and the acknowledgement of the server's.
    let bytes: [UInt8]
    var testDescription: String { "\(section): \(what)" }

    init(_ section: String, _ what: String, _ outcome: Outcome, _ frames: Frame...) {
      self.init(section, what, outcome, bytes: frames.flatMap { $0.bytes() })
    }

    init(_ section: String, _ what: String, _ outcome: Outcome, bytes: [UInt8]) {
      (self.section, self.what, self.outcome, self.bytes) = (section, what, outcome, bytes)
    }
  }

  private static let open = HPACK.request("POST", "/echo")
  private static func get(_ more: (String, String)...) -> [UInt8] { HPACK.request("GET", "/none", more) }
  private static func without(_ name: String) -> [UInt8] { HPACK.block(HPACK.get.filter { $0.0 != name }) }
  private static func malformed(_ what: String, _ section: String, _ block: [UInt8]) -> Case {
    Case(section, what, .resets(1, [.protocolError]), .headers(1, block))
  }
  private static let large = [UInt8](repeating: 0, count: 16_385)

  static let framing: [Case] = [
    Case(
      "4.1", "a frame of unknown type is ignored", .ignored,
      Frame(kind: .unknown, flags: Frame.Flags(rawValue: 255), stream: 77, payload: [1, 2, 3])),
    Case("4.1", "undefined flags are ignored", .ignored, .ping([0, 1, 2, 3, 4, 5, 6, 7], Frame.Flags(rawValue: 0xF6))),
    Case(
      "4.1", "the reserved bit is ignored", .answers(1, 404),
      Frame(kind: .headers, flags: [.endStream, .endHeaders], stream: 1 | 0x8000_0000, payload: get())),
    Case(
      "4.2", "DATA larger than the largest frame", .fails([.frameSize]), .headers(1, open, .endHeaders), .data(1, large)
    ),
    Case("4.2", "HEADERS larger than the largest frame", .ends([.frameSize]), .headers(1, large)),
    Case(
      "4.2", "SETTINGS larger than the largest frame", .ends([.frameSize]),
      Frame(kind: .settings, payload: [UInt8](repeating: 0, count: 16_386))),
    Case("4.3", "a header block that can't be decoded", .ends([.compression]), .headers(1, [0x40])),
    Case("4.3", "a header block that ends within a literal", .ends([.compression]), .headers(1, [0, 10, 0x61])),
    Case("4.3", "an index that no table has", .ends([.compression]), .headers(1, [0xFF, 0xFF, 0x01])),
    Case("4.3", "index 0", .ends([.compression]), .headers(1, [0x80])),
    Case("4.3", "a table larger than allowed", .ends([.compression]), .headers(1, [0x3F, 0xE2, 0x1F] + get())),
    Case("4.3", "a table size behind a field", .ends([.compression]), .headers(1, [0x82, 0x20, 0x86, 0x84])),
    Case(
      "4.3", "Huffman padding longer than 7 bits", .ends([.compression]),
      .headers(1, get() + [0, 1, 0x78, 0x82, 0xFF, 0xFF])),
    Case(
      "4.3", "Huffman padding that is not ones", .ends([.compression]), .headers(1, get() + [0, 1, 0x78, 0x81, 0x18])),
    Case(
      "4.3", "a Huffman string with EOS", .ends([.compression]),
      .headers(1, get() + [0, 1, 0x78, 0x84, 0xFF, 0xFF, 0xFF, 0xFC])),
    Case(
      "4.3", "an integer without end", .ends([.compression]), .headers(1, [0xFF] + [UInt8](repeating: 0xFF, count: 12))),
    Case(
      "4.3", "indexed fields of the static table", .answers(1, 404), .headers(1, [0x82, 0x86, 0x84, 0x01, 1, 0x78])),
    Case("4.3", "a smaller table size first", .answers(1, 404), .headers(1, [0x20, 0x82, 0x86, 0x84, 0x01, 1, 0x78])),
    Case(
      "4.3", "a field added to the table and used", .answers(3, 404), .headers(1, [0x82, 0x86, 0x84, 0x41, 1, 0x78]),
      .headers(3, [0x82, 0x86, 0x84, 0xBE])),
    Case(
      "4.3", "another frame within a header block", .ends([.protocolError]), .headers(1, get(), .endStream), .ping()),
    Case(
      "4.3", "another stream's HEADERS within a header block", .ends([.protocolError]), .headers(1, get(), .endStream),
      .headers(3, get())),
    Case(
      "4.3", "an unknown frame within a header block", .ends([.protocolError]), .headers(1, get(), .endStream),
      Frame(kind: .unknown, stream: 1)),
  ]

  static let states: [Case] = [
    Case("5.1", "DATA on an idle stream", .ends([.protocolError]), .data(1, [1])),
    Case("5.1", "RST_STREAM on an idle stream", .ends([.protocolError]), .reset(1)),
    Case("5.1", "WINDOW_UPDATE on an idle stream", .ends([.protocolError]), .windowUpdate(1, 100)),
    Case("5.1", "CONTINUATION on an idle stream", .ends([.protocolError]), .continuation(1, get())),
    Case("5.1", "PRIORITY on an idle stream", .ignored, .priority(1, on: 0)),
    Case(
      "5.1", "DATA behind the end of a request", .fails([.streamClosed]), .headers(1, HPACK.request("GET", "/never")),
      .data(1, [1])),
    Case(
      "5.1", "HEADERS behind the end of a request", .fails([.streamClosed]),
      .headers(1, HPACK.request("GET", "/never")), .headers(1, get())),
    Case(
      "5.1", "CONTINUATION behind the end of a header block", .ends([.protocolError]),
      .headers(1, HPACK.request("GET", "/never")), .continuation(1, get())),
    Case(
      "5.1", "WINDOW_UPDATE behind the end of a request", .answers(1, 200), .headers(1, HPACK.request("GET", "/later")),
      .windowUpdate(1, 10)),
    Case(
      "5.1", "PRIORITY behind the end of a request", .answers(1, 200), .headers(1, HPACK.request("GET", "/later")),
      .priority(1, on: 0)),
    Case(
      "5.1", "HEADERS on a stream that was reset", .ends([.streamClosed]), .headers(1, HPACK.request("GET", "/never")),
      .reset(1), .headers(1, get())),
    Case("5.1", "RST_STREAM twice", .ignored, .headers(1, HPACK.request("GET", "/never")), .reset(1), .reset(1)),
    Case(
      "5.1", "WINDOW_UPDATE on a stream that was reset", .ignored, .headers(1, HPACK.request("GET", "/never")),
      .reset(1), .windowUpdate(1, 1)),
    Case("5.1.1", "an even stream number", .ends([.protocolError]), .headers(2, get())),
    Case(
      "5.1.1", "a lower stream number than before", .ends([.protocolError, .streamClosed]),
      .headers(5, HPACK.request("GET", "/never")), .headers(3, get())),
    Case("5.1.1", "stream numbers with gaps", .answers(101, 404), .headers(101, get())),
    Case(
      "5.1.2", "more streams than announced", .fails([.refused, .protocolError]),
      .headers(1, HPACK.request("GET", "/never")), .headers(3, HPACK.request("GET", "/never")), .headers(5, get())),
    Case(
      "5.1.2", "a new stream once another has ended", .answers(5, 404), .headers(1, HPACK.request("GET", "/never")),
      .headers(3, HPACK.request("GET", "/never")), .reset(1), .headers(5, get())),
    Case(
      "5.3", "priority fields of HEADERS are read over", .answers(1, 404),
      .headers(1, [0, 0, 0, 0, 15] + get(), [.endStream, .endHeaders, .priority])),
  ]

  static let frames: [Case] = [
    Case("6.1", "DATA on stream 0", .ends([.protocolError]), .data(0, [1])),
    Case(
      "6.1", "DATA with more padding than there is", .ends([.protocolError]), .headers(1, open, .endHeaders),
      .data(1, [5, 1, 2], [.endStream, .padded])),
    Case(
      "6.1", "padded DATA", .answers(1, 200), .headers(1, open, .endHeaders),
      .data(1, [2, 0x61, 0, 0], [.endStream, .padded])),
    Case("6.1", "empty DATA that ends the request", .answers(1, 200), .headers(1, open, .endHeaders), .data(1, [])),
    Case("6.2", "HEADERS on stream 0", .ends([.protocolError]), .headers(0, get())),
    Case(
      "6.2", "HEADERS with more padding than there is", .ends([.protocolError]),
      .headers(1, [200] + get(), [.endStream, .endHeaders, .padded])),
    Case(
      "6.2", "padded HEADERS", .answers(1, 404),
      .headers(1, [3] + get() + [0, 0, 0], [.endStream, .endHeaders, .padded])),
    Case("6.3", "PRIORITY on stream 0", .ends([.protocolError]), .priority(0, on: 1)),
    Case(
      "6.3", "PRIORITY of another length", .fails([.frameSize]),
      Frame(kind: .priority, stream: 1, payload: [0, 0, 0, 0])),
    Case("6.4", "RST_STREAM on stream 0", .ends([.protocolError]), .reset(0)),
    Case(
      "6.4", "RST_STREAM of another length", .ends([.frameSize]), .headers(1, HPACK.request("GET", "/never")),
      Frame(kind: .reset, stream: 1, payload: [0, 0, 0])),
    Case("6.5", "an acknowledgement with a payload", .ends([.frameSize]), .settings([(3, 1)], flags: .ack)),
    Case("6.5", "SETTINGS on a stream", .ends([.protocolError]), Frame(kind: .settings, stream: 1)),
    Case(
      "6.5", "SETTINGS of a length that is no multiple of 6", .ends([.frameSize]),
      Frame(kind: .settings, payload: [0, 3, 0])),
    Case("6.5.2", "ENABLE_PUSH neither 0 nor 1", .ends([.protocolError]), .settings([(2, 2)])),
    Case("6.5.2", "a window beyond 2^31-1", .ends([.flowControl]), .settings([(4, 0x8000_0000)])),
    Case("6.5.2", "a largest frame below 16,384", .ends([.protocolError]), .settings([(5, 16_383)])),
    Case("6.5.2", "a largest frame beyond 2^24-1", .ends([.protocolError]), .settings([(5, 1 << 24)])),
    Case("6.5.2", "a setting that nobody knows", .ignored, .settings([(0xFFFF, 1)])),
    Case("6.5.2", "a setting twice", .answers(1, 404), .settings([(4, 1), (4, 100)]), .headers(1, get())),
    Case(
      "6.6", "PUSH_PROMISE by a client", .ends([.protocolError]),
      Frame(kind: .pushPromise, flags: .endHeaders, stream: 1, payload: [0, 0, 0, 2] + get())),
    Case(
      "6.7", "PING on a stream", .ends([.protocolError]),
      Frame(kind: .ping, stream: 1, payload: [UInt8](repeating: 0, count: 8))),
    Case("6.7", "PING of another length", .ends([.frameSize]), .ping([1, 2, 3, 4, 5, 6])),
    Case("6.7", "an acknowledgement of no PING", .ignored, .ping([1, 2, 3, 4, 5, 6, 7, 8], .ack)),
    Case(
      "6.8", "GOAWAY on a stream", .ends([.protocolError]),
      Frame(kind: .goAway, stream: 1, payload: [UInt8](repeating: 0, count: 8))),
    Case("6.8", "GOAWAY that is too short", .ends([.frameSize]), Frame(kind: .goAway, payload: [0, 0, 0, 0])),
    Case("6.9", "the connection's window opened by 0", .ends([.protocolError]), .windowUpdate(0, 0)),
    Case(
      "6.9", "a stream's window opened by 0", .fails([.protocolError]), .headers(1, HPACK.request("GET", "/never")),
      .windowUpdate(1, 0)),
    Case(
      "6.9", "WINDOW_UPDATE of another length", .ends([.frameSize]), Frame(kind: .windowUpdate, payload: [0, 0, 1])),
    Case(
      "6.9.1", "the connection's window beyond 2^31-1", .ends([.flowControl]), .windowUpdate(0, 0x7FFF_FFFF),
      .windowUpdate(0, 0x7FFF_FFFF)),
    Case(
      "6.9.1", "a stream's window beyond 2^31-1", .resets(1, [.flowControl]),
      .headers(1, HPACK.request("GET", "/never")), .windowUpdate(1, 0x7FFF_FFFF), .windowUpdate(1, 0x7FFF_FFFF)),
    Case(
      "6.9.2", "a setting that makes a stream's window too large", .fails([.flowControl]),
      .headers(1, HPACK.request("GET", "/never")), .windowUpdate(1, 0x7FFF_0000), .settings([(4, 0x7FFF_FFFF)])),
    Case(
      "6.10", "CONTINUATION on stream 0", .ends([.protocolError]), .headers(1, get(), .endStream), .continuation(0, [])),
    Case(
      "6.10", "CONTINUATION of another stream", .ends([.protocolError]), .headers(1, get(), .endStream),
      .continuation(3, [])),
    Case("6.10", "CONTINUATION without HEADERS", .ends([.protocolError]), .continuation(1, get())),
    Case(
      "6.10", "a header block in pieces", .answers(1, 404), .headers(1, Array(get().prefix(5)), .endStream),
      .continuation(1, Array(get().dropFirst(5).prefix(9)), []), .continuation(1, Array(get().dropFirst(14)))),
  ]

  static let messages: [Case] = [
    Case(
      "8.1", "trailers that do not end the request", .fails([.protocolError]), .headers(1, open, .endHeaders),
      .data(1, [1], []), .headers(1, HPACK.block([("x", "y")]), .endHeaders)),
    Case(
      "8.1", "a pseudo header among trailers", .fails([.protocolError]), .headers(1, open, .endHeaders),
      .data(1, [1], []), .headers(1, HPACK.block([(":path", "/")]))),
    Case(
      "8.1", "trailers", .answers(1, 200), .headers(1, open, .endHeaders), .data(1, [1], []),
      .headers(1, HPACK.block([("x", "y")]))),
    Case(
      "8.1.1", "a length greater than the body", .resets(1, [.protocolError]),
      .headers(1, HPACK.request("POST", "/echo", [("content-length", "3")]), .endHeaders), .data(1, [1, 2])),
    Case(
      "8.1.1", "a length smaller than the body", .resets(1, [.protocolError]),
      .headers(1, HPACK.request("POST", "/echo", [("content-length", "1")]), .endHeaders), .data(1, [1, 2])),
    Case(
      "8.1.1", "a length without a body", .resets(1, [.protocolError]),
      .headers(1, HPACK.request("POST", "/echo", [("content-length", "1")]))),
    Case(
      "8.1.1", "a length that is no number", .resets(1, [.protocolError]),
      .headers(1, HPACK.request("POST", "/echo", [("content-length", "+1")]), .endHeaders)),
    Case(
      "8.1.1", "two lengths", .resets(1, [.protocolError]),
      .headers(1, HPACK.request("POST", "/echo", [("content-length", "1"), ("content-length", "2")]), .endHeaders)),
    malformed("an upper-case name", "8.2", get(("X-Upper", "1"))),
    malformed("a space in a name", "8.2.1", get(("x y", "1"))),
    malformed("a colon in a name", "8.2.1", get(("x:y", "1"))),
    malformed("an empty name", "8.2.1", get(("", "1"))), malformed("NUL in a value", "8.2.1", get(("x", "a\0b"))),
    malformed("LF in a value", "8.2.1", get(("x", "a\nb"))),
    malformed("CR in a value", "8.2.1", get(("x", "a\rb"))),
    malformed("a value that begins with a space", "8.2.1", get(("x", " a"))),
    malformed("a value that ends with a tab", "8.2.1", get(("x", "a\t"))),
    malformed("Connection", "8.2.2", get(("connection", "close"))),
    malformed("Keep-Alive", "8.2.2", get(("keep-alive", "1"))),
    malformed("Proxy-Connection", "8.2.2", get(("proxy-connection", "x"))),
    malformed("Transfer-Encoding", "8.2.2", get(("transfer-encoding", "chunked"))),
    malformed("Upgrade", "8.2.2", get(("upgrade", "h2c"))),
    malformed("TE other than trailers", "8.2.2", get(("te", "gzip"))),
    Case("8.2.2", "TE: trailers", .answers(1, 404), .headers(1, get(("te", "trailers")))),
    malformed("an unknown pseudo header", "8.3", get((":what", "x"))),
    malformed("a pseudo header of answers", "8.3", get((":status", "200"))),
    malformed("a pseudo header behind others", "8.3", HPACK.block([("x", "y")] + HPACK.get)),
    malformed("no :method", "8.3.1", without(":method")), malformed("no :scheme", "8.3.1", without(":scheme")),
    malformed("no :path", "8.3.1", without(":path")), malformed("two :method", "8.3.1", get((":method", "GET"))),
    malformed("two :path", "8.3.1", get((":path", "/"))),
    malformed("two :scheme", "8.3.1", get((":scheme", "http"))),
    malformed("two :authority", "8.3.1", get((":authority", "y"))),
    malformed("an empty :path", "8.3.1", HPACK.request("GET", "")),
    malformed("a :path without a slash", "8.3.1", HPACK.request("GET", "none")),
    malformed("neither :authority nor Host", "8.3.1", without(":authority")),
    malformed("CONNECT with a path", "8.5", HPACK.request("CONNECT", "/none")),
    malformed("no field at all", "8.3.1", []),
    Case(
      "8.3.1", "Host instead of :authority", .answers(1, 404),
      .headers(1, without(":authority") + HPACK.block([("host", "x")]))),
    Case("8.3.1", "a fragment in the path", .answers(1, 400), .headers(1, HPACK.request("GET", "/a#b"))),
    Case("8.3.1", "OPTIONS of the whole server", .answers(1, 404), .headers(1, HPACK.request("OPTIONS", "*"))),
    Case(
      "8.5", "CONNECT", .fails([.protocolError]),
      .headers(1, HPACK.block([(":method", "CONNECT"), (":authority", "x:1"), (":scheme", "http")]))),
  ]

  @Test(arguments: framing + states + frames + messages)
  func `is kept`(rule: Case) async throws {
    var configuration = HTTPServer.Configuration(endpoints: [.address(host: "127.0.0.1", port: 0)])
    configuration.reactors = 1
    configuration.limits.maxConcurrentStreams = 2
    let server = try HTTPServer(configuration: configuration, handler: TestHandler())
    try server.start()
    let port = server.ports[0]
    let seen = try await blocking { try Self.observe(rule, port) }
    #expect(seen.isAsExpected, "\(seen.frames)")
    await server.drain(deadline: .milliseconds(50))
  }

  private struct Observation: Sendable {
    let isAsExpected: Bool
    let frames: String
  }

  private static func observe(_ rule: Case, _ port: Int) throws -> Observation {
    let client = try FrameClient(port: port, patience: 3, connectionWindow: 0)
    // The server's limits hold once they are acknowledged.
    try client.until("the server's settings") { $0.kind == .settings && !$0.flags.contains(.ack) }
    try client.socket.send(rule.bytes)
    var frames: [Frame] = []
    let mark: [UInt8] = [9, 9, 9, 9, 9, 9, 9, 9]
    switch rule.outcome {
    case .answers(let stream, let status):
      while let frame = try client.receive() {
        frames.append(frame)
        if frame.kind == .headers && frame.stream == stream {
          let isRight = frame.fields.contains { $0.name == ":status" && $0.value == String(status) }
          return Observation(isAsExpected: try isRight && client.isAlive(), frames: "\(frames)")
        }
      }
    case .ignored:
      try? client.send(.ping(mark))
      while let frame = try client.receive() {
        frames.append(frame)
        if frame.kind == .goAway || frame.kind == .reset {
          return Observation(isAsExpected: false, frames: "\(frames)")
        }
        if frame.kind == .ping && frame.payload == mark { return Observation(isAsExpected: true, frames: "\(frames)") }
      }
    case .ends, .resets, .fails:
      while let frame = try client.receive() {
        frames.append(frame)
        switch (frame.kind, rule.outcome) {
        case (.goAway, .ends(let codes)), (.goAway, .fails(let codes)):
          let isRight = codes.contains { $0.rawValue == frame.number(at: 4) }
          // And then the connection does end.
          while try client.receive() != nil {}
          return Observation(isAsExpected: isRight, frames: "\(frames)")
        case (.reset, .fails(let codes)):
          return Observation(
            isAsExpected: try codes.contains { $0.rawValue == frame.number(at: 0) } && client.isAlive(),
            frames: "\(frames)")
        case (.reset, .resets(let stream, let codes)) where frame.stream == stream:
          return Observation(
            isAsExpected: try codes.contains { $0.rawValue == frame.number(at: 0) } && client.isAlive(),
            frames: "\(frames)")
        default: break
        }
      }
    }
    return Observation(isAsExpected: false, frames: "\(frames), then the end")
  }

  @Test(arguments: [
    "PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "PRI / HTTP/1.1\r\n\r\n",
  ])
  func `what is no preface is no connection`(text: String) async throws {
    let server = try HTTPServer(
      configuration: HTTPServer.Configuration(endpoints: [.address(host: "127.0.0.1", port: 0)]), handler: TestHandler()
    )
    try server.start()
    let port = server.ports[0]
    try await blocking {
      let client = try Client(port: port, patience: 5)
      try client.send(Array(text.utf8))
      var room = [UInt8](repeating: 0, count: 4_096)
      while recv(client.descriptor, &room, room.count, 0) > 0 {}
      #expect(errno != EAGAIN)
      #expect(try Client(port: port).call("GET", "/later", keepsBody: true).body == Array("later".utf8))
    }
    await server.drain(deadline: .milliseconds(50))
  }

  @Test func `the first frame must be SETTINGS, settings are acknowledged, and windows are kept to the byte`()
    async throws
  {
    let server = try HTTPServer(
      configuration: HTTPServer.Configuration(endpoints: [.address(host: "127.0.0.1", port: 0)]), handler: TestHandler()
    )
    try server.start()
    let port = server.ports[0]
    try await blocking {
      let hasty = try FrameClient(port: port, settings: nil)
      try hasty.socket.send(FrameClient.preface + Frame.headers(1, HPACK.request()).bytes())
      let refusal = try hasty.until("GOAWAY") { $0.kind == .goAway }
      #expect(refusal.number(at: 4) == Code.protocolError.rawValue)

      // A window of 3 bytes, then 0, then less than nothing, then 2 (RFC 9113 section 6.9.2).
      let client = try FrameClient(port: port, settings: [(4, 3)])
      try client.until("settings") { $0.kind == .settings && !$0.flags.contains(.ack) }
      try client.until("the acknowledgement") { $0.kind == .settings && $0.flags.contains(.ack) }
      try client.send(.headers(1, HPACK.request("POST", "/echo"), .endHeaders), .data(1, Array("0123456789".utf8)))
      var part = try client.until { $0.kind == .data }
      #expect(part.payload == Array("012".utf8))
      try client.send(.settings([(4, 1)]))
      #expect(try client.isAlive())
      try client.send(.windowUpdate(1, 2))
      #expect(try client.isAlive())
      #expect(client.seen.last?.kind != .data)
      try client.send(.windowUpdate(1, 2))
      part = try client.until { $0.kind == .data }
      #expect(part.payload == Array("34".utf8))
      try client.send(.settings([(4, 100)]))
      part = try client.until { $0.kind == .data }
      #expect(part.payload == Array("56789".utf8) && part.flags.contains(.endStream))

      // Frames no larger than the client takes.
      let large = try client.call("GET", "/large", on: 3)
      #expect(large.body.count == 8 << 20)
    }
    await server.drain(deadline: .milliseconds(50))
  }
}
