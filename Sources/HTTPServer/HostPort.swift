/// A host and a port as one text. (Go's `net.JoinHostPort`.)
public enum HostPort {
  /// `127.0.0.1:80`, `name:80`, `[::1]:80`; a host that has its brackets already keeps them.
  public static func text(_ host: String, _ port: Int) -> String {
    "\(bracketed(host)):\(port)"
  }

  /// The host as it stands in a URL: an IPv6 address in brackets.
  public static func bracketed(_ host: String) -> String {
    host.utf8.contains(UInt8(ascii: ":")) && host.utf8.first != UInt8(ascii: "[") ? "[\(host)]" : host
  }

  /// The host alone, as resolvers and certificates take it: an IPv6 address without brackets.
  public static func bare(_ host: String) -> String {
    host.utf8.first == UInt8(ascii: "[") && host.utf8.last == UInt8(ascii: "]")
      ? String(host.dropFirst().dropLast()) : host
  }
}
