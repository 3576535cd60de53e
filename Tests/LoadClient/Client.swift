import Glibc

/// What went wrong, in words.
public struct Failure: Error, CustomStringConvertible {
  public let description: String
  public init(_ description: String) { self.description = description }
}

/// A blocking HTTP/1.1 connection to 127.0.0.1: enough of a client to load a server or to watch it fail, and nothing
/// that hides what it does.
///
/// Each receive waits at most `patience` seconds. One thread at a time.
public final class Client {
  public let descriptor: Int32
  private var buffer = [UInt8](repeating: 0, count: 1 << 16)
  private var start = 0
  private var end = 0

  /// Connects; `patience` bounds each wait for bytes, in seconds.
  public init(port: Int, patience: Int = 30) throws {
    descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { throw Failure("socket: \(String(cString: strerror(errno)))") }
    var one: Int32 = 1
    setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, 4)
    var wait = timeval(tv_sec: patience, tv_usec: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &wait, socklen_t(MemoryLayout<timeval>.size))
    setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &wait, socklen_t(MemoryLayout<timeval>.size))
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(truncatingIfNeeded: port).bigEndian
    address.sin_addr.s_addr = inet_addr("127.0.0.1")
    let code = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard code == 0 else {
      let reason = String(cString: strerror(errno))
      close(descriptor)
      throw Failure("connect to port \(port): \(reason)")
    }
  }

  deinit { close(descriptor) }

  /// Sends all of `bytes`.
  public func send(_ bytes: [UInt8]) throws {
    var sent = 0
    while sent < bytes.count {
      let count = bytes.withUnsafeBytes {
        Glibc.send(descriptor, $0.baseAddress.map { $0 + sent }, bytes.count - sent, Int32(MSG_NOSIGNAL))
      }
      guard count > 0 else { throw Failure("send: \(String(cString: strerror(errno)))") }
      sent += count
    }
  }

  /// Sends one request with its head made up.
  public func request(_ method: String, _ path: String, type: String = "application/json", body: [UInt8] = []) throws {
    let head =
      "\(method) \(path) HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: \(type)\r\nContent-Length: \(body.count)\r\n\r\n"
    try send(Array(head.utf8) + body)
  }

  /// One request and its answer. The body is returned only if `keepsBody`.
  @discardableResult
  public func call(
    _ method: String, _ path: String, type: String = "application/json", body: [UInt8] = [], keepsBody: Bool = false
  ) throws -> (status: Int, body: [UInt8]) {
    try request(method, path, type: type, body: body)
    let head = try receiveHead()
    var body: [UInt8] = []
    if let length = head.contentLength {
      try take(length, into: &body, keeps: keepsBody)
    } else if head.isChunked {
      while try takeChunk(into: &body, keeps: keepsBody) {}
    }
    return (head.status, body)
  }

  /// The head of an answer, of what this client needs.
  public struct Head: Sendable {
    public let status: Int
    public let contentLength: Int?
    public let isChunked: Bool
  }

  /// Reads the head of an answer; what follows is the caller's to read.
  public func receiveHead() throws -> Head {
    while true {
      if let length = headLength() {
        let lines = String(decoding: buffer[start..<(start + length)], as: UTF8.self).lowercased().split(
          separator: "\r\n")
        start += length
        let status = Int(lines.first?.split(separator: " ").dropFirst().first ?? "") ?? 0
        let contentLength = lines.first { $0.hasPrefix("content-length:") }.flatMap {
          Int($0.dropFirst(15).filter { $0 != " " })
        }
        return Head(
          status: status, contentLength: contentLength, isChunked: lines.contains("transfer-encoding: chunked"))
      }
      try fill()
    }
  }

  /// One chunk of a chunked body; false after the last.
  public func takeChunk(into body: inout [UInt8], keeps: Bool = true) throws -> Bool {
    guard let size = Int(try line(), radix: 16) else { throw Failure("not a chunk") }
    try take(size, into: &body, keeps: keeps)
    _ = try line()
    return size > 0
  }

  private func headLength() -> Int? {
    let bytes = buffer[start..<end]
    var from = bytes.startIndex
    while let feed = bytes[from...].firstIndex(of: 10) {
      if feed - start >= 3 && buffer[feed - 1] == 13 && buffer[feed - 2] == 10 { return feed + 1 - start }
      from = feed + 1
    }
    return nil
  }

  private func line() throws -> String {
    while true {
      if let feed = buffer[start..<end].firstIndex(of: 10) {
        let text = String(decoding: buffer[start..<max(start, feed - 1)], as: UTF8.self)
        start = feed + 1
        return text
      }
      try fill()
    }
  }

  private func take(_ count: Int, into body: inout [UInt8], keeps: Bool) throws {
    var left = count
    while left > 0 {
      if start == end { try fill() }
      let part = min(left, end - start)
      if keeps { body += buffer[start..<(start + part)] }
      start += part
      left -= part
    }
  }

  private func fill() throws {
    if start > 0 {
      buffer.withUnsafeMutableBytes { if let base = $0.baseAddress { memmove(base, base + start, end - start) } }
      end -= start
      start = 0
    }
    if end == buffer.count { buffer += [UInt8](repeating: 0, count: buffer.count) }
    let count = buffer.withUnsafeMutableBytes { room in
      recv(descriptor, room.baseAddress.map { $0 + end }, room.count - end, 0)
    }
    guard count > 0 else {
      throw Failure(count == 0 ? "the server closed the connection" : "receive: \(String(cString: strerror(errno)))")
    }
    end += count
  }
}
