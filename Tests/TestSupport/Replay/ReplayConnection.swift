import ByteBuffers
import Glibc

/// What an answer was.
public struct ReplayAnswer: Sendable {
  public let status: Int
  /// In order, names in small letters.
  public let headers: [(name: String, value: String)]
  public let body: [UInt8]

  /// The last header of a name, as a dictionary of Python keeps it.
  func header(_ name: String) -> String? { headers.last { $0.name == name }?.value }
}

/// A connection of HTTP/1.1 over a descriptor, whatever is at its other end: a socket, or a server in the same process
/// (`socketpair`). Blocks its thread; of one thread.
public final class ReplayConnection {
  public struct Broken: Error, CustomStringConvertible {
    public let description: String
  }
  enum Framing { case none, length(Int), chunked, untilEnd }

  private let descriptor: Int32
  private var buffer: [UInt8] = []
  private var start = 0
  private(set) var willClose = false
  // Of the answer that is being read.
  private var framing = Framing.none
  private var line: [UInt8] = []
  /// Left of the chunk that is being read; nil between chunks.
  private var chunk: Int?

  /// Owns the descriptor.
  public init(_ descriptor: Int32) { self.descriptor = descriptor }
  deinit { close(descriptor) }

  /// A connection to a port of this machine.
  public static func connect(port: Int) throws -> Int32 {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { throw SystemFailure(call: "socket", code: errno) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(UInt16(clamping: port)).bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    let result = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard result == 0 else {
      defer { close(descriptor) }
      throw SystemFailure(call: "connect to port \(port)", code: errno)
    }
    var one: Int32 = 1
    setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<Int32>.size))
    return descriptor
  }

  func send(_ method: String, _ target: String, _ headers: [(name: String, value: String)], _ body: [UInt8]?) throws {
    var head = "\(method) \(target) HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: identity\r\n"
    if let body {
      head += "Content-Length: \(body.count)\r\n"
    } else if ["POST", "PUT", "PATCH"].contains(method) {
      head += "Content-Length: 0\r\n"
    }
    for (name, value) in headers { head += "\(name): \(value)\r\n" }
    let bytes = Array((head + "\r\n").utf8) + (body ?? [])
    var sent = 0
    while sent < bytes.count {
      let count = bytes.withUnsafeBytes { room in
        Glibc.send(descriptor, room.baseAddress.map { $0 + sent }, room.count - sent, Int32(MSG_NOSIGNAL))
      }
      guard count > 0 else { throw Broken(description: "sending: \(String(cString: strerror(errno)))") }
      sent += count
    }
  }

  // MARK: bytes

  private var count: Int { buffer.count - start }

  /// False when nothing came in time. Throws at the end.
  private func fill(until deadline: ContinuousClock.Instant) throws -> Bool {
    while true {
      let left = deadline - .now
      var wanted = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
      let milliseconds = left <= .zero ? 0 : Int32(clamping: Int(left / .milliseconds(1)) + 1)
      let ready = poll(&wanted, 1, milliseconds)
      if ready == 0 { return false }
      if start > 0 {
        buffer.removeFirst(start)
        start = 0
      }
      let room = 64 << 10
      let old = buffer.count
      buffer.append(contentsOf: repeatElement(0, count: room))
      let got = buffer.withUnsafeMutableBytes { recv(descriptor, $0.baseAddress.map { $0 + old }, room, 0) }
      buffer.removeLast(room - max(0, got))
      if got > 0 { return true }
      if got < 0 && errno == EINTR { continue }
      throw Broken(description: "the server ended the connection")
    }
  }

  private func take(_ count: Int) -> ArraySlice<UInt8> {
    defer { start += count }
    return buffer[start..<(start + count)]
  }

  /// A line of the protocol, without its end; nil when it has not come in time.
  private func textLine(until deadline: ContinuousClock.Instant) throws -> String? {
    while true {
      if let end = buffer[start...].firstIndex(of: 0x0A) {
        let line = take(end + 1 - start).dropLast()
        return String(decoding: line.last == 0x0D ? line.dropLast() : line, as: UTF8.self)
      }
      guard try fill(until: deadline) else { return nil }
    }
  }

  // MARK: answers

  /// Status and headers of what was asked last.
  func head(
    _ method: String, until deadline: ContinuousClock.Instant
  ) throws -> (
    status: Int, headers: [(name: String, value: String)]
  ) {
    func next() throws -> String {
      guard let line = try textLine(until: deadline) else { throw Broken(description: "timed out") }
      return line
    }
    while true {
      let first = try next().split(separator: " ")
      guard first.count >= 2, let status = Int(first[1]) else { throw Broken(description: "no HTTP: \(first)") }
      var headers: [(name: String, value: String)] = []
      while case let line = try next(), !line.isEmpty {
        let name = line.prefix { $0 != ":" }
        let value = line.dropFirst(name.count + 1).drop { $0 == " " }
        headers.append((name.lowercased(), String(value)))
      }
      if status == 100 { continue }
      func header(_ name: String) -> String? { headers.last { $0.name == name }?.value }
      willClose = header("connection")?.lowercased() == "close"
      (chunk, line) = (nil, [])
      if method == "HEAD" || status == 204 || status == 304 {
        framing = .none
      } else if header("transfer-encoding") == "chunked" {
        framing = .chunked
      } else if let length = header("content-length").flatMap({ Int($0) }) {
        framing = .length(length)
      } else {
        framing = .untilEnd
        willClose = true
      }
      return (status, headers)
    }
  }

  /// Some of the body, as it comes; nil at its end, nothing when none came in time.
  private func part(until deadline: ContinuousClock.Instant) throws -> ArraySlice<UInt8>? {
    switch framing {
    case .none, .length(0): return nil
    case .length(let length):
      guard try count > 0 || fill(until: deadline) else { return [] }
      let taken = min(length, count)
      framing = .length(length - taken)
      return take(taken)
    case .untilEnd:
      do { guard try count > 0 || fill(until: deadline) else { return [] } } catch is Broken { return nil }
      return take(count)
    case .chunked:
      if chunk == nil {
        guard let line = try textLine(until: deadline) else { return [] }
        guard let size = Int(line, radix: 16) else { throw Broken(description: "no chunk: \(line)") }
        chunk = size
      }
      guard let size = chunk else { return [] }
      if size == 0 {
        guard try textLine(until: deadline) != nil else { return [] }
        framing = .none
        return nil
      }
      // A chunk is taken whole, with the end of its line.
      while count < size + 2 { guard try fill(until: deadline) else { return [] } }
      let bytes = take(size)
      start += 2
      chunk = nil
      return bytes
    }
  }

  /// The whole body.
  func body(until deadline: ContinuousClock.Instant) throws -> [UInt8] {
    var whole: [UInt8] = []
    while let part = try part(until: deadline) {
      if part.isEmpty && ContinuousClock.now > deadline { throw Broken(description: "timed out") }
      whole += part
    }
    return whole
  }

  enum Line { case line([UInt8]), end, late }

  /// The next line of a body that goes on.
  func bodyLine(until deadline: ContinuousClock.Instant) throws -> Line {
    while true {
      if let end = line.firstIndex(of: 0x0A) {
        let first = Array(line[..<end])
        line.removeFirst(end + 1)
        return .line(first)
      }
      guard let part = try part(until: deadline) else {
        defer { line = [] }
        return line.isEmpty ? .end : .line(line)
      }
      if part.isEmpty { return .late }
      line += part
    }
  }
}
