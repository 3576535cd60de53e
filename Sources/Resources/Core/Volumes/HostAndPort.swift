import Machinery

/// `host:port`, as network addresses are written.
enum HostAndPort {
  /// Can it be taken apart? An address with colons has to stand in brackets. (Go: `net.SplitHostPort`)
  static func isOne(_ text: some StringProtocol) -> Bool {
    let bytes = Array(text.utf8)
    guard let colon = bytes.lastIndex(of: UInt8(ascii: ":")) else { return false }
    var (inside, behind) = (0, 0)
    if bytes.first == UInt8(ascii: "[") {
      guard let end = bytes.firstIndex(of: UInt8(ascii: "]")), end + 1 == colon else { return false }
      (inside, behind) = (1, end + 1)
    } else if bytes[..<colon].contains(UInt8(ascii: ":")) {
      return false
    }
    return !bytes[inside...].contains(UInt8(ascii: "[")) && !bytes[behind...].contains(UInt8(ascii: "]"))
  }
}
