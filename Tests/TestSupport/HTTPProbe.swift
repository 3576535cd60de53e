import Foundation

/// The smallest HTTP client, for asking a server of a test whether it is up. Waits up to `timeoutSeconds` per read.
public enum HTTPProbe {
  /// `request` on a thread of its own: a server that does not answer must not hold up the tests that share the pool's
  /// few threads.
  public static func answer(
    _ method: String = "GET", host: String = "127.0.0.1", port: Int, path: String, body: String = "",
    timeoutSeconds: Int = 1
  ) async -> (status: Int, body: String)? {
    await withCheckedContinuation { continuation in
      Thread.detachNewThread {
        continuation.resume(
          returning: request(method, host: host, port: port, path: path, body: body, timeoutSeconds: timeoutSeconds))
      }
    }
  }

  /// Blocks the calling thread. Sends one request to an IPv4 address; nil when there is no answer.
  public static func request(
    _ method: String = "GET", host: String = "127.0.0.1", port: Int, path: String, body: String = "",
    timeoutSeconds: Int = 1
  ) -> (status: Int, body: String)? {
    let number = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    guard number >= 0 else { return nil }
    defer { close(number) }
    var limit = timeval(tv_sec: timeoutSeconds, tv_usec: 0)
    setsockopt(number, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    setsockopt(number, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = UInt16(clamping: port).bigEndian
    guard inet_pton(AF_INET, host, &address.sin_addr) == 1 else { return nil }
    let connected = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(number, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
      }
    }
    guard connected else { return nil }
    let text =
      "\(method) \(path) HTTP/1.0\r\nHost: 127.0.0.1:\(port)\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
    let bytes = Array(text.utf8)
    var sent = 0
    while sent < bytes.count {
      let n = bytes[sent...].withUnsafeBytes { send(number, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
      guard n > 0 else { return nil }
      sent += n
    }
    var answer: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65_536)
    while true {
      let n = recv(number, &chunk, chunk.count, 0)
      guard n >= 0 else { return nil }
      if n == 0 { break }
      answer.append(contentsOf: chunk[..<n])
    }
    let whole = String(decoding: answer, as: UTF8.self)
    guard let gap = whole.range(of: "\r\n\r\n"),
      let status = whole.split(separator: " ").dropFirst().first.flatMap({ Int($0) })
    else { return nil }
    return (status, String(whole[gap.upperBound...]))
  }
}
