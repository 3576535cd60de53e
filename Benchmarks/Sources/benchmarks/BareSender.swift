import Glibc
import LoadClient

/// The least that a fan-out can cost: for each byte that comes on the first connection, one `send` of the same bytes to
/// each of the others. Runs as a process of its own (`benchmarks bare-sender PORT WATCHERS BYTES`), so that its CPU can
/// be measured as the daemon's is.
enum BareSender {
  static func run(port: Int, watchers: Int, bytes: Int) throws -> Never {
    let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var one: Int32 = 1
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, 4)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(truncatingIfNeeded: port).bigEndian
    address.sin_addr.s_addr = inet_addr("127.0.0.1")
    let code = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(listener, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard code == 0, listen(listener, 1_024) == 0 else {
      throw Failure("bare-sender: \(String(cString: strerror(errno)))")
    }
    let writer = accept(listener, nil, nil)
    let receivers = (0..<watchers).map { _ in
      let descriptor = accept(listener, nil, nil)
      setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, 4)
      return descriptor
    }
    let event = [UInt8](repeating: 97, count: bytes - 2) + Array("}\n".utf8)
    var byte: UInt8 = 0
    while recv(writer, &byte, 1, 0) == 1 {
      for receiver in receivers where send(receiver, event, event.count, Int32(MSG_NOSIGNAL)) != event.count {
        throw Failure("bare-sender: a short send")
      }
    }
    exit(0)
  }
}
