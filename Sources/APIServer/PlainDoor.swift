import Glibc
import HTTPServer

/// What plain HTTP, which asks nobody who they are, asks of a request all the same: that no web page made it.
///
/// Whoever is on this machine may do everything, and a browser is on this machine too: any page may send it requests. A
/// page of `evil.example` whose name leads to 127.0.0.1 (DNS rebinding) says so in `Host`; one that asks across origins
/// says so in `Origin` or `Sec-Fetch-Site`. Programs say neither. (kubectl proxy's `--accept-hosts`.)
public struct PlainDoor: Sendable {
  /// Names, besides IP addresses and localhost, by which the server is reached; in small letters. `*` for all.
  private let names: Set<ByteString>

  /// `names`: host names without port, in any case; `*` accepts all.
  public init(names: [String] = []) { self.names = Set<ByteString>(names.map { $0.lowercased() }) }

  /// Why a request is refused; nil for nearly all, and then nothing was allocated. `cors`: origins that are welcome.
  func refusal(_ request: Request, cors: CORS?) -> String? {
    guard request.withHeader("Host", isOurs) else {
      let name = request.header("Host") ?? ""
      return
        "the host \"\(name)\" is not one that plain HTTP is served under: use an IP address or localhost, or name it with --insecure-accept-hosts"
    }
    let isRead = request.method == .get || request.method == .head || request.method == .options
    if isRead && !request.isWebSocket { return nil }
    if let origin = request.header("Origin") {
      if cors?.allows(origin) == true || isSame(origin, request) { return nil }
      return
        "plain HTTP takes no writes and WebSockets from pages of another origin, such as \"\(origin)\": name it with --cors-allowed-origins"
    }
    if request.header("Sec-Fetch-Site")?.lowercased() == "cross-site" {
      return "plain HTTP takes no writes and WebSockets from pages of another site"
    }
    return nil
  }

  private func isOurs(_ host: UnsafeRawBufferPointer?) -> Bool {
    // HTTP/1.0 has none, and browsers always say it.
    guard let host, !host.isEmpty else { return true }
    if Self.isAddress(host) || names.contains("*") { return true }
    let name = Self.name(String(decoding: host, as: UTF8.self))
    return name == "localhost" || names.contains(name)
  }

  /// Is it an IP address, with or without a port? A name can't be of digits and dots alone: its last label would make
  /// it an address.
  private static func isAddress(_ host: UnsafeRawBufferPointer) -> Bool {
    if host[0] == UInt8(ascii: "[") {
      guard let end = host.firstIndex(of: UInt8(ascii: "]")) else { return false }
      var address = in6_addr()
      let text = String(decoding: host[1..<end].prefix { $0 != UInt8(ascii: "%") }, as: UTF8.self)
      return inet_pton(AF_INET6, text, &address) == 1 && (end + 1 == host.count || host[end + 1] == UInt8(ascii: ":"))
    }
    var dots = 0
    for byte in host {
      switch byte {
      case 0x30...0x39: break
      case UInt8(ascii: "."): dots += 1
      case UInt8(ascii: ":"): return dots == 3
      default: return false
      }
    }
    return dots == 3
  }

  /// A host without its port, in small letters.
  private static func name(_ host: String) -> String {
    String(decoding: host.utf8.prefix { $0 != UInt8(ascii: ":") }, as: UTF8.self).lowercased()
  }

  /// Is it the page's own server that is asked?
  private func isSame(_ origin: String, _ request: Request) -> Bool {
    guard let host = request.header("Host") else { return false }
    return origin.lowercased() == "http://" + host.lowercased()
  }
}
