import ByteBuffers

/// A URL as Go's `net/url` takes it apart, with its words for what is wrong.
public struct GoURL: Sendable {
  /// In lower case.
  public private(set) var scheme = ""
  /// `user:password`, escaped; nil where there is none.
  public private(set) var user: String?
  /// With its port.
  public private(set) var host = ""
  public private(set) var path = ""
  /// As it was given.
  public private(set) var query = ""
  public private(set) var fragment = ""
  /// What stands behind a scheme without a slash: `a@b` of `mailto:a@b`.
  public private(set) var opaque = ""
  /// Path and fragment as they were given.
  private(set) var givenPath: [UInt8] = []
  private(set) var givenFragment: [UInt8] = []
  /// A `?` with nothing behind it.
  private(set) var endsInMark = false
  /// `scheme:/path`, without the slashes of a host.
  private(set) var omitsHost = false

  /// What is wrong: `parse "x:y": first path segment in URL cannot contain colon`.
  public struct Failure: Error, CustomStringConvertible {
    public let description: String
  }

  /// (`url.Parse`)
  public init(parsing text: String) throws(Failure) {
    let bytes = Array(text.utf8)
    let hash = bytes.firstIndex(of: UInt8(ascii: "#")) ?? bytes.count
    do throws(Failure) { try read(Array(bytes[..<hash]), isRequest: false) } catch {
      throw Self.failure(String(decoding: bytes[..<hash], as: UTF8.self), error)
    }
    if hash + 1 >= bytes.count { return }
    do throws(Failure) { fragment = try Self.unescaped(bytes[(hash + 1)...], .other) } catch {
      throw Self.failure(text, error)
    }
    givenFragment = Array(bytes[(hash + 1)...])
  }

  /// A URL that a request can be made to: an absolute one or a path; a fragment is taken for a part of what it stands
  /// behind. (`url.ParseRequestURI`)
  public init(requesting text: String) throws(Failure) {
    do throws(Failure) { try read(Array(text.utf8), isRequest: true) } catch { throw Self.failure(text, error) }
  }

  private static func failure(_ text: String, _ why: Failure) -> Failure {
    Failure(description: "parse \(GoText.quoted(text)): \(why)")
  }

  // MARK: parts

  private mutating func read(_ bytes: [UInt8], isRequest: Bool) throws(Failure) {
    if bytes.contains(where: { $0 < 0x20 || $0 == 0x7F }) {
      throw Failure(description: "net/url: invalid control character in URL")
    }
    if isRequest, bytes.isEmpty { throw Failure(description: "empty url") }
    if bytes == [UInt8(ascii: "*")] {
      givenPath = bytes
      return path = "*"
    }
    var rest = try withoutScheme(bytes[...])
    if let mark = rest.firstIndex(of: UInt8(ascii: "?")) {
      query = String(decoding: rest[(mark + 1)...], as: UTF8.self)
      endsInMark = query.isEmpty
      rest = rest[..<mark]
    }
    if rest.first != UInt8(ascii: "/") {
      // What has a scheme and no slash is opaque.
      if !scheme.isEmpty { return opaque = String(decoding: rest, as: UTF8.self) }
      if isRequest { throw Failure(description: "invalid URI for request") }
      if rest.prefix(while: { $0 != UInt8(ascii: "/") }).contains(UInt8(ascii: ":")) {
        throw Failure(description: "first path segment in URL cannot contain colon")
      }
    }
    let slashes = rest.prefix { $0 == UInt8(ascii: "/") }.count
    if slashes >= 2, !scheme.isEmpty || slashes == 2 && !isRequest {
      let authority = rest.dropFirst(2).prefix { $0 != UInt8(ascii: "/") }
      rest = rest[authority.endIndex...]
      try readAuthority(authority)
    } else {
      omitsHost = !scheme.isEmpty
    }
    path = try Self.unescaped(rest, .other)
    givenPath = Array(rest)
  }

  private mutating func withoutScheme(_ bytes: ArraySlice<UInt8>) throws(Failure) -> ArraySlice<UInt8> {
    for (place, byte) in bytes.enumerated() {
      if Self.isLetter(byte) { continue }
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."):
        if place == 0 { return bytes }
      case UInt8(ascii: ":"):
        if place == 0 { throw Failure(description: "missing protocol scheme") }
        scheme = String(decoding: bytes.prefix(place), as: UTF8.self).lowercased()
        return bytes.dropFirst(place + 1)
      default: return bytes
      }
    }
    return bytes
  }

  private mutating func readAuthority(_ authority: ArraySlice<UInt8>) throws(Failure) {
    guard let at = authority.lastIndex(of: UInt8(ascii: "@")) else {
      host = try Self.host(authority, of: scheme)
      return
    }
    host = try Self.host(authority[(at + 1)...], of: scheme)
    let given = authority[..<at]
    guard given.allSatisfy({ Self.isPlain($0) || Self.inUser.contains($0) }) else {
      throw Failure(description: "net/url: invalid userinfo")
    }
    let colon = given.firstIndex(of: UInt8(ascii: ":"))
    var shown = Self.escaped(try Self.unescaped(given[..<(colon ?? given.endIndex)], .other))
    if let colon { shown += ":" + Self.escaped(try Self.unescaped(given[(colon + 1)...], .other)) }
    user = shown
  }

  /// Brackets are for addresses of IPv6 alone, and only they have colons. (`parseHost` of Go 1.26)
  private static func host(_ bytes: ArraySlice<UInt8>, of scheme: String) throws(Failure) -> String {
    guard let start = bytes.lastIndex(of: UInt8(ascii: "[")) else {
      guard let first = bytes.firstIndex(of: UInt8(ascii: ":")) else { return try unescaped(bytes, .host) }
      // Lists of hosts, which no standard knows.
      let isList = scheme == "postgresql" || scheme == "postgres"
      try checkPort(bytes[(isList ? bytes.lastIndex(of: UInt8(ascii: ":")) ?? first : first)...])
      return try unescaped(bytes, .host)
    }
    guard start == bytes.startIndex else { throw Failure(description: "invalid IP-literal") }
    guard let end = bytes.lastIndex(of: UInt8(ascii: "]")) else { throw Failure(description: "missing ']' in host") }
    try checkPort(bytes[(end + 1)...])
    let port = try unescaped(bytes[(end + 1)...], .host)
    let inside = bytes[(start + 1)..<end]
    let zone = place(of: Array("%25".utf8), in: inside) ?? end
    let address = try unescaped(inside[..<zone], .host) + unescaped(inside[zone...], .zone)
    do throws(IPAddress.Malformed) {
      if try IPAddress.strict(address).address.width == 4 { throw IPAddress.Malformed.notInBrackets }
    } catch {
      throw Failure(description: error == .notInBrackets ? error.description : "invalid host: \(error)")
    }
    return "[\(address)]\(port)"
  }

  private static func checkPort(_ bytes: ArraySlice<UInt8>) throws(Failure) {
    guard let first = bytes.first else { return }
    let isGood =
      first == UInt8(ascii: ":")
      && bytes.dropFirst().allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
    if isGood { return }
    let shown = GoText.quoted(String(decoding: bytes, as: UTF8.self))
    throw Failure(description: "invalid port \(shown) after host")
  }

  private static func place(of pattern: [UInt8], in bytes: ArraySlice<UInt8>) -> Int? {
    guard bytes.count >= pattern.count else { return nil }
    return (bytes.startIndex...(bytes.endIndex - pattern.count)).first { bytes[$0...].starts(with: pattern) }
  }

  // MARK: escapes

  private enum Part { case host, zone, other }

  private static let inUser = Set("-._:~!$&'()*+,;=%@".utf8)
  private static let inHost = Set(#"!$&'()*+,;=:[]<>"-_.~"#.utf8)

  private static func unescaped(_ bytes: ArraySlice<UInt8>, _ part: Part) throws(Failure) -> String {
    var plain: [UInt8] = []
    var place = bytes.startIndex
    while place < bytes.endIndex {
      let byte = bytes[place]
      guard byte == UInt8(ascii: "%") else {
        if part != .other, byte < 0x80, !isPlain(byte), !inHost.contains(byte) {
          let shown = GoText.quoted(String(decoding: [byte], as: UTF8.self))
          throw Failure(description: "invalid character \(shown) in host name")
        }
        plain.append(byte)
        place += 1
        continue
      }
      let escape = bytes[place...].prefix(3)
      let digits = escape.dropFirst().compactMap(hexDigit)
      guard digits.count == 2, isAllowed(escape, digits[0] << 4 | digits[1], part) else {
        throw Failure(description: "invalid URL escape \(GoText.quoted(String(decoding: escape, as: UTF8.self)))")
      }
      plain.append(digits[0] << 4 | digits[1])
      place += 3
    }
    return String(decoding: plain, as: UTF8.self)
  }

  /// Hosts are not escaped, but for what is no ASCII, and for what begins and is in a zone.
  private static func isAllowed(_ escape: ArraySlice<UInt8>, _ byte: UInt8, _ part: Part) -> Bool {
    switch part {
    case .other: true
    case .host: byte >= 0x80 || byte == UInt8(ascii: "%")
    case .zone: byte == UInt8(ascii: "%") || byte == 0x20 || isPlain(byte) || inHost.contains(byte)
    }
  }

  /// As Go writes a user's name.
  private static func escaped(_ text: String) -> String { escaped(Array(text.utf8), but: "-_.~$&+,;=") }

  /// With an escape for each byte that is no letter, no digit and none of `kept`.
  static func escaped(_ bytes: [UInt8], but kept: String) -> String {
    var out: [UInt8] = []
    for byte in bytes {
      if isPlain(byte) || kept.utf8.contains(byte) {
        out.append(byte)
      } else {
        let digits = String(byte, radix: 16, uppercase: true)
        out += Array("%\(digits.utf8.count == 1 ? "0" : "")\(digits)".utf8)
      }
    }
    return String(decoding: out, as: UTF8.self)
  }

  static func isLetter(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20) && byte < 0x80
  }

  static func isPlain(_ byte: UInt8) -> Bool {
    isLetter(byte) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
  }

  static func hexDigit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
    default: nil
    }
  }
}
