import Glibc
import HTTPServer

/// Where a request came from: through which proxies, as these say, and from whom at last. (apimachinery
/// `net.SourceIPs`.)
enum SourceAddresses {
  /// More than any chain of proxies; a client may make up as many.
  private static let max = 16

  static func of(_ request: Request) -> [String] {
    var found: [String] = []
    for part in (request.header("X-Forwarded-For") ?? "").split(separator: ",").prefix(max) {
      if let address = canonical(String(part)) { found.append(address) }
    }
    if let address = request.header("X-Real-Ip").flatMap(canonical), !found.contains(address) { found.append(address) }
    if let peer = canonical(request.peerAddress), found.last != peer { found.append(peer) }
    return found
  }

  /// As Go prints it; nil for what is no address.
  private static func canonical(_ text: String) -> String? {
    let text = AcceptClause.trimmed(text[...])
    guard !text.isEmpty, text.utf8.count < 64 else { return nil }
    var bytes = [UInt8](repeating: 0, count: 16)
    var out = [CChar](repeating: 0, count: 64)
    let family = text.contains(":") ? AF_INET6 : AF_INET
    guard inet_pton(family, text, &bytes) == 1, inet_ntop(family, bytes, &out, 64) != nil else { return nil }
    let shown = String(decoding: out.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    return shown.hasPrefix("::ffff:") && shown.contains(".") ? String(shown.dropFirst(7)) : shown
  }
}
