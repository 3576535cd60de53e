import Foundation
import Synchronization

/// A TCP proxy on 127.0.0.1 that can lose things: what a network does to a client and its server.
public final class FaultProxy: Sendable {
  public enum Mode: Sendable, Equatable {
    case pass
    /// Requests get through; the first byte of an answer cuts the connection instead.
    case cutAnswers
    /// Nothing gets through either way; connections stay open.
    case silence
  }
  public let port: Int
  private let target: Int
  private let listener: CInt
  private struct State {
    var mode = Mode.pass
    var connections: Set<CInt> = []
    var isClosed = false
    var cuts = 0
  }
  private let state = Mutex(State())

  public var url: String { "http://127.0.0.1:\(port)" }
  /// Answers lost so far.
  public var cuts: Int { state.withLock { $0.cuts } }

  public init(to target: Int) throws {
    self.target = target
    port = try Ports.free()
    listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var yes: CInt = 1
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, 4)
    guard FaultProxy.withLoopback(port, { bind(listener, $0, $1) }) == 0, listen(listener, 128) == 0 else {
      throw SystemFailure(call: "bind", code: errno)
    }
    Thread.detachNewThread { [self] in
      while true {
        let client = accept(listener, nil, nil)
        guard client >= 0 else { return }
        serve(client)
      }
    }
  }

  public func set(_ mode: Mode) { state.withLock { $0.mode = mode } }

  /// Cuts every connection there is; new ones are taken.
  public func cutConnections() {
    for descriptor in state.withLock({ $0.connections }) { shutdown(descriptor, Int32(SHUT_RDWR)) }
  }

  /// Takes no more connections and cuts those there are.
  public func close() {
    let isFirst = state.withLock { state in
      defer { state.isClosed = true }
      return !state.isClosed
    }
    guard isFirst else { return }
    shutdown(listener, Int32(SHUT_RDWR))
    Glibc.close(listener)
    cutConnections()
  }

  deinit { close() }

  private func serve(_ client: CInt) {
    let server = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    guard FaultProxy.withLoopback(target, { connect(server, $0, $1) }) == 0 else {
      Glibc.close(server)
      Glibc.close(client)
      return
    }
    state.withLock { $0.connections.formUnion([client, server]) }
    let left = Atomic2()
    for (from, to, isAnswer) in [(client, server, false), (server, client, true)] {
      Thread.detachNewThread { [self] in
        pump(from, to, isAnswer: isAnswer)
        shutdown(from, Int32(SHUT_RDWR))
        shutdown(to, Int32(SHUT_RDWR))
        if left.isLast() {
          state.withLock { $0.connections.subtract([client, server]) }
          Glibc.close(client)
          Glibc.close(server)
        }
      }
    }
  }

  private func pump(_ from: CInt, _ to: CInt, isAnswer: Bool) {
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = recv(from, &buffer, buffer.count, 0)
      guard count > 0 else { return }
      var mode = state.withLock { $0.mode }
      while mode == .silence {
        usleep(5_000)
        let (now, isClosed) = state.withLock { ($0.mode, $0.isClosed) }
        if isClosed { return }
        mode = now
      }
      if mode == .cutAnswers && isAnswer {
        state.withLock { $0.cuts += 1 }
        return
      }
      var sent = 0
      while sent < count {
        let n = buffer[sent..<count].withUnsafeBytes { send(to, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
        guard n > 0 else { return }
        sent += n
      }
    }
  }

  private static func withLoopback(_ port: Int, _ body: (UnsafePointer<sockaddr>, socklen_t) -> CInt) -> CInt {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = UInt16(clamping: port).bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    return withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
    }
  }

  /// Tells the second of two threads that it is the last.
  private final class Atomic2: Sendable {
    private let ended = Atomic<Int>(0)
    func isLast() -> Bool { ended.add(1, ordering: .acquiringAndReleasing).newValue == 2 }
  }
}
