import CNetwork
import Glibc

/// Listening sockets that systemd made before it started the daemon, so that over a restart no connection is refused
/// (sd_listen_fds(3)).
///
/// A socket is for HTTPS or plain HTTP by its name (`FileDescriptorName=https` or `http`), or else by its port.
struct InheritedSockets {
  private(set) var https: [Int32] = []
  private(set) var http: [Int32] = []

  /// The first descriptor that is handed over.
  private static let first: Int32 = 3

  /// Those of this process; none where it was started otherwise. Once a process. Throws `StartFailure` for a socket
  /// that nobody has use for.
  static func take(securePort: Int?, insecurePort: Int?) throws -> InheritedSockets {
    var sockets = InheritedSockets()
    guard number("LISTEN_PID") == Int(getpid()), let count = number("LISTEN_FDS"), (1...64).contains(count) else {
      return sockets
    }
    let names = (getenv("LISTEN_FDNAMES").map { String(cString: $0) } ?? "").split(
      separator: ":", omittingEmptySubsequences: false)
    for name in ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"] { unsetenv(name) }
    for place in 0..<count {
      let descriptor = first + Int32(place)
      guard isListening(descriptor) else {
        throw StartFailure("LISTEN_FDS: descriptor \(descriptor) is no listening stream socket")
      }
      _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
      _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK)
      let port = port(of: descriptor)
      switch place < names.count ? String(names[place]) : "" {
      case "https": sockets.https.append(descriptor)
      case "http": sockets.http.append(descriptor)
      case let name:
        if port != nil && port == securePort {
          sockets.https.append(descriptor)
        } else if port != nil && port == insecurePort {
          sockets.http.append(descriptor)
        } else {
          throw StartFailure(
            "socket activation: socket \"\(name)\"\(port.map { " on port \($0)" } ?? "") is neither --secure-port nor --insecure-port: set its FileDescriptorName to https or http"
          )
        }
      }
    }
    if !sockets.https.isEmpty && securePort == nil {
      throw StartFailure("socket activation: a socket for HTTPS was handed over, and HTTPS is off: name --secure-port")
    }
    if !sockets.http.isEmpty && insecurePort == nil {
      throw StartFailure("socket activation: a socket for plain HTTP was handed over, and --insecure-port is 0")
    }
    return sockets
  }

  private static func number(_ name: String) -> Int? { getenv(name).flatMap { Int(String(cString: $0)) } }

  private static func isListening(_ descriptor: Int32) -> Bool {
    option(descriptor, SO_ACCEPTCONN) == 1 && option(descriptor, SO_TYPE) == Int32(SOCK_STREAM.rawValue)
  }

  private static func option(_ descriptor: Int32, _ name: Int32) -> Int32? {
    var value: Int32 = 0
    var size = socklen_t(MemoryLayout<Int32>.size)
    return getsockopt(descriptor, SOL_SOCKET, name, &value, &size) == 0 ? value : nil
  }

  /// nil for what has none.
  private static func port(of descriptor: Int32) -> Int? {
    var address = sockaddr_storage()
    var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
    let code = withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &size) }
    }
    guard code == 0 else { return nil }
    // The port stands in the same place for both families.
    switch Int32(address.ss_family) {
    case AF_INET, AF_INET6: return withUnsafeBytes(of: &address) { Int($0[2]) << 8 | Int($0[3]) }
    default: return nil
    }
  }
}
