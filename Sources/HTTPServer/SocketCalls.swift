import CNetwork
import Glibc

/// System calls on a connection's socket.
enum SocketCalls {
  /// As recv(2), but interrupted calls go on.
  static func receive(_ descriptor: Int32, _ room: UnsafeMutableRawBufferPointer) -> Int {
    while true {
      let count = recv(descriptor, room.baseAddress, room.count, 0)
      if count >= 0 || errno != EINTR { return count }
    }
  }
}
