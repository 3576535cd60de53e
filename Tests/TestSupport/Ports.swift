import Foundation
import Glibc
import Synchronization

/// Free TCP ports on 127.0.0.1 for servers that can't be told "port 0".
public enum Ports {
  private static let given = Mutex<Set<UInt16>>([])
  /// Test processes that run side by side each have a part of the ports (scripts/lanes): between a look at a port and
  /// its use another one would take it.
  private static let range: Range<UInt16> = {
    let all: Range<UInt16> = 15_000..<31_000
    let variable = ProcessInfo.processInfo.environment["BINNACLE_TEST_PORTS"]
    let parts = (variable ?? "").split(separator: "/").compactMap { UInt16($0) }
    guard parts.count == 2, parts[0] < parts[1], parts[1] <= 16 else { return all }
    let share = UInt16(all.count) / parts[1]
    return (all.lowerBound + parts[0] * share)..<(all.lowerBound + (parts[0] + 1) * share)
  }()

  /// A port that nobody listens on, below the range from which the kernel serves outgoing connections, and never handed
  /// out twice here.
  public static func free() throws -> Int {
    for _ in 0..<1000 {
      let port = UInt16.random(in: range)
      guard given.withLock({ $0.insert(port).inserted }), canBind(port) else { continue }
      return Int(port)
    }
    throw SystemFailure(call: "finding a free port", code: EADDRINUSE)
  }

  private static func canBind(_ port: UInt16) -> Bool {
    let number = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    guard number >= 0 else { return false }
    defer { close(number) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    return withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(number, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
      }
    }
  }
}
