import Dispatch
import Glibc

/// A socket beside the embedded database, by which `binnacle storage snapshot` asks the daemon that has it open: nobody
/// else can read it meanwhile. Only the daemon's own user can.
///
/// A request is a line, `snapshot PATH`; the answer lines `progress DONE ALL` and at the end `ok TEXT` or `error TEXT`.
// Sendable: a dispatch source may be used from any thread; all else is never changed.
final class ControlSocket: @unchecked Sendable {
  private let path: String
  private let descriptor: Int32
  private let source: any DispatchSourceRead
  private let queue = DispatchQueue(label: "control-socket")

  typealias Handler = @Sendable (_ request: String, _ say: (String) -> Void) -> Void

  static func path(besides database: String) -> String { database + ".control" }

  /// nil where it can't be made: then the daemon serves without.
  init?(besides database: String, _ handle: @escaping Handler) {
    let path = Self.path(besides: database)
    unlink(path)
    let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
    guard descriptor >= 0 else { return nil }
    let mask = umask(0o077)
    let isBound = Self.with(path) { bind(descriptor, $0, $1) } == 0
    umask(mask)
    guard isBound, listen(descriptor, 4) == 0 else {
      Glibc.close(descriptor)
      return nil
    }
    self.path = path
    self.descriptor = descriptor
    source = DispatchSource.makeReadSource(fileDescriptor: descriptor, queue: queue)
    source.setEventHandler {
      let client = accept(descriptor, nil, nil)
      guard client >= 0 else { return }
      defer { Glibc.close(client) }
      var limit = timeval(tv_sec: 10, tv_usec: 0)
      setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
      setsockopt(client, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
      guard let request = Self.line(from: client) else { return }
      handle(request) { Self.send($0 + "\n", to: client) }
    }
    source.resume()
  }

  func close() {
    source.cancel()
    // What is under way is seen through.
    queue.sync {}
    Glibc.close(descriptor)
    unlink(path)
  }

  /// Asks the daemon, and hears each line of its answer; false where there is none.
  static func ask(besides database: String, _ request: String, _ hear: (String) -> Void) -> Bool {
    let client = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    defer { Glibc.close(client) }
    guard client >= 0, with(path(besides: database), { connect(client, $0, $1) }) == 0 else { return false }
    send(request + "\n", to: client)
    while let line = line(from: client) { hear(line) }
    return true
  }

  private static func send(_ text: String, to descriptor: Int32) {
    let bytes = Array(text.utf8)
    var sent = 0
    while sent < bytes.count {
      let count = bytes[sent...].withUnsafeBytes {
        Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
      }
      if count <= 0 { return }
      sent += count
    }
  }

  /// Byte by byte: lines are short and few.
  private static func line(from descriptor: Int32) -> String? {
    var bytes: [UInt8] = []
    var byte: UInt8 = 0
    while bytes.count < 8_192, recv(descriptor, &byte, 1, 0) == 1 {
      if byte == UInt8(ascii: "\n") { return String(decoding: bytes, as: UTF8.self) }
      bytes.append(byte)
    }
    return nil
  }

  private static func with(_ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let bytes = Array(path.utf8)
    guard bytes.count < MemoryLayout.size(ofValue: address.sun_path) else { return -1 }
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
    return withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<sockaddr_un>.size)) }
    }
  }
}
