import Foundation
import Synchronization

/// An HTTP/1.1 server on 127.0.0.1 that answers as a test says: a server that is out of its mind. Each connection has a
/// thread.
public final class ScriptedServer: Sendable {
  public struct Answer: Sendable {
    public var status = 200
    public var headers: [String] = []
    public var body: String
    /// Sent as a chunk, with nothing behind it: the stream stays open.
    public var isStream = false
    public init(_ body: String, status: Int = 200, headers: [String] = [], isStream: Bool = false) {
      (self.body, self.status, self.headers, self.isStream) = (body, status, headers, isStream)
    }
  }
  public typealias Script = @Sendable (_ method: String, _ path: String) -> Answer

  public let port: Int
  private let listener: CInt
  private let script: Mutex<Script>

  public var url: String { "http://127.0.0.1:\(port)" }

  public init(_ script: @escaping Script) throws {
    self.script = Mutex(script)
    port = try Ports.free()
    listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var yes: CInt = 1
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, 4)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = UInt16(clamping: port).bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    let bound = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(listener, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard bound == 0, listen(listener, 64) == 0 else { throw SystemFailure(call: "bind", code: errno) }
    Thread.detachNewThread { [listener, weak self] in
      while true {
        let client = accept(listener, nil, nil)
        guard client >= 0 else { return }
        Thread.detachNewThread { [weak self] in
          Self.serve(client) { self?.script.withLock { $0 } }
          close(client)
        }
      }
    }
  }

  public func set(_ script: @escaping Script) { self.script.withLock { $0 = script } }

  deinit {
    shutdown(listener, Int32(SHUT_RDWR))
    close(listener)
  }

  private static func serve(_ client: CInt, _ script: () -> Script?) {
    var seen: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65_536)
    func more() -> Bool {
      let count = recv(client, &chunk, chunk.count, 0)
      guard count > 0 else { return false }
      seen += chunk[..<count]
      return true
    }
    while true {
      var gap = seen.firstRange(of: Array("\r\n\r\n".utf8))
      while gap == nil {
        guard more() else { return }
        gap = seen.firstRange(of: Array("\r\n\r\n".utf8))
      }
      guard let gap else { return }
      let head = String(decoding: seen[..<gap.lowerBound], as: UTF8.self)
      seen.removeSubrange(..<gap.upperBound)
      let words = head.split(separator: " ")
      let length =
        head.split(separator: "\r\n").compactMap { line in
          line.lowercased().hasPrefix("content-length:")
            ? Int(line.split(separator: ":")[1].trimmingCharacters(in: .whitespaces)) : nil
        }.first ?? 0
      while seen.count < length { guard more() else { return } }
      seen.removeFirst(length)
      guard words.count > 1, let answer = script()?(String(words[0]), String(words[1])) else { return }
      var text = "HTTP/1.1 \(answer.status) X\r\n" + answer.headers.map { $0 + "\r\n" }.joined()
      if answer.isStream {
        text += "Transfer-Encoding: chunked\r\n\r\n\(String(answer.body.utf8.count, radix: 16))\r\n\(answer.body)\r\n"
      } else {
        text += "Content-Length: \(answer.body.utf8.count)\r\n\r\n\(answer.body)"
      }
      let bytes = Array(text.utf8)
      guard send(client, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count else { return }
      if answer.isStream {
        while more() { seen.removeAll() }
        return
      }
    }
  }
}
