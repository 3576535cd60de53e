import CNGHTTP2
import Foundation
import LoadClient

/// A frame of HTTP/2 (RFC 9113 section 4.1).
struct Frame: CustomStringConvertible {
  enum Kind: UInt8 {
    case data = 0, headers, priority, reset, settings, pushPromise, ping, goAway, windowUpdate, continuation, unknown =
      0xBE
  }
  struct Flags: OptionSet {
    let rawValue: UInt8
    static let endStream = Flags(rawValue: 1), ack = Flags(rawValue: 1), endHeaders = Flags(rawValue: 4),
      padded = Flags(rawValue: 8), priority = Flags(rawValue: 32)
  }
  var kind: Kind
  var flags: Flags = []
  var stream: UInt32 = 0
  var payload: [UInt8] = []
  /// What a header block that came stands for.
  var fields: [(name: String, value: String)] = []

  /// `length`: what the header claims, if that is not the truth.
  func bytes(length: Int? = nil) -> [UInt8] {
    let count = length ?? payload.count
    return [UInt8(count >> 16 & 255), UInt8(count >> 8 & 255), UInt8(count & 255), kind.rawValue, flags.rawValue]
      + Frame.number(stream) + payload
  }

  static func number(_ value: UInt32) -> [UInt8] {
    (0..<4).map { UInt8(truncatingIfNeeded: value >> UInt32(24 - 8 * $0)) }
  }

  /// A big-endian number in the payload.
  func number(at place: Int) -> UInt32 {
    payload.count < place + 4 ? .max : payload[place..<(place + 4)].reduce(0) { $0 << 8 | UInt32($1) }
  }

  var description: String { "\(kind)(stream \(stream), flags \(flags.rawValue), \(payload.count) bytes)" }

  // MARK: those that tests send

  static func settings(_ values: [(id: UInt16, value: UInt32)] = [], flags: Flags = []) -> Frame {
    Frame(
      kind: .settings, flags: flags,
      payload: values.flatMap { [UInt8($0.id >> 8), UInt8($0.id & 255)] + number($0.value) })
  }
  static func headers(_ stream: UInt32, _ block: [UInt8], _ flags: Flags = [.endStream, .endHeaders]) -> Frame {
    Frame(kind: .headers, flags: flags, stream: stream, payload: block)
  }
  static func continuation(_ stream: UInt32, _ block: [UInt8], _ flags: Flags = .endHeaders) -> Frame {
    Frame(kind: .continuation, flags: flags, stream: stream, payload: block)
  }
  static func data(_ stream: UInt32, _ payload: [UInt8], _ flags: Flags = .endStream) -> Frame {
    Frame(kind: .data, flags: flags, stream: stream, payload: payload)
  }
  static func reset(_ stream: UInt32, _ code: UInt32 = 8) -> Frame {
    Frame(kind: .reset, stream: stream, payload: number(code))
  }
  static func ping(_ payload: [UInt8] = [1, 2, 3, 4, 5, 6, 7, 8], _ flags: Flags = []) -> Frame {
    Frame(kind: .ping, flags: flags, payload: payload)
  }
  static func windowUpdate(_ stream: UInt32, _ by: UInt32) -> Frame {
    Frame(kind: .windowUpdate, stream: stream, payload: number(by))
  }
  static func priority(_ stream: UInt32, on other: UInt32) -> Frame {
    Frame(kind: .priority, stream: stream, payload: number(other) + [15])
  }
}

/// HPACK as plain as it gets: literals without indexing and without Huffman codes (RFC 7541 section 6.2.2).
enum HPACK {
  static func block(_ fields: [(String, String)]) -> [UInt8] {
    fields.flatMap { [0] + string(Array($0.0.utf8)) + string(Array($0.1.utf8)) }
  }

  static func string(_ bytes: [UInt8]) -> [UInt8] { integer(bytes.count) + bytes }

  private static func integer(_ value: Int) -> [UInt8] {
    if value < 127 { return [UInt8(value)] }
    var rest = value - 127
    var out: [UInt8] = [127]
    while rest >= 128 {
      out.append(UInt8(rest & 127 | 128))
      rest >>= 7
    }
    return out + [UInt8(rest)]
  }

  static let get = [(":method", "GET"), (":scheme", "http"), (":path", "/none"), (":authority", "x")]

  /// A request's fields: those of a GET, with changes.
  static func request(_ method: String = "GET", _ path: String = "/none", _ more: [(String, String)] = []) -> [UInt8] {
    block([(":method", method), (":scheme", "http"), (":path", path), (":authority", "x")] + more)
  }
}

/// A blocking HTTP/2 connection that sends frames as a test makes them and shows those that come. One thread at a time.
final class FrameClient {
  let socket: Client
  private var buffer: [UInt8] = []
  private let inflater: OpaquePointer?
  /// Frames that came while something else was waited for.
  private(set) var seen: [Frame] = []

  static let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)

  /// Connects. `settings`: sent behind the preface; nil sends neither.
  init(
    port: Int, patience: Int = 5, settings: [(id: UInt16, value: UInt32)]? = [], connectionWindow: UInt32 = 1 << 30
  ) throws {
    socket = try Client(port: port, patience: patience)
    var made: OpaquePointer?
    nghttp2_hd_inflate_new(&made)
    inflater = made
    guard let settings else { return }
    try socket.send(
      Self.preface + Frame.settings(settings).bytes()
        + (connectionWindow > 0 ? Frame.windowUpdate(0, connectionWindow).bytes() : []))
  }

  deinit { nghttp2_hd_inflate_del(inflater) }

  func send(_ frames: Frame...) throws { try socket.send(frames.flatMap { $0.bytes() }) }

  /// The next frame; nil when the server has closed the connection. Settings are acknowledged, unless `acknowledges`
  /// says no.
  func receive() throws -> Frame? {
    while true {
      if let frame = try nextFrame() {
        if acknowledges && frame.kind == .settings && !frame.flags.contains(.ack) { try? send(.settings(flags: .ack)) }
        return frame
      }
      var room = [UInt8](repeating: 0, count: 65_536)
      let count = recv(socket.descriptor, &room, room.count, 0)
      if count == 0 { return nil }
      // A reset is an end as well: the server closed with something of ours unread.
      if count < 0 && errno == ECONNRESET { return nil }
      guard count > 0 else {
        throw Failure("receive: \(String(cString: strerror(errno))); the last frames were \(seen.suffix(4))")
      }
      buffer += room[..<count]
    }
  }
  var acknowledges = true

  private func nextFrame() throws -> Frame? {
    let bytes = buffer[taken...]
    guard bytes.count >= 9 else { return nil }
    let header = Array(bytes.prefix(9))
    let length = Int(header[0]) << 16 | Int(header[1]) << 8 | Int(header[2])
    guard bytes.count >= 9 + length else { return nil }
    var frame = Frame(
      kind: Frame.Kind(rawValue: header[3]) ?? .unknown, flags: Frame.Flags(rawValue: header[4]),
      stream: header[5...].reduce(0) { $0 << 8 | UInt32($1) } & 0x7FFF_FFFF,
      payload: Array(bytes.dropFirst(9).prefix(length)))
    taken += 9 + length
    if taken == buffer.count { (buffer, taken) = ([], 0) }
    // Blocks must be decoded in the order of their coming, whoever asks for them.
    if frame.kind == .headers { frame.fields = try fields(frame.payload) }
    return frame
  }
  private var taken = 0
  /// May a frame be there without the socket being readable?
  var hasBuffered: Bool {
    buffer.count - taken >= 9 && buffer.count - taken >= 9 + buffer[taken..<(taken + 3)].reduce(0) { $0 << 8 | Int($1) }
  }

  /// Frames up to the first that fits; throws when the connection ends before.
  @discardableResult
  func until(_ what: String = "a frame", _ fits: (Frame) -> Bool) throws -> Frame {
    while let frame = try receive() {
      seen.append(frame)
      if fits(frame) { return frame }
    }
    throw Failure("the server closed the connection before \(what); came: \(seen.suffix(5))")
  }

  /// An answer to one request.
  struct Answer {
    var status = 0
    /// Of interim answers.
    var interim: [Int] = []
    var headers: [String: String] = [:]
    var body: [UInt8] = []
    /// The code of RST_STREAM.
    var reset: UInt32?
    var text: String { String(decoding: body, as: UTF8.self) }
  }

  /// Reads until the stream has ended; opens its windows as bytes come. Frames of other streams are kept for their own
  /// turn.
  func answer(on stream: UInt32) throws -> Answer {
    var answer = Answer()
    var place = 0
    while true {
      let frame: Frame
      if let kept = waiting[place...].firstIndex(where: { $0.stream == stream }) {
        frame = waiting.remove(at: kept)
        place = kept
      } else {
        place = waiting.count
        guard let next = try receive() else {
          throw Failure("the server closed the connection before the answer on \(stream)")
        }
        if next.stream != stream {
          waiting.append(next)
          place = waiting.count
          continue
        }
        frame = next
      }
      switch frame.kind {
      case .headers:
        let status = frame.fields.first { $0.name == ":status" }.flatMap { Int($0.value) } ?? 0
        if status < 200 { answer.interim.append(status) } else { answer.status = status }
        answer.headers = Dictionary(frame.fields.map { ($0.name, $0.value) }, uniquingKeysWith: { $1 })
      case .data:
        answer.body += frame.payload
        let count = UInt32(frame.payload.count)
        if count > 0 && !frame.flags.contains(.endStream) {
          try send(.windowUpdate(stream, count), .windowUpdate(0, count))
        }
      case .reset:
        answer.reset = frame.number(at: 0)
        return answer
      default: break
      }
      if frame.kind != .windowUpdate && frame.flags.contains(.endStream) { return answer }
    }
  }
  private var waiting: [Frame] = []

  /// Has the server announced its end?
  var isLeft: Bool { (seen + waiting).contains { $0.kind == .goAway } }

  /// Posts bodies to /echo at once, as a real client would: within the windows that the server opens, by turns. Returns
  /// the most bytes that were sent of bodies which were not complete.
  @discardableResult
  func upload(_ bodies: [UInt32: [UInt8]]) throws -> Int {
    let streams = bodies.keys.sorted()
    for stream in streams { try send(.headers(stream, HPACK.request("POST", "/echo"), .endHeaders)) }
    try until("the server's settings") { $0.kind == .settings && !$0.flags.contains(.ack) }
    var windows = Dictionary(uniqueKeysWithValues: streams.map { ($0, 256 << 10) })
    var connection = 65_535
    var sent = Dictionary(uniqueKeysWithValues: streams.map { ($0, 0) })
    var highest = 0
    while true {
      var hasMoved = false
      for stream in streams {
        guard let body = bodies[stream], let at = sent[stream], let window = windows[stream], at < body.count else {
          continue
        }
        let part = min(16_384, window, connection, body.count - at)
        guard part > 0 else { continue }
        try send(.data(stream, Array(body[at..<(at + part)]), at + part == body.count ? .endStream : []))
        hasMoved = true
        sent[stream] = at + part
        windows[stream] = window - part
        connection -= part
      }
      let open = streams.filter { (sent[$0] ?? 0) < (bodies[$0]?.count ?? 0) }
      highest = max(highest, open.reduce(0) { $0 + (sent[$1] ?? 0) })
      if open.isEmpty { return highest }
      if hasMoved { continue }
      guard let frame = try receive() else { throw Failure("the server closed the connection during uploads") }
      if frame.kind != .windowUpdate {
        waiting.append(frame)
      } else if frame.stream == 0 {
        connection += Int(frame.number(at: 0))
      } else {
        windows[frame.stream, default: 0] += Int(frame.number(at: 0))
      }
    }
  }

  /// Sends a request and waits for its answer.
  func call(
    _ method: String = "GET", _ path: String, on stream: UInt32, body: [UInt8]? = nil, _ more: [(String, String)] = []
  ) throws -> Answer {
    try send(
      .headers(stream, HPACK.request(method, path, more), body == nil ? [.endStream, .endHeaders] : .endHeaders))
    if let body {
      var rest = body[...]
      repeat {
        let part = rest.prefix(16_384)
        rest = rest.dropFirst(part.count)
        try send(.data(stream, Array(part), rest.isEmpty ? .endStream : []))
      } while !rest.isEmpty
    }
    return try answer(on: stream)
  }

  private func fields(_ block: [UInt8]) throws -> [(name: String, value: String)] {
    var found: [(name: String, value: String)] = []
    var rest = block[...]
    while true {
      var field = nghttp2_nv()
      var flags: Int32 = 0
      let count = rest.withUnsafeBufferPointer {
        nghttp2_hd_inflate_hd2(inflater, &field, &flags, $0.baseAddress, $0.count, 1)
      }
      guard count >= 0 else { throw Failure("the server's header block is malformed: \(count)") }
      rest = rest.dropFirst(count)
      if flags & Int32(NGHTTP2_HD_INFLATE_EMIT.rawValue) != 0 {
        found.append(
          (
            String(decoding: UnsafeBufferPointer(start: field.name, count: field.namelen), as: UTF8.self),
            String(decoding: UnsafeBufferPointer(start: field.value, count: field.valuelen), as: UTF8.self)
          ))
      }
      if flags & Int32(NGHTTP2_HD_INFLATE_FINAL.rawValue) != 0 {
        nghttp2_hd_inflate_end_headers(inflater)
        return found
      }
      if count == 0 && flags & Int32(NGHTTP2_HD_INFLATE_EMIT.rawValue) == 0 {
        throw Failure("the server's header block ends early")
      }
    }
  }

  /// Does the server still answer a PING?
  func isAlive() throws -> Bool {
    let mark = (0..<8).map { _ in UInt8.random(in: 0...255) }
    try send(.ping(mark))
    while let frame = try receive() {
      if frame.kind == .ping && frame.flags.contains(.ack) && frame.payload == mark { return true }
      seen.append(frame)
      if frame.kind == .goAway { return false }
    }
    return false
  }
}
