/// Addresses as Go's newer parsers read them: no zeros may lead, and IPv4 in IPv6's form is told apart. Their words for
/// what is wrong are shown to users. (`netip.ParseAddr`, `netip.ParsePrefix`)
extension IPAddress {
  /// What is wrong: `ParseAddr("1.2.3"): IPv4 address too short`.
  public struct Malformed: Error, Equatable, CustomStringConvertible {
    public let description: String

    fileprivate init(_ text: String, _ fault: Fault) {
      let place = fault.rest.isEmpty ? "" : " (at \(GoText.quoted(String(decoding: fault.rest, as: UTF8.self))))"
      description = "ParseAddr(\(GoText.quoted(text))): \(fault.text)\(place)"
    }

    /// An address of IPv4 where a URL has one of IPv6.
    static let notInBrackets = Malformed(literal: "invalid IP-literal")
    private init(literal text: String) { description = text }

    fileprivate init(prefix text: String, _ fault: String) {
      description = "netip.ParsePrefix(\(GoText.quoted(text))): \(fault)"
    }
  }

  fileprivate struct Fault: Error {
    let text: String
    let rest: ArraySlice<UInt8>

    init(_ text: String, at rest: ArraySlice<UInt8> = []) {
      self.text = text
      self.rest = rest
    }
  }

  /// The address and the zone that stands behind it, `eth0` of `fe80::1%eth0`; "" without one. (`netip.ParseAddr`)
  public static func strict(_ text: String) throws(Malformed) -> (address: IPAddress, zone: String) {
    do throws(Fault) { return try read(Array(text.utf8)) } catch { throw Malformed(text, error) }
  }

  /// IPv4 that was written in IPv6's form, `::ffff:1.2.3.4`. (`Addr.Is4In6`)
  public var isIPv4InIPv6: Bool { isMapped }

  /// Bytes of an address of its family: 4 or 16.
  public var width: Int { isWrittenAsIPv6 ? 16 : 4 }

  /// One of those that may be met everywhere, private ones among them. (`Addr.IsGlobalUnicast`)
  public var isGlobalUnicast: Bool {
    if isIPv4, bytes[12...].allSatisfy({ $0 == 0xFF }) { return false }
    let isMulticast = isIPv4 ? bytes[12] & 0xF0 == 0xE0 : bytes[0] == 0xFF
    return !isUnspecified && !isLoopback && !isMulticast && !isLinkLocalUnicast
  }

  private static func read(_ bytes: [UInt8]) throws(Fault) -> (IPAddress, String) {
    switch bytes.first(where: { $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: ":") || $0 == UInt8(ascii: "%") }) {
    case UInt8(ascii: "."):
      let four = try fields(bytes[...])
      return (IPAddress(strict: [UInt8](repeating: 0, count: 10) + [0xFF, 0xFF] + four, isWrittenAsIPv6: false), "")
    case UInt8(ascii: ":"):
      let end = bytes.firstIndex(of: UInt8(ascii: "%")) ?? bytes.count
      if end + 1 == bytes.count { throw Fault("zone must be a non-empty string") }
      let zone = String(decoding: bytes[min(end + 1, bytes.count)...], as: UTF8.self)
      return (IPAddress(strict: try groups(bytes[..<end]), isWrittenAsIPv6: true), zone)
    case UInt8(ascii: "%"): throw Fault("missing IPv6 address")
    default: throw Fault("unable to parse IP")
    }
  }

  /// Four numbers with dots between them.
  private static func fields(_ text: ArraySlice<UInt8>) throws(Fault) -> [UInt8] {
    var found: [UInt8] = []
    var value = 0
    var digits = 0
    for place in text.indices {
      switch text[place] {
      case UInt8(ascii: "0")...UInt8(ascii: "9"):
        if digits == 1, value == 0 { throw Fault("IPv4 field has octet with leading zero") }
        value = value * 10 + Int(text[place] - UInt8(ascii: "0"))
        digits += 1
        if value > 255 { throw Fault("IPv4 field has value >255") }
      case UInt8(ascii: "."):
        if digits == 0 || place == text.endIndex - 1 {
          throw Fault("IPv4 field must have at least one digit", at: text[place...])
        }
        if found.count == 3 { throw Fault("IPv4 address too long") }
        found.append(UInt8(truncatingIfNeeded: value))
        (value, digits) = (0, 0)
      default: throw Fault("unexpected character", at: text[place...])
      }
    }
    if found.count < 3 { throw Fault("IPv4 address too short") }
    found.append(UInt8(truncatingIfNeeded: value))
    return found
  }

  /// Eight groups, the last two maybe as IPv4, or fewer around one `::`.
  private static func groups(_ text: ArraySlice<UInt8>) throws(Fault) -> [UInt8] {
    let colon = UInt8(ascii: ":")
    var rest = text
    var found: [UInt8] = []
    var gap: Int?
    if rest.starts(with: [colon, colon]) {
      gap = 0
      rest = rest.dropFirst(2)
      if rest.isEmpty { return [UInt8](repeating: 0, count: 16) }
    }
    while found.count < 16 {
      let (value, count) = try group(rest)
      if rest.dropFirst(count).first == UInt8(ascii: ".") {
        if gap == nil, found.count != 12 {
          throw Fault("embedded IPv4 address must replace the final 2 fields of the address", at: rest)
        }
        if found.count + 4 > 16 {
          throw Fault("too many hex fields to fit an embedded IPv4 at the end of the address", at: rest)
        }
        found += try fields(rest)
        rest = []
        break
      }
      found += [UInt8(truncatingIfNeeded: value >> 8), UInt8(truncatingIfNeeded: value)]
      rest = rest.dropFirst(count)
      if rest.isEmpty { break }
      if rest.first != colon { throw Fault("unexpected character, want colon", at: rest) }
      if rest.count == 1 { throw Fault("colon must be followed by more characters", at: rest) }
      rest = rest.dropFirst()
      guard rest.first == colon else { continue }
      if gap != nil { throw Fault("multiple :: in address", at: rest) }
      gap = found.count
      rest = rest.dropFirst()
      if rest.isEmpty { break }
    }
    if !rest.isEmpty { throw Fault("trailing garbage after address", at: rest) }
    guard found.count < 16 else {
      if gap != nil { throw Fault("the :: must expand to at least one field of zeros") }
      return found
    }
    guard let gap else { throw Fault("address string too short") }
    found.insert(contentsOf: [UInt8](repeating: 0, count: 16 - found.count), at: gap)
    return found
  }

  /// A group at the front and its length.
  private static func group(_ rest: ArraySlice<UInt8>) throws(Fault) -> (value: Int, count: Int) {
    var value = 0
    var count = 0
    while let byte = rest.dropFirst(count).first, let digit = Character(UnicodeScalar(byte)).hexDigitValue {
      value = value << 4 | digit
      if count > 3 { throw Fault("each group must have 4 or fewer digits", at: rest) }
      count += 1
    }
    if count == 0 { throw Fault("each colon-separated field must have at least one digit", at: rest) }
    return (value, count)
  }
}

extension IPNetwork {
  /// (`netip.ParsePrefix`)
  public static func strict(_ text: String) throws(IPAddress.Malformed) -> IPNetwork {
    guard let slash = text.utf8.lastIndex(of: UInt8(ascii: "/")) else {
      throw IPAddress.Malformed(prefix: text, "no '/'")
    }
    let address: IPAddress
    let zone: String
    do throws(IPAddress.Malformed) { (address, zone) = try IPAddress.strict(String(text[..<slash])) } catch {
      throw IPAddress.Malformed(prefix: text, error.description)
    }
    if !zone.isEmpty { throw IPAddress.Malformed(prefix: text, "IPv6 zones cannot be present in a prefix") }
    let length = text[text.utf8.index(after: slash)...]
    let isNumber = length.utf8.allSatisfy { (0x30...0x39).contains($0) } && (length == "0" || !length.hasPrefix("0"))
    guard isNumber, let bits = Int(length) else {
      throw IPAddress.Malformed(prefix: text, "bad bits after slash: \(GoText.quoted(String(length)))")
    }
    guard bits <= address.width * 8 else { throw IPAddress.Malformed(prefix: text, "prefix length out of range") }
    return IPNetwork(address, bits: bits)
  }

  /// The network that the address is in, with the same length. (`Prefix.Masked`)
  public var masked: IPNetwork { IPNetwork(first, bits: bits) }

  /// Is all of another one in this one? Families do not mix.
  public func contains(_ other: IPNetwork) -> Bool {
    address.width == other.address.width && bits <= other.bits
      && IPNetwork(other.address, bits: bits).first == first
  }

  /// The same address with the same length, in the same family.
  public func isSame(as other: IPNetwork) -> Bool {
    address == other.address && bits == other.bits && address.width == other.address.width
  }
}
