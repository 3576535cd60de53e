import ByteBuffers

/// What else is asked of a URL.
extension GoURL {
  /// The host without port and brackets. (`URL.Hostname`)
  public var hostname: String {
    let name = hostAndPort.host
    return name.hasPrefix("[") && name.hasSuffix("]") ? String(name.dropFirst().dropLast()) : name
  }

  /// The digits behind the host; "" without any. (`URL.Port`)
  public var port: String { hostAndPort.port }

  private var hostAndPort: (host: String, port: String) {
    guard let colon = host.utf8.lastIndex(of: UInt8(ascii: ":")) else { return (host, "") }
    let port = host[host.utf8.index(after: colon)...]
    return port.utf8.allSatisfy { (0x30...0x39).contains($0) } ? (String(host[..<colon]), String(port)) : (host, "")
  }

  /// The path as it was given, unless bytes in it need escapes. (`URL.EscapedPath`)
  public var escapedPath: String { Self.asGiven(givenPath, kept: "-_.~$&+,/:;=@") }

  private var escapedFragment: String { Self.asGiven(givenFragment, kept: "-_.~$&+,/:;=?@!()*") }

  private static func asGiven(_ bytes: [UInt8], kept: String) -> String {
    let isGood = bytes.allSatisfy { isPlain($0) || "!$&'()*+,;=:@[]%-_.~".utf8.contains($0) || kept.utf8.contains($0) }
    return isGood ? String(decoding: bytes, as: UTF8.self) : escaped(unescaped(bytes), but: kept)
  }

  /// Escapes were looked at when the URL was parsed.
  private static func unescaped(_ bytes: [UInt8]) -> [UInt8] {
    var plain: [UInt8] = []
    var place = 0
    while place < bytes.count {
      guard bytes[place] == UInt8(ascii: "%"), place + 2 < bytes.count, let high = hexDigit(bytes[place + 1]),
        let low = hexDigit(bytes[place + 2])
      else {
        plain.append(bytes[place])
        place += 1
        continue
      }
      plain.append(high << 4 | low)
      place += 3
    }
    return plain
  }

  /// As many as Go takes apart; a query with more has none at all.
  private static let parameterMax = 10_000

  /// The query's parameters in the order in which they first came, each with all its values; those that are malformed
  /// are left out. (`URL.Query`)
  public var parameters: [(name: String, values: [String])] {
    let parts = query.utf8.split(separator: UInt8(ascii: "&"), omittingEmptySubsequences: false)
    if parts.count > Self.parameterMax { return [] }
    var found: [(name: String, values: [String])] = []
    var places: [ByteString: Int] = [:]
    for part in parts where !part.isEmpty && !part.contains(UInt8(ascii: ";")) {
      let equals = part.firstIndex(of: UInt8(ascii: "="))
      let value = equals.map { part[part.index(after: $0)...] } ?? part[part.endIndex...]
      guard let name = Self.parameter(part[..<(equals ?? part.endIndex)]), let value = Self.parameter(value) else {
        continue
      }
      if let place = places[name] {
        found[place].values.append(value)
      } else {
        places[name] = found.count
        found.append((name, [value]))
      }
    }
    return found
  }

  /// (`url.QueryUnescape`)
  private static func parameter(_ text: Substring.UTF8View) -> String? {
    let bytes = text.map { $0 == UInt8(ascii: "+") ? 0x20 : $0 }
    for (place, byte) in bytes.enumerated() where byte == UInt8(ascii: "%") {
      guard place + 2 < bytes.count, hexDigit(bytes[place + 1]) != nil, hexDigit(bytes[place + 2]) != nil else {
        return nil
      }
    }
    return String(decoding: unescaped(bytes), as: UTF8.self)
  }

  /// The whole, as Go writes it again. (`URL.String`)
  public var text: String {
    var out = scheme.isEmpty ? "" : scheme + ":"
    if !opaque.isEmpty {
      out += opaque
    } else {
      let hasHost = !host.isEmpty || user != nil
      if hasHost || !scheme.isEmpty && !omitsHost && !givenPath.isEmpty { out += "//" }
      if let user { out += user + "@" }
      out += Self.escaped(Array(host.utf8), but: "!$&'()*+,;=:[]<>\"-_.~")
      let path = escapedPath
      if !path.isEmpty, !path.hasPrefix("/"), !host.isEmpty { out += "/" }
      out += path
    }
    if endsInMark || !query.isEmpty { out += "?" + query }
    if !fragment.isEmpty { out += "#" + escapedFragment }
    return out
  }
}
