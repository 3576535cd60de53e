/// An IP address as Go's older parsers read it: zeros may lead its numbers, and IPv4 is a part of IPv6,
/// `::ffff:a.b.c.d`. (`net.IP` of `ParseIPSloppy`)
public struct IPAddress: Sendable, Equatable, CustomStringConvertible {
  /// Always sixteen.
  public let bytes: [UInt8]
  /// Written with zeros that today's parsers refuse, as others read such numbers as octal.
  let hasLeadingZeros: Bool
  /// Written in IPv6's form.
  let isWrittenAsIPv6: Bool

  /// nil for what is no address; a zone (`%eth0`) is no part of one.
  public init?(_ text: some StringProtocol) {
    var scanner = Scanner(rest: Array(text.utf8)[...])
    if let four = scanner.dotted(), scanner.rest.isEmpty {
      bytes = Self.mappedLead + four
      isWrittenAsIPv6 = false
    } else {
      scanner = Scanner(rest: Array(text.utf8)[...])
      guard let all = scanner.groups() else { return nil }
      bytes = all
      isWrittenAsIPv6 = true
    }
    hasLeadingZeros = scanner.hasLeadingZeros
  }

  init(bytes: [UInt8], like other: IPAddress) {
    self.bytes = bytes
    hasLeadingZeros = other.hasLeadingZeros
    isWrittenAsIPv6 = other.isWrittenAsIPv6
  }

  /// Sixteen bytes.
  init(strict bytes: [UInt8], isWrittenAsIPv6: Bool) {
    self.bytes = bytes
    hasLeadingZeros = false
    self.isWrittenAsIPv6 = isWrittenAsIPv6
  }

  public static func == (a: IPAddress, b: IPAddress) -> Bool { a.bytes == b.bytes }

  private static let mappedLead = [UInt8](repeating: 0, count: 10) + [0xFF, 0xFF]

  /// IPv4, however it was written.
  public var isIPv4: Bool { bytes.starts(with: Self.mappedLead) }
  /// IPv4 written in IPv6's form, which some software takes for the one and some for the other.
  var isMapped: Bool { isWrittenAsIPv6 && isIPv4 }

  /// The form of RFC 5952; IPv4 with dots.
  public var description: String {
    if isIPv4 { return bytes[12...].map { String($0) }.joined(separator: ".") }
    let groups = stride(from: 0, to: 16, by: 2).map { UInt16(bytes[$0]) << 8 | UInt16(bytes[$0 + 1]) }
    var longest = 0..<0
    var start = 0
    for (place, group) in groups.enumerated() {
      if group != 0 { start = place + 1 }
      if place + 1 - start > longest.count { longest = start..<(place + 1) }
    }
    func text(_ part: ArraySlice<UInt16>) -> String { part.map { String($0, radix: 16) }.joined(separator: ":") }
    if longest.count < 2 { return text(groups[...]) }
    return text(groups[..<longest.lowerBound]) + "::" + text(groups[longest.upperBound...])
  }

  /// Reads numbers from the front of a text, in bounds that no text gets over.
  private struct Scanner {
    var rest: ArraySlice<UInt8>
    var hasLeadingZeros = false

    /// A number and how many digits it has; nil without digits, or for one beyond `most`.
    private mutating func number(radix: Int, most: Int) -> (value: Int, digits: Int)? {
      var value = 0
      var digits = 0
      while let byte = rest.first, let digit = Character(UnicodeScalar(byte)).hexDigitValue, digit < radix {
        value = value * radix + digit
        guard value <= most else { return nil }
        digits += 1
        rest.removeFirst()
      }
      return digits == 0 ? nil : (value, digits)
    }

    private mutating func skip(_ byte: UInt8) -> Bool {
      guard rest.first == byte else { return false }
      rest.removeFirst()
      return true
    }

    /// Four numbers with dots between them.
    mutating func dotted() -> [UInt8]? {
      var four: [UInt8] = []
      while four.count < 4 {
        if !four.isEmpty, !skip(UInt8(ascii: ".")) { return nil }
        let isZero = rest.first == UInt8(ascii: "0")
        guard let (value, digits) = number(radix: 10, most: 255) else { return nil }
        if isZero && digits > 1 { hasLeadingZeros = true }
        four.append(UInt8(truncatingIfNeeded: value))
      }
      return four
    }

    /// Eight groups, the last two maybe as IPv4, or fewer around one `::`; all of the text.
    mutating func groups() -> [UInt8]? {
      var found: [UInt8] = []
      var gap: Int?
      let colon = UInt8(ascii: ":")
      if rest.starts(with: [colon, colon]) {
        rest.removeFirst(2)
        gap = 0
        if rest.isEmpty { return [UInt8](repeating: 0, count: 16) }
      }
      while found.count < 16 {
        let before = rest
        guard let (value, digits) = number(radix: 16, most: 0xFFFF) else { return nil }
        if rest.first == UInt8(ascii: ".") {
          guard gap != nil || found.count == 12, found.count <= 12 else { return nil }
          rest = before
          guard let four = dotted(), rest.isEmpty else { return nil }
          found += four
          break
        }
        if digits > 4 { hasLeadingZeros = true }
        found += [UInt8(truncatingIfNeeded: value >> 8), UInt8(truncatingIfNeeded: value)]
        if rest.isEmpty { break }
        guard skip(colon), !rest.isEmpty else { return nil }
        if skip(colon) {
          guard gap == nil else { return nil }
          gap = found.count
          if rest.isEmpty { break }
        }
      }
      guard rest.isEmpty else { return nil }
      guard let gap else { return found.count == 16 ? found : nil }
      // `::` stands for a group at least.
      guard found.count < 16 else { return nil }
      found.insert(contentsOf: [UInt8](repeating: 0, count: 16 - found.count), at: gap)
      return found
    }
  }
}

/// An address and the length of a prefix of it, by the same rules. (`ParseCIDRSloppy`)
public struct IPNetwork: Sendable, CustomStringConvertible {
  public let address: IPAddress
  /// Of an address of 32 bits, or of 128 where it is written in IPv6's form.
  let bits: Int
  /// As `address.hasLeadingZeros`, for the length too.
  let hasLeadingZeros: Bool

  public init?(_ text: String) {
    guard let slash = text.utf8.firstIndex(of: UInt8(ascii: "/")), let address = IPAddress(text[..<slash])
    else { return nil }
    let length = text.utf8[text.utf8.index(after: slash)...]
    var bits = 0
    for byte in length {
      guard (0x30...0x39).contains(byte) else { return nil }
      bits = bits * 10 + Int(byte - 0x30)
      guard bits <= 128 else { return nil }
    }
    guard !length.isEmpty, bits <= (address.isWrittenAsIPv6 ? 128 : 32) else { return nil }
    self.address = address
    self.bits = bits
    hasLeadingZeros = address.hasLeadingZeros || length.count > 1 && length.first == UInt8(ascii: "0")
  }

  init(_ address: IPAddress, bits: Int) {
    self.address = address
    self.bits = bits
    hasLeadingZeros = false
  }

  /// How many bits an address of the form has.
  var addressBits: Int { address.isWrittenAsIPv6 ? 128 : 32 }

  /// The first address of the network.
  public var first: IPAddress {
    let kept = bits + (128 - addressBits)
    let masked = address.bytes.enumerated().map { place, byte in
      byte & ~UInt8(truncatingIfNeeded: 0xFF >> min(max(kept - place * 8, 0), 8))
    }
    return IPAddress(bytes: masked, like: address)
  }

  public var isIPv6: Bool { !first.isIPv4 }

  /// The network in canonical form; one of IPv4 with dots and its own length, however it was written.
  public var description: String { "\(first)/\(first.isIPv4 && address.isWrittenAsIPv6 ? bits - 96 : bits)" }
}
