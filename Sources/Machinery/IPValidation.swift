/// Rules for addresses and networks, which every member that holds one shares. Members that are older than strict
/// parsing take texts that are not in canonical form, with a warning; what software might read in two ways they refuse,
/// unless it stood there before. (apimachinery `util/validation/ip.go`)
///
/// No kind that is served so far has a newer member: the rules of those (`address`, `network`, `interfaceAddress`) are
/// for the services and their addresses that come next.
public enum IPValidation {
  /// An address in canonical form. (`IsValidIP`)
  public static func address(_ field: String, _ text: String) -> [FieldError] {
    let errors = legacyAddress(field, text)
    guard errors.isEmpty, let address = IPAddress(text), address.description != text else { return errors }
    return [canonical(field, text, address.description)]
  }

  /// An address in an older member. `known`: texts that stood there before, which may stay. (`IsValidIPForLegacyField`)
  public static func legacyAddress(_ field: String, _ text: String, known: [String] = []) -> [FieldError] {
    if known.contains(text) { return [] }
    guard let address = IPAddress(text) else {
      return [.invalid(field, text, "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)")]
    }
    if address.hasLeadingZeros { return [.invalid(field, text, "must not have leading 0s")] }
    return address.isMapped ? [.invalid(field, text, "must not be an IPv4-mapped IPv6 address")] : []
  }

  /// What is to be said of an address that an older member took. (`GetWarningsForIP`)
  public static func warnings(ofAddress text: String, _ field: String) -> [String] {
    guard let address = IPAddress(text) else { return [] }
    let (shown, better) = (GoText.quoted(text), GoText.quoted(address.description))
    if address.hasLeadingZeros || address.isMapped {
      return ["\(field): non-standard IP address \(shown) is invalid: use \(better)"]
    }
    guard address.isWrittenAsIPv6, address.description != text else { return [] }
    return ["\(field): IPv6 address \(shown) should be in RFC 5952 canonical format (\(better))"]
  }

  /// A network in canonical form. (`IsValidCIDR`)
  public static func network(_ field: String, _ text: String) -> [FieldError] {
    let errors = legacyNetwork(field, text)
    guard errors.isEmpty, let network = IPNetwork(text), network.description != text else { return errors }
    return [canonical(field, text, network.description)]
  }

  /// A network in an older member, as `legacyAddress`. (`IsValidCIDRForLegacyField`)
  public static func legacyNetwork(_ field: String, _ text: String, known: [String] = []) -> [FieldError] {
    if known.contains(text) { return [] }
    guard let network = IPNetwork(text) else {
      return [.invalid(field, text, "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)")]
    }
    if network.hasLeadingZeros { return [.invalid(field, text, "must not have leading 0s in IP or prefix length")] }
    if network.address.isMapped { return [.invalid(field, text, "must not have an IPv4-mapped IPv6 address")] }
    if network.address == network.first { return [] }
    return [.invalid(field, text, "must not have bits set beyond the prefix length")]
  }

  /// What is to be said of a network that an older member took. (`GetWarningsForCIDR`)
  public static func warnings(ofNetwork text: String, _ field: String) -> [String] {
    guard let network = IPNetwork(text) else { return [] }
    var warnings: [String] = []
    let (shown, better) = (GoText.quoted(text), GoText.quoted(network.description))
    if network.address != network.first {
      let single = GoText.quoted("\(network.address)/\(network.addressBits)")
      warnings.append("\(field): CIDR value \(shown) is ambiguous in this context (should be \(better) or \(single)?)")
    }
    if network.hasLeadingZeros || network.address.isMapped {
      warnings.append("\(field): non-standard CIDR value \(shown) is invalid: use \(better)")
    }
    if warnings.isEmpty, network.address.isWrittenAsIPv6, network.description != text {
      warnings.append("\(field): IPv6 CIDR value \(shown) should be in RFC 5952 canonical format (\(better))")
    }
    return warnings
  }

  /// A whole address with the length of its network, in canonical form. (`IsValidInterfaceAddress`)
  public static func interfaceAddress(_ field: String, _ text: String) -> [FieldError] {
    guard let network = IPNetwork(text) else {
      return [.invalid(field, text, "must be a valid address in CIDR form, (e.g. 10.9.8.7/24 or 2001:db8::1/64)")]
    }
    let wanted = "\(network.address)/\(network.address.isIPv4 && network.bits > 32 ? network.bits - 96 : network.bits)"
    return wanted == text ? [] : [canonical(field, text, wanted)]
  }

  private static func canonical(_ field: String, _ text: String, _ wanted: String) -> FieldError {
    .invalid(field, text, "must be in canonical form (\(GoText.quoted(wanted)))")
  }
}
