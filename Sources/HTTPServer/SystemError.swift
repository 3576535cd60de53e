import CNetwork
import Glibc

/// A failed system call.
public struct SystemError: Error, CustomStringConvertible {
  public let code: Int32
  public let description: String
  init(_ code: Int32, in call: String) {
    self.code = code
    description = "\(call): \(String(cString: strerror(code)))"
  }
  init(_ description: String) {
    code = 0
    self.description = description
  }
}

enum SocketAddress {
  /// The numeric host of an address.
  static func text(_ address: inout sockaddr_storage) -> String {
    var host = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN) + 1)
    let family = Int32(address.ss_family)
    let isShown = withUnsafePointer(to: &address) { pointer -> Bool in
      switch family {
      case AF_INET:
        pointer.withMemoryRebound(to: sockaddr_in.self, capacity: 1) { inner in
          withUnsafePointer(to: inner.pointee.sin_addr) { inet_ntop(AF_INET, $0, &host, socklen_t(host.count)) != nil }
        }
      case AF_INET6:
        pointer.withMemoryRebound(to: sockaddr_in6.self, capacity: 1) { inner in
          withUnsafePointer(to: inner.pointee.sin6_addr) {
            inet_ntop(AF_INET6, $0, &host, socklen_t(host.count)) != nil
          }
        }
      default: false
      }
    }
    return isShown ? String(decoding: host.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self) : ""
  }

  /// The port that a listening socket got.
  static func port(of descriptor: Int32) -> Int {
    var address = sockaddr_storage()
    var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
    let code = withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) }
    }
    guard code == 0 else { return 0 }
    return withUnsafePointer(to: &address) { pointer in
      Int32(pointer.pointee.ss_family) == AF_INET6
        ? Int(UInt16(bigEndian: pointer.withMemoryRebound(to: sockaddr_in6.self, capacity: 1) { $0.pointee.sin6_port }))
        : Int(UInt16(bigEndian: pointer.withMemoryRebound(to: sockaddr_in.self, capacity: 1) { $0.pointee.sin_port }))
    }
  }
}
